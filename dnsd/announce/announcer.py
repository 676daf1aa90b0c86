"""The announcer: the state of the node, and the goal for its route.

    INIT ──→ STANDBY ──→ ANNOUNCED ⇄ DRAINED ──→ WITHDRAWN ──→ STANDBY
             from all of them:  STOPPING ──→ STOPPED

INIT       the addresses are missing, or no worker listens on them.
STANDBY    everything is in place, but the node has not yet answered well.
ANNOUNCED  the route is announced.
DRAINED    announced, but marked so that every other node is preferred (RFC 8326).
WITHDRAWN  the route is withdrawn, the addresses still answer.
STOPPING   drained, later withdrawn; STOPPED: no more queries come.

Pure: it is given the time (seconds, monotonic) and what was seen.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dnsd.announce.damping import Damping, Past
from dnsd.announce.health import Level

if TYPE_CHECKING:
    from dnsd.announce.health import NodeHealth
    from dnsd.announce.orders import Orders
    from dnsd.config import Anycast


class RouteState(StrEnum):
    """The state of the node's route."""

    INIT = "init"
    STANDBY = "standby"
    ANNOUNCED = "announced"
    DRAINED = "drained"
    WITHDRAWN = "withdrawn"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Wanted(NamedTuple):
    """The goal for the route.

    ``carrier`` decides: without it nothing is announced. ``enabled`` is for the protocol of BIRD
    that learns the addresses, ``drain`` for the mark that makes routers prefer other nodes; it is
    kept while the route is withdrawn. ``away`` are VIPs without a carrier although others have one.
    """

    carrier: bool
    drain: bool
    enabled: bool
    away: frozenset[str] = frozenset()


class Situation(NamedTuple):
    """The inputs of the announcer.

    ``obstacle`` says why the addresses are not usable; empty: they exist and workers listen on
    them. ``silenced`` says why the master has switched the carrier off by itself, if it has.
    ``verdict`` is None until the node was observed for long enough.
    """

    now: float
    obstacle: str
    silenced: str
    verdict: NodeHealth | None
    orders: Orders
    stopping: bool


ON_THE_ROUTE = (RouteState.ANNOUNCED, RouteState.DRAINED)

UNKNOWN = "the node has not been observed for long enough"


class Announcer:
    """Decides the state of the route: ``state``, since ``since``, because of ``why``.

    ``state`` at the beginning is INIT, or what a predecessor has left in force: ANNOUNCED or
    DRAINED. ``past`` is what else it left. If it was on the route, and its state is not in force
    any more, it ended without leaving: that is a failure like any other.
    """

    def __init__(
        self,
        config: Anycast,
        state: RouteState = RouteState.INIT,
        now: float = 0.0,
        past: Past = Past(),  # noqa: B008 -- it is frozen
    ) -> None:
        self.state = state
        self.since = now
        self.why: tuple[str, ...] = ()
        self._drain_linger = config.drain_linger
        self._stop_linger = config.stop_linger
        self._damping = Damping(config.hold_down, past)
        self._soft = self._hard = ""
        self._withdraw_at = 0.0
        if past.on_route and state not in ON_THE_ROUTE:
            self._hard = "dnsd has ended while the VIPs were announced"
            self._damping.away.start(now)

    @property
    def past(self) -> Past:
        """What a successor must know."""
        return self._damping.past(on_route=self.state in ON_THE_ROUTE)

    def forgive(self, now: float) -> None:
        """End all current waits: the operator says that the node is well."""
        for series in (self._damping.away, self._damping.repair, self._damping.drained):
            series.end(now)

    def forgive_drain(self, now: float) -> None:
        """End the wait of a node that was drained for a soft fault."""
        self._damping.drained.end(now)

    def repaired(self, now: float) -> None:
        """Note that the VIPs were off their interface, and have been put back, at ``now``."""
        if self.state in ON_THE_ROUTE:
            self._damping.repair.start(now)

    def step(self, seen: Situation) -> Wanted:
        """Move to the state that follows from ``seen``; return the goal."""
        state, why = self._stop(seen) if seen.stopping else self._next(seen)
        if state != self.state:
            self.state, self.since = state, seen.now
        self.why = why
        return self._wanted(seen)

    def held(self, now: float) -> float:
        """Return for how many more seconds the route must stay withdrawn."""
        return max(self._damping.away.left(now), self._damping.repair.left(now))

    # -- stopping -----------------------------------------------------------------------------

    def _stop(self, seen: Situation) -> tuple[RouteState, tuple[str, ...]]:
        """Drain, wait until clients have moved, withdraw, wait for queries on their way."""
        if self.state in ON_THE_ROUTE:
            drained_for = seen.now - self.since if self.state == RouteState.DRAINED else 0.0
            self._withdraw_at = seen.now + max(0.0, self._drain_linger - drained_for)
        elif self.state not in (RouteState.STOPPING, RouteState.STOPPED):
            self._withdraw_at = seen.now - self._stop_linger  # no clients are sent here
        if _has_failed(seen):
            self._withdraw_at = min(self._withdraw_at, seen.now)
        over = seen.now >= self._withdraw_at + self._stop_linger
        return (RouteState.STOPPED if over else RouteState.STOPPING), ("dnsd is stopping",)

    # -- working ------------------------------------------------------------------------------

    def _next(self, seen: Situation) -> tuple[RouteState, tuple[str, ...]]:
        if reasons := self._reasons_against(seen):
            return self._away(seen), reasons
        if seen.verdict is None and self.state not in ON_THE_ROUTE:
            return RouteState.STANDBY, (UNKNOWN,)
        if seen.orders.drain is not None:
            return RouteState.DRAINED, _by_order("drain", seen.orders.drain.reason)
        if seen.verdict is None:
            # A successor has no reason yet to change its predecessor's state.
            return self.state, (UNKNOWN,)
        return self._by_health(seen.verdict, seen.now)

    def _by_health(self, verdict: NodeHealth, now: float) -> tuple[RouteState, tuple[str, ...]]:
        """Return the state of a node that may announce, without an order."""
        if verdict.level == Level.DEGRADED:
            if self.state == RouteState.ANNOUNCED:
                self._damping.drained.start(now)
            if not verdict.recovering:
                self._soft = verdict.reasons[0]
            return RouteState.DRAINED, verdict.reasons
        if self.state == RouteState.DRAINED and (left := self._damping.drained.left(now)) > 0:
            why = f"stays drained for {left:.0f} s more{_after(self._soft)}"
            return RouteState.DRAINED, (why, *verdict.reasons)
        return RouteState.ANNOUNCED, verdict.reasons

    def _reasons_against(self, seen: Situation) -> tuple[str, ...]:
        """Return why nothing may be announced, empty if it may."""
        if seen.obstacle:
            self.repaired(seen.now)
            return (seen.obstacle,)
        if seen.orders.withdraw is not None:
            return _by_order("withdraw", seen.orders.withdraw.reason)
        if seen.silenced:
            self._fail(seen.now, seen.silenced)
            return (seen.silenced,)
        if seen.verdict is not None and seen.verdict.level == Level.FAILED:
            self._fail(seen.now, seen.verdict.reasons[0])
            return seen.verdict.reasons
        if (left := self._damping.away.left(seen.now)) > 0:
            return (f"held down for {left:.0f} s more{_after(self._hard)}",)
        if (left := self._damping.repair.left(seen.now)) > 0:
            return (f"held down for {left:.0f} s more: its addresses keep disappearing",)
        return ()

    def _fail(self, now: float, why: str) -> None:
        """Begin a hold-down, if the route is withdrawn only now."""
        if self.state in ON_THE_ROUTE:
            self._hard = why
            self._damping.away.start(now)

    def _away(self, seen: Situation) -> RouteState:
        """Return the state of a node that must not announce."""
        if seen.obstacle:
            return RouteState.INIT
        if self.state in (RouteState.INIT, RouteState.STANDBY) and seen.orders.withdraw is None:
            return RouteState.STANDBY
        return RouteState.WITHDRAWN

    def _wanted(self, seen: Situation) -> Wanted:
        if self.state == RouteState.STOPPING:
            return Wanted(carrier=seen.now < self._withdraw_at, drain=True, enabled=True)
        # The mark of an order stays while the route is withdrawn: the node must come back with it,
        # whether BIRD can be told then or not.
        return Wanted(
            carrier=self.state in ON_THE_ROUTE,
            drain=self.state == RouteState.DRAINED or seen.orders.drain is not None,
            enabled=self.state != RouteState.WITHDRAWN,
        )


def _has_failed(seen: Situation) -> bool:
    failed = seen.verdict is not None and seen.verdict.level == Level.FAILED
    return bool(failed or seen.silenced or seen.obstacle)


def _by_order(what: str, reason: str) -> tuple[str, ...]:
    return (f"{what} was ordered: {reason}" if reason else f"{what} was ordered",)


def _after(what: str) -> str:
    """Return the reason of a wait; empty if an earlier process did not pass it on."""
    return f"; last fault: {what}" if what else ", after a failure"
