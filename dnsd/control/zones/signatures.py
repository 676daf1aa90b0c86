"""Signatures that end: what the log, ``dnsd status`` and metrics say of them, before and after.

dnsd serves a zone that was signed elsewhere as it is, so nothing but this tells that it was not
signed again in time.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from dnsd.process import log
from dnsd.process.events import Told
from dnsd.text import shortlist
from dnsd.zone.validity import SigningState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dnsd.control.zones.table import ZoneRow
    from dnsd.process.events import Event
    from dnsd.zone.validity import Validity

LOOK_S = 10.0
"""How often the clock is held against them."""
AGAIN_S = 86_400.0
"""What is wrong is told again after so long."""
MOST_TOLD = 20
"""Zones that the log names at once."""
_NAMED = 4

_EVENTS: dict[SigningState, Event] = {
    SigningState.GOOD: "signatures-good",
    SigningState.SOON: "signatures-end-soon",
    SigningState.ENDED: "signatures-ended",
    SigningState.EARLY: "signatures-early",
}
_BY_URGENCY = (SigningState.ENDED, SigningState.EARLY, SigningState.SOON, SigningState.GOOD)


class SignedZone(NamedTuple):
    """A zone that is served with signatures, and how these are."""

    zone: str
    state: SigningState
    validity: Validity


def signed_zones(rows: Iterable[ZoneRow], now: float) -> list[SignedZone]:
    """Return the signed ones of ``rows``, the most urgent one first."""
    found = [
        SignedZone(row.origin, validity.state(now), validity)
        for row in rows
        if (validity := row.validity) is not None
    ]
    found.sort(key=lambda one: (_BY_URGENCY.index(one.state), one.validity.ends, one.zone))
    return found


def problems(rows: Iterable[ZoneRow], now: float) -> Sequence[str]:
    """Return what is wrong with signatures, as sentences."""
    wrong = [one for one in signed_zones(rows, now) if one.state is not SigningState.GOOD]
    said = [one.validity.sentence(one.zone, now) for one in wrong]
    return shortlist(said, _NAMED, "the signatures of {} more zones end soon, or have: dnsd zones")


class SignatureTeller:
    """Decides what the log says: each change, and each day what is still wrong."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[SigningState, float]] = {}

    def look(self, rows: Iterable[ZoneRow], now: float) -> Iterator[Told]:
        """Yield what is to be told at ``now`` (POSIX seconds)."""
        found = signed_zones(rows, now)
        due = [one for one in found if self._is_due(one, now)]
        self._told = {
            one.zone: self._told[one.zone]
            for one in found
            if one.zone in self._told and one.state is not SigningState.GOOD
        }
        for one in due[:MOST_TOLD]:
            yield Told(_EVENTS[one.state], _sentence(one, now), {"zone": one.zone})
        if len(due) > MOST_TOLD:
            more = f"signatures: {len(due) - MOST_TOLD} more zones: dnsd zones shows them"
            yield Told(_EVENTS[due[MOST_TOLD].state], more, {})
        for one in due:
            if one.state is not SigningState.GOOD:
                self._told[one.zone] = one.state, now

    def _is_due(self, one: SignedZone, now: float) -> bool:
        told = self._told.get(one.zone)
        if told is None:
            return one.state is not SigningState.GOOD
        was, at = told
        return one.state is not was or now - at >= AGAIN_S


def _sentence(one: SignedZone, now: float) -> str:
    wrong = one.validity.sentence(one.zone, now)
    return wrong or f"the signatures of {one.zone} are good again: they {one.validity.phrase(now)}"


async def tell(rows: Callable[[], Iterable[ZoneRow]]) -> None:
    """Tell in the log which signatures end, for ever."""
    teller = SignatureTeller()
    while True:
        for one in teller.look(rows(), time.time()):
            log.say(one.event, one.sentence, **one.about)
        await asyncio.sleep(LOOK_S)
