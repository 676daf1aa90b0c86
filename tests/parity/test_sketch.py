"""Who asks for what: the sample of both hot paths, its counts, its bound, what it stands for."""

from __future__ import annotations

import random
from collections import Counter
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import hotpath
from dnsd.hotpath import Client, RateLimit, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.hotpath.sketch import Sketch
from dnsd.image import demand
from dnsd.image.demand import GAPS, HEAD, OTHERS, PAIRS, SETS, SIZE, WAYS, Head, WindowSummary
from dnsd.metrics import counters
from dnsd.wire.name import to_text
from tests.packets import opt, query
from tests.parity.sections import NOW, packet, put
from tests.strategies import Scene, models, scenes, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = b"0123456789abcdef"
ZONE = f"""
@ 300 SOA ns hostmaster 1 3600 600 86400 60
@ 300 NS ns
ns A 192.0.2.53
www 120 A 192.0.2.1
alias 900 CNAME www
*.wild A 192.0.2.3
sub NS ns.sub
ns.sub A 192.0.2.4
{"n" * 50}.{"n" * 50} A 192.0.2.5
big TXT {" ".join(['"' + "x" * 200 + '"'] * 4)}
"""


def begun() -> demand.SketchCells:
    cells = demand.private()
    demand.begin(cells.control, KEY, 1_000, int(NOW))
    return cells


class Path:
    """A hot path that keeps a sample."""

    def __init__(self, cells: demand.SketchCells | None = None) -> None:
        self.cells = cells or begun()
        self.path = hotpath.make(Settings(), counters.fresh(), sketched=self.cells)
        put(self.path, dns.name.from_text("example."), ZONE)

    def ask(self, name: str, rtype: int = 1, address: str = "192.0.2.1", now: float = NOW) -> None:
        self.path.answer(query(name, rtype), now, Client(Transport.UDP, address))

    @property
    def found(self) -> WindowSummary:
        found = demand.summary([self.cells], self.cells.control[demand.LATEST], 2_000)
        assert found is not None
        return found

    def counts(self) -> dict[tuple[str, int, bool, int], int]:
        return {
            (to_text(one.name), one.rtype, one.negative, one.ttl): one.queries
            for one in self.found.pairs
        }


def test_what_is_asked_is_counted_with_the_ttl_that_caches_keep_it_for() -> None:
    path = Path()
    for name in ("www.example.", "WWW.example.", "alias.example."):
        path.ask(name)
    path.ask("www.example.", 28)
    path.ask("www.example.", 28, "2001:db8::1")
    assert path.counts() == {
        ("www.example.", 1, False, 120): 2,
        ("alias.example.", 1, False, 120): 1,
        ("www.example.", 28, True, 60): 1,
    }
    assert len(path.found.pairs) == 4
    assert len({pair.source for pair in path.found.pairs}) == 2
    assert all(pair.share == 1 for pair in path.found.pairs)


def test_names_that_clients_make_up_are_counted_and_not_kept() -> None:
    path = Path()
    for name in ("nope.example.", "a.wild.example.", "x.sub.example.", "www.other."):
        path.ask(name)
    path.ask("www.example.", 4711)
    path.ask(f"{'n' * 50}.{'n' * 50}.example.")
    found = path.found
    assert (found.pairs, found.taken, found.long) == ((), 0, 1)
    assert sum(found.others) == 5


def test_an_answer_that_is_truncated_is_asked_for_again_and_counted_then() -> None:
    path = Path()
    path.ask("big.example.", 16)
    assert path.found.taken == 0
    path.path.answer(query("big.example.", 16), NOW, Client(Transport.TCP, "192.0.2.1"))
    assert [pair.queries for pair in path.found.pairs] == [1]


def test_hours_of_the_day() -> None:
    path = Path()
    for hour in (0, 5, 5, 23, 29):
        path.ask("www.example.", now=hour * 3600.0 + 17)
    assert {hour: count for hour, count in enumerate(path.found.hours) if count} == {
        0: 1,
        5: 3,
        23: 1,
    }


def test_pauses_between_queries() -> None:
    cells = begun()
    path = Path(cells)
    path.ask("www.example.")
    place = next(at for at, digest in enumerate(cells.keys) if digest)
    for pause in (0, 100, 5000, 20_000):
        cells.hot[16 * place] = max(0, ceil(monotonic()) - pause)
        path.ask("www.example.")
    (part,) = path.found.pairs[0].parts
    assert part.queries == 5
    assert sum(part.gaps) == 4
    assert part.gaps[0] == 1
    assert part.gaps[6] == 1


def test_a_window_begins_empty_and_the_one_before_stays() -> None:
    path = Path()
    path.ask("www.example.")
    first = path.found
    demand.begin(path.cells.control, bytes(16), 3_000, int(NOW))
    assert not path.found.pairs
    path.ask("www.example.")
    path.ask("alias.example.")
    assert len(path.found.pairs) == 2
    assert path.found.pairs[0].source != first.pairs[0].source
    before = demand.summary([path.cells], 1, 9_000)
    assert before is not None
    assert (before.pairs, before.ended) == (first.pairs, 3_000)
    demand.begin(path.cells.control, KEY, 4_000, int(NOW))
    assert demand.summary([path.cells], 1, 9_000) is None
    path.ask("www.example.")
    assert path.counts() == {("www.example.", 1, False, 120): 1}


def test_nothing_is_counted_before_a_window_begins_and_after_it_ends() -> None:
    cells = demand.private()
    path = Path(cells)
    path.ask("www.example.")
    demand.begin(cells.control, KEY, 1_000, int(NOW))
    path.ask("www.example.")
    demand.end(cells.control, 2_000)
    path.ask("www.example.")
    assert path.counts() == {("www.example.", 1, False, 120): 1}


@given(
    scenes(models() | signed(models())),
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=30, max_size=30),
    st.booleans(),
)
def test_both_twins_keep_the_same(
    scene: Scene, sources: list[tuple[int, bool]], limited: bool
) -> None:
    native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")
    settings = Settings(rate_limit=RateLimit(per_second=1) if limited else None)
    cells = begun(), begun()
    paths = (
        PythonHotPath(settings, counters.fresh(), None, 1, cells[0]),
        native.NativeHotPath(settings, counters.fresh(), None, 1, cells[1]),
    )
    for path in paths:
        put(path, scene.model.origin, scene.model.text())
        if path.limiter is not None:
            path.limiter.now = lambda: 0
    asked = [packet(one, 1232) for one in scene.queries] + [query("www.other.", 1, opt()), b"junk"]
    for octets, (source, is_six) in zip(asked * 3, sources, strict=False):
        address = f"2001:db8::{source}" if is_six else f"192.0.2.{source}"
        for path in paths:
            path.answer(octets, NOW, Client(Transport.UDP, address))
    for plain, fast in ((getattr(one, name) for one in cells) for name in ("head", "keys", "cold")):
        assert plain == fast
    counts = ([one.hot[at] for at in range(1, len(one.hot), 16)] for one in cells)
    assert next(counts) == next(counts)


# -- the sample -----------------------------------------------------------------------------------


def kept(sketch: Sketch, events: Sequence[int]) -> Counter[int]:
    """Count ``events`` (digests) as queries are; return what is kept, with its counts."""
    cells = sketch.cells
    for digest in events:
        place, is_new = sketch.place(digest)
        if is_new:
            cells.hot[16 * place + 1] = 0
            cells.keys[place] = digest
        if place >= 0:
            cells.hot[16 * place + 1] += 1
    found = Counter[int]()
    for place, digest in enumerate(cells.keys):
        if digest:
            found[digest] = cells.hot[16 * place + 1]
    return found


def fresh() -> Sketch:
    sketch = Sketch(begun())
    assert sketch.begin()
    return sketch


digests = st.integers(0, 60).map(lambda number: 1 + SETS * (number * 2654435761 % 2**40))
"""Digests of the set 1."""


@given(st.lists(digests, max_size=300))
def test_the_pairs_with_the_least_digests_are_kept_and_their_counts_are_exact(
    events: list[int],
) -> None:
    sketch = fresh()
    truth = Counter(events)
    found = kept(sketch, events)
    least = sorted(truth)[:WAYS]
    assert found == {digest: truth[digest] for digest in least}
    limit = sketch.cells.limits[SETS * 1 + 1]
    assert limit == (sorted(truth)[WAYS] if len(truth) > WAYS else demand.OPEN)


@given(st.lists(st.tuples(digests, st.integers(0, 2)), max_size=300))
def test_what_workers_keep_together_is_what_one_would_have_counted(
    events: list[tuple[int, int]],
) -> None:
    workers = [fresh() for _ in range(3)]
    for number, worker in enumerate(workers):
        kept(worker, [digest for digest, by in events if by == number])
    whole = kept(fresh(), [digest for digest, _ in events])
    pairs = list(demand.merged([worker.cells for worker in workers], 1))
    truth = Counter(digest for digest, _ in events)
    found = sorted(pair.queries for pair in pairs)
    limit = min(worker.cells.limits[SETS + 1] for worker in workers)
    assert found == sorted(count for digest, count in truth.items() if digest < limit)
    assert set(whole) <= {digest for digest in truth if digest < limit} or not events


def test_sums_are_estimated_without_bias() -> None:
    chance = random.Random(5)
    counts = [round(100 / rank) + 1 for rank in range(1, 101)]
    estimates = []
    for _ in range(400):
        sketch = fresh()
        digests = [SETS * chance.getrandbits(54) + 1 for _ in counts]
        kept(sketch, digests)
        limit = sketch.cells.limits[SETS + 1] / 2**64
        count_of = dict(zip(digests, counts, strict=True))
        estimates.append(sum(count_of[one] / limit for one in sketch.cells.keys if one))
    mean = sum(estimates) / len(estimates)
    deviation = (sum((one - mean) ** 2 for one in estimates) / len(estimates)) ** 0.5
    assert abs(mean - sum(counts)) < 3 * deviation / len(estimates) ** 0.5


def test_memory_is_bounded_whatever_clients_do() -> None:
    path = Path()
    count = 3 * PAIRS // 2
    for number in range(count):
        path.ask("www.example.", address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    found = path.found
    assert SIZE < 4 << 20
    assert len(found.pairs) <= PAIRS
    assert found.taken == count
    estimate = sum(pair.queries / pair.share for pair in found.pairs)
    assert abs(estimate / count - 1) < 0.05
    assert all(pair.queries == 1 for pair in found.pairs)


def test_constants_fit() -> None:
    assert Head.OTHER + OTHERS <= Head.HOUR
    assert Head.HOUR + 24 <= HEAD
    assert 2 + GAPS == 16
