"""What control makes of zones that are fetched: loaded like an edited file, or no more answered.

The transfer process says that a record file is new, or that a zone has expired; all that
is done about it is a reload, and what that came to is told to that process.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dnsd.control.zones.reload import DIRECTORY
from dnsd.control.zones.report import GOOD
from dnsd.control.zones.requests import ReloadRequest
from dnsd.transfer.ipc import Expired, Judged, Received
from dnsd.zone.findings import Severity

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Mapping

    from dnsd.control.zones.report import ReloadReport
    from dnsd.control.zones.table import ZoneRow


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
        self.tell: Callable[[str, Judged], object] = nobody

    def receive(self, message: Received) -> None:
        """Load a version that was fetched, or that updates have made."""
        due = {message.zone}
        row = self._rows.get(message.zone)
        if row is None or str(row.file) != message.records:
            due.add(DIRECTORY)  # until now it came from the file that updates are laid over
        done = self._ask(ReloadRequest(frozenset(due)))
        done.add_done_callback(partial(self._judge, message))

    def age(self, message: Expired) -> None:
        """Answer a zone no more, or again."""
        if (message.zone in self._expired) == message.is_expired:
            return
        (self._expired.add if message.is_expired else self._expired.discard)(message.zone)
        if message.zone in self._rows:  # else it is a zone no more
            self._ask(ReloadRequest(frozenset({message.zone})))

    def _judge(self, message: Received, done: Future[ReloadReport]) -> None:
        judged = Judged(
            zone=message.zone, serial=message.serial, why=_why_not(message.zone, done.result())
        )
        self.tell(f"judged {message.zone}", judged)


def nobody(_about: str, _judged: Judged) -> None:
    """Tell nobody."""


def _why_not(origin: str, report: ReloadReport) -> str:
    """Return why a zone was not loaded, as a sentence; empty if it was."""
    zone = next((one for one in report.zones if one.zone == origin), None)
    if zone is None:
        return next(iter(report.problems), "it is not in the configuration")
    if zone.outcome in GOOD:
        return ""
    errors = (one.message for one in zone.findings if one.severity is Severity.ERROR)
    return zone.trouble or next(errors, f"it is {zone.outcome}")
