"""The announcer: which state the node is in, and what is wanted of its route.

    INIT ──→ STANDBY ──→ ANNOUNCED ⇄ DRAINED ──→ WITHDRAWN ──→ STANDBY
             from all of them:  STOPPING ──→ STOPPED

INIT       the addresses are not there yet, or nobody listens on them.
STANDBY    everything is in place, but the node has not been seen to answer well.
ANNOUNCED  the route is announced.
DRAINED    announced, but marked so that every other node is preferred (RFC 8326).
WITHDRAWN  the route is away, the addresses still answer.
STOPPING   drained, later withdrawn; STOPPED: nothing comes any more.

Pure: it is given the time (seconds, monotonic) and what was seen.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dnsd.announce.health import Level
from dnsd.announce.holddown import HoldDown

if TYPE_CHECKING:
    from dnsd.announce.health import Verdict
    from dnsd.announce.orders import Orders
    from dnsd.config import Anycast


class State(StrEnum):
    """Where the node is between absent and announced."""

    INIT = "init"
    STANDBY = "standby"
    ANNOUNCED = "announced"
    DRAINED = "drained"
    WITHDRAWN = "withdrawn"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Wanted(NamedTuple):
    """What is wanted of the route.

    ``carrier`` is the truth: without it nothing is announced. ``enabled`` is the protocol of
    BIRD that learns the addresses, ``drain`` the mark that others are to be preferred.
    """

    carrier: bool
    drain: bool
    enabled: bool


class Situation(NamedTuple):
    """What the announcer decides by.

    ``obstacle`` says why the addresses cannot be had or used; empty, they are there and
    workers listen on them. ``silenced`` is why the master has taken the carrier away by
    itself, if it has. ``verdict`` is None until the node has been looked at long enough.
    """

    now: float
    obstacle: str
    silenced: str
    verdict: Verdict | None
    orders: Orders
    stopping: bool


ON_THE_ROUTE = (State.ANNOUNCED, State.DRAINED)


class Announcer:
    """Decides; ``state``, ``since`` and ``why`` say where it stands.

    ``state`` at the beginning is INIT, or what a predecessor has left in force: ANNOUNCED.
    """

    def __init__(self, config: Anycast, state: State = State.INIT, now: float = 0.0) -> None:
        self.state = state
        self.since = now
        self.why: tuple[str, ...] = ()
        self._drain_linger = config.drain_linger
        self._stop_linger = config.stop_linger
        self._hold = HoldDown(config.hold_down)
        self._withdraw_at = 0.0

    def forgive(self) -> None:
        """End a hold-down that is in force: the operator says that all is well."""
        self._hold.forgive()

    def step(self, seen: Situation) -> Wanted:
        """Move to the state that ``seen`` asks for; return what is wanted now."""
        state, why = self._stop(seen) if seen.stopping else self._next(seen)
        if state != self.state:
            self.state, self.since = state, seen.now
        self.why = why
        return self._wanted(seen)

    def held(self, now: float) -> float:
        """Return for how many seconds the route still has to stay away."""
        return self._hold.left(now)

    # -- stopping -----------------------------------------------------------------------------

    def _stop(self, seen: Situation) -> tuple[State, tuple[str, ...]]:
        """Drain, wait for clients to go, withdraw, wait for what is on its way."""
        if self.state in ON_THE_ROUTE:
            drained_for = seen.now - self.since if self.state == State.DRAINED else 0.0
            self._withdraw_at = seen.now + max(0.0, self._drain_linger - drained_for)
        elif self.state not in (State.STOPPING, State.STOPPED):
            self._withdraw_at = seen.now - self._stop_linger  # nobody is sent here
        if _has_failed(seen):
            self._withdraw_at = min(self._withdraw_at, seen.now)
        over = seen.now >= self._withdraw_at + self._stop_linger
        return (State.STOPPED if over else State.STOPPING), ("dnsd is stopping",)

    # -- working ------------------------------------------------------------------------------

    def _next(self, seen: Situation) -> tuple[State, tuple[str, ...]]:
        if reasons := self._reasons_against(seen):
            return self._away(seen), reasons
        verdict = seen.verdict
        if verdict is None:
            # Who takes over from a predecessor has no reason yet to change what it finds.
            state = self.state if self.state in ON_THE_ROUTE else State.STANDBY
            return state, ("the node has not been looked at long enough",)
        if seen.orders.drain is not None:
            return State.DRAINED, _by_order("drain", seen.orders.drain.reason)
        if verdict.level == Level.DEGRADED:
            return State.DRAINED, verdict.reasons
        return State.ANNOUNCED, verdict.reasons

    def _reasons_against(self, seen: Situation) -> tuple[str, ...]:
        """Return why nothing may be announced, empty if it may."""
        if seen.obstacle:
            return (seen.obstacle,)
        if seen.orders.withdraw is not None:
            return _by_order("withdraw", seen.orders.withdraw.reason)
        if seen.silenced:
            self._fail(seen.now)
            return (seen.silenced,)
        if seen.verdict is not None and seen.verdict.level == Level.FAILED:
            self._fail(seen.now)
            return seen.verdict.reasons
        if (left := self._hold.left(seen.now)) > 0:
            return (f"held down for {left:.0f} s more, after it had failed",)
        return ()

    def _fail(self, now: float) -> None:
        """Begin a hold-down, if it is now that the route goes away."""
        if self.state in ON_THE_ROUTE:
            self._hold.start(now)

    def _away(self, seen: Situation) -> State:
        """Return the state of a node that must not announce."""
        if seen.obstacle:
            return State.INIT
        if self.state in (State.INIT, State.STANDBY) and seen.orders.withdraw is None:
            return State.STANDBY
        return State.WITHDRAWN

    def _wanted(self, seen: Situation) -> Wanted:
        if self.state == State.STOPPING:
            return Wanted(carrier=seen.now < self._withdraw_at, drain=True, enabled=True)
        return Wanted(
            carrier=self.state in ON_THE_ROUTE,
            drain=self.state == State.DRAINED,
            enabled=self.state != State.WITHDRAWN,
        )


def _has_failed(seen: Situation) -> bool:
    failed = seen.verdict is not None and seen.verdict.level == Level.FAILED
    return bool(failed or seen.silenced or seen.obstacle)


def _by_order(what: str, reason: str) -> tuple[str, ...]:
    return (f"{what} was ordered: {reason}" if reason else f"{what} was ordered",)
