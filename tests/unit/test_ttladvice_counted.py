"""The demand behind what a node has counted: against caches that are simulated lookup by lookup."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from dnsd.image.demand import GAPS
from dnsd.ttladvice.counted import Counted, Day, WorkerCount, caches_behind, demand, saturated, seen

DAY_S = 86_400.0


def counted(
    source: str, times: list[float], ttl: float, share: float = 1.0, workers: int = 1
) -> Counted:
    """Count questions at ``times`` as workers do, to which they come by chance."""
    chance = random.Random(len(times))
    parts = []
    by = [chance.randrange(workers) for _ in times]
    for worker in range(workers):
        own = [when for when, at in zip(times, by, strict=True) if at == worker]
        gaps = [0] * GAPS
        for before, after in pairwise(own):
            pause = math.ceil(after) - math.ceil(before)
            gaps[min(max(pause.bit_length() - 1, 0), GAPS - 1)] += 1
        parts.append(WorkerCount(len(own), tuple(gaps)))
    return Counted(source, "www.example.", "A", "data", ttl, share, tuple(parts))


def asks(chance: random.Random, lookups: float, ttl: float, seconds: float = DAY_S) -> list[float]:
    """Return when a cache asks of which users look up so often."""
    now, found = chance.expovariate(lookups), []
    while now < seconds:
        found.append(now)
        now += ttl + chance.expovariate(lookups)
    return found


FLAT = Day((0,) * 24, (HOUR := 3600.0,) * 24)


@pytest.mark.parametrize("ttl", [60.0, 300.0])
def test_a_day_at_one_ttl_gives_the_whole_curve(ttl: float) -> None:
    chance = random.Random(2)
    lookups = [5 / rank for rank in range(1, 400)]
    pairs = [counted(str(at), asks(chance, one, ttl), ttl) for at, one in enumerate(lookups)]
    (found,) = demand(pairs, DAY_S, FLAT)
    for other in (10, 60, 300, 3600):
        truth = math.fsum(one / (1 + one * other) for one in lookups)
        price = found.price(other)
        assert price.least <= truth <= price.most
        assert price.likely == pytest.approx(truth, rel=0.02 if other >= ttl else 0.05)


def test_a_sample_stands_for_all() -> None:
    chance = random.Random(3)
    lookups = [0.02] * 3000
    share = 0.25
    pairs = [
        counted(str(at), asks(chance, one, 60, 3600), 60, share)
        for at, one in enumerate(lookups)
        if chance.random() < share
    ]
    (found,) = demand(pairs, 3600, FLAT)
    assert found.lookups == pytest.approx(60, rel=0.1)
    price = found.price(300)
    assert price.least < 3000 * 0.02 / (1 + 0.02 * 300) < price.most


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(("caches", "lookups"), [(1, 0.5), (2, 0.05), (4, 0.5), (6, 0.01)])
def test_caches_behind_one_address(caches: int, lookups: float, workers: int) -> None:
    chance = random.Random(caches)
    pairs = [
        counted(
            "resolver",
            sorted(when for _ in range(caches) for when in asks(chance, lookups, 60.0)),
            60.0,
            workers=workers,
        )
        for _ in range(8)
    ]
    found = caches_behind(pairs, DAY_S)["resolver"]
    assert found == pytest.approx(caches, rel=0.25, abs=0.5)
    (asked,) = demand(pairs, DAY_S, FLAT)
    truth = 8 * caches * lookups / (1 + lookups * 600)
    assert asked.price(600).likely == pytest.approx(truth, rel=0.05)


def test_a_repeated_question_is_no_second_cache() -> None:
    times = asks(random.Random(1), 1.0, 60.0)
    times = sorted([*times, times[7] + 0.4, times[9] + 1.2])
    assert caches_behind([counted("a", times, 60.0)], DAY_S) == {"a": 1}


def test_a_client_without_a_cache_asks_as_much_with_any_ttl() -> None:
    chance = random.Random(1)
    times = sorted(chance.uniform(0, DAY_S) for _ in range(20_000))
    (found,) = demand([counted("client", times, 300.0)], DAY_S, FLAT)
    assert found.price(3600).likely == pytest.approx(20_000 / DAY_S, rel=0.15)


def test_caches_that_ask_all_the_time_are_told_to_be_uncertain() -> None:
    chance = random.Random(1)
    busy = counted("busy", asks(chance, 5.0, 300.0), 300.0)
    seldom = counted("seldom", asks(chance, 0.001, 300.0), 300.0)
    all_of_them = busy.queries + seldom.queries
    assert saturated([busy, seldom], DAY_S) == pytest.approx(busy.queries / all_of_them)


def test_the_course_of_a_day_is_that_of_lookups() -> None:
    lookups, ttl = 0.1, 60.0
    levels = [1 + 0.8 * math.sin(2 * math.pi * hour / 24) for hour in range(24)]
    caches = 500
    queries = [caches * 3600 * lookups * one / (1 + lookups * one * ttl) for one in levels]
    each = sum(queries) / caches
    pairs = [
        Counted(str(at), "a.", "A", "data", ttl, 1.0, (WorkerCount(round(each), (0,) * GAPS),))
        for at in range(caches)
    ]
    day = Day(tuple(round(one) for one in queries), (3600.0,) * 24)
    (found,) = demand(pairs, DAY_S, day)
    assert len(found.levels) == 24
    for level, truth in zip(found.levels, levels, strict=True):
        assert level == pytest.approx(truth * found.levels[0], rel=0.02)


def test_hours_that_were_seen() -> None:
    found = seen(10 * DAY_S + 5 * 3600 + 1800, 2 * 3600)
    assert {hour: one for hour, one in enumerate(found) if one} == {5: 1800, 6: 3600, 7: 1800}
    assert seen(0.0, 2 * DAY_S) == (7200.0,) * 24
