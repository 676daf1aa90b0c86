"""The recorder: what it makes of queries, where it writes them, what it loses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.hotpath import Client, Transport
from dnsd.hotpath.body import Body
from dnsd.hotpath.limiter import Admission
from dnsd.hotpath.tap import Tap
from dnsd.image import tap
from dnsd.image.tap import ALL, LONGEST_TOOK, RING, TapFlag, Tapped
from dnsd.recorder.asked import Asked, asked
from dnsd.recorder.boundedfile import BoundedFile
from dnsd.recorder.lines import as_json, text
from dnsd.recorder.pump import Pump
from dnsd.recorder.sinks import sink_of
from dnsd.recorder.spec import LineSink, RecorderReport
from tests.packets import CH, RD, TC, header, name, opt, option, query, question, tsig

if TYPE_CHECKING:
    from collections.abc import Sequence

CLIENT = Client(Transport.UDP, "192.0.2.7", 4711)
NOON = 1_764_504_000_000_000_000
"""2025-11-30 12:00 UTC, in nanoseconds."""


def tapped(packet: bytes = query("www.example."), response: bytes = b"", flags: int = 0) -> Tapped:
    return Tapped(
        flags, 4711, 1, 5_000, 12_300, len(packet), len(response), 4, False, 0, 0,
        bytes((192, 0, 2, 7)), packet, response,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (query("WWW.example."), Asked("WWW.example.", "A", "IN", "QUERY", "-")),
        (
            query("a.b.", 65, opt(option(10, bytes(8)), flags=0x8000), flags=RD),
            Asked("a.b.", "HTTPS", "IN", "QUERY", "REDK"),
        ),
        (query("a.", 4711, opt(), tsig()), Asked("a.", "TYPE4711", "IN", "QUERY", "ES")),
        (header() + question("a.", 16, CH), Asked("a.", "TXT", "CH", "QUERY", "-")),
        (header(0x2800) + question("zone.", 6), Asked("zone.", "SOA", "IN", "UPDATE", "-")),
        (header() + b"\x05abc", Asked("-", "-", "-", "QUERY", "-")),
        (query("a b\n.example."), Asked("a\\032b\\010.example.", "A", "IN", "QUERY", "-")),
    ],
)  # fmt: skip
def test_what_is_asked(packet: bytes, expected: Asked) -> None:
    assert asked(packet) == expected


@given(st.binary(min_size=12, max_size=80) | st.binary(max_size=60).map(lambda b: header() + b))
def test_whatever_is_asked_is_one_line_of_thirteen_fields(packet: bytes) -> None:
    line = text(tapped(packet), NOON).decode()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert len(line.split(" ")) == 13
    assert json.loads(as_json(tapped(packet), NOON))["client"] == "192.0.2.7"


def test_a_line() -> None:
    one = tapped(response=header(0x8000))
    assert text(one, NOON + 5_000).decode() == (
        "2025-11-30T12:00:00.000005Z 192.0.2.7#4711 udp www.example. IN A QUERY - NOERROR - "
        "29 12 12.3\n"
    )
    assert json.loads(as_json(one, NOON)) == {
        "time": "2025-11-30T12:00:00.000000Z",
        "client": "192.0.2.7",
        "port": 4711,
        "protocol": "udp",
        "name": "www.example.",
        "class": "IN",
        "type": "A",
        "opcode": "QUERY",
        "flags": "-",
        "rcode": "NOERROR",
        "result": "",
        "query_octets": 29,
        "response_octets": 12,
        "microseconds": 12.3,
    }


@pytest.mark.parametrize(
    ("flags", "response", "result"),
    [
        (0, header(TC), "truncated"),
        (TapFlag.LIMITED | TapFlag.SLIPPED, header(TC), "slipped"),
        (TapFlag.LIMITED, b"", "limited"),
        (TapFlag.SLOW, header(), ""),
    ],
)
def test_what_became_of_it(flags: int, response: bytes, result: str) -> None:
    found = json.loads(as_json(tapped(response=response, flags=flags), NOON))
    assert found["result"] == result


# -- the file -------------------------------------------------------------------------------------


def test_a_file_of_lines_is_bounded_and_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "queries.log"
    file = BoundedFile(path, 1000)
    for number in range(100):
        file.write(b"%09d\n" % number * 7)
        there = [each.stat().st_size for each in tmp_path.iterdir()]
        assert sum(there) <= 1000
    file.close()
    both = path.with_name("queries.log.1").read_bytes() + path.read_bytes()
    numbers = [int(line) for line in both.splitlines()]
    assert numbers == [number for number in range(numbers[0], 100) for _ in range(7)]
    assert path.stat().st_mode & 0o007 == 0


def test_a_file_that_was_moved_away_is_begun_anew_and_an_old_one_continued(tmp_path: Path) -> None:
    path = tmp_path / "queries.log"
    file = BoundedFile(path, 1 << 20)
    file.write(b"one\n")
    file.look()
    file.write(b"two\n")
    path.rename(tmp_path / "away")
    file.look()
    file.write(b"three\n")
    assert (tmp_path / "away").read_bytes() == b"one\ntwo\n"
    again = BoundedFile(path, 1 << 20)
    again.write(b"four\n")
    assert path.read_bytes() == b"three\nfour\n"


def test_a_file_that_cannot_be_written_is_a_fault_until_it_can(tmp_path: Path) -> None:
    path = tmp_path / "there" / "queries.log"
    down = sink_of(LineSink(str(path), "text", 1 << 20))
    assert not down.write([tapped()], NOON)
    assert str(path) in down.fault
    path.parent.mkdir()
    assert down.write([tapped()], NOON)
    assert (down.fault, len(path.read_text().splitlines())) == ("", 1)


def test_no_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "passwd", tmp_path / "queries.log"
    link.symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        BoundedFile(link, 1 << 20).write(b"x\n")
    assert not target.exists()


# -- the pump -------------------------------------------------------------------------------------


class Kept:
    """A place where queries are written, or not."""

    fault = ""

    def __init__(self) -> None:
        self.entries: list[Tapped] = []

    def write(self, entries: Sequence[Tapped], offset: int) -> bool:
        assert offset == 7
        if not self.fault:
            self.entries += entries
        return not self.fault

    def look(self) -> None:
        """Nothing changes."""

    def close(self) -> None:
        """Nothing is left."""


def workers(count: int) -> list[tap.TapCells]:
    control = memoryview(bytearray(8 * tap.CONTROL)).cast("Q")
    tap.listen(control, ALL, False, LONGEST_TOOK)
    return [tap.cells(control, memoryview(bytearray(tap.SIZE))) for _ in range(count)]


def put(one: tap.TapCells, label: str, size: int = 0) -> None:
    Tap(one).note(
        1, header() + name(label).ljust(size), CLIENT, Body(0, verdict=Admission.DROP), b""
    )


def test_a_pump_takes_its_sample_of_all_workers() -> None:
    kept, rings = Kept(), workers(3)
    pump = Pump(rings, 10, kept, lambda: 7)
    for number in range(300):
        put(rings[number % 3], f"n{number}")
    while pump.turn():
        pass
    assert abs(len(kept.entries) - 30) <= 3
    assert all(tap.is_below(one.number, tap.threshold(10)) for one in kept.entries)
    assert pump.report() == RecorderReport(len(kept.entries), 0)


def test_a_pump_that_was_stopped_loses_only_samples_and_says_how_many() -> None:
    kept, (ring,) = Kept(), workers(1)
    pump = Pump([ring], 1, kept, lambda: 7)
    put(ring, "first")
    assert pump.turn()
    for _ in range(1200):
        put(ring, "more", 4000)
    put(ring, "last")
    while pump.turn():
        pass
    report = pump.report()
    assert report.written + report.lost == 1202
    assert report.lost > 1200 - RING // 4000
    assert asked(kept.entries[-1].query).name == "-"
    assert kept.entries[-1].query == header() + name("last")


def test_what_cannot_be_written_is_lost_and_counted() -> None:
    kept, (ring,) = Kept(), workers(1)
    pump = Pump([ring], 1, kept, lambda: 7)
    kept.fault = "the disk is full"
    put(ring, "a")
    pump.turn()
    assert pump.report() == RecorderReport(0, 1, "the disk is full")
    kept.fault = ""
    put(ring, "b")
    pump.turn()
    assert pump.report() == RecorderReport(1, 1)
