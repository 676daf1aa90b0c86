"""Stories of a seed, and what is left of one when all is taken away that does not matter."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.jumping import Clock
from tests.simulation.worlds.story import lived
from tests.simulation.worlds.world import EDITS, FAULTS, KINDS, Event, Kind
from tests.simulation.worlds.zones import Terms

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = (0.01, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 12.0)
AFTER_S = (0.01, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0)
MOST_EVENTS = 9
AIMED = 0.1
"""So many worlds have a plot in which times matter."""


class Act(NamedTuple):
    """An event of a plot in which times matter; it is ``beside`` where the plot is."""

    what: str
    after: tuple[float, float]
    amount: tuple[float, float] = (1.0, 1.0)
    beside: int = 0


class Aimed(NamedTuple):
    """A plot in which times matter, and what of the ``kind`` of its world does."""

    kind: dict[str, Any]
    acts: tuple[Act, ...]


class Found(NamedTuple):
    """A world that breaks a law."""

    seed: int
    kind: Kind
    story: list[Event]
    says: str

    @property
    def law(self) -> str:
        """The word by which the law is called."""
        return self.says.partition(":")[0]


def told(found: Found) -> str:
    """Return what was found, and how it is seen again."""
    events = "".join(f"    {event!r},\n" for event in found.story)
    again = f"python -m bench worlds --replay {found.seed}"
    return f"{found.says}\nseed {found.seed}, {found.kind!r}\n[\n{events}]\n{again}"


def world_of(seed: int) -> tuple[Kind, list[Event]]:
    """Return what a seed stands for."""
    random = Random(seed)
    size = random.choice((1, 2, 2, 3))
    terms = random.choice(_TERMS)
    if size == 3 and random.random() < 0.7:
        terms = terms._replace(scope="quorum:2/3")
    kind = Kind(
        size=size,
        terms=terms,
        ttl=random.choice((5, 5, 8, 15, 30)),
        members=random.choice((1, 2, 2, 3)),
        pause=random.choice((0.3, 1.0, 2.0)),
        first=random.choice((0.5, 3.0, 3.0, 6.0)),
        last=random.choice((1.0, 3.0, 3.0, 12.0)),
        late=random.choice((0.0, 0.1, 0.3)),
    )
    if random.random() < 0.2:
        kind = kind._replace(named=True, terms=_for_names(terms))
    kind = kind._replace(signed=random.random() < 0.2)
    weights = [_WEIGHT.get(one, 1.0 if one in FAULTS else 0.7) for one in KINDS]
    picked = random.choices(KINDS, weights, k=random.randrange(1, MOST_EVENTS))
    story = [
        Event(random.choice(AFTER_S), what, random.choice(SECONDS), random.randrange(24))
        for what in picked
    ]
    if size > 1 and random.random() < 0.05:
        dead = random.randrange(size)
        story += [Event(1.0, "die", 1.0, dead), Event(0.5, "declare_dead", 1.0, dead + size - 1)]
    if random.random() < 0.5:
        where = random.randrange(24)
        plot = [
            Event(random.choice(AFTER_S), what, random.choice(SECONDS), where)
            for what in random.choice(_PLOTS)
        ]
        for event in plot:  # they come in this order, whatever comes between
            story.append(event)
        at = sorted(random.sample(range(len(story)), len(plot)))
        others = iter(story[: -len(plot)])
        story = [plot.pop(0) if number in at else next(others) for number in range(len(story))]
    if random.random() < AIMED:
        kind, plot = _aimed(random, kind)
        story = story[: random.randrange(3)] + plot
    return kind, story


def _aimed(random: Random, kind: Kind) -> tuple[Kind, list[Event]]:
    """Return a world in which what chance hardly ever brings together comes to pass, and that."""
    what = random.choice(_AIMED)
    where = random.randrange(24)
    plot = [
        Event(random.uniform(*one.after), one.what, random.uniform(*one.amount), where + one.beside)
        for one in what.acts
    ]
    return kind._replace(**what.kind), plot


def _for_names(terms: Terms) -> Terms:
    """Return the like of ``terms`` for a pool of which each answer has one name."""
    return terms._replace(select="first" if terms.select == "all" else terms.select)


class Tally(NamedTuple):
    """What was lived through: so many worlds, seconds in them, and what happened there."""

    worlds: int = 0
    seconds: float = 0.0
    events: int = 0
    calls: int = 0
    answers: int = 0
    verdicts: int = 0
    safe: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally._make(one + more for one, more in zip(self, other, strict=True))


def counted(seed: int) -> tuple[Tally, Found | None]:
    """Play the world of ``seed``; return what was lived through, and what it breaks."""
    kind, story = world_of(seed)
    world, error = lived(story, seed, kind)
    tally = Tally(
        worlds=1,
        seconds=world.loop.now - Clock.now,
        events=len(story),
        calls=world.loop.calls,
        answers=world.caches.answers,
        verdicts=world.laws.judged,
        safe=world.laws.safe,
    )
    return tally, None if error is None else Found(seed, kind, story, str(error))


def run(seed: int) -> Found | None:
    """Play the world of ``seed``; return what it breaks."""
    return counted(seed)[1]


def broken(seed: int, kind: Kind, story: list[Event]) -> Found | None:
    """Play a story; return what it breaks."""
    _, error = lived(story, seed, kind)
    return None if error is None else Found(seed, kind, story, str(error))


def shrunk(found: Found, say: Callable[[str], object] = lambda _: None) -> Found:
    """Return a shorter story that breaks the same law."""
    changed = True
    while changed:
        changed = False
        for at in range(len(found.story) - 1, -1, -1):
            for shorter in _shorter(found.story, at):
                again = broken(found.seed, found.kind, shorter)
                if again is not None and again.law == found.law:
                    found, changed = again, True
                    say(f"{len(found.story)} events")
                    break
    return found


def _shorter(story: list[Event], at: int) -> list[list[Event]]:
    """Return the story without an event, with and without the time before it."""
    head, tail = story[:at], story[at + 1 :]
    shorter = [head + tail]
    if tail:
        later = tail[0]._replace(after=tail[0].after + story[at].after)
        shorter.append([*head, later, *tail[1:]])
    return shorter


_TERMS = (
    Terms(),
    Terms(),
    Terms(select="one"),
    Terms(all_down="last_good", ttl_min=5),
    Terms(all_down="nodata", failback="hold:10s"),
    Terms(failback="manual"),
)

_PLOTS = (
    ("force_down", "edit_away", "edit_back"),
    ("force_down", "edit_away", "crash", "edit_back"),
    ("force_down", "edit_no_policy", "edit_policy"),
    ("force_down", "edit_zone_gone", "edit_zone_back"),
    ("force_down", "crash"),
    ("force_down", "disk_full", "crash"),
    ("force_down_at", "crash"),
    ("force_down_at", "kill_control", "force_up"),
    ("force_down_at", "force_up", "kill_control"),
    ("clock_back", "force_down_at"),
    ("force_down_at_for", "force_down"),
    ("force_down", "force_up_at"),
    ("force_down_at", "edit_away", "edit_back"),
    ("drain_direct", "crash"),
    ("drain", "stop_node"),
    ("edit_host", "redeploy", "edit_host"),
    ("edit_away", "redeploy"),
    ("edit_away", "stop_node"),
    ("member_down", "member_up", "member_down"),
    ("member_down", "force_down", "kill_control"),
    ("edit_ttl_down", "edit_away", "crash"),
    ("late", "stop_worker", "edit_away"),
    ("late", "stop_worker", "force_down"),
    ("disk_full", "force_down", "kill_control"),
    ("worker_lags", "edit_host"),
    ("worker_lags", "edit_away"),
    ("blind", "cut"),
    ("force_down_for", "crash"),
    ("force_down", "disk_full", "lose_orders"),
)
"""What belongs together: all of it happens to one member, or to one node."""

_AIMED = (
    # An order that the disk does not take, and the next control process.
    Aimed(
        {},
        (
            Act("disk_full", (0.1, 6.0), (8.0, 20.0)),
            Act("force_down", (0.1, 2.0)),
            Act("kill_control", (0.1, 4.0)),
        ),
    ),
    # A worker that answers from what was before, for longer than caches keep it.
    Aimed(
        {"ttl": 5},
        (
            Act("worker_lags", (0.1, 6.0), (15.0, 30.0)),
            Act("edit_host", (0.1, 2.0), beside=-7),
            Act("member_up", (15.0, 15.0)),
        ),
    ),
    # A node that has seen a member fail, and is silent when another one does.
    Aimed(
        {"size": 3, "members": 2, "named": False, "terms": Terms(scope="quorum:2/3")},
        (
            Act("blind", (6.0, 12.0), (7.0, 10.0), 1),
            Act("cut", (6.0, 8.0), (50.0, 70.0), 1),
            Act("blind", (20.0, 30.0), (12.0, 20.0)),
            Act("member_up", (20.0, 20.0)),
        ),
    ),
    # A node that dies with long TTLs given out, and is declared dead.
    Aimed(
        {"size": 2, "ttl": 30, "pause": 0.3, "named": False, "terms": Terms(ttl_min=5)},
        (
            Act("force_down", (0.1, 6.0)),
            Act("die", (35.0, 50.0), (1.0, 8.0), 1),
            Act("declare_dead", (0.1, 2.0)),
            Act("member_up", (25.0, 25.0)),
        ),
    ),
)
"""Plots in which times matter, and chance draws the wrong ones."""

_WEIGHT = {
    **dict.fromkeys(EDITS, 0.5),
    "force_down": 2.0,
    "drain": 1.0,
    "drain_direct": 1.5,
    "member_down": 1.5,
    "edit_away": 1.5,
    "edit_host": 1.5,
    "kill_in_write": 2.0,
    "die": 0.0,
    "declare_dead": 0.0,
    "cancel": 0.3,
}
