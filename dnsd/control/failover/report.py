"""What operators see of pools, as plain values; durations in seconds, times as POSIX seconds.

Other programs read it too, so keys are only ever added.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dnsd.caches.judge import Safety
from dnsd.caches.version import about_target
from dnsd.failover.phrases import seen_as
from dnsd.failover.quorum import Ballot, said
from dnsd.text import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.control.failover.checking import MemberChecks
    from dnsd.control.failover.engine import FailoverEngine
    from dnsd.control.failover.live import LivePool
    from dnsd.control.failover.peers import Peer
    from dnsd.failover.drain import Drain
    from dnsd.failover.member import Member, MemberOrder
    from dnsd.failover.orders import PlannedOrder
    from dnsd.failover.quorum import Agreement, Vote
    from dnsd.failover.rate import Rate


WAITS = "another answer waits until the ledger on disk has it"


class _Clock:
    """Monotonic seconds as those of the day."""

    def __init__(self) -> None:
        self.now = time.monotonic()
        self._offset = time.time() - self.now

    def wall(self, at: float | None) -> float | None:
        return None if at is None else at + self._offset


def report(engine: FailoverEngine, pools: Iterable[LivePool] | None = None) -> dict[str, Any]:
    """Return how ``pools`` are, or all of them."""
    clock = _Clock()
    shown = engine.table.pools.values() if pools is None else pools
    shown = sorted(shown, key=lambda pool: pool.key)
    alarms = sorted((target.address, why) for target, why in engine.checking.alarms.why.items())
    disputes = [found for pool in shown for found in _disputed(pool)]
    return {
        "node": engine.peers.node,
        "peers": [_peer(peer, clock) for peer in engine.peers.peers],
        "cut_off": engine.cut_off() or None,
        "pools": [
            {**_pool(pool, clock, engine.checking), "rate": _rate(engine.rates.rate(pool.key))}
            for pool in shown
        ],
        "absent_orders": absent_orders(engine),
        "alarms": [{"address": address, "why": why} for address, why in dict.fromkeys(alarms)],
        "disputes": [{"address": address, "why": why} for address, why in disputes],
        "behind": round(engine.checking.behind, 3),
        "late": engine.checking.pledges.lateness(engine.checking.behind) or None,
        "promises": [
            {"name": pool.key.name, "type": pool.key.type, "why": why}
            for pool, why in engine.checking.pledges.broken.items()
        ],
        "problems": [one for one in (engine.file.fault, engine.loss, *engine.absences()) if one],
        "unwritten": engine.file.fault or None,
    }


def absent_orders(engine: FailoverEngine) -> list[dict[str, Any]]:
    """Return what is ordered of members that no pool has now."""
    clock = _Clock()
    return [
        {
            **at._asdict(),
            "why": "the pool does not have it now"
            if engine.table.find(at.name, at.type)
            else "the pool is not there now",
            "order": order and _order(order, clock),
            "plan": plan and _plan(plan, clock),
        }
        for at, (order, _, plan) in engine.table.absent_orders(clock.now).items()
    ]


def kept_orders(engine: FailoverEngine) -> list[str]:
    """Return the same as sentences."""
    return [
        f"an order for {one['address']} of {one['name']} {one['type']} is kept: {one['why']}"
        for one in absent_orders(engine)
    ]


def summary(engine: FailoverEngine) -> dict[str, int]:
    """Return how many pools there are, and of how many not all members are answered."""
    pools = engine.table.pools.values()
    return {
        "pools": len(pools),
        "reduced": sum(not set(pool.meta.members) <= set(pool.answered) for pool in pools),
        "unseen": sum(any(one.frozen for one in pool.state.members.values()) for pool in pools),
    }


def ballot(engine: FailoverEngine) -> Ballot:
    """Return the votes of this node, on members of pools that several nodes decide on."""
    now = time.monotonic()
    votes = [
        vote
        for pool in engine.table.pools.values()
        if pool.state.is_shared
        for vote in said(pool.key.name, pool.key.type, pool.state.members.values(), now)
    ]
    peers = engine.peers
    return Ballot(
        node=peers.node,
        votes=tuple(votes),
        instance=peers.instance,
        ordering=engine.table.is_ordered(now),
        missing=bool(engine.file.loss),
        recalls=peers.recalls.told(now),
    )


def drained(
    engine: FailoverEngine, address: str, pools: list[LivePool], *, alone: bool
) -> dict[str, Any]:
    """Return how far the drains of ``address`` in ``pools`` have come.

    Unless the question is about these pools ``alone``, it is safe only if nothing else leads to
    the address either.
    """
    clock = _Clock()
    drains = [(pool, pool.state.drains.get(address)) for pool in pools]
    steps = [_step(pool, address, drain, clock) for pool, drain in drains]
    missing = [f"{step['name']} {step['type']}: {one}" for step in steps for one in step["reasons"]]
    since = [drain.since for _, drain in drains if drain]
    safe = not any(step["phase"] != "safe" for step in steps)
    done = max(since, default=None)
    if not alone:
        verdict = engine.memory.judge(about_target(address), min(since, default=0), clock.now)
        missing += [one for one in verdict.reasons if verdict.safety != Safety.SAFE]
        safe = safe and verdict.safety == Safety.SAFE
        done = max((one for one in (done, verdict.until) if one is not None), default=None)
    if unwritten := engine.file.fault:
        missing.insert(0, unwritten)
        safe = False  # a restart would bring the member back
    return {
        "address": address,
        "safe": safe,
        "since": clock.wall(done) if safe else None,
        "steps": steps,
        "missing": [] if safe else missing,
        "unwritten": unwritten or None,
    }


def held(engine: FailoverEngine, address: str) -> str:
    """Return whether caches may still hold ``address``, in few words, as far as this node knows."""
    now = time.monotonic()
    verdict = engine.memory.judge(about_target(address), 0.0, now)
    match verdict.safety:
        case Safety.SAFE:
            return "forgotten"
        case Safety.WAIT if verdict.until is not None:
            return f"for {duration(max(0.0, verdict.until - now))}"
        case Safety.WAIT:
            return "no end in sight"
        case _:
            return f"unknown: {verdict.reasons[0]}"


def _peer(peer: Peer, clock: _Clock) -> dict[str, Any]:
    return {
        "url": peer.url,
        "node": peer.node or None,
        "heard": clock.wall(peer.at),
        "fault": peer.fault or None,
    }


def _disputed(pool: LivePool) -> list[tuple[str, str]]:
    """Return the members on which nodes don't agree, and how they differ."""
    return [
        (address, f"{pool.key}: it is {found.sentence()}")
        for address, found in pool.state.agreements.items()
        if not found.firm
    ]


def _pool(pool: LivePool, clock: _Clock, checking: MemberChecks) -> dict[str, Any]:
    policy, decision = pool.meta.policy, pool.decision
    members = pool.state.members.items()
    return {
        "zone": pool.key.origin,
        "name": pool.key.name,
        "type": pool.key.type,
        "check": policy.checked_by,
        "scope": str(policy.scope),
        "ttl_max": pool.meta.ttl,
        "ttl_min": min(policy.ttl_min, pool.meta.ttl),
        "mode": decision.mode.name.lower(),
        "answered": pool.answered,
        "answer": pool.spelled(),
        "ttl": decision.ttl,
        "why": (*decision.why, WAITS) if pool.waits else decision.why,
        "since": clock.wall(pool.since),
        "members": [
            _member(pool, address, member, clock)
            | {"checks": [one._asdict() for one in checking.parts_of(pool, address)]}
            for address, member in members
        ],
    }


def _rate(rate: Rate | None) -> dict[str, float] | None:
    """Return queries per second with their interval of 95 %, and in how many they were counted."""
    return None if rate is None else rate._asdict()


def _member(pool: LivePool, address: str, member: Member, clock: _Clock) -> dict[str, Any]:
    policy = pool.meta.policy
    change = member.next_possible_change(clock.now)
    drain, plan = pool.state.drains.get(address), pool.state.plans.get(address)
    found = pool.state.agreements.get(address)
    last = member.last
    return {
        "address": address,
        "state": member.state,
        "seen_as": seen_as(member, policy),
        "since": clock.wall(member.since),
        "failures": member.n_fail,
        "successes": member.n_ok,
        "stable": member.n_stable,
        "answered": address in pool.answered,
        "weight": policy.weights.get(address, 1) if policy.is_weighted else None,
        "unseen": member.frozen or None,
        "agreement": found and _agreement(found, clock),
        "next_change": None if change is None else max(0.0, change - clock.now),
        "last": last
        and {
            "ok": last.ok,
            "detail": last.detail,
            "latency": last.latency,
            "at": clock.wall(last.at),
        },
        "order": member.order and _order(member.order, clock),
        "drain": drain and _progress(drain, clock),
        "plan": plan and _plan(plan, clock),
    }


def _agreement(found: Agreement, clock: _Clock) -> dict[str, Any]:
    def votes(counted: bool, *votes: Vote) -> list[dict[str, Any]]:
        return [
            {
                "node": vote.node or None,
                "state": vote.state,
                "age": max(0.0, clock.now - vote.at),
                "counted": counted,
            }
            for vote in votes
        ]

    return {
        "agreed": found.agreed,
        "firm": found.firm,
        "sentence": found.sentence(),
        "votes": [*votes(True, *found.up, *found.down), *votes(False, *found.silent)],
    }


def _order(order: MemberOrder, clock: _Clock) -> dict[str, Any]:
    return {"forced": order.forced, "until": clock.wall(order.until), "reason": order.reason}


def _plan(plan: PlannedOrder, clock: _Clock) -> dict[str, Any]:
    return {**_order(plan.order, clock), "at": clock.wall(plan.start)}


def _progress(drain: Drain, clock: _Clock) -> dict[str, Any]:
    progress = drain.progress
    return {
        "phase": progress.phase,
        "since": clock.wall(progress.since),
        "until": clock.wall(progress.until),
        "reasons": progress.reasons,
    }


def _step(pool: LivePool, address: str, drain: Drain | None, clock: _Clock) -> dict[str, Any]:
    gone = {"phase": None, "since": None, "until": None, "reasons": ("it is not drained",)}
    return {
        "name": pool.key.name,
        "type": pool.key.type,
        "answered": address in pool.answered,
        **(_progress(drain, clock) if drain else gone),
    }
