"""Several nodes keep the laws of failover and horizon, whatever happens to them.

A world that breaks a law is shown as a seed, and as the least of its story that still breaks it:
put that into ``REPLAYS``. For a search: ``python -m bench worlds``; of one seed:
``python -m bench worlds --replay SEED``.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.simulation.laws import Broken
from tests.simulation.worlds.mutations import END, LATER, MUTATIONS
from tests.simulation.worlds.search import run, shrunk, told
from tests.simulation.worlds.story import play
from tests.simulation.worlds.world import Event, Kind, World
from tests.simulation.worlds.zones import Terms

WORLDS = 2000
AT_ONCE = 25


@pytest.mark.parametrize("first", range(0, WORLDS, AT_ONCE))
def test_the_laws_hold_whatever_happens(first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        found = run(seed)
        if found is not None:
            pytest.fail(told(shrunk(found)), pytrace=False)


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_line_of_safety_is_needed(name: str) -> None:
    """Without the fault the same story breaks no law: so it is the fault that is found."""
    mutation = MUTATIONS[name]
    play(mutation.story, mutation.seed, mutation.kind)
    with pytest.MonkeyPatch.context() as patch:
        mutation.make(patch)
        with pytest.raises(Broken, match=f"^{mutation.says}:"):
            play(mutation.story, mutation.seed, mutation.kind)


def test_a_world_is_always_the_same() -> None:
    """What a seed stands for does not change from one time to the next."""
    first, second = (
        play([Event(1.0, "crash"), Event(9.0, "edit_away")], 5, Kind(size=3)) for _ in range(2)
    )
    assert first.caches.held == second.caches.held
    assert first.loop.now == second.loop.now


@pytest.mark.parametrize("between", [[], [Event(9.0, "crash", 0.1, 1)]])
def test_a_node_that_has_lost_all_hears_from_others_that_it_had_orders(
    between: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if they have been started again since, and have not heard it before it has lost all."""
    missed = []

    async def look(world: World) -> None:
        node = world.machines[0].node
        missed.append(node.engine.doubt if node else "")

    monkeypatch.setattr(World, "_heal", look)
    lost = Event(0.05 if between else 9.0, "redeploy", 0.5)
    story = [Event(1.0, "force_down"), *between, lost, Event(9.0, "member_up")]
    play(story, 1, Kind(size=2))
    assert "node b heard" in missed[0]


class Replay(NamedTuple):
    """A story that has once broken a law; ``open`` is why it still does."""

    kind: Kind
    story: list[Event]
    open: str = ""


ONE = Kind(size=1)
PAIR = Kind(size=1, ttl=5, members=2, pause=0.3)
BOTH = Kind(size=1, ttl=5, members=2, pause=0.1)
HASTY = Kind(size=1, ttl=2, members=2, pause=0.2, terms=Terms(ttl_min=1))
REPLAYS = {
    "an order outlives an edit that takes its member away": Replay(
        ONE,
        [Event(1.0, "force_down"), Event(3.0, "edit_away"), Event(3.0, "edit_back"), END],
    ),
    "an order outlives an edit and a crash": Replay(
        ONE,
        [
            Event(1.0, "force_down"),
            Event(3.0, "edit_away"),
            Event(3.0, "crash"),
            Event(3.0, "edit_back"),
            END,
        ],
    ),
    "an order outlives its policy": Replay(
        ONE,
        [Event(1.0, "force_down"), Event(3.0, "edit_no_policy"), Event(3.0, "edit_policy"), END],
    ),
    "an order outlives its zone": Replay(
        ONE,
        [Event(1.0, "force_down"), Event(3.0, "edit_zone_gone"), Event(3.0, "edit_zone_back"), END],
    ),
    "an account that begins late": Replay(
        Kind(),
        [
            Event(1.0, "edit_host", 1.0, 13),
            Event(12.0, "redeploy", 1.0, 0),
            Event(0.1, "edit_host", 1.0, 6),
            END,
        ],
    ),
    "an order with an end, and a clock that is set": Replay(
        ONE,
        [
            Event(1.0, "force_down_for", 12.0),
            Event(1.0, "clock_forward", 2.0),
            Event(1.0, "crash", 0.1),
            END,
        ],
    ),
    "a stop at once after an order": Replay(
        ONE, [Event(1.0, "force_down"), Event(0.3, "stop_node"), END]
    ),
    "a power cut at the first writes of a node that has pools": Replay(
        ONE,
        [
            event
            for number in range(12)
            for event in (
                Event(6.0, "redeploy", 0.3),
                Event(0.1, "kill_in_write", number % 3 / 2),
            )
        ],
    ),
    "a worker that is stopped between its look at the clock and the system call": Replay(
        HASTY,
        [Event(10.0, "stop_sender", 12.0), Event(0.5, "drain_direct"), Event(30.0, "member_up")],
    ),
    "and one that goes on in the very moment": Replay(
        HASTY,
        [Event(10.0, "stop_sender", 8.0), Event(0.5, "drain_direct"), Event(30.0, "member_up")],
    ),
    "orders that are gone while their policy is away": Replay(
        ONE,
        [
            Event(1.0, "force_down"),
            Event(3.0, "edit_no_policy"),
            Event(12.0, "stop_node", 0.01),
            Event(1.0, "lose_orders", 1.0),
            Event(3.0, "edit_policy"),
            Event(12.0, "member_down"),
            END,
            END,
        ],
    ),
    "a node that dies, and is declared dead": Replay(
        Kind(size=2),
        [
            Event(6.0, "force_down", 1.0, 1),
            Event(1.0, "die", 8.0, 1),
            Event(2.0, "declare_dead", 1.0, 0),
            Event(1.0, "force_down", 1.0, 0),
            END,
        ],
    ),
    "an order with a beginning, and a crash before it": Replay(
        ONE, [Event(1.0, "force_down_at", 4.0), Event(3.0, "crash", 0.1), END]
    ),
    "an order with a beginning, and one that it takes the place of": Replay(
        ONE, [Event(1.0, "force_down_at", 4.0), Event(3.0, "force_up"), END]
    ),
    "an order with a beginning, and an edit that takes its member away": Replay(
        ONE,
        [Event(1.0, "force_down_at", 4.0), Event(3.0, "edit_away"), END, Event(1.0, "edit_back")],
    ),
    "what is ordered down, and is planned to be up": Replay(
        Kind(size=1, ttl=6, pause=0.2, terms=Terms(ttl_min=5)),
        [Event(1.0, "force_down"), Event(0.5, "force_up_at", 11.0), LATER, LATER],
    ),
    "a plan that is made as soon as another one has begun": Replay(
        ONE,
        [
            Event(1.0, "force_down"),
            Event(1.0, "force_up_at", 0.01),
            Event(0.3, "force_up_at", 12.0),
            END,
        ],
    ),
    "a plan that is made after the clock was set": Replay(
        Kind(size=1, pause=0.2),
        [Event(5.0, "clock_back"), Event(1.0, "force_down_at", 3.0), LATER, LATER],
    ),
    "what is ordered down, and comes back because the other one is planned to be down": Replay(
        PAIR,
        [
            Event(2.0, "force_down", 2.0, 4),
            Event(13.0, "force_down_at", 2.0),
            Event(0.1, "force_down", 1.0, 4),
            END,
        ],
    ),
    "what is ordered down, and comes back because the other one is drained in the end": Replay(
        PAIR,
        [
            Event(2.0, "force_down", 2.0, 4),
            Event(13.0, "drain", 2.0),
            Event(0.1, "force_down", 1.0, 4),
            END,
        ],
    ),
    "an order that is over, and control cannot end it: the other one is out, too": Replay(
        BOTH,
        [
            Event(1.0, "force_down_for", 8.0),
            Event(1.0, "force_down", 1.0, 4),
            Event(4.0, "stop_control", 12.0),
            END,
        ],
    ),
    "a plan that control cannot begin: the other one is out, too": Replay(
        BOTH,
        [
            Event(1.0, "force_down"),
            Event(1.0, "force_up_at", 2.0),
            Event(1.0, "force_down", 1.0, 4),
            Event(4.0, "stop_control", 12.0),
            END,
        ],
    ),
    "an order that is over later, because the machine is suspended": Replay(
        BOTH,
        [
            Event(1.0, "force_down_for", 8.0),
            Event(1.0, "force_down", 1.0, 4),
            Event(1.0, "suspend", 8.0),
            END,
        ],
    ),
    "an order that the disk takes in the end": Replay(
        BOTH,
        [
            Event(1.0, "disk_full", 4.0),
            Event(0.5, "force_down"),
            Event(12.0, "crash", 0.1),
            Event(6.0, "force_down", 1.0, 4),
            END,
        ],
    ),
    "an edit that leaves only who is drained, and takes its time, while that is SAFE": Replay(
        Kind(size=1, ttl=8, members=2, pause=0.3, first=3.0, last=8.0),
        [
            Event(4.0, "drain_direct", 1.0, 22),
            Event(11.0, "disk_slow", 9.0),
            Event(1.0, "edit_away", 1.0, 18),
            END,
        ],
    ),
    "a node that sees no member, among three": Replay(
        Kind(size=3, terms=Terms(scope="quorum:2/3")), [Event(1.0, "blind", 12.0), END]
    ),
}
"""Stories that have once broken a law, or were thought to."""


def _marked(name: str) -> object:
    reason = REPLAYS[name].open
    mark = pytest.mark.xfail(reason=reason, strict=True, raises=Broken)
    return pytest.param(name, marks=[mark] if reason else [])


@pytest.mark.parametrize("name", list(map(_marked, REPLAYS)))
def test_what_once_broke_a_law(name: str) -> None:
    replay = REPLAYS[name]
    play(replay.story, 1, replay.kind)
