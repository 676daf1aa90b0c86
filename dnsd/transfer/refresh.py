"""When to ask the primaries of a zone, and when the zone expires (RFC 1034 §4.3.5, RFC 1996).

A :class:`Refresh` is the state of one zone: it learns what happened and when, and says which
primary to ask next, and at what time. Times are POSIX seconds, because they outlive restarts; the
caller reports when the clock is set back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dnsd.versions.serial import is_newer

if TYPE_CHECKING:
    from collections.abc import Callable

SHORTEST_S, LONGEST_S = 2, 28 * 86400
"""Bounds of refresh and retry; an SOA outside them is not followed."""
_FIRST_RETRY_S = 2
"""Seconds until primaries that have never sent the zone are asked again; then it doubles."""
_LONGEST_FIRST_RETRY_S = 3600
_SPREAD = 0.1
"""Intervals are shortened at random by up to this share: not all zones are due together."""
_TIMES = slice(-16, None)


class SoaTimes(NamedTuple):
    """Serial and timers of an SOA (RFC 1035 §3.3.13); ``refresh``, ``retry``, ``expire`` in s."""

    serial: int
    refresh: int
    retry: int
    expire: int

    @classmethod
    def of(cls, rdata: bytes) -> SoaTimes:
        """Read the data of an SOA record."""
        numbers = (int.from_bytes(rdata[at : at + 4], "big") for at in range(-20, -4, 4))
        return cls(*numbers)

    @property
    def lifetime(self) -> float:
        """Seconds after which a zone that no primary confirms is too old.

        Not before one refresh and one retry: else a zone with a shorter EXPIRE, or 0, would have no
        answers between two of them although all is well (BIND and NSD do the same).
        """
        return max(self.expire, _bounded(self.refresh) + _bounded(self.retry))


@dataclass(slots=True)
class _Notice:
    """A NOTIFY was received; with the ``serial``, if it had one."""

    serial: int | None


class Refresh:
    """The state of one zone, which is fetched from ``primaries`` servers.

    ``soa`` is that of our version, None if there is none; ``confirmed`` says when a primary last
    confirmed it. ``draw`` returns a random number from 0 to 1.
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
        """The index of the primary to ask next."""
        self.asked_at: float | None = None
        """When the current request began; None if there is none."""
        self.due: float = now if soa is None else self.confirmed + self._interval(soa.refresh, draw)
        """When to ask the next primary."""
        self.fault = ""
        """Why the last try failed; empty if it did not."""
        self._primaries = primaries
        self._draw = draw
        self._failures = 0
        """How many primaries have failed in a row."""
        self._notice: _Notice | None = None
        """What has been notified since the last request began."""
        self._sought: _Notice | None = None
        """What was notified before, and no primary has sent yet."""
        self._rounds = 0
        """How often it was sought."""

    @staticmethod
    def _interval(seconds: float, draw: Callable[[], float]) -> float:
        return _bounded(seconds) * (1 - _SPREAD * draw())

    @property
    def expires(self) -> float | None:
        """When our version expires; None without one."""
        return None if self.soa is None else self.confirmed + self.soa.lifetime

    def is_expired(self, now: float) -> bool:
        """Tell whether no primary has confirmed our version for too long; False without one."""
        return self.expires is not None and now >= self.expires

    def is_due(self, now: float) -> bool:
        """Tell whether to ask a primary now; False while one is being asked."""
        return self.asked_at is None and now >= self.due

    # -- what happens -------------------------------------------------------------------------

    def ask(self, now: float) -> int:
        """Begin to ask a primary, and return its index."""
        self.asked_at = now
        if self._notice is not None:
            self._sought, self._notice, self._rounds = self._notice, None, 0
        return self.primary

    def notified(self, serial: int | None, now: float, by: int | None = None) -> None:
        """Note a NOTIFY (RFC 1996 §3.11), with its ``serial`` if it has one.

        ``by`` is the primary that sent it, which has the new version. A serial that we have is
        ignored. While a primary is being asked, another request follows: it may find a newer
        version.
        """
        if serial is not None and self.soa and not is_newer(serial, self.soa.serial):
            return
        self._notice = _Notice(serial)
        if by is not None and self.asked_at is None:
            self.primary = by
        self.due = min(self.due, now)

    def confirm(self, now: float) -> None:
        """Note that a primary has nothing newer than our version."""
        assert self.soa, "only what we have can be current"
        self.confirmed = now
        self._well(now, self.soa)

    def receive(self, soa: SoaTimes, now: float) -> None:
        """Note that a version was received and written."""
        self.soa, self.confirmed = soa, now
        self._well(now, soa)

    def _well(self, now: float, soa: SoaTimes) -> None:
        self.asked_at, self.fault, self._failures = None, "", 0
        self.due = now + self._interval(soa.refresh, self._draw)
        if self._is_missing(self._sought):  # it has not come to this primary
            self.primary = (self.primary + 1) % self._primaries
            self.due = now + self._interval(self._pause(soa.refresh), self._draw)
        else:
            self._sought = None
        self._heed(now)

    def _is_missing(self, notice: _Notice | None) -> bool:
        """Tell whether a version was notified, with its serial, that we do not have."""
        if notice is None or notice.serial is None or self.soa is None:
            return False
        return is_newer(notice.serial, self.soa.serial)

    def _pause(self, longest: float) -> float:
        """Return the seconds until what was notified is sought again; each time they double."""
        self._rounds += 1
        return min(_FIRST_RETRY_S << min(self._rounds - 1, 16), longest)

    def _heed(self, now: float) -> None:
        """Ask at once if a NOTIFY has come meanwhile for a version other than ours."""
        notice, self._notice = self._notice, None
        if notice is None:
            return
        if notice.serial is None or self.soa is None or is_newer(notice.serial, self.soa.serial):
            self.due = now

    def fail(self, fault: str, now: float) -> None:
        """Note why a primary failed: ask the next one at once, or all again after a pause."""
        self.asked_at, self.fault = None, fault
        self._failures += 1
        self.primary = (self.primary + 1) % self._primaries
        if self._failures % self._primaries:
            self.due = now
            return
        self.due = now + self._interval(self._retry(), self._draw)
        self._heed(now)

    def _retry(self) -> float:
        """Return the seconds until all primaries are tried again."""
        rounds = self._failures // self._primaries
        if self.soa:
            return self._pause(self.soa.retry) if self._sought else self.soa.retry
        return min(_FIRST_RETRY_S << min(rounds - 1, 16), _LONGEST_FIRST_RETRY_S)

    def among(self, primaries: int, now: float) -> None:
        """Take over another list of primaries: ask at once, or after the current request."""
        self._primaries, self.primary, self._failures = primaries, 0, 0
        self._notice = _Notice(None)
        self.due = min(self.due, now)

    def set_back(self, by: float) -> None:
        """Move all times back: the clock was set back by so many seconds."""
        self.confirmed -= by
        self.due -= by
        if self.asked_at is not None:
            self.asked_at -= by

    def hurry(self, now: float) -> None:
        """Ask now, as an operator has ordered."""
        self.due = min(self.due, now)


def _bounded(seconds: float) -> float:
    return min(max(seconds, SHORTEST_S), LONGEST_S)
