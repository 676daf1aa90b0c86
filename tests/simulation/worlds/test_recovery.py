"""What a promise says of a member that fails, measured at caches, when nothing else fails."""

from __future__ import annotations

from random import Random

import pytest

from dnsd.failover.objective import FLIP_S, Timing, worst
from tests.simulation.worlds.caches import QUICK_S, Hold, Key
from tests.simulation.worlds.story import play
from tests.simulation.worlds.world import FIRST_S, Event, Kind, World
from tests.simulation.worlds.zones import Terms

BEGAN = 1000.0
MEMBER = "192.0.2.1"
VOTES_S = 2.0
"""How long votes take to come: [failover] poll and timeout, as the nodes are configured."""
NEVER_BACK_S = 90.0


def promised(kind: Kind) -> float:
    """Return the worst case of the pool of a world."""
    terms = kind.terms
    votes = VOTES_S if terms.scope != "local" else 0.0
    timing = Timing(terms.interval, 1.0, 1.0, 2, votes + FLIP_S)
    return worst(timing, kind.ttl, terms.ttl_min)


def drawn(seed: int) -> tuple[Kind, Event]:
    """Return a world, and the failure of a member in it."""
    random = Random(seed)
    quorum = random.random() < 0.5
    terms = Terms(
        scope="quorum:2/3" if quorum else "local",
        interval=random.choice((2.0, 4.0, 8.0)),
        ttl_min=random.choice((1, 2, 5)),
    )
    ttl = random.choice((6, 15, 30))
    kind = Kind(size=3 if quorum else 1, terms=terms, ttl=ttl, members=2, pause=0.2)
    how = random.choice(("member_down", "member_hangs"))
    return kind, Event(random.uniform(1.0, 40.0), how)


@pytest.mark.parametrize("seed", range(16))
def test_caches_forget_a_member_that_fails_within_what_is_promised(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, failure = drawn(seed)
    held: dict[Key, Hold] = {}

    async def look(world: World) -> None:
        held.update(world.caches.held)

    monkeypatch.setattr(World, "_heal", look)
    play([failure, Event(NEVER_BACK_S, failure.what)], seed, kind)
    failed = BEGAN + FIRST_S + failure.after
    until = max(hold.until for key, hold in held.items() if MEMBER in key.addresses)
    assert failed < until <= failed + promised(kind) + 2 * QUICK_S
