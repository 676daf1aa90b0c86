"""When a secondary asks its primaries, and when a zone is too old (RFC 1034 §4.3.5, RFC 1996).

A :class:`Refresh` is one zone's state: it is told what has happened and when, and says which
primary to ask next, and at what time. Times are POSIX seconds, because they outlive restarts; who
sees that the clock was set back says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dnsd.versions.serial import is_newer

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_S, LONGEST_S = 2, 28 * 86400
"""Bounds of refresh and retry, whatever an SOA says."""
_FIRST_RETRY_S = 2
"""Seconds until primaries are asked again that have never given the zone; then twice as long."""
_LONGEST_FIRST_RETRY_S = 3600
_SPREAD = 0.1
"""Part of an interval by which it is shortened at random: not all zones are due together."""
_TIMES = slice(-16, None)


class SoaTimes(NamedTuple):
    """What an SOA says of a zone (RFC 1035 §3.3.13); ``refresh``, ``retry``, ``expire`` in s."""

    serial: int
    refresh: int
    retry: int
    expire: int

    @classmethod
    def of(cls, rdata: bytes) -> SoaTimes:
        """Return what stands in the data of an SOA record."""
        numbers = (int.from_bytes(rdata[at : at + 4], "big") for at in range(-20, -4, 4))
        return cls(*numbers)

    @property
    def lifetime(self) -> float:
        """Seconds after which a zone that nobody confirms is too old.

        Not before a refresh and a retry could have been: a zone whose SOA says a shorter time, or
        0, would have no answers between two of them though all is well (BIND and NSD do so, too).
        """
        return max(self.expire, _bounded(self.refresh) + _bounded(self.retry))


@dataclass(slots=True)
class _Notice:
    """That somebody has said there is something new; ``serial`` if it was told."""

    serial: int | None


class Refresh:
    """The state of one zone that is fetched from ``primaries`` servers.

    ``soa`` is of the version that we have, None if there is none, and ``confirmed`` when a primary
    has last said that it is current. ``draw`` returns a random number from 0 to 1.
    """

    def __init__(
        self,
        primaries: int,
        soa: SoaTimes | None,
        confirmed: float,
        now: float,
        draw: Callable[[], float],
    ) -> None:
        self.soa = soa
        self.confirmed = min(confirmed, now)
        self.primary = 0
        """The one to ask next, by its place in the list."""
        self.asked_at: float | None = None
        """Since when one is being asked."""
        self.due: float = now if soa is None else self.confirmed + self._interval(soa.refresh, draw)
        """When the next one is to be asked."""
        self.fault = ""
        """Why the last try has failed, empty if it has not."""
        self._primaries = primaries
        self._draw = draw
        self._failures = 0
        """Primaries that have failed, one after the other."""
        self._notice: _Notice | None = None

    @staticmethod
    def _interval(seconds: float, draw: Callable[[], float]) -> float:
        return _bounded(seconds) * (1 - _SPREAD * draw())

    @property
    def expires(self) -> float | None:
        """When the version that we have gets too old; None without one."""
        return None if self.soa is None else self.confirmed + self.soa.lifetime

    def is_expired(self, now: float) -> bool:
        """Tell whether no primary has confirmed the zone for too long; without one it has not."""
        return self.expires is not None and now >= self.expires

    def is_due(self, now: float) -> bool:
        """Tell whether a primary is to be asked, and none is being asked."""
        return self.asked_at is None and now >= self.due

    # -- what happens -------------------------------------------------------------------------

    def ask(self, now: float) -> int:
        """Begin to ask a primary, and return which."""
        self.asked_at = now
        self._notice = None
        return self.primary

    def notified(self, serial: int | None, now: float, by: int | None = None) -> None:
        """Hear that there is a new version (RFC 1996 §3.11), with what ``serial`` if it is told.

        ``by`` is the primary that says so: it has it. What we have already is no news. While one
        is being asked, another one will be asked afterwards: the news may be newer.
        """
        if serial is not None and self.soa and not is_newer(serial, self.soa.serial):
            return
        self._notice = _Notice(serial)
        if by is not None and self.asked_at is None:
            self.primary = by
        self.due = min(self.due, now)

    def confirm(self, now: float) -> None:
        """Hear from a primary that it has nothing newer than we."""
        assert self.soa, "only what we have can be current"
        self.confirmed = now
        self._well(now, self.soa)

    def receive(self, soa: SoaTimes, now: float) -> None:
        """Hear that a version has been received, and is kept."""
        self.soa, self.confirmed = soa, now
        self._well(now, soa)

    def _well(self, now: float, soa: SoaTimes) -> None:
        self.asked_at, self.fault, self._failures = None, "", 0
        self.due = now + self._interval(soa.refresh, self._draw)
        self._heed(now)

    def _heed(self, now: float) -> None:
        """Ask at once if news has come meanwhile that is not what we have now."""
        notice, self._notice = self._notice, None
        if notice is None:
            return
        if notice.serial is None or self.soa is None or is_newer(notice.serial, self.soa.serial):
            self.due = now

    def fail(self, fault: str, now: float) -> None:
        """Hear why a primary has not helped: the next one is asked at once, the first one later."""
        self.asked_at, self.fault = None, fault
        self._failures += 1
        self.primary = (self.primary + 1) % self._primaries
        if self._failures % self._primaries:
            self.due = now
            return
        self.due = now + self._interval(self._retry(), self._draw)
        self._heed(now)

    def _retry(self) -> float:
        """Return in how many seconds all primaries are tried again."""
        rounds = self._failures // self._primaries
        if self.soa:
            return self.soa.retry
        return min(_FIRST_RETRY_S << min(rounds - 1, 16), _LONGEST_FIRST_RETRY_S)

    def among(self, primaries: int, now: float) -> None:
        """Hear that there are other primaries now: they are asked at once, or next."""
        self._primaries, self.primary, self._failures = primaries, 0, 0
        self._notice = _Notice(None)
        self.due = min(self.due, now)

    def set_back(self, by: float) -> None:
        """Hear that the clock has been set back by so many seconds."""
        self.confirmed -= by
        self.due -= by
        if self.asked_at is not None:
            self.asked_at -= by

    def hurry(self, now: float) -> None:
        """Ask now: an operator wants it."""
        self.due = min(self.due, now)


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_S), LONGEST_S)
