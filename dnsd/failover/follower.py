"""Addresses that follow a name: when to ask for it again, and what to answer meanwhile.

Pure: it is given the time (POSIX seconds, because what was seen outlives a restart) and the
resolver's answers. It knows no zone: without an answer of its own, the zone file's addresses hold.
"""

from __future__ import annotations

from bisect import bisect_right
from ipaddress import ip_address
from typing import NamedTuple

MOST_ADDRESSES = 16
"""Addresses that are answered: more would not fit into a signed response over UDP."""

SOONEST_S, LATEST_S = 5.0, 300.0
"""Seconds until a name is asked for again, whatever its TTL is."""

RETRY_S = 5.0
"""Seconds until the next attempt when there was no answer."""

_REMEMBERED = 4
"""TTLs that a resolver gave last: the longest is nearest to what the target's zone says."""

_STEPS = (5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200, 86400)
"""TTLs that are answered: a resolver's counts down, and each other value is another zone."""


class AddressAnswer(NamedTuple):
    """Addresses in canonical order, and a TTL in seconds."""

    addresses: tuple[str, ...]
    ttl: int


class AddressFollower:
    """One RRset that follows a name.

    ``shortest`` and ``longest`` bound its TTL; addresses not confirmed for ``stale`` seconds are
    not answered any more. ``seen`` is when they were last confirmed; None: never. ``fault`` says
    why the last attempt failed; empty if it did not.
    """

    def __init__(self, shortest: int, longest: int, stale: float) -> None:
        self._shortest = min(shortest, longest)
        self._longest = longest
        self._stale = stale
        self._ttls: tuple[int, ...] = ()
        self.addresses: tuple[str, ...] = ()
        self.seen: float | None = None
        self.fault = ""
        self.failures = 0

    def restore(self, answer: AddressAnswer, seen: float) -> None:
        """Go on with what an earlier process has published, confirmed at ``seen``."""
        self.addresses, self._ttls, self.seen = answer.addresses, (answer.ttl,), seen

    def found(self, answer: AddressAnswer, now: float) -> float:
        """Note what a resolver says; return in how many seconds it is asked again."""
        ordered = sorted(set(answer.addresses), key=lambda one: ip_address(one).packed)
        self.addresses = tuple(ordered[:MOST_ADDRESSES])
        self._ttls = (*self._ttls[1 - _REMEMBERED :], answer.ttl)
        self.seen, self.fault = now, ""
        return min(max(SOONEST_S, float(answer.ttl)), LATEST_S)

    def failed(self, why: str) -> float:
        """Note that there are no addresses to be had; return after how many seconds to try again.

        A target without addresses counts as well: its operator has a day to correct a mistake.
        """
        self.fault = why
        self.failures += 1
        return RETRY_S

    def age(self, now: float) -> float | None:
        """Return how many seconds ago the addresses were confirmed, None: never."""
        return None if self.seen is None else max(0.0, now - self.seen)

    def answer(self, now: float) -> AddressAnswer | None:
        """Return what to answer; None: what the zone file has."""
        age = self.age(now)
        if age is None or age > self._stale or not self.addresses:
            return None
        return AddressAnswer(self.addresses, self._ttl())

    def _ttl(self) -> int:
        """Return the TTL: not above the target's as far as that is known, and seldom another."""
        ttl = max(self._ttls)
        at = bisect_right(_STEPS, ttl)
        step = _STEPS[at - 1] if at else 1
        return min(max(step, self._shortest), self._longest)
