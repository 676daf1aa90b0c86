"""The laws of the plane, over stories of faults, kills and orders.

A story that breaks a law is shown as a list of events and a seed: put it into ``REPLAYS``. For a
search: ``pytest --timeout 0 --hypothesis-profile=search --hypothesis-seed=7 tests/simulation``.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.laws import Broken
from tests.simulation.mutations import MUTATIONS
from tests.simulation.story import play
from tests.simulation.world import KINDS, Event

seconds = st.sampled_from([0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0])
events = st.builds(
    Event,
    after=seconds,
    what=st.sampled_from(KINDS),
    amount=seconds,
)
seeds = st.integers(0, 1000)

_profile = settings()
EXAMPLES = 25 if _profile.derandomize else _profile.max_examples
"""A story takes half a second: only a search has time for many."""


@settings(max_examples=EXAMPLES)
@given(st.lists(events, min_size=1, max_size=8), seeds)
def test_the_laws_hold_whatever_happens(story: list[Event], seed: int) -> None:
    play(story, seed)


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_law_can_fail(name: str) -> None:
    """Without the fault the same story breaks none: so it is the fault that is found."""
    mutation = MUTATIONS[name]
    play(mutation.story)
    with pytest.MonkeyPatch.context() as patch:
        mutation.make(patch)
        with pytest.raises(Broken, match=mutation.says):
            play(mutation.story)


REPLAYS = {
    "silence as long as allowed": ([Event(1.0, "hang_all", 2.0)], 1),
    "a drained node comes back while BIRD cannot be told": (
        [
            Event(5.0, "drain"),
            Event(3.0, "kill_node", 1.0),
            Event(1.5, "bird_hangs", 20.0),
            Event(20.0, "foreign"),
        ],
        1,
    ),
    "an order that ends before the disk has taken it": (
        [Event(5.0, "disk_slow", 0.5), Event(0.5, "drain_for", 2.0), Event(1.0, "bird_refuses")],
        110,
    ),
    "a carrier is given while the kernel does not tell, and the story ends": (
        [
            Event(0.01, "netlink_fails", 0.1),
            Event(0.01, "withdraw", 0.01),
            Event(0.01, "carrier_on", 0.01),
        ],
        0,
    ),
}
"""Stories that have once broken a law."""


@pytest.mark.parametrize("name", REPLAYS)
def test_what_once_broke_a_law(name: str) -> None:
    play(*REPLAYS[name])
