"""What control makes of zones that are fetched: loaded like an edited file, or no more answered.

The transfer process says that a record file is new, or that a zone has expired; all that
is done about it is a reload, and what that came to is told to that process.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.control.zones.reload import DIRECTORY
from dnsd.control.zones.report import GOOD
from dnsd.control.zones.requests import ReloadRequest
from dnsd.transfer.ipc import Expired, Judged, Received
from dnsd.zone.findings import Severity

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Mapping, Sequence

    from dnsd.control.zones.report import ReloadReport, ZoneReport
    from dnsd.control.zones.table import ZoneRow


GATHER_S = 0.01
"""Seconds in which versions that come together become one reload."""
TOGETHER = 100
"""So many at most: a thread builds them at once, and no process is started for them."""
BUSY = 3
"""Reloads that are under way while the next versions are gathered."""
LARGE = 1 << 20
"""Octets of a record file from which a zone is a reload of its own, which may take long."""


class FetchedZones:
    """Has reloads done by ``ask``; ``tell`` is told of each zone what it came to.

    ``rows`` are the zones by origin, ``expired`` those that no reload may answer: their primaries
    were not heard for too long (RFC 1035 §3.3.13).
    """

    def __init__(
        self,
        ask: Callable[[ReloadRequest], Future[ReloadReport]],
        expired: set[str],
        rows: Mapping[str, ZoneRow],
    ) -> None:
        self._ask = ask
        self._expired = expired
        self._rows = rows
        self.tell: Callable[[str, Judged], object] = tell_none
        self._received: dict[str, Received] = {}
        self._is_gathering = False
        self._under_way = 0

    def receive(self, message: Received) -> None:
        """Load a version that was fetched, or that updates have made."""
        if _is_large(message):
            self._load([message])
            return
        self._received[message.zone] = message
        self._gather()

    def _gather(self) -> None:
        """Have what was received loaded in a moment, unless enough is under way."""
        if self._received and not self._is_gathering and self._under_way < BUSY:
            self._is_gathering = True
            asyncio.get_running_loop().call_later(GATHER_S, self._load_some)

    def _load_some(self) -> None:
        self._is_gathering = False
        some = [*self._received.values()][:TOGETHER]
        for message in some:
            del self._received[message.zone]
        self._under_way += 1
        self._load(some).add_done_callback(self._go_on)
        self._gather()

    def _go_on(self, _: Future[ReloadReport]) -> None:
        self._under_way -= 1
        self._gather()

    def _load(self, messages: Sequence[Received]) -> Future[ReloadReport]:
        due = {message.zone for message in messages}
        for message in messages:
            row = self._rows.get(message.zone)
            if row is None or str(row.file) != message.records:
                due.add(DIRECTORY)  # until now it came from the file that updates are laid over
        done = self._ask(ReloadRequest(frozenset(due)))
        done.add_done_callback(partial(self._judge, messages))
        return done

    def age(self, message: Expired) -> None:
        """Answer a zone no more, or again."""
        if (message.zone in self._expired) == message.is_expired:
            return
        (self._expired.add if message.is_expired else self._expired.discard)(message.zone)
        if message.zone in self._rows:  # else it is a zone no more
            self._ask(ReloadRequest(frozenset({message.zone})))

    def _judge(self, messages: Sequence[Received], done: Future[ReloadReport]) -> None:
        report = done.result()
        found = {one.zone: one for one in report.zones}
        for message in messages:
            why = _why_not(found.get(message.zone), report)
            judged = Judged(zone=message.zone, serial=message.serial, why=why)
            self.tell(f"judged {message.zone}", judged)


def _is_large(message: Received) -> bool:
    try:
        return Path(message.records).stat().st_size >= LARGE
    except OSError:
        return False  # that it cannot be read, the build will say


def tell_none(_about: str, _judged: Judged) -> None:
    """Tell no process: there is none to tell yet."""


def _why_not(zone: ZoneReport | None, report: ReloadReport) -> str:
    """Return why a zone was not loaded, as a sentence; empty if it was."""
    if zone is None:
        return next(iter(report.problems), "it is not in the configuration")
    if zone.outcome in GOOD:
        return ""
    errors = (one.message for one in zone.findings if one.severity is Severity.ERROR)
    return zone.trouble or next(errors, f"it is {zone.outcome}")
