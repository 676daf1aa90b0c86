"""A pool: its members, and what is answered now, with which TTL, and why.

Knows the policy, results, orders and drains; neither names nor workers. Pure: it is given the
time (seconds, monotonic). Members are bits, in the order in which they were given.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dnsd.failover import quorum, ttl
from dnsd.failover.choice import Choice, Grade, Mode, Standing
from dnsd.failover.council import Council
from dnsd.failover.drain import T_DRAIN, Drain, direct
from dnsd.failover.member import OUT, SERVED, Agreed, Forced, Member, State
from dnsd.failover.orders import Directive, to_stored
from dnsd.failover.stored import BELIEVED_S, StoredPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dnsd.config.policy import Pool
    from dnsd.failover.choice import Answer
    from dnsd.failover.member import Order
    from dnsd.failover.orders import Plan
    from dnsd.failover.quorum import Agreement, Vote
    from dnsd.failover.stored import Kept

_T = TypeVar("_T")

TICK_S = 0.001
"""How much later than a round second it looks again, so that the second is really over."""


class Decision(NamedTuple):
    """What workers do: ``mode`` with the members of ``mask`` for ``ttl`` seconds; and why."""

    mask: int
    ttl: int
    mode: Mode
    why: tuple[str, ...]


class Away(NamedTuple):
    """A member that the zone does not have since ``since``."""

    member: Member
    since: float


class PoolState:
    """The members of a pool by their address, what is ordered of them, and what was good last.

    ``away`` are those that the zone does not have now: what is ordered of them stands.
    ``ttl_max`` is the TTL of the records in the zone file; there is one member at least.
    Results and orders go in at any time; whoever gives one asks :meth:`decide` afterwards, and
    again at :meth:`next_wakeup`.
    """

    def __init__(self, policy: Pool, ttl_max: int, members: Sequence[str], now: float) -> None:
        self.members: dict[str, Member] = {}
        self.away: dict[str, Away] = {}
        self.drains: dict[str, Drain] = {}
        self.plans: dict[str, Plan] = {}
        self.last_good: tuple[str, ...] = ()
        self._council = Council(policy)
        self._countdown: tuple[float, int] | None = None
        self.edit(policy, ttl_max, members, now)

    def edit(self, policy: Pool, ttl_max: int, members: Sequence[str], now: float) -> None:
        """Go on with what the zone and its policy say now; members that stay keep their state."""
        self.policy = policy
        self._terms = ttl.terms(policy, ttl_max)
        self._choice = Choice(policy, members)
        for one in self.members.keys() - set(members):
            self._put_away(self.members[one], now)
        known = self.members
        self.members = {one: known.get(one) or self._arrived(one, now) for one in members}
        for member in self.members.values():
            member.adopt(policy, now)
        self._council.edit(policy, self.members)
        self._council.agree(self.members, now)

    def _arrived(self, address: str, now: float) -> Member:
        """Return a member that is new in the zone, or is there again."""
        away = self.away.pop(address, None)
        if away and now - away.since <= BELIEVED_S:
            return away.member
        member = Member(address, self.policy, now)
        if away:
            member.restore_debt(away.member.to_stored(now), now)
            member.force(away.member.order)
        return member

    def _put_away(self, member: Member, now: float) -> None:
        """Keep a member that the zone has no more."""
        self.away[member.address] = Away(member, now)
        self._forget_away()

    def _forget_away(self) -> None:
        """Forget members that are away and of which nothing is ordered, nor to be asked."""
        for address, (member, _) in tuple(self.away.items()):
            is_owed = member.state in OUT and self.policy.failback.kind == "manual"
            if not (member.order or address in self.plans or is_owed):
                del self.away[address]

    @property
    def is_shared(self) -> bool:
        """Whether several nodes decide how a member is."""
        return self._council.is_shared

    @property
    def agreements(self) -> Mapping[str, Agreement]:
        """How far nodes agree on each member, by address; empty if this one decides alone."""
        return self._council.agreements

    @property
    def settled(self) -> bool:
        """Whether something is known of every member, be it that a check has failed."""
        if self.is_shared:
            return all(one.agreed for one in self.members.values())
        return all(one.state != State.INIT or one.last for one in self.members.values())

    @property
    def weights(self) -> tuple[int, ...]:
        """The weights of the members, and of the fallback addresses behind them."""
        return self._choice.weights

    # -- what happens to it -------------------------------------------------------------------

    def result(
        self, member: str, now: float, ok: bool, detail: str = "", latency: float = 0.0
    ) -> None:
        """Count the result of a check; of a member that is not there any more, forget it."""
        if member in self.members:
            self.members[member].result(now, ok, detail, latency)

    def hear(self, node: str, votes: Mapping[str, Vote]) -> bool:
        """Take in what another node says of the members, by address: all that it says now.

        Return whether there is something to decide.
        """
        return self._council.hear(
            node, {one: vote for one, vote in votes.items() if one in self.members}
        )

    def force(self, member: str, order: Order | None) -> None:
        """Obey ``order``; None: the results decide again."""
        self.obey(member, self.ordered(member)._replace(order=order, drain=None))

    def drain(self, member: str, order: Order, drain: Drain) -> None:
        """Obey ``order`` step by step, as ``drain`` does."""
        self.obey(member, self.ordered(member)._replace(order=order, drain=drain))

    def ordered(self, address: str) -> Directive:
        """Return what is ordered of a member, be it away."""
        member = self.known(address)
        order = member.order if member else None
        return Directive(order, self.drains.get(address), self.plans.get(address))

    def obey(self, address: str, directive: Directive) -> None:
        """Do what is ordered of a member from now on; it may be away."""
        self._put(self.drains, address, directive.drain)
        self._put(self.plans, address, directive.plan)
        if member := self.known(address):
            member.force(directive.order)
        self._forget_away()

    def known(self, address: str) -> Member | None:
        """Return a member, be it away; None if nothing is known of it."""
        away = self.away.get(address)
        return self.members.get(address) or (away.member if away else None)

    @staticmethod
    def _put(where: dict[str, _T], address: str, what: _T | None) -> None:
        if what is None:
            where.pop(address, None)
        else:
            where[address] = what

    def shift_plans(self, seconds: float) -> None:
        """Have plans come so much later: the clock of the day was set."""
        self.plans = {one: plan.shifted(seconds) for one, plan in self.plans.items()}

    def freeze(self, why: str) -> None:
        """Keep what is known: nobody checks the members, and ``why`` is the reason."""
        for member in self.members.values():
            member.freeze(why)

    def thaw(self, now: float) -> None:
        """Count results again."""
        for member in self.members.values():
            member.thaw(now)

    def objection(self, member: str, forced: Forced) -> str:
        """Return what speaks against forcing ``member``, empty if nothing does."""
        standings = self._standings()
        before = self._answer(standings)
        standings[list(self.members).index(member)] = (
            Standing.IN if forced == Forced.UP else Standing.REMOVED
        )
        after = self._answer(standings)
        if forced == Forced.UP or after.grade == Grade.GOOD:
            return ""
        if after.mask & self._bit(member):
            return f"{member} would still be answered: there is nothing else to answer"
        return after.why if after.grade > before.grade else ""

    # -- over a restart -----------------------------------------------------------------------

    def to_stored(self, now: float) -> StoredPool:
        """Return what is to survive a restart."""
        return StoredPool(
            name=self.policy.name,
            type=self.policy.type,
            members=tuple(member.to_stored(now) for member in self._everyone()),
            drains=tuple(drain.to_stored(one, now) for one, drain in self.drains.items()),
            last_good=self.last_good,
            plans=tuple(to_stored(one, plan, now) for one, plan in self.plans.items()),
        )

    def _everyone(self) -> Iterator[Member]:
        yield from self.members.values()
        for away in self.away.values():
            yield away.member

    def restore(self, kept: Kept, now: float) -> None:
        """Take over what was stored; what was ordered of members that are not there stands."""
        stored = kept.pools.get((self.policy.name, self.policy.type))
        if stored is None:
            return
        self.last_good = stored.last_good
        for one in stored.members:
            member = self.members.get(one.address) or Member(one.address, self.policy, now)
            if kept.fresh:
                member.restore_state(one, kept.ago, now)
            else:
                member.restore_debt(one, now)
            member.restore_order(one, kept.ago, now)
            if one.address not in self.members:
                self.away[one.address] = Away(member, now - kept.ago)
        for drain in stored.drains:
            self.drains[drain.address] = Drain.restored(drain, kept.ago, now)
        for plan in stored.plans:
            self.plans[plan.address] = plan.aged(kept.ago).plan(now)
        self._tick_orders(now)

    # -- deciding -----------------------------------------------------------------------------

    def decide(self, now: float) -> Decision:
        """Return what is to be answered from ``now`` on."""
        self._tick(now)
        standings = self._standings()
        answer = self._answer(standings)
        if self._leave_early(answer, now):
            standings = self._standings()
            answer = self._answer(standings)
        if answer.grade == Grade.GOOD and answer.mask:
            self.last_good = self._named(answer.mask)
        seconds, because = self._ttl(standings, answer)
        seconds, because = self._before_plans(standings, answer, now, (seconds, because))
        return Decision(answer.mask, seconds, answer.mode, self._why(answer, because))

    @property
    def contradicted(self) -> tuple[str, ...]:
        """The members that enough other nodes see, if this one sees none: it is cut off."""
        if not self.is_shared:
            return ()
        return quorum.sees_nobody(self.members.values(), self.agreements)

    def next_wakeup(self, now: float) -> float | None:
        """Return when to decide again although nothing was seen; None: no need to."""
        times = [drain.switch_at for drain in self.drains.values() if not drain.switched]
        times += [at for member in self._everyone() if (at := member.due) is not None]
        times += [plan.start for plan in self.plans.values()]
        times += self._council.wakeups()
        if self._countdown is not None:
            times.append(self._next_second(now, *self._countdown))
        return max(now, min(times)) if times else None

    def answered(self, member: str, decision: Decision) -> bool:
        """Return whether ``decision`` still sends clients to ``member``."""
        return bool(decision.mask & self._bit(member))

    def _tick(self, now: float) -> None:
        self._tick_orders(now)
        for member in self.members.values():
            member.tick(now)
        self._council.agree(self.members, now)

    def _tick_orders(self, now: float) -> None:
        """Have plans begin and orders end."""
        for address, plan in tuple(self.plans.items()):
            if now >= plan.start:
                self._begin(address, plan, now)
        for drain in self.drains.values():
            drain.tick(now)
        for member in self._everyone():
            member.end_order(now)
        for address in tuple(self.drains):
            if self.ordered(address).order is None:
                del self.drains[address]
        self._forget_away()

    def _begin(self, address: str, plan: Plan, now: float) -> None:
        del self.plans[address]
        member = self.known(address)
        if member is None or plan.is_over(now):
            return
        member.force(plan.order)
        # Its TTL has been lowered: longer answers have expired by now.
        is_drain = plan.order.forced == Forced.DRAIN
        self._put(self.drains, address, direct(plan.start) if is_drain else None)

    def _natural(self, member: Member) -> Standing:
        """Return what the results say, or what is agreed on."""
        if not self.is_shared:
            return _seen(member)
        if member.agreed is None:
            return Standing.OPEN
        return Standing.IN if member.agreed == Agreed.UP else Standing.OUT

    def _leave_early(self, answer: Answer, now: float) -> bool:
        """Switch drains of members that are not answered anyway; return whether there were any.

        Nothing of them is to be lowered, and they are not to come back in between.
        """
        early = [
            drain
            for one, drain in self.drains.items()
            if not drain.switched and (one not in self.members or not answer.mask & self._bit(one))
        ]
        for drain in early:
            drain.switch(now)
        return bool(early)

    def _standings(self) -> list[Standing]:
        return [self._standing(member) for member in self.members.values()]

    def _standing(self, member: Member) -> Standing:
        match member.order.forced if member.order else None:
            case Forced.UP:
                return Standing.IN
            case Forced.DOWN:
                return Standing.REMOVED
            case Forced.DRAIN:
                lowering = self._switch_of(member) is not None
                return self._natural(member) if lowering else Standing.REMOVED
        return self._natural(member)

    def _switch_of(self, member: Member) -> float | None:
        """Return when ``member`` will leave the answer, if a drain has it still there."""
        drain = self.drains.get(member.address)
        return None if drain is None or drain.switched else drain.switch_at

    def _bit(self, member: str) -> int:
        return 1 << list(self.members).index(member)

    def _answer(self, standings: Sequence[Standing]) -> Answer:
        good = sum(1 << at for at, one in enumerate(self.members) if one in self.last_good)
        return self._choice.answer(standings, good)

    def _named(self, mask: int) -> tuple[str, ...]:
        return tuple(one for at, one in enumerate(self.members) if mask >> at & 1)

    # -- for how long -------------------------------------------------------------------------

    def _ttl(self, standings: Sequence[Standing], answer: Answer) -> tuple[int, str]:
        """Return the TTL, and the reason for it, as far as members decide."""
        if answer.grade == Grade.DOWN:
            return ttl.all_down(self._terms), "too few members are up"
        least, because = self._terms.longest, "no member is about to change it"
        for at, member in enumerate(self.members.values()):
            seconds = self._member_ttl(member)
            if answer.mask >> at & 1 and standings[at] is Standing.HELD:
                seconds = self._terms.shortest  # one failure takes it out
            if seconds < least and self._matters(at, member, standings, answer):
                least, because = seconds, f"{member.address} is {self.told(member)}"
            if least > T_DRAIN and self._switch_of(member) is not None:
                least, because = T_DRAIN, f"{member.address} is about to leave"
        return least, because

    def _member_ttl(self, member: Member) -> int:
        found = self.agreements.get(member.address)
        if found is None:
            return ttl.member_ttl(self._terms, member)
        return ttl.agreed_ttl(self._terms, member, found)

    def _matters(
        self, at: int, member: Member, standings: Sequence[Standing], answer: Answer
    ) -> bool:
        """Return whether the next change of ``member`` would change what is answered."""
        return any(
            self._differs([*standings[:at], other, *standings[at + 1 :]], answer)
            for other in self._next_standings(member)
        )

    def _differs(self, standings: Sequence[Standing], answer: Answer) -> bool:
        other = self._answer(standings)
        return (other.mask, other.mode) != (answer.mask, answer.mode)

    def _next_standings(self, member: Member) -> tuple[Standing, ...]:
        """Return what its next results, as many as it takes, could make of ``member``."""
        if (member.order and self._switch_of(member) is None) or self.policy.check == "none":
            return ()
        match self._natural(member):
            case Standing.IN:
                return (Standing.OUT,)
            case Standing.OPEN | Standing.HELD:
                return (Standing.IN, Standing.OUT)
        return (Standing.IN,)

    def _before_plans(
        self, standings: Sequence[Standing], answer: Answer, now: float, found: tuple[int, str]
    ) -> tuple[int, str]:
        """Return the TTL that was ``found``, or one that ends before a change that is planned."""
        self._countdown = None
        if (planned := self._planned(standings, answer)) is None:
            return found
        self._countdown = (planned, found[0])
        seconds = ttl.planned(self._terms, found[0], planned - now)
        return (seconds, "it is planned to change") if seconds < found[0] else found

    def _planned(self, standings: Sequence[Standing], answer: Answer) -> float | None:
        """Return when the answer will change although no check sees anything new.

        Of changes at one instant, only what all of them come to counts.
        """
        later = list(standings)
        changes = [
            (when, at, standing)
            for at, member in enumerate(self.members.values())
            for when, standing in self._changes(member)
        ]
        changes.sort(key=lambda change: change[0])
        for number, (when, at, standing) in enumerate(changes):
            later[at] = standing
            more = number + 1 < len(changes) and changes[number + 1][0] == when
            if not more and self._differs(later, answer):
                return when
        return None

    def _changes(self, member: Member) -> Iterator[tuple[float, Standing]]:
        """Yield what orders and plans will make of ``member``, and when, in this order."""
        natural = self._natural(member)
        plan = self.plans.get(member.address)
        until = member.order.until if member.order else None
        ends = [at for at in (until, plan.start if plan else None) if at is not None]
        switch = self._switch_of(member)
        if switch is not None and switch < min(ends, default=inf):
            yield switch, Standing.REMOVED
        if until is not None and (plan is None or until <= plan.start):
            yield until, natural
        if plan is not None:
            yield plan.start, Standing.IN if plan.order.forced == Forced.UP else Standing.REMOVED
            if plan.order.until is not None:
                yield plan.order.until, natural

    def _next_second(self, now: float, planned: float, seconds: int) -> float:
        """Return when the TTL, once ``seconds``, has to be one less: a change is ``planned``."""
        left = planned - now
        if left <= 1:
            return planned
        return now + (left - seconds if left >= seconds else left % 1) + TICK_S

    # -- in words -----------------------------------------------------------------------------

    def _why(self, answer: Answer, because: str) -> tuple[str, ...]:
        reasons = [answer.why] if answer.why else []
        for member in self.members.values():
            found = self.agreements.get(member.address)
            odd = found is not None and not (found.firm and found.agreed == Agreed.UP)
            if member.order or member.frozen or member.state != State.UP or odd:
                reasons.append(f"{member.address} is {self.told(member)}")
        return (*reasons, f"TTL: {because}")

    def told(self, member: Member) -> str:
        """Return what is to be said of ``member``, as the rest of a sentence."""
        found = self.agreements.get(member.address)
        here = told(member, self.policy)
        return f"{here}; {found.sentence()}" if found else here


def told(member: Member, policy: Pool) -> str:
    """Return what is to be said of ``member``, as the rest of a sentence."""
    if order := member.order:
        reason = f" ({order.reason})" if order.reason else ""
        what = "drained" if order.forced == Forced.DRAIN else f"forced {order.forced}"
        return f"{what}{reason}; its checks say {seen_as(member, policy)}"
    if member.frozen:
        return f"{seen_as(member, policy)}, as far as is known: {member.frozen}"
    return seen_as(member, policy)


def seen_as(member: Member, policy: Pool) -> str:
    """Return what the results say of ``member``, in words."""
    match member.state:
        case State.INIT:
            count = f" ({member.n_fail} of {policy.down} failures)" if member.n_fail else ""
            return f"not known yet{count}"
        case State.UP:
            return f"up ({member.n_stable} success{'' if member.n_stable == 1 else 'es'})"
        case State.SUSPECT:
            return f"suspect ({member.n_fail} of {policy.down} failures)"
        case State.RECOVERING:
            return f"recovering ({member.n_ok} of {policy.up} successes)"
        case State.HELD if policy.failback.kind == "manual":
            return "held until the operator lets it come back"
    return str(member.state)


def _seen(member: Member) -> Standing:
    """Return what the results say."""
    if member.state == State.INIT:
        return Standing.OPEN
    if member.state == State.HELD:
        return Standing.HELD
    return Standing.IN if member.state in SERVED else Standing.OUT
