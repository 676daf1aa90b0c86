"""Faults put into failover and horizon, each of which a law must find: none is ever in dnsd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dnsd.caches.changes import CachedFor, KnownZone, held_after
from dnsd.caches.judge import Safety, Verdict
from dnsd.caches.ledger import Ledger
from dnsd.caches.report import Bound
from dnsd.config.policy import PoolPolicy
from dnsd.control.failover.engine import FailoverEngine
from dnsd.control.failover.selections import PoolCells
from dnsd.control.failover.statefile import StateFile
from dnsd.control.horizon.ask import Horizon
from dnsd.control.horizon.ledgerfile import LedgerFile
from dnsd.control.horizon.memory import LedgerMemory
from dnsd.control.horizon.poolbook import PoolBook
from dnsd.failover import quorum
from dnsd.failover.member import Member
from dnsd.failover.orders import StoredPlan
from dnsd.image.keepsake import Keepsake
from tests.simulation.worlds.world import Event, Kind
from tests.simulation.worlds.zones import Terms

if TYPE_CHECKING:
    import pytest

    from dnsd.caches.report import NodeReport
    from dnsd.config.policy import Scope
    from dnsd.failover.orders import PlannedOrder

HORIZON = "dnsd.caches.judge."
END = Event(25.0, "member_up")
"""Nothing but time."""

ONE = Kind(size=1, ttl=15, members=2, pause=0.2, terms=Terms(ttl_min=5))
LONG = ONE._replace(ttl=40)
TWO = ONE._replace(size=2)
THREE = Kind(size=3, terms=Terms(scope="quorum:2/3"), members=2, pause=0.6)
LATER = Event(25.0, "member_up")
"""The TTL has grown by then."""
DOWN = Event(2.0, "force_down")


class Mutation(NamedTuple):
    """A fault, a story that shows it, and what the broken law says."""

    make: Any
    kind: Kind
    story: list[Event]
    says: str
    seed: int = 1


def _no_margin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HORIZON + "MARGIN_S", 0.0)


def _the_floor_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HORIZON + "LONGEST_FLOOR_S", 0.0)


def _bounds_are_joined_by_min(patch: pytest.MonkeyPatch) -> None:
    def join(self: Bound, other: Bound) -> Bound:
        if self == Bound():
            return other
        return Bound(
            min(self.until, other.until), min(self.last, other.last), min(self.ttl, other.ttl)
        )

    patch.setattr(Bound, "join", join)


def _doubt_is_ignored(patch: pytest.MonkeyPatch) -> None:
    report = Horizon._report

    def undoubted(self: Horizon, *given: Any) -> NodeReport:
        return msgspec.structs.replace(report(self, *given), doubt="")

    patch.setattr(Horizon, "_report", undoubted)


def _an_account_is_written_once(patch: pytest.MonkeyPatch) -> None:
    write = LedgerFile.write

    def once(self: LedgerFile, number: int, data: bytes) -> None:
        if self.read() is None:
            write(self, number, data)

    patch.setattr(LedgerFile, "write", once)


def _notes_are_not_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PoolCells, "sweep", lambda *_: None)


def _an_order_is_acknowledged_unwritten(patch: pytest.MonkeyPatch) -> None:
    async def write(self: StateFile, *_: Any) -> None:
        self._on_disk = self._demanded

    patch.setattr(StateFile, "write", write)


def _an_order_is_left_to_no_successor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keepsake, "get", lambda _: None)


def _a_restart_forgets_orders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Member, "restore_order", lambda *_: None)


def _an_order_that_ends_counts_as_one_that_does_not(patch: pytest.MonkeyPatch) -> None:
    def removed(pool: Any, address: str) -> bool:
        order = pool.state.members[address].order
        return order is not None and order.forced == "down"

    patch.setattr("dnsd.control.horizon.memory._is_removed", removed)


def _a_drain_is_safe_at_once(patch: pytest.MonkeyPatch) -> None:
    verdict = Verdict(Safety.SAFE, 0.0, 0.0, (), ())
    patch.setattr(LedgerMemory, "judge", lambda *_: verdict)


def _what_was_declared_is_not_bounded_after_a_crash(patch: pytest.MonkeyPatch) -> None:
    def resume(self: Ledger, data: bytes, now: float, *_: Any, **__: Any) -> None:
        from dnsd.caches.ledger import _read

        self.absorb(_read(data).past, now)

    patch.setattr(Ledger, "resume", resume)


def _what_is_replaced_is_over_soon(patch: pytest.MonkeyPatch) -> None:
    def soon(old: KnownZone, new: KnownZone | None) -> tuple[CachedFor, ...]:
        return tuple(one._replace(ttl=one.ttl // 9) for one in held_after(old, new))

    patch.setattr("dnsd.control.horizon.shelf.held_after", soon)


def _workers_are_thought_to_have_left(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dnsd.control.node.Node._reached", lambda _: 1 << 30)


def _others_have_no_vote(patch: pytest.MonkeyPatch) -> None:
    agreement = quorum.agreement

    def alone(scope: Scope, votes: Any, *rest: Any) -> quorum.Agreement:
        own = [one for one in votes if one.node == quorum.OWN]
        return agreement(msgspec.structs.replace(scope, need=1), own, *rest)

    patch.setattr(quorum, "agreement", alone)


def _silence_is_a_vote(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dnsd.failover.quorum.FRESH_INTERVALS", 1000)


def _what_comes_back_is_not_declared(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dnsd.control.horizon.memory._possible", lambda _: frozenset())


def _pools_are_not_in_the_ledger(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PoolBook, "noted", lambda *_: None)


def _orders_that_are_lost_were_never_given(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FailoverEngine, "loss", "")


def _a_restart_puts_off_what_is_planned(patch: pytest.MonkeyPatch) -> None:
    planned = StoredPlan.plan

    def later(self: StoredPlan, now: float) -> PlannedOrder:
        return planned(self, now + 1000.0)

    patch.setattr(StoredPlan, "plan", later)


def _the_dead_have_given_out_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HORIZON + "_Findings._hold_all", lambda *_: None)


def _members_stay_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PoolPolicy, "up", 1000)


MUTATIONS = {
    "no margin": Mutation(_no_margin, ONE, [Event(0.1, "late", 30.0), DOWN, END], "safe"),
    "the floor is ignored": Mutation(_the_floor_is_ignored, ONE, [DOWN, END], "floor"),
    "bounds are joined by min": Mutation(_bounds_are_joined_by_min, ONE, [DOWN, END], "safe"),
    "doubt is ignored": Mutation(
        _doubt_is_ignored,
        ONE,
        [Event(1.0, "disk_full", 60.0), DOWN, Event(30.0, "crash"), Event(6.0, "member_up")],
        "safe",
    ),
    "an account is written once": Mutation(
        _an_account_is_written_once,
        ONE._replace(ttl=6),
        [Event(2.0, "edit_ttl_up"), LATER, Event(1.0, "crash")],
        "account",
    ),
    "notes are not read": Mutation(_notes_are_not_read, LONG, [LATER, DOWN, END], "safe"),
    "pools are not in the ledger": Mutation(
        _pools_are_not_in_the_ledger, LONG, [LATER, DOWN, END], "safe"
    ),
    "an order is acknowledged unwritten": Mutation(
        _an_order_is_acknowledged_unwritten,
        ONE,
        [DOWN, Event(3.0, "crash", 0.1), Event(5.0, "member_up")],
        "(order|lost)",
    ),
    "an order that the disk refuses is left to no successor": Mutation(
        _an_order_is_left_to_no_successor,
        ONE,
        [Event(1.0, "disk_full", 30.0), DOWN, Event(2.0, "kill_control"), Event(5.0, "member_up")],
        "order",
    ),
    "a restart forgets orders": Mutation(
        _a_restart_forgets_orders,
        ONE,
        [DOWN, Event(3.0, "crash", 0.1), Event(5.0, "member_up")],
        "order",
    ),
    "a restart forgets orders, and one that brings in who is not out has no answer": Mutation(
        _a_restart_forgets_orders,
        ONE,
        [
            DOWN,
            Event(3.0, "stop_control", 12.0),
            Event(0.1, "force_up", 1.0, 4),
            Event(1.0, "crash", 0.1),
            Event(5.0, "member_up"),
        ],
        "order",
    ),
    "an order that ends counts as one that does not": Mutation(
        _an_order_that_ends_counts_as_one_that_does_not,
        ONE,
        [Event(1.0, "force_down_for", 30.0), Event(35.0, "member_up")],
        "safe",
    ),
    "a drain is safe at once": Mutation(
        _a_drain_is_safe_at_once, ONE, [Event(1.0, "drain_direct"), END], "safe"
    ),
    "what was declared is not bounded after a crash": Mutation(
        _what_was_declared_is_not_bounded_after_a_crash,
        ONE,
        [Event(3.0, "crash", 0.1), END],
        "account",
    ),
    "what is replaced is over soon": Mutation(
        _what_is_replaced_is_over_soon, LONG, [Event(2.0, "edit_host"), END], "safe"
    ),
    "workers are thought to have left": Mutation(
        _workers_are_thought_to_have_left,
        ONE,
        [Event(1.9, "worker_lags", 14.0), Event(0.1, "edit_host"), END],
        "safe",
    ),
    "others have no vote": Mutation(
        _others_have_no_vote, THREE, [Event(2.0, "blind", 20.0), END], "quorum"
    ),
    "silence is a vote": Mutation(
        _silence_is_a_vote,
        THREE,
        [
            Event(2.0, "blind", 8.0, 1),
            Event(7.0, "cut", 70.0, 1),
            Event(25.0, "blind", 20.0, 0),
            END,
        ],
        "quorum",
    ),
    "what comes back is not declared": Mutation(
        _what_comes_back_is_not_declared,
        ONE,
        [Event(1.0, "member_down", 1.0), Event(30.0, "member_up"), Event(20.0, "member_up")],
        "safe",
    ),
    "orders that are lost were never given": Mutation(
        _orders_that_are_lost_were_never_given,
        ONE,
        [Event(9.0, "lose_orders", 0.1), Event(9.0, "edit_away"), END, END],
        "lost",
    ),
    "a restart puts off what is planned": Mutation(
        _a_restart_puts_off_what_is_planned,
        ONE,
        [Event(1.0, "force_down_at", 4.0), Event(3.0, "crash", 0.1), END],
        "order",
    ),
    "the dead have given out nothing": Mutation(
        _the_dead_have_given_out_nothing,
        LONG._replace(size=2),
        [
            Event(1.0, "force_down", 1.0, 0),
            LATER,
            LATER,
            Event(1.0, "die", 8.0, 1),
            Event(0.3, "declare_dead", 1.0, 0),
            END,
        ],
        "safe",
    ),
    "members stay out": Mutation(
        _members_stay_out, ONE, [Event(1.0, "member_down"), Event(12.0, "member_up")], "heal"
    ),
}
