"""A pool: its members, and what is answered now, with which TTL, and why.

Knows the policy, results, orders and drains; neither names nor workers. Pure: it is given the
time (seconds, monotonic). Members are bits, in the order in which they were given.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from dnsd.failover import quorum, ttl
from dnsd.failover.choice import Choice, Eligibility, Grade
from dnsd.failover.combine import combined
from dnsd.failover.council import Council
from dnsd.failover.drain import T_DRAIN
from dnsd.failover.member import SERVED, Agreed, Forced, Member, MemberState
from dnsd.failover.phrases import told
from dnsd.failover.roll import Roll
from dnsd.image.selection import Members

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dnsd.config.policy import PoolPolicy
    from dnsd.failover.choice import PoolAnswer
    from dnsd.failover.drain import Drain
    from dnsd.failover.member import MemberOrder
    from dnsd.failover.orders import Directive, PlannedOrder
    from dnsd.failover.quorum import Agreement, Vote
    from dnsd.failover.roll import Away
    from dnsd.failover.stored import Kept, StoredPool
    from dnsd.image.selection import Mode


TICK_S = 0.001
"""How much later than a round second it looks again, so that the second is really over."""


class Decision(NamedTuple):
    """What workers do: ``mode`` with the members of ``mask`` for ``ttl`` seconds; and why."""

    mask: int
    ttl: int
    mode: Mode
    why: tuple[str, ...]


class PoolState:
    """The members of a pool by their address, what is ordered of them, and what was good last.

    ``ttl_max`` is the TTL of the records in the zone file; there is one member at least.
    Results and orders go in at any time; the caller asks :meth:`decide` afterwards, and
    again at :meth:`next_wakeup`.
    """

    def __init__(
        self, policy: PoolPolicy, ttl_max: int, members: Sequence[str], now: float
    ) -> None:
        self._roll = Roll()
        self.last_good: tuple[str, ...] = ()
        self._council = Council(policy)
        self._countdown: tuple[float, int] | None = None
        self.edit(policy, ttl_max, members, now)

    def edit(self, policy: PoolPolicy, ttl_max: int, members: Sequence[str], now: float) -> None:
        """Go on with what the zone and its policy say now; members that stay keep their state."""
        self.policy = policy
        self._terms = ttl.terms(policy, ttl_max)
        self._choice = Choice(policy, members)
        self._roll.edit(policy, members, now)
        self._council.edit(policy, self.members)
        self._council.agree(self.members, now)

    @property
    def members(self) -> Mapping[str, Member]:
        """The members that the zone has."""
        return self._roll.members

    @property
    def away(self) -> Mapping[str, Away]:
        """Members that the zone does not have, but that an order is about."""
        return self._roll.away

    @property
    def drains(self) -> Mapping[str, Drain]:
        """The drains, by address."""
        return self._roll.drains

    @property
    def plans(self) -> Mapping[str, PlannedOrder]:
        """What is planned, by address."""
        return self._roll.plans

    @property
    def is_shared(self) -> bool:
        """Whether several nodes decide how a member is."""
        return self._council.is_shared

    @property
    def agreements(self) -> Mapping[str, Agreement]:
        """How far nodes agree on each member, by address; empty if this one decides alone."""
        return self._council.agreements

    @property
    def is_checked(self) -> bool:
        """Whether every member has been checked, even if a check has failed."""
        if self.is_shared:
            return all(one.agreed for one in self.members.values())
        return all(one.state != MemberState.INIT or one.last for one in self.members.values())

    @property
    def weights(self) -> tuple[int, ...]:
        """The weights of the members, and of the fallback addresses behind them."""
        return self._choice.weights

    # -- what happens to it -------------------------------------------------------------------

    def hear(self, node: str, votes: Mapping[str, Vote]) -> bool:
        """Take in what another node says of the members, by address: all that it says now.

        Return whether there is something to decide.
        """
        return self._council.hear(
            node, {one: vote for one, vote in votes.items() if one in self.members}
        )

    def force(self, member: str, order: MemberOrder | None) -> None:
        """Obey ``order``; None: the results decide again."""
        self.obey(member, self.ordered(member)._replace(order=order, drain=None))

    def drain(self, member: str, order: MemberOrder, drain: Drain) -> None:
        """Obey ``order`` step by step, as ``drain`` does."""
        self.obey(member, self.ordered(member)._replace(order=order, drain=drain))

    def ordered(self, address: str) -> Directive:
        """Return the orders about a member, even an absent one."""
        return self._roll.ordered(address)

    def obey(self, address: str, directive: Directive) -> None:
        """Do what is ordered of a member from now on; it may be away."""
        self._roll.obey(address, directive)

    def shift_plans(self, seconds: float) -> None:
        """Have plans come so much later: the clock of the day was set."""
        self._roll.shift_plans(seconds)

    def objection(self, member: str, forced: Forced) -> str:
        """Return what speaks against forcing ``member``, empty if nothing does."""
        eligible = self._eligibilities()
        before = self._answer(eligible)
        eligible[list(self.members).index(member)] = (
            Eligibility.IN if forced == Forced.UP else Eligibility.REMOVED
        )
        after = self._answer(eligible)
        if forced == Forced.UP or after.grade == Grade.GOOD:
            return ""
        if self._is_in(after.mask, member):
            return f"{member} would stay in the answer: the pool has no other member"
        return after.why if after.grade > before.grade else ""

    # -- over a restart -----------------------------------------------------------------------

    def to_stored(self, now: float) -> StoredPool:
        """Return what must survive a restart."""
        return self._roll.to_stored(now, self.last_good)

    def restore(self, kept: Kept, now: float) -> None:
        """Take over what was stored; what was ordered of members that are not there stands."""
        stored = kept.pools.get((self.policy.name, self.policy.type))
        if stored is not None:
            self.last_good = stored.last_good
            self._roll.restore(stored, kept.ago, fresh=kept.fresh, now=now)

    # -- deciding -----------------------------------------------------------------------------

    def decide(self, now: float) -> Decision:
        """Return what to answer from ``now`` on."""
        self._tick(now)
        eligible = self._eligibilities()
        answer = self._answer(eligible)
        if self._leave_early(answer, now):
            eligible = self._eligibilities()
            answer = self._answer(eligible)
        if answer.grade == Grade.GOOD and answer.mask:
            self.last_good = self._named(answer.mask)
        seconds, because = self._ttl(eligible, answer)
        seconds, because = self._before_plans(eligible, answer, now, (seconds, because))
        return Decision(answer.mask, seconds, answer.mode, self._why(answer, because))

    @property
    def contradicted(self) -> tuple[str, ...]:
        """The members that enough other nodes see, if this one sees none: it is cut off."""
        if not self.is_shared:
            return ()
        return quorum.sees_nobody(self.members.values(), self.agreements)

    def next_wakeup(self, now: float) -> float | None:
        """Return when to decide again although nothing was seen; None: no need to."""
        times = [*self._roll.wakeups(), *self._council.wakeups()]
        if self._countdown is not None:
            times.append(self._next_second(now, *self._countdown))
        return max(now, min(times)) if times else None

    def answered(self, member: str, decision: Decision) -> bool:
        """Return whether ``decision`` still sends clients to ``member``."""
        return self._is_in(decision.mask, member)

    def _tick(self, now: float) -> None:
        self._roll.tick(now)
        self._council.agree(self.members, now)

    def _natural(self, member: Member) -> Eligibility:
        """Return what the results say, or what is agreed on."""
        if not self.is_shared:
            return _seen(member)
        if member.agreed is None:
            return Eligibility.OPEN
        return Eligibility.IN if member.agreed == Agreed.UP else Eligibility.OUT

    def _leave_early(self, answer: PoolAnswer, now: float) -> bool:
        """Switch drains of members that are not answered anyway; return whether there were any.

        Their TTL need not be lowered, and they must not come back in between.
        """
        early = [
            drain
            for one, drain in self.drains.items()
            if not drain.switched and (one not in self.members or not self._is_in(answer.mask, one))
        ]
        for drain in early:
            drain.switch(now)
        return bool(early)

    def has_enough(self, verdicts: Mapping[str, bool | None]) -> bool | None:
        """Return whether enough members of a tier are up; ``verdicts`` say which are.

        None: that depends on members not checked yet.
        """
        members = tuple(self.members)
        tiers = [
            combined([verdicts[members[at]] for at in tier.members], tier.need)
            for tier in self._choice.tiers
        ]
        return combined(tiers, 1)

    def _eligibilities(self) -> list[Eligibility]:
        return [self.eligibility(member) for member in self.members.values()]

    def eligibility(self, member: Member) -> Eligibility:
        """Return whether ``member`` may be part of the next answer."""
        match member.order.forced if member.order else None:
            case Forced.UP:
                return Eligibility.IN
            case Forced.DOWN:
                return Eligibility.REMOVED
            case Forced.DRAIN:
                lowering = self._roll.switch_of(member) is not None
                return self._natural(member) if lowering else Eligibility.REMOVED
        return self._natural(member)

    def _is_in(self, mask: int, member: str) -> bool:
        return list(self.members).index(member) in Members(mask)

    def _answer(self, eligible: Sequence[Eligibility]) -> PoolAnswer:
        good = Members.where(self.members, self.last_good)
        return self._choice.answer(eligible, good)

    def _named(self, mask: int) -> tuple[str, ...]:
        return Members(mask).pick(self.members)

    # -- for how long -------------------------------------------------------------------------

    def _ttl(self, eligible: Sequence[Eligibility], answer: PoolAnswer) -> tuple[int, str]:
        """Return the TTL, and the reason for it, as far as members decide."""
        if answer.grade == Grade.DOWN:
            return ttl.all_down(self._terms), "too few members are up"
        least, because = self._terms.longest, "no member is about to change it"
        for at, member in enumerate(self.members.values()):
            seconds = self._member_ttl(member)
            if at in Members(answer.mask) and eligible[at] is Eligibility.HELD:
                seconds = self._terms.shortest  # one failure takes it out
            if seconds < least and self._matters(at, member, eligible, answer):
                least, because = seconds, f"{member.address} is {self.told(member)}"
            if least > T_DRAIN and self._roll.switch_of(member) is not None:
                least, because = T_DRAIN, f"{member.address} is about to leave"
        return least, because

    def _member_ttl(self, member: Member) -> int:
        found = self.agreements.get(member.address)
        if found is None:
            return ttl.member_ttl(self._terms, member)
        return ttl.agreed_ttl(self._terms, member, found)

    def _matters(
        self, at: int, member: Member, eligible: Sequence[Eligibility], answer: PoolAnswer
    ) -> bool:
        """Return whether the next change of ``member`` would change what is answered."""
        return any(
            self._differs([*eligible[:at], other, *eligible[at + 1 :]], answer)
            for other in self._next_eligibilities(member)
        )

    def _differs(self, eligible: Sequence[Eligibility], answer: PoolAnswer) -> bool:
        other = self._answer(eligible)
        return (other.mask, other.mode) != (answer.mask, answer.mode)

    def _next_eligibilities(self, member: Member) -> tuple[Eligibility, ...]:
        """Return what its next results, as many as it takes, could make of ``member``."""
        if (member.order and self._roll.switch_of(member) is None) or self.policy.check == "none":
            return ()
        match self._natural(member):
            case Eligibility.IN:
                return (Eligibility.OUT,)
            case Eligibility.OPEN | Eligibility.HELD:
                return (Eligibility.IN, Eligibility.OUT)
        return (Eligibility.IN,)

    def _before_plans(
        self, eligible: list[Eligibility], answer: PoolAnswer, now: float, found: tuple[int, str]
    ) -> tuple[int, str]:
        """Return the TTL that was ``found``, or one that ends before a change that is planned."""
        self._countdown = None
        if (planned := self._planned(eligible, answer)) is None:
            return found
        self._countdown = (planned, found[0])
        seconds = ttl.planned(self._terms, found[0], planned - now)
        return (seconds, "a change is planned") if seconds < found[0] else found

    def _planned(self, eligible: Sequence[Eligibility], answer: PoolAnswer) -> float | None:
        """Return when the answer will change although no check sees anything new.

        Of changes at one instant, only what all of them come to counts.
        """
        later = list(eligible)
        changes = [
            (when, at, eligibility)
            for at, member in enumerate(self.members.values())
            for when, eligibility in self._changes(member)
        ]
        changes.sort(key=lambda change: change[0])
        for number, (when, at, eligibility) in enumerate(changes):
            later[at] = eligibility
            more = number + 1 < len(changes) and changes[number + 1][0] == when
            if not more and self._differs(later, answer):
                return when
        return None

    def _changes(self, member: Member) -> Iterator[tuple[float, Eligibility]]:
        """Yield what orders and plans will make of ``member``, and when, in this order."""
        natural = self._natural(member)
        plan = self.plans.get(member.address)
        until = member.order.until if member.order else None
        ends = [at for at in (until, plan.start if plan else None) if at is not None]
        switch = self._roll.switch_of(member)
        if switch is not None and switch < min(ends, default=inf):
            yield switch, Eligibility.REMOVED
        if until is not None and (plan is None or until <= plan.start):
            yield until, natural
        if plan is not None:
            is_up = plan.order.forced == Forced.UP
            yield plan.start, Eligibility.IN if is_up else Eligibility.REMOVED
            if plan.order.until is not None:
                yield plan.order.until, natural

    def _next_second(self, now: float, planned: float, seconds: int) -> float:
        """Return when the TTL, once ``seconds``, has to be one less: a change is ``planned``."""
        left = planned - now
        if left <= 1:
            return planned
        return now + (left - seconds if left >= seconds else left % 1) + TICK_S

    # -- in words -----------------------------------------------------------------------------

    def _why(self, answer: PoolAnswer, because: str) -> tuple[str, ...]:
        reasons = [answer.why] if answer.why else []
        for member in self.members.values():
            found = self.agreements.get(member.address)
            odd = found is not None and not (found.firm and found.agreed == Agreed.UP)
            if member.order or member.frozen or member.state != MemberState.UP or odd:
                reasons.append(f"{member.address} is {self.told(member)}")
        return (*reasons, f"TTL: {because}")

    def told(self, member: Member) -> str:
        """Return the reason about ``member``, as the rest of a sentence."""
        found = self.agreements.get(member.address)
        here = told(member, self.policy)
        return f"{here}; {found.sentence()}" if found else here


def _seen(member: Member) -> Eligibility:
    """Return what the results say."""
    if member.state == MemberState.INIT:
        return Eligibility.OPEN
    if member.state == MemberState.HELD:
        return Eligibility.HELD
    return Eligibility.IN if member.state in SERVED else Eligibility.OUT
