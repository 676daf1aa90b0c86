"""Slots: what is wanted becomes what is, and no flow that lives is moved but by a death."""

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.balance.slots import MovePace, SlotMove, Slots, SlotsSeen
from dnsd.balance.table import table

IDLE, PATIENCE = 10.0, 3600.0
SLOTS = 31
NAMES = ("a", "b", "c", "d")

PACE = MovePace(IDLE, PATIENCE)


def seen(now: float, wanted: str, **more: Any) -> SlotsSeen:
    return SlotsSeen(now, wanted, **{"down": (), "silent": [0.0] * len(wanted), **more})


def test_a_slot_of_a_backend_that_is_down_moves_at_once() -> None:
    slots = Slots("aab", PACE)
    assert slots.step(seen(0, "bcb", down={"a"})) == [SlotMove(0, "b"), SlotMove(1, "c")]


def test_a_slot_in_use_goes_back_when_it_was_silent_for_idle() -> None:
    slots = Slots("bb", PACE)
    assert slots.step(seen(0, "ab", silent=[9.9, 99.0])) == []
    assert slots.waiting == 1
    assert slots.step(seen(1, "ab", silent=[10.0, 99.0])) == [SlotMove(0, "a", IDLE)]
    slots.moved([SlotMove(0, "a")])
    assert slots.actual == ["a", "b"]
    assert slots.waiting == 0


@pytest.mark.parametrize("silent", [[0.0], None])
def test_a_slot_that_is_never_silent_goes_back_after_patience(silent: list[float] | None) -> None:
    slots = Slots("b", PACE)
    assert slots.step(seen(5, "a", silent=silent)) == []
    assert slots.step(seen(5 + PATIENCE - 1, "a", silent=silent)) == []
    assert slots.step(seen(5 + PATIENCE, "a", silent=silent)) == [SlotMove(0, "a")]


def test_patience_begins_anew_when_the_slot_was_right_in_between() -> None:
    slots = Slots("b", PACE)
    slots.step(seen(0, "a"))
    slots.step(seen(10, "b"))
    slots.step(seen(20, "a"))
    assert slots.step(seen(PATIENCE + 10, "a")) == []


def test_a_drain_has_no_patience() -> None:
    slots = Slots("a", PACE)
    slots.step(seen(0, "b", drained={"a"}))
    assert slots.step(seen(1e9, "b", drained={"a"})) == []
    assert slots.step(seen(1e9, "b", drained={"a"}, silent=[IDLE])) == [SlotMove(0, "b", IDLE)]


def test_flows_of_one_packet_and_slots_that_are_not_used_yet_need_no_silence() -> None:
    assert Slots("b", MovePace(IDLE, PATIENCE, at_once=True)).step(seen(0, "a")) == [
        SlotMove(0, "a")
    ]
    assert Slots("b", PACE).step(seen(0, "a", unused=True)) == [SlotMove(0, "a")]


def test_without_a_backend_everything_stays_where_it_is() -> None:
    slots = Slots("ab", PACE)
    assert slots.step(seen(0, "", down={"a", "b"})) == []
    assert slots.actual == ["a", "b"]


def test_busy_slots_are_those_that_are_not_silent_or_not_known_to_be() -> None:
    slots = Slots("aab", PACE)
    assert slots.busy("a", [0.0, IDLE, 0.0]) == 1
    assert slots.busy("a", None) == 2
    assert slots.busy("c", None) == 0


# -- a world with flows in it -----------------------------------------------------------------


@dataclass
class World:
    """Backends that come and go, and flows that send a packet at least every ``IDLE`` seconds."""

    weights: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 1))
    down: set[str] = field(default_factory=set)
    drained: set[str] = field(default_factory=set)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.slots = Slots(table(self.weights, SLOTS), MovePace(IDLE, math.inf))
        self.last = [-math.inf] * SLOTS
        self.flows: dict[int, str] = {}
        """The backend of each slot in which a flow lives."""

    def wanted(self) -> tuple[str, ...]:
        up = {name: weight for name, weight in self.weights.items() if name not in self.down}
        fresh = {name: weight for name, weight in up.items() if name not in self.drained}
        return table(fresh or up, SLOTS)

    def packet(self, slot: int) -> None:
        """A packet of the flow in this slot, of a new one if there is none."""
        backend = self.slots.actual[slot]
        assert self.flows.get(slot, backend) == backend, "a flow that lives was moved"
        if backend not in self.down:
            self.flows[slot] = backend
        self.last[slot] = self.now

    def step(self) -> list[SlotMove]:
        """Let time be what it is, and the slots move."""
        silent = [self.now - last for last in self.last]
        # A flow ends when it is silent for longer than flows may be, or when its backend dies.
        for slot, backend in [*self.flows.items()]:
            if silent[slot] >= IDLE or backend in self.down:
                del self.flows[slot]
        moves = self.slots.step(SlotsSeen(self.now, self.wanted(), self.down, self.drained, silent))
        assert all(wanted != self.slots.actual[slot] for slot, wanted, _ in moves)
        self.slots.moved(moves)
        return moves


Event = tuple[str, Any]

NAME = st.sampled_from(NAMES)
EVENT = st.one_of(
    st.tuples(st.just("packet"), st.integers(0, SLOTS - 1)),
    st.tuples(st.just("time"), st.floats(0, 2 * IDLE)),
    st.tuples(st.just("down"), NAME),
    st.tuples(st.just("up"), NAME),
    st.tuples(st.just("drain"), NAME),
    st.tuples(st.just("undrain"), NAME),
    st.tuples(st.just("weight"), st.tuples(NAME, st.integers(1, 5))),
)


def play(world: World, what: str, which: Any) -> None:
    match what:
        case "packet":
            world.packet(which)
        case "time":
            world.now += which
        case "down":
            world.down.add(which)
        case "up":
            world.down.discard(which)
        case "drain":
            world.drained.add(which)
        case "undrain":
            world.drained.discard(which)
        case "weight":
            world.weights[which[0]] = which[1]


@given(st.lists(EVENT, max_size=80))
def test_no_flow_that_lives_is_moved_but_by_the_death_of_its_backend(events: list[Event]) -> None:
    world = World()
    for what, which in events:
        play(world, what, which)
        world.step()
        for slot, backend in enumerate(world.slots.actual):
            # Whatever is up takes what is down gives up, in the same step.
            assert backend not in world.down or not world.wanted()
            assert world.flows.get(slot, backend) == backend


@given(st.lists(EVENT, max_size=40))
def test_when_all_is_silent_the_slots_are_what_is_wanted(events: list[Event]) -> None:
    world = World()
    for what, which in events:
        play(world, what, which)
        world.step()
    world.now += IDLE
    world.step()
    assert not world.wanted() or tuple(world.slots.actual) == world.wanted()


@given(st.lists(EVENT, max_size=40), NAME)
def test_two_directors_agree_once_their_slots_have_converged(
    events: list[Event], leaver: str
) -> None:
    """One of them has a history, the other one is new."""
    old = World()
    for what, which in events:
        play(old, what, which)
        old.step()
    old.down.discard(leaver)
    old.now += IDLE
    old.step()
    new = World(old.weights, old.down, old.drained)
    new.step()
    assert old.slots.actual == new.slots.actual
