"""When checks begin: the schedule on a clock that jumps, with chance that is given."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.checks.schedule import (
    BURST,
    FIRST_RATE,
    FIRST_ROUND_S,
    HEADROOM,
    JITTER,
    LEAST_RATE,
    SECOND,
    CheckGroup,
    Schedule,
    ScheduledCheck,
)

ALL = CheckGroup("", 1000)
TINY = 1e-6


class World:
    """Runs a schedule; each check takes as long as ``lasts`` says of its target."""

    def __init__(self, lasts: Callable[[str], float], seed: int = 0) -> None:
        self.now = 100.0
        self.schedule: Schedule[str] = Schedule(random.Random(seed), self.now)
        self.starts: dict[str, list[float]] = defaultdict(list)
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._lasts = lasts
        self._ends: list[tuple[float, int, ScheduledCheck[str]]] = []
        self._number = 0

    def run(self, seconds: float) -> None:
        """Let time go by."""
        until = self.now + seconds
        while True:
            self._begin()
            times = [self._ends[0][0]] if self._ends else []
            if (due := self.schedule.next(self.now)) is not None:
                times.append(due)
            if not times or min(times) > until:
                break
            self.now = max(self.now, min(times))
            self._end()
        self.now = until

    def all_starts(self) -> list[float]:
        return sorted(when for starts in self.starts.values() for when in starts)

    def _begin(self) -> None:
        for entry in self.schedule.due(self.now):
            self.starts[entry.key].append(self.now)
            for name, _ in (*entry.groups, CheckGroup(f"target {entry.key}", 1)):
                self.under_way[name] += 1
                self.most[name] = max(self.most[name], self.under_way[name])
            self._number += 1
            end = self.now + self._lasts(entry.key)
            heapq.heappush(self._ends, (end, self._number, entry))

    def _end(self) -> None:
        while self._ends and self._ends[0][0] <= self.now:
            _, _, entry = heapq.heappop(self._ends)
            for name, _ in (*entry.groups, CheckGroup(f"target {entry.key}", 1)):
                self.under_way[name] -= 1
            self.schedule.ended(entry, self.now)


def at_once(_key: str) -> float:
    return 0.01


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


def check_rate(times: list[float], rate: float) -> None:
    """In no stretch of time more may begin than the burst and what the rate allows."""
    for first, began in enumerate(times):
        for last in range(first, len(times)):
            allowed = BURST + rate * (times[last] - began) + TINY
            assert last - first + 1 <= allowed


TARGETS = st.lists(
    st.tuples(st.sampled_from([0.05, 0.5, 1.0, 10.0]), st.floats(0.001, 3.0), st.integers(0, 4)),
    min_size=1,
    max_size=40,
)


@given(targets=TARGETS, seed=st.integers(0, 99), most=st.integers(1, 5), total=st.integers(1, 20))
def test_there_are_never_more_at_once_than_the_limits(
    targets: list[tuple[float, float, int]], seed: int, most: int, total: int
) -> None:
    named = {f"t{at}": one for at, one in enumerate(targets)}
    world = World(lambda key: named[key][1], seed)
    world.schedule.add(
        [
            (key, interval, (CheckGroup("", total), CheckGroup(f"host {host}", most)))
            for key, (interval, _, host) in named.items()
        ],
        world.now,
    )
    world.run(8)
    assert world.most[""] <= total
    for name, highest in world.most.items():
        assert highest <= (1 if name.startswith("target") else max(most, total))
        if name.startswith("host"):
            assert highest <= most
    check_rate(world.all_starts(), max(LEAST_RATE, HEADROOM * sum(1 / one[0] for one in targets)))


@given(targets=TARGETS, seed=st.integers(0, 99))
def test_every_target_is_checked_in_each_interval(
    targets: list[tuple[float, float, int]], seed: int
) -> None:
    """But for those whose checks last longer, and the time that all others may take to begin."""
    named = {f"t{at}": one for at, one in enumerate(targets)}
    rate = max(LEAST_RATE, HEADROOM * sum(1 / one[0] for one in targets))
    slack = len(targets) / rate + TINY
    world = World(lambda key: named[key][1], seed)
    world.schedule.add([(key, one[0], (ALL,)) for key, one in named.items()], world.now)
    began = world.now
    world.run(25)
    for key, (interval, lasts, _) in named.items():
        assert world.starts[key][0] <= began + min(FIRST_ROUND_S, interval) + slack
        found = gaps([*world.starts[key]])
        assert all(gap <= max(interval, lasts) + slack for gap in found)
        assert world.starts[key][-1] + max(interval, lasts) + slack >= world.now
        least = (SECOND, *[1 - JITTER] * len(found))
        assert all(gap >= part * interval - slack for gap, part in zip(found, least, strict=False))


def test_few_targets_are_all_checked_within_a_second_but_not_at_once() -> None:
    world = World(at_once)
    world.schedule.add([(f"t{at}", 10.0, (ALL,)) for at in range(50)], world.now)
    world.run(FIRST_ROUND_S + 0.1)
    assert len(world.starts) == 50
    starts = world.all_starts()
    assert starts[-1] - starts[0] > FIRST_ROUND_S / 2


@pytest.mark.parametrize(("number", "window"), [(400, 400 / FIRST_RATE), (3000, 10.0)])
def test_the_first_round_of_many_is_spread_over_an_interval_at_most(
    number: int, window: float
) -> None:
    world = World(at_once)
    world.schedule.add([(f"t{at}", 10.0, (ALL,)) for at in range(number)], world.now)
    world.run(window + 0.2)
    assert len(world.starts) == number
    firsts = sorted(starts[0] for starts in world.starts.values())
    per_second = Counter(int(when - 100) for when in firsts)
    assert max(per_second.values()) <= 1.2 * number / window


def test_what_began_together_drifts_apart() -> None:
    """A hundred began within a second of ten; later they are everywhere in the interval."""
    world = World(at_once)
    world.schedule.add([(f"t{at}", 10.0, (ALL,)) for at in range(100)], world.now)
    world.run(60)
    late = [when for when in world.all_starts() if when > 145]
    per_second = Counter(int(when) for when in late)
    assert max(per_second.values()) <= 30


def test_after_a_pause_not_everything_begins_at_once() -> None:
    world = World(at_once)
    world.schedule.add([(f"t{at}", 10.0, (ALL,)) for at in range(200)], world.now)
    world.run(20)
    world.now += 60  # nobody was awake
    before = len(world.all_starts())
    world.run(0)
    assert len(world.all_starts()) - before == BURST
    assert world.schedule.behind(world.now) > 0
    world.run(200 / LEAST_RATE + 0.1)
    after = world.all_starts()[before:]
    assert len(after) >= 200
    check_rate(after, LEAST_RATE)


def test_a_suspect_is_checked_soon_and_often() -> None:
    world = World(at_once)
    world.schedule.add([("a", 10.0, (ALL,)), ("b", 10.0, (ALL,))], world.now)
    world.run(15)
    world.schedule.pace("a", 1.0, world.now)
    asked = world.now
    others = len(world.starts["b"])
    world.run(10)
    soon = [when for when in world.starts["a"] if when >= asked]
    assert soon[0] - asked <= 1.0
    assert len(soon) >= 10
    assert len(world.starts["b"]) - others <= 2
    world.schedule.pace("a", 10.0, world.now)
    relaxed = len(world.starts["a"])
    world.run(8.9)
    assert len(world.starts["a"]) - relaxed <= 1


def test_the_pace_changes_while_a_check_is_under_way() -> None:
    world = World(lambda _key: 2.0)
    world.schedule.add([("a", 10.0, (ALL,))], world.now)
    world.run(1.0)
    began = world.starts["a"][0]
    world.schedule.pace("a", 1.0, world.now)
    world.run(5.0)
    assert world.starts["a"][1] == pytest.approx(began + 2.0)
    assert world.most["target a"] == 1


def test_targets_come_and_go_and_the_others_keep_their_time() -> None:
    def story(edits: Callable[[World], None]) -> list[float]:
        world = World(at_once)
        world.schedule.add([("stays", 10.0, (ALL,)), ("goes", 10.0, (ALL,))], world.now)
        world.run(5)
        edits(world)
        world.run(4)
        return world.starts["stays"]

    def edit(world: World) -> None:
        world.schedule.remove("goes")
        world.schedule.add([("new", 10.0, (ALL,))], world.now)

    assert story(edit)[:2] == story(lambda _world: None)[:2]


def test_a_target_that_is_gone_is_not_checked_and_leaves_no_trace() -> None:
    world = World(lambda _key: 3.0)
    one = CheckGroup("host", 1)
    world.schedule.add([("gone", 1.0, (one,))], world.now)
    world.run(1.5)
    world.schedule.remove("gone")
    world.schedule.add([("gone", 1.0, (one,))], world.now)  # the same again, with a new schedule
    world.run(0.9)
    assert len(world.starts["gone"]) == 1, "its old check still counts"
    world.run(2.0)
    assert len(world.starts["gone"]) == 2
    world.schedule.remove("gone")
    world.run(10)
    assert len(world.starts["gone"]) == 2
    assert world.schedule.next(world.now) is None
    assert list(world.schedule) == []


def test_one_that_hangs_does_not_keep_others_waiting() -> None:
    world = World(lambda key: 1e9 if key == "hangs" else 0.01)
    world.schedule.add(
        [("hangs", 1.0, (ALL, CheckGroup("a", 1))), ("b", 1.0, (ALL, CheckGroup("b", 1)))],
        world.now,
    )
    world.run(20)
    assert len(world.starts["hangs"]) == 1
    assert len(world.starts["b"]) >= 19
