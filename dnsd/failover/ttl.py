"""For how long an answer may be kept, in whole seconds: computed from counters alone.

The time since the last check never enters: only what results have said, how many more of them
a change needs, and times that are planned. Which members matter for an answer is decided in
:mod:`pool`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.failover.member import SERVED, Agreed, MemberState

if TYPE_CHECKING:
    from dnsd.config.policy import PoolPolicy
    from dnsd.failover.member import Member
    from dnsd.failover.quorum import Agreement

LONGEST = (1 << 24) - 1
"""More does not fit in the word that workers read; it is half a year."""

ALL_DOWN = 10
"""The answer when no member is up is a guess: caches keep it no longer than this."""


class Terms(NamedTuple):
    """A pool as the formulas see it; seconds, and numbers of results.

    ``shortest`` and ``longest`` bound every TTL: Tmin (never above Tmax) and Tmax. ``gap`` is
    the time between two checks of a suspect, ``automatic`` whether recovered members come back.
    """

    shortest: int
    longest: int
    interval: float
    gap: float
    down: int
    ok: int
    up: int
    automatic: bool


def terms(policy: PoolPolicy, ttl_max: int) -> Terms:
    """Return the terms of a pool whose records have the TTL ``ttl_max`` in the zone file."""
    longest = min(ttl_max, LONGEST)
    return Terms(
        shortest=min(policy.ttl_min, longest),
        longest=longest,
        interval=policy.interval,
        gap=max(policy.fast_interval, policy.timeout),
        down=policy.down,
        ok=policy.ok,
        up=policy.up,
        automatic=policy.failback.kind == "auto",
    )


def member_ttl(by: Terms, member: Member) -> int:
    """Return how long an answer may be kept that the next results of ``member`` could change."""
    if member.frozen:
        return by.shortest  # the next change comes without any warning
    match member.state:
        case MemberState.INIT:
            return by.shortest
        case MemberState.UP:
            return steady(by, member.n_stable)
        case MemberState.SUSPECT:
            return suspect(by, member.n_fail, member.n_before)
        case MemberState.DOWN | MemberState.RECOVERING:
            return recovering(by, member.n_ok)
    return by.longest


def agreed_ttl(by: Terms, member: Member, found: Agreement) -> int:
    """Return how long an answer may be kept that several nodes could change.

    How far the counters of other nodes have come is not known here, only that they have begun:
    then it is the shortest, and so it is if the own ones say nothing of what is answered.
    """
    if not found.firm:
        return by.shortest
    if found.agreed == Agreed.DOWN:
        counted = member.state in {MemberState.DOWN, MemberState.RECOVERING} and not member.frozen
        return recovering(by, member.n_ok if counted else by.up)
    if found.suspected or member.state not in SERVED:
        return by.shortest
    return member_ttl(by, member)


def steady(by: Terms, n_stable: int) -> int:
    """UP: from the shortest, doubled with every ``ok`` successes."""
    doublings = min(n_stable // by.ok, LONGEST.bit_length())
    return min(by.longest, max(by.shortest, 1) << doublings if doublings else by.shortest)


def suspect(by: Terms, n_fail: int, n_before: int) -> int:
    """SUSPECT: it ends before the last failure that is missing can be seen.

    And a failure never makes it longer than it was before the first one.
    """
    left = (by.down - n_fail - 1) * by.gap
    return min(_clamp(left, by.shortest, by.longest), steady(by, n_before))


def recovering(by: Terms, n_ok: int) -> int:
    """DOWN, RECOVERING: it ends before the member can be back, but half the longest is enough.

    That it comes back is good news, which may be a little late.
    """
    if not by.automatic:
        return by.longest
    left = (by.up - n_ok - 1) * by.interval
    return _clamp(left, max(by.shortest, (by.longest + 1) // 2), by.longest)


def all_down(by: Terms) -> int:
    """No member is up."""
    return min(by.shortest, ALL_DOWN)


def planned(by: Terms, ttl: int, left: float) -> int:
    """Return ``ttl``, so shortened that it ends before a change that comes in ``left`` seconds."""
    return min(ttl, max(min(1, by.longest), int(left)))


def _clamp(seconds: float, shortest: int, longest: int) -> int:
    return max(shortest, min(longest, int(seconds)))
