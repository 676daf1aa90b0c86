"""One member of a pool: its state, from results of checks and the operator's orders.

    INIT ──→ UP ⇄ SUSPECT ──→ DOWN ⇄ RECOVERING ──→ HELD ──→ UP
                                     RECOVERING ──────────→ UP     (failback = "auto")

INIT        too few results yet.
UP          healthy.            SUSPECT     UP, but failures are counted: it is checked faster.
DOWN        out of the answer.  RECOVERING  DOWN, but successes are counted.
HELD        it has recovered, and waits for the hold time or for the operator.

The operator's order overrides all of them. Checks go on meanwhile, so that when it ends the
member's state is known. Pure: it is given the time (seconds, monotonic); what is answered is
:mod:`pool`, for how long is :mod:`ttl`.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from dnsd.config.policy import PoolPolicy


class MemberState(StrEnum):
    """What the results say."""

    INIT = "init"
    UP = "up"
    SUSPECT = "suspect"
    DOWN = "down"
    RECOVERING = "recovering"
    HELD = "held"


class Forced(StrEnum):
    """What the operator says instead."""

    UP = "up"
    DOWN = "down"
    DRAIN = "drain"


class Agreed(StrEnum):
    """What enough nodes have said, where several decide (:mod:`quorum`)."""

    UP = "up"
    DOWN = "down"


class MemberOrder(NamedTuple):
    """An order of the operator's; it ends at ``until``, or when it is taken back (None)."""

    forced: Forced
    until: float | None = None
    reason: str = ""


class EndedCheck(NamedTuple):
    """The result of a check that ended at ``at`` after ``latency`` seconds."""

    at: float
    ok: bool
    detail: str
    latency: float


class StoredMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a member survives a restart.

    No clock survives it, so there are only spans of seconds: ``age`` is for how long it had
    been in its state, ``left`` how long the order still had to run (None: until taken back).
    """

    address: str
    state: MemberState = MemberState.INIT
    age: float = 0.0
    n_fail: int = 0
    n_ok: int = 0
    n_stable: int = 0
    n_before: int = 0
    forced: Forced | None = None
    left: float | None = None
    reason: str = ""
    agreed: Agreed | None = None

    def order(self, now: float) -> MemberOrder | None:
        """Return what was ordered of it, if this was stored at ``now``."""
        if self.forced is None:
            return None
        return MemberOrder(self.forced, None if self.left is None else now + self.left, self.reason)

    def under(self, order: MemberOrder | None, now: float) -> StoredMember:
        """Return it with what is ordered at ``now``."""
        until = order.until if order else None
        return msgspec.structs.replace(
            self,
            forced=order.forced if order else None,
            left=None if until is None else until - now,
            reason=order.reason if order else "",
        )

    def aged(self, seconds: float) -> StoredMember:
        """Return it as it is ``seconds`` later: its order may be over."""
        left = None if self.left is None else self.left - seconds
        later = msgspec.structs.replace(self, age=self.age + seconds, left=left)
        if left is not None and left <= 0:
            return msgspec.structs.replace(later, forced=None, left=None, reason="")
        return later


SERVED = frozenset({MemberState.UP, MemberState.SUSPECT})
OUT = frozenset({MemberState.DOWN, MemberState.RECOVERING, MemberState.HELD})


class Member:
    """Counts results: ``state`` since ``since``; ``last`` is the last result.

    ``n_fail`` counts failures, which need not come in a row; only ``ok`` successes in a row
    clear it. ``n_ok`` counts successes in a row, ``n_stable`` those since the last failure or
    change of state. ``n_before`` is what ``n_stable`` was when the failures began.

    ``agreed`` is what several nodes agreed on last, in pools where they vote.

    ``counts`` has the counted results: successes as "ok", failures by their reasons.

    While it is ``frozen`` (a sentence: why) it is not checked: no results are counted, and the
    state stays.
    """

    def __init__(self, address: str, policy: PoolPolicy, now: float) -> None:
        self.address = address
        self.state = MemberState.INIT
        self.since = now
        self.n_fail = self.n_ok = self.n_stable = self.n_before = 0
        self.last: EndedCheck | None = None
        self.counts: Counter[str] = Counter()
        self.order: MemberOrder | None = None
        self.agreed: Agreed | None = None
        self.frozen = ""
        self._policy = policy
        self.adopt(policy, now)

    @property
    def pause(self) -> float:
        """Seconds from the start of one check to the start of the next."""
        undecided = self.state == MemberState.SUSPECT or (
            self.state == MemberState.INIT and self.n_fail
        )
        return self._policy.fast_interval if undecided else self._policy.interval

    @property
    def due(self) -> float | None:
        """When :meth:`tick` will have something to do, None if never."""
        until = self.order.until if self.order else None
        hold = None if self.frozen else self._hold_ends()
        return min((at for at in (until, hold) if at is not None), default=None)

    # -- what happens to it -------------------------------------------------------------------

    def result(
        self, now: float, ok: bool, detail: str = "", latency: float = 0.0, reason: str = ""
    ) -> None:
        """Count the result of a check; ``reason`` says of what kind a failure is."""
        if self.frozen:
            return
        self.last = EndedCheck(now, ok, detail, latency)
        self.counts["ok" if ok else reason or "other"] += 1
        if ok:
            self._succeeded(now)
        else:
            self._failed(now)

    def tick(self, now: float) -> None:
        """Let time do what is due: an order ends, a hold time is over."""
        self.end_order(now)
        if not self.frozen and (over := self._hold_ends()) is not None and now >= over:
            self._become(MemberState.UP, now)

    def end_order(self, now: float) -> None:
        """Let an order end whose time is over."""
        if self.order and self.order.until is not None and now >= self.order.until:
            self.order = None

    def force(self, order: MemberOrder | None) -> None:
        """Apply ``order`` from now on; None: the results decide again."""
        self.order = order

    def fail_back(self, now: float) -> bool:
        """End a hold on the operator's order; return whether there was one."""
        if self.state != MemberState.HELD:
            return False
        self._become(MemberState.UP, now)
        return True

    def freeze(self, why: str) -> None:
        """Keep the state: ``why`` says what has happened to the checks."""
        self.frozen = why

    def thaw(self, now: float) -> None:
        """Count results again.

        Its state in the meantime is unknown, so it must show again that it is stable.
        """
        if self.frozen:
            self.n_stable = self.n_before = 0
            if self.state == MemberState.HELD:
                self.since = now
        self.frozen = ""

    def adopt(self, policy: PoolPolicy, now: float) -> None:
        """Go on under another policy; what was seen is not forgotten."""
        self._policy = policy
        if policy.check == "none":
            self.last = None
            if self.state != MemberState.UP:
                self._become(MemberState.UP, now)
        elif self.state == MemberState.SUSPECT and self.n_fail >= policy.down:
            # Fewer failures are enough now; yet it is for a failure to take it out.
            self.n_fail = policy.down - 1
            if not self.n_fail:
                self._become(MemberState.UP, now)

    def next_possible_change(self, now: float) -> float | None:
        """Return when it can enter or leave the answer at the earliest.

        None: not before the operator, or the checker, comes back.
        """
        policy = self._policy
        if self.order:
            return self.order.until
        if self.frozen or policy.check == "none":
            return None
        start = self.last.at - self.last.latency if self.last else now
        match self.state:
            case MemberState.INIT:
                at: float | None = now
            case MemberState.UP:
                at = start + policy.interval + (policy.down - 1) * policy.fast_interval
            case MemberState.SUSPECT:
                at = start + (policy.down - self.n_fail) * policy.fast_interval
            case MemberState.HELD:
                at = self._hold_ends()
            case _ if policy.failback.kind == "manual":
                at = None
            case _:
                hold = policy.failback.seconds if policy.failback.kind == "hold" else 0.0
                at = start + (policy.up - self.n_ok) * policy.interval + hold
        return None if at is None else max(at, now)

    # -- over a restart -----------------------------------------------------------------------

    def to_stored(self, now: float) -> StoredMember:
        """Return what must survive a restart."""
        return StoredMember(
            address=self.address,
            state=self.state,
            age=now - self.since,
            n_fail=self.n_fail,
            n_ok=self.n_ok,
            n_stable=self.n_stable,
            n_before=self.n_before,
            agreed=self.agreed,
        ).under(self.order, now)

    def restore_state(self, stored: StoredMember, ago: float, now: float) -> None:
        """Take over the state that was stored ``ago`` seconds ago."""
        self.state = stored.state
        self.agreed = stored.agreed
        self.since = now - ago - stored.age
        self.n_fail, self.n_ok = stored.n_fail, stored.n_ok
        self.n_stable, self.n_before = stored.n_stable, stored.n_before
        if stored.state == MemberState.HELD and self._policy.failback.kind == "auto":
            self._become(MemberState.UP, now)
        self.adopt(self._policy, now)

    def restore_debt(self, stored: StoredMember, now: float) -> None:
        """Of a state too old to be believed, keep that the operator must agree to a failback.

        Otherwise a restart that takes long enough would fail back on its own.
        """
        if stored.state in OUT and self._policy.failback.kind == "manual":
            self._become(MemberState.DOWN, now)
            self.n_fail = self._policy.down
            self.adopt(self._policy, now)

    def restore_order(self, stored: StoredMember, ago: float, now: float) -> None:
        """Take over the order that was stored ``ago`` seconds ago, however long that is."""
        self.order = stored.order(now - ago)

    # -- counting -----------------------------------------------------------------------------

    def _succeeded(self, now: float) -> None:
        self.n_stable += 1
        match self.state:
            case MemberState.INIT | MemberState.SUSPECT:
                self.n_ok += 1
                if not self.n_fail or self.n_ok >= self._policy.ok:
                    self._become(MemberState.UP, now)
                elif self.state == MemberState.INIT:
                    self.state, self.since = MemberState.SUSPECT, now
            case MemberState.DOWN | MemberState.RECOVERING:
                self.n_ok += 1
                if self.n_ok >= self._policy.up:
                    auto = self._policy.failback.kind == "auto"
                    self._become(MemberState.UP if auto else MemberState.HELD, now)
                elif self.state == MemberState.DOWN:
                    self.state, self.since = MemberState.RECOVERING, now

    def _failed(self, now: float) -> None:
        if self.state == MemberState.UP:
            self.n_before = self.n_stable
        self.n_ok = self.n_stable = 0
        if self.state in OUT:
            if self.state != MemberState.DOWN:
                self.state, self.since = MemberState.DOWN, now
            self.n_fail = self._policy.down
            return
        self.n_fail += 1
        if self.n_fail >= self._policy.down:
            self.state, self.since = MemberState.DOWN, now
        elif self.state == MemberState.UP:
            self.state, self.since = MemberState.SUSPECT, now

    def _become(self, state: MemberState, now: float) -> None:
        """Begin ``state`` with nothing counted."""
        self.state, self.since = state, now
        self.n_fail = self.n_ok = self.n_stable = self.n_before = 0

    def _hold_ends(self) -> float | None:
        failback = self._policy.failback
        if self.state != MemberState.HELD or failback.kind == "manual":
            return None
        return self.since + (failback.seconds if failback.kind == "hold" else 0.0)
