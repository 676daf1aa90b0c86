"""One pool of a running node: what is decided about it, and the cells that workers read it from.

A zone that is loaded again has new cells for its pools, while some worker may still answer from
the old ones: decisions go to all of them, until they are released. Given the time (monotonic
seconds); what a decision is, :mod:`dnsd.failover.pool` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.config.units import format_duration
from dnsd.control.hooks.news import news
from dnsd.failover import quorum
from dnsd.failover.choice import Eligibility
from dnsd.failover.member import Forced, MemberState
from dnsd.failover.pool import Decision, PoolState
from dnsd.image.selection import Members, Mode
from dnsd.process import log
from dnsd.process.events import Event, Fields
from dnsd.text import shortlist

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.control.failover.selections import PoolCells
    from dnsd.control.hooks.news import News
    from dnsd.failover.drain import Phase
    from dnsd.failover.member import Agreed, Member, MemberOrder
    from dnsd.failover.orders import Directive, PlannedOrder
    from dnsd.failover.stored import Kept

_EMPTY = {Mode.NODATA: "no address", Mode.SERVFAIL: "SERVFAIL", Mode.REFUSED: "REFUSED"}

_EVENTS: dict[MemberState, Event] = {
    MemberState.INIT: "member-init",
    MemberState.UP: "member-up",
    MemberState.SUSPECT: "member-suspect",
    MemberState.DOWN: "member-down",
    MemberState.RECOVERING: "member-recovering",
    MemberState.HELD: "member-held",
}

_REASONS = 5
"""Reasons in one line of the log."""

_ROUNDS = 2
"""After so many intervals the votes of other nodes must be here; their absence is logged."""


class PoolKey(NamedTuple):
    """Which pool: its zone, owner (both absolute, in lower case) and type."""

    origin: str
    name: str
    type: str

    def __str__(self) -> str:
        """Return how an operator calls it."""
        return f"{self.name} {self.type}"


class Placement(NamedTuple):
    """The ``cells`` of the pool ``meta``; the first one has the number ``first``."""

    meta: PoolMeta
    first: int
    cells: PoolCells

    @property
    def addresses(self) -> tuple[str, ...]:
        """The address of each bit of a mask."""
        return addresses_of(self.meta)

    def write(self, decision: Decision, addresses: tuple[str, ...], now: float) -> None:
        """Have workers answer ``decision``, whose mask is about ``addresses``.

        If it chooses none of those that are in these cells, what they say stands.
        """
        mask = decision.mask
        if addresses != self.addresses:
            mask = Members.where(self.addresses, Members(mask).pick(addresses))
        if mask or not decision.mask:
            self.cells.write(mask, decision.ttl, decision.mode, now)


class _Left(NamedTuple):
    """What an earlier process had answered."""

    addresses: tuple[str, ...]
    ttl: int
    mode: Mode


class _Known(NamedTuple):
    """How a pool is: what it answers, how its members are, and what is agreed on them."""

    answer: tuple[Mode, tuple[str, ...]] | None
    members: dict[str, tuple[MemberState, MemberOrder | None, PlannedOrder | None]]
    agreed: dict[str, tuple[Agreed | None, bool]]


class LivePool:
    """A pool, its :class:`PoolState`, and where it is placed: the latest last.

    ``decision`` is what is answered, ``since`` is when more of it changed than its TTL. If it
    ``waits``, there is a newer one whose account is not on disk yet.
    """

    def __init__(self, origin: str, meta: PoolMeta, now: float) -> None:
        self.key = PoolKey(origin, meta.policy.name, meta.policy.type)
        self.meta = meta
        self.state = PoolState(meta.policy, meta.ttl, meta.members, now)
        self.placements: list[Placement] = []
        self.is_gone = False
        """Whether no zone has it any more; workers may still answer from its placements."""
        self.since = now
        self.decision = Decision(0, 0, Mode.ANSWER, ())
        self._trust_until: float | None = None
        self._left = _Left((), 0, Mode.ANSWER)
        self.waits = False
        self._by: tuple[str, ...] = ()
        self._was_checked = False
        self._news: list[News] = []
        self._phases: dict[str, Phase] = {}
        self._known = self._told = _Known(None, {}, {})
        self._begun = now

    @property
    def addresses(self) -> tuple[str, ...]:
        """The address of each bit of the decision's mask."""
        return addresses_of(self.meta)

    @property
    def answered(self) -> tuple[str, ...]:
        """The addresses that are answered, together or one for each query."""
        return Members(self.decision.mask).pick(self._by)

    # -- what happens to it -------------------------------------------------------------------

    def restore(self, kept: Kept, now: float) -> None:
        """Take over what was stored of it."""
        self.state.restore(kept, now)
        self._known = self._told = self._seen(now)._replace(answer=None)

    def edit(self, meta: PoolMeta, now: float) -> None:
        """Go on with what the zone and its policy say now."""
        self.meta = meta
        self.state.edit(meta.policy, meta.ttl, meta.members, now)

    def place(self, placement: Placement) -> None:
        """Write decisions there, too; it is the latest now."""
        self.placements = [*(one for one in self.placements if one is not placement), placement]

    def displace(self, placement: Placement, now: float) -> None:
        """Stop writing there.

        If it was the latest, its image has not been published after all.
        """
        self.placements = [one for one in self.placements if one is not placement]
        if self.placements and self.placements[-1].meta is not self.meta:
            self.edit(self.placements[-1].meta, now)

    def inherit(self, until: float) -> None:
        """Trust what an earlier process has left in the cells until something is known.

        That is, until each member has been checked, an order comes, or it is ``until``.
        """
        placement = self.placements[-1]
        selection = placement.cells.selection
        if selection.mode != Mode.UNSET:
            self._trust_until = until
            self._left = _Left(
                selection.members.pick(placement.addresses), selection.ttl, Mode(selection.mode)
            )

    def force(self, member: str, order: MemberOrder | None) -> None:
        """Obey ``order``; None: the results decide again."""
        self.obey(member, self.state.ordered(member)._replace(order=order, drain=None))

    def obey(self, member: str, directive: Directive) -> None:
        """Do all that is ordered of a member, and nothing else."""
        self._trust_until = None
        self.state.obey(member, directive)

    # -- deciding -----------------------------------------------------------------------------

    def decide(self, now: float, admits: Callable[[Decision], bool]) -> bool:
        """Decide, and have workers answer it if it ``admits``; return whether anything is new.

        What is not admitted ``waits``: what is answered stands until the next decision. Nothing
        is logged here, so that no fault in a sentence comes between a selection and its account.
        """
        found = self._found(now)
        self.waits = not admits(found)
        if not self.waits:
            self.decision, self._by = found, self.addresses
        if self._by:
            for placement in self.placements:
                placement.write(self.decision, self._by, now)
        before, self._known = self._known, self._seen(now)
        if self._known.answer != before.answer:
            self.since = now
        return self._known != before

    def tell(self, now: float) -> None:
        """Tell what has changed since this was called last, but for counters and TTLs."""
        before, self._told = self._told, self._known
        self._tell_members(before, now)
        self._tell_agreements(before, now)
        self._tell_drains()
        self._tell_answer(before)

    def take_news(self) -> list[News]:
        """Return what has been told since this was called last, as data."""
        taken, self._news = self._news, []
        return taken

    def next_wakeup(self, now: float) -> float | None:
        """Return when to decide again even if nothing was seen; None: no need to."""
        times = [at for at in (self.state.next_wakeup(now), self._trust_until) if at is not None]
        return max(now, min(times)) if times else None

    def _found(self, now: float) -> Decision:
        found = self.state.decide(now)
        if self._trust_until is not None:
            if now < self._trust_until and not self.state.is_checked:
                return self._inherited() or found
            self._trust_until = None
        return found

    def _inherited(self) -> Decision | None:
        """Return what workers were told already, if anything of it is there still.

        A plan may have begun since, and takes its member out all the same.
        """
        members, ttl, mode = self._left
        state = self.state
        out = {
            one
            for one, member in state.members.items()
            if state.eligibility(member) is Eligibility.REMOVED
        }
        mask = Members.where(self.addresses, {*members} - out)
        if members and not mask:
            return None
        why = "as before dnsd was restarted, until all members have been checked"
        return Decision(mask, ttl, mode, (why,))

    # -- what is told -------------------------------------------------------------------------

    def _seen(self, now: float) -> _Known:
        """Return what logs and hooks report of it; at a start, without other nodes' votes."""
        early = now < self._begun + _ROUNDS * self.meta.policy.interval
        return _Known(
            (self.decision.mode, self.answered),
            {
                one: (member.state, member.order, self.state.plans.get(one))
                for one, member in self.state.members.items()
            },
            {
                one: (found.agreed, early or found.firm)
                for one, found in self.state.agreements.items()
            },
        )

    def _tell_answer(self, before: _Known) -> None:
        is_new = self._known.answer != before.answer
        # At a start it changes with each first check: only the outcome is logged.
        was_checked, self._was_checked = (
            self._was_checked,
            self._was_checked or self.state.is_checked,
        )
        begins_ill = self._was_checked and len(self.decision.why) > 1
        if is_new if was_checked else begins_ill:
            ttl, why = self.decision.ttl, self._reasons()
            told = f"answers {self.spelled()} for {ttl} s: {why}"
            self.say("answer-changed", told, now=self.spelled(), ttl=ttl, reason=why)
            self._note(
                "answer",
                mode=self.decision.mode.name.lower(),
                answered=self.answered,
                ttl=self.decision.ttl,
                why=self.decision.why,
            )

    def spelled(self) -> str:
        """Return what is answered, in words."""
        decision = self.decision
        addresses = ", ".join(self.answered)
        some = ""
        take = self.meta.policy.take or 1
        if decision.mode == Mode.SOME and len(self.answered) > take:
            some = "one of " if take == 1 else f"{take} of "
        return _EMPTY.get(decision.mode, f"{some}{addresses}")

    def _reasons(self) -> str:
        return "; ".join(shortlist(self.decision.why, _REASONS))

    def _tell_members(self, before: _Known, now: float) -> None:
        for address, member in self.state.members.items():
            here = self._known.members[address]
            state, order, plan = before.members.get(address, here)
            # At a start, members that are up are not worth a line each.
            if member.state not in (state, _well(state)):
                last = member.last
                detail = last.detail if last and not last.ok else ""
                told = f"{address} {state} → {member.state}{_cause(member)}"
                about = Fields(member=address, was=state, now=member.state, reason=detail)
                self.say(_EVENTS[member.state], told, **about)
                self._note("member", member=address, was=state, now=member.state, why=detail)
            if member.order != order:
                self.say("member-order", f"{address} {_ordered(member.order)}", member=address)
                forced = member.order and member.order.forced
                reason = member.order.reason if member.order else ""
                self._note("order", member=address, forced=forced, why=reason)
            if plan and here[2] is None and member.order != plan.order:
                told = f"{address} has no planned change any more"
                self.say("member-plan", told, member=address)
            if here[2] and here[2] != plan:
                self.say("member-plan", f"{address} {_planned(here[2], now)}", member=address)

    def _tell_agreements(self, before: _Known, now: float) -> None:
        """Tell what nodes agree on, and that they don't."""
        for address, found in self.state.agreements.items():
            known = self._known.agreed[address]
            if known != before.agreed.get(address, (found.agreed, True)):
                votes = (*found.up, *found.down, *found.silent)
                said = ", ".join(quorum.told(vote, now) for vote in votes) or "no node has voted"
                told = f"{address} is {found.sentence()} ({said})"
                self.say("member-agreement", told, member=address)

    def _tell_drains(self) -> None:
        """Note how far drains have come."""
        before = self._phases
        self._phases = {one: drain.phase for one, drain in self.state.drains.items()}
        for address in before.keys() | self._phases.keys():
            was, now = before.get(address), self._phases.get(address)
            if was != now:
                self._note("drain", member=address, was=was, now=now)

    def _note(self, event: str, **what: Any) -> None:
        key = self.key
        self._news.append(news(event, zone=key.origin, name=key.name, type=key.type, **what))

    def say(self, event: Event, what: str, **about: Unpack[Fields]) -> None:
        """Write a line about it into the log."""
        key = self.key
        pool = f"{key.name} {key.type}"
        about["zone"], about["pool"] = key.origin, pool
        log.say(event, f"failover: {key}: {what}", **about)


def addresses_of(meta: PoolMeta) -> tuple[str, ...]:
    """Return the address of each bit of a mask."""
    return (*meta.members, *meta.policy.fallback)


def _well(state: MemberState) -> MemberState:
    return MemberState.UP if state == MemberState.INIT else state


def _cause(member: Member) -> str:
    last = member.last
    return f": {last.detail}" if last and not last.ok and last.detail else ""


def _ordered(order: MemberOrder | None) -> str:
    if order is None:
        return "has no order any more: health checks decide"
    what = "drained" if order.forced == Forced.DRAIN else f"forced {order.forced}"
    return f"is {what}: {order.reason}" if order.reason else f"is {what}"


def _planned(plan: PlannedOrder, now: float) -> str:
    forced, until, reason = plan.order
    what = "drained" if forced == Forced.DRAIN else f"forced {forced}"
    length = "" if until is None else f" for {format_duration(round(until - plan.start))}"
    starts = format_duration(max(0, round(plan.start - now)))
    return f"is to be {what} in {starts}{length}" + (f": {reason}" if reason else "")
