"""What both hot paths put into the tap, and what its reader makes of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import hotpath
from dnsd.hotpath import Client, RateLimit, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.hotpath.body import Body
from dnsd.hotpath.limiter import Admission, AnswerKind
from dnsd.hotpath.tap import Tap
from dnsd.image import tap
from dnsd.image.tap import ALL, LONGEST_TOOK, MOST, RING, RingReader, TapFlag, TapHead, Tapped
from dnsd.metrics import counters
from tests.packets import CH, header, opt, query, question
from tests.parity.sections import NOW, packet, put
from tests.strategies import Scene, models, scenes, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

ZONE = """
@ 300 SOA ns hostmaster 1 3600 600 86400 60
@ 300 NS ns
ns A 192.0.2.53
www 120 A 192.0.2.1
"""
CLIENT = Client(Transport.UDP, "192.0.2.7", 4711)
SIX = Client(Transport.TCP, "2001:db8::7", 4712)


class Path:
    """A hot path with a tap, and its reader."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.cells = tap.private()
        self.reader = RingReader(self.cells)
        self.path = hotpath.make(settings or Settings(), counters.fresh(), tapped=self.cells)
        put(self.path, dns.name.from_text("example."), ZONE)

    def listen(self, one_in: int = 0, odd: bool = False, slow: int = LONGEST_TOOK) -> None:
        tap.listen(self.cells.control, tap.threshold(one_in) if one_in else 0, odd, slow)

    def ask(self, octets: bytes, client: Client = CLIENT) -> bytes | None:
        return self.path.answer(octets, NOW, client)

    def read(self) -> list[Tapped]:
        return self.reader.read(RING)


def test_nothing_is_taken_while_nobody_listens() -> None:
    path = Path()
    path.ask(query("www.example."))
    assert not any(path.cells.head)
    path.listen(1)
    path.ask(query("www.example."))
    path.listen()
    path.ask(query("www.example."))
    assert path.cells.head[TapHead.ASKED] == len(path.read()) == 1


def test_a_query_is_taken_with_its_response_and_its_client() -> None:
    path = Path()
    path.listen(1)
    asked = query("WWW.example.", 1, opt())
    answers = [path.ask(asked), path.ask(asked, SIX)]
    four, six = path.read()
    assert (four.address, four.port, four.is_tcp) == ("192.0.2.7", 4711, False)
    assert (six.address, six.port, six.is_tcp) == ("2001:db8::7", 4712, True)
    assert [one.response for one in (four, six)] == answers
    assert {(one.query, one.query_size) for one in (four, six)} == {(asked, len(asked))}
    assert (four.rcode, four.kind, four.flags) == (0, AnswerKind.ANSWER, 0)
    assert four.at <= six.at - six.took
    assert (path.read(), path.reader.lost) == ([], 0)


@pytest.mark.parametrize(
    ("octets", "rcode"),
    [
        (query("nope.example."), 3),
        (query("www.other."), 5),
        (header() + question("version.bind.", 16, CH), 5),
        (header() + b"\xff" * 9, 1),
        (query("www.example.", 1, opt(version=1)), 16),
    ],
    ids=["no such name", "not ours", "class CH", "malformed", "another EDNS"],
)
def test_whatever_is_answered_is_taken(octets: bytes, rcode: int) -> None:
    path = Path()
    path.listen(1)
    answer = path.ask(octets)
    (one,) = path.read()
    assert (one.query, one.response, one.rcode) == (octets, answer, rcode)
    assert one.flags == (TapFlag.REFUSED if rcode == 5 else 0)


def test_what_gets_no_answer_for_its_form_is_not_taken() -> None:
    path = Path()
    path.listen(1)
    for octets in (b"short", header(0x8000) + question("www.example.")):
        assert path.ask(octets) is None
    assert path.read() == []


def test_what_is_limited_is_taken_with_what_became_of_it() -> None:
    path = Path(Settings(rate_limit=RateLimit(per_second=1, slip=2)))
    path.listen(odd=True)
    answers = [path.ask(query("www.example.")) for _ in range(5)]
    found = path.read()
    assert [one.flags & ~TapFlag.SLIPPED for one in found] == [TapFlag.LIMITED] * 4
    assert [one.response for one in found] == [one or b"" for one in answers[1:]]
    assert {bool(one.response) for one in found} == {True, False}
    assert all(bool(one.flags & TapFlag.SLIPPED) == bool(one.response) for one in found)


def test_what_is_odd_is_taken_beside_the_sample_only_if_that_is_asked_for() -> None:
    path = Path()
    path.listen(odd=True)
    for name in ("www.example.", "www.other."):
        path.ask(query(name))
    assert [one.flags for one in path.read()] == [TapFlag.REFUSED]
    path.listen(odd=True, slow=0)
    path.ask(query("www.example."))
    assert [one.flags for one in path.read()] == [TapFlag.SLOW]
    path.listen(1_000_000_000)
    path.ask(query("www.other."))
    assert path.read() == []


def test_a_sample_is_even_and_a_part_of_a_larger_one() -> None:
    path = Path()
    numbers = {}
    for one_in in (100, 10, 1):
        path.cells.head[TapHead.ASKED] = 0
        path.listen(one_in)
        for _ in range(1000):
            path.ask(query("www.example."))
        numbers[one_in] = {one.number for one in path.read()}
        assert abs(len(numbers[one_in]) - 1000 / one_in) <= 1
        for number in numbers[one_in]:
            assert tap.is_below(number, tap.threshold(one_in))
    assert numbers[100] < numbers[10] < numbers[1]
    assert tap.threshold(1) == ALL


@given(
    scenes(models() | signed(models())),
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=30, max_size=30),
    st.integers(1, 3),
    st.booleans(),
)
def test_both_twins_take_the_same(
    scene: Scene, sources: list[tuple[int, bool]], one_in: int, odd: bool
) -> None:
    native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")
    settings = Settings(rate_limit=RateLimit(per_second=1))
    cells = tap.private(), tap.private()
    readers = [RingReader(one) for one in cells]
    paths = (
        PythonHotPath(settings, counters.fresh(), None, 1, None, cells[0]),
        native.NativeHotPath(settings, counters.fresh(), None, 1, None, cells[1]),
    )
    for path, one in zip(paths, cells, strict=True):
        put(path, scene.model.origin, scene.model.text())
        path.limiter.now = lambda: 0
        tap.listen(one.control, tap.threshold(one_in), odd, LONGEST_TOOK)
    asked = [packet(one, 1232) for one in scene.queries] + [query("www.other.", 1, opt()), b"junk"]
    for octets, (source, is_six) in zip(asked * 3, sources, strict=False):
        client = SIX if is_six else Client(Transport.UDP, f"192.0.2.{source}", source)
        for path in paths:
            path.answer(octets, NOW, client)
    plain, fast = ([one._replace(at=0, took=0) for one in each.read(RING)] for each in readers)
    assert plain == fast
    for word in (TapHead.ASKED, TapHead.TAKEN, TapHead.WRITTEN, TapHead.RESERVED):
        assert cells[0].head[word] == cells[1].head[word]


# -- the ring -------------------------------------------------------------------------------------


def write(cells: tap.TapCells, number: int, size: int) -> None:
    """Put in a query of ``size`` octets that begin with ``number``."""
    octets = number.to_bytes(8) + bytes([number % 251]) * (size - 8)
    body = Body(0, verdict=Admission.DROP)
    Tap(cells).note(1, octets, CLIENT, body, octets)


def numbers(found: Sequence[Tapped]) -> list[int]:
    for one in found:
        number = int.from_bytes(one.query[:8])
        assert one.query[8:] == one.response[8:] == bytes([number % 251]) * (len(one.query) - 8)
    return [int.from_bytes(one.query[:8]) for one in found]


@given(st.data())
def test_what_is_read_and_what_is_lost_are_together_what_was_written(data: st.DataObject) -> None:
    cells = tap.private()
    tap.listen(cells.control, ALL, False, LONGEST_TOOK)
    reader = RingReader(cells)
    written, found = 0, []
    steps = st.tuples(st.integers(1, 400), st.integers(8, MOST), st.integers(2 * MOST + 64, RING))
    for count, size, most in data.draw(st.lists(steps, max_size=6)):
        for _ in range(count):
            written += 1
            write(cells, written, size)
        found += numbers(reader.read(most))
        assert len(found) + reader.lost <= written
    while (before := len(found)) < len(found) + len(more := numbers(reader.read(RING))):
        found += more
    assert before == len(found)
    assert found == sorted(set(found))
    assert len(found) + reader.lost == written
    assert not found or found[-1] == written


def test_who_reads_in_time_loses_nothing_however_many_laps_there_are() -> None:
    cells = tap.private()
    tap.listen(cells.control, ALL, False, LONGEST_TOOK)
    reader = RingReader(cells)
    for number in range(3000):
        write(cells, number, 8 + number % 3000)
        assert numbers(reader.read(RING)) == [number]
    assert (reader.lost, cells.head[TapHead.WRITTEN] > 2 * RING) == (0, True)


def test_what_is_being_overwritten_is_not_read() -> None:
    cells = tap.private()
    tap.listen(cells.control, ALL, False, LONGEST_TOOK)
    reader = RingReader(cells)
    for number in range(10):
        write(cells, number, 100)
    cells.head[TapHead.RESERVED] = RING + 8  # a long entry is being written over the first one
    assert reader.read(RING) == []
    cells.head[TapHead.RESERVED] = cells.head[TapHead.WRITTEN]
    write(cells, 10, 100)
    assert numbers(reader.read(RING)) == [10]
    assert reader.lost == 10


def test_of_a_long_message_there_is_the_beginning() -> None:
    cells = tap.private()
    tap.listen(cells.control, ALL, False, LONGEST_TOOK)
    reader = RingReader(cells)
    Tap(cells).note(1, bytes(60_000), CLIENT, Body(1), bytes(65_535))
    (one,) = reader.read(RING)
    assert (len(one.query), one.query_size) == (MOST, 60_000)
    assert (len(one.response), one.response_size) == (MOST, 65_535)
