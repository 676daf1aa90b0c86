"""dnstap's messages and Frame Streams: their octets, their conversation, readers that go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.image.tap import MOST, Tapped
from dnsd.recorder.boundedfile import BoundedFile
from dnsd.recorder.dnstap import DnstapWriter
from dnsd.recorder.frames import DNSTAP, Control, check, control, frame, length_of
from dnsd.recorder.framesocket import FIRST_PAUSE_S, LONGEST_PAUSE_S, FrameSocket
from dnsd.recorder.sinks import sink_of
from dnsd.recorder.spec import DnstapSink
from tests.packets import header, query

NOON = 1_764_504_000_000_000_000
ONE = Tapped(
    0, 4711, 1, 5_000, 3_000, 29, 12, 4, False, 0, 0,
    bytes((192, 0, 2, 7)), query("www.example."), header(0x8000),
)  # fmt: skip


def fields(octets: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message, read as protocol buffers say."""
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            octet = octets[at]
            at += 1
            number |= (octet & 0x7F) << shift
            shift += 7
            if not octet & 0x80:
                return number

    while at < len(octets):
        tag = varint()
        match tag & 7:
            case 0:
                yield tag >> 3, varint()
            case 2:
                size = varint()
                at += size
                yield tag >> 3, octets[at - size : at]
            case 5:
                at += 4
                yield tag >> 3, int.from_bytes(octets[at - 4 : at], "little")
            case other:
                raise AssertionError(f"wire type {other}")


def messages(writer: DnstapWriter, one: Tapped) -> list[dict[int, int | bytes]]:
    found = []
    for octets in writer.messages(one, NOON):
        outer = dict(fields(octets))
        assert outer[15] == 1
        inner = outer[14]
        assert isinstance(inner, bytes)
        found.append({**{-number: value for number, value in outer.items()}, **dict(fields(inner))})
    return found


def test_a_query_and_its_response_are_two_messages() -> None:
    asked, answered = messages(DnstapWriter("ns1", "dnsd 1", queries=True, responses=True), ONE)
    assert (asked[-1], asked[-2]) == (b"ns1", b"dnsd 1")
    about = {2: 1, 3: 1, 4: bytes((192, 0, 2, 7)), 6: 4711, 8: NOON // 10**9, 9: 2_000}
    assert about.items() <= asked.items()
    assert about.items() <= answered.items()
    assert (asked[1], asked[10]) == (1, query("www.example."))
    assert not {12, 14} & asked.keys()
    assert (answered[1], answered[14], 10 in answered) == (2, header(0x8000), False)
    assert (answered[12], answered[13]) == (NOON // 10**9, 5_000)


def test_other_transports_and_what_is_not_there() -> None:
    six = ONE._replace(family=6, is_tcp=True, packed=bytes(16), port=0, response=b"")
    (asked,) = messages(DnstapWriter("", "", queries=True, responses=True), six)
    assert (asked[2], asked[3], asked[4], 6 in asked) == (2, 2, bytes(16), False)
    assert not {-1, -2} & asked.keys()
    long = ONE._replace(query_size=MOST + 1, response_size=MOST + 1)
    asked, answered = messages(DnstapWriter("", "", queries=True, responses=True), long)
    assert 10 not in asked
    assert 14 not in answered
    for queries, responses, kinds in ((True, False, [1]), (False, True, [2])):
        assert [one[1] for one in messages(DnstapWriter("", "", queries, responses), ONE)] == kinds


# -- frames ---------------------------------------------------------------------------------------


def test_control_frames_are_as_specified() -> None:
    assert control(Control.STOP) == pack(">III", 0, 4, 3)
    start = pack(">IIIII", 0, 12 + len(DNSTAP), 2, 1, len(DNSTAP)) + DNSTAP
    assert control(Control.START, DNSTAP) == start
    assert frame(b"abc") == b"\0\0\0\3abc"
    assert length_of(start[:8]) == len(start) - 8
    check(start[8:], Control.START, DNSTAP)


@given(st.binary(min_size=8, max_size=8), st.binary(max_size=600))
def test_whatever_a_reader_says_is_understood_or_refused(head: bytes, body: bytes) -> None:
    reasons: list[str] = []
    for reads in (lambda: length_of(head), lambda: check(body, Control.ACCEPT, DNSTAP)):
        try:
            reads()
        except ValueError as error:
            reasons.append(str(error))
    assert all(reason.startswith("it ") for reason in reasons)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (pack(">I", Control.FINISH), "it did not send ACCEPT"),
        (control(Control.ACCEPT, b"text")[8:], "it does not take dnstap"),
        (control(Control.ACCEPT, DNSTAP)[8:-1] + b"", "it does not take dnstap"),
        (b"\0", "cut off"),
    ],
)
def test_what_is_not_accepted(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check(body, Control.ACCEPT, DNSTAP)


class Reader:
    """A program that listens for Frame Streams, once, as ``talk`` does."""

    def __init__(self, path: Path, talk: Callable[[socket.socket], None]) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, args=(talk,))
        self._thread.start()

    def _serve(self, talk: Callable[[socket.socket], None]) -> None:
        with self._listener, self._listener.accept()[0] as sock:
            sock.settimeout(20)
            talk(sock)

    def ended(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_a_socket_gets_frames_between_start_and_stop(tmp_path: Path) -> None:
    got = []

    def talk(sock: socket.socket) -> None:
        stream, ready = sock.makefile("rb"), control(Control.READY, DNSTAP)
        assert stream.read(len(ready)) == ready
        sock.sendall(control(Control.ACCEPT, DNSTAP))
        rest = (
            control(Control.START, DNSTAP) + frame(b"one") + frame(b"two") + control(Control.STOP)
        )
        got.append(stream.read(len(rest)) == rest)
        stream.close()
        sock.sendall(control(Control.FINISH))

    reader = Reader(tmp_path / "s", talk)
    sends = FrameSocket(str(tmp_path / "s"))
    sends.write(frame(b"one"))
    sends.write(frame(b"two"))
    sends.close()
    reader.ended()
    assert got == [True]


def test_a_reader_that_is_missing_is_tried_again_after_longer_and_longer_pauses(
    tmp_path: Path,
) -> None:
    now = 0.0
    sends = FrameSocket(str(tmp_path / "s"), lambda: now)
    pauses, tried = [], 0.0
    for _ in range(8):
        with pytest.raises(OSError, match="No such file"):
            sends.write(b"x")
        pauses.append(sends._not_before - now)
        tried = now
        now = sends._not_before - 0.001
        with pytest.raises(OSError, match="No such file"):
            sends.write(b"x")
        assert sends._not_before == tried + pauses[-1]
        now = sends._not_before
    assert (pauses[0], pauses[1], pauses[-1]) == (FIRST_PAUSE_S, 2.0, LONGEST_PAUSE_S)


def test_a_reader_that_speaks_something_else_is_refused_by_its_words(tmp_path: Path) -> None:
    def talk(sock: socket.socket) -> None:
        assert sock.recv(4096)
        sock.sendall(b"HTTP/1.1 400 Bad")

    reader = Reader(tmp_path / "s", talk)
    told = DnstapSink(str(tmp_path / "s"), "", 0, "", "", queries=True, responses=True)
    sink = sink_of(told)
    assert not sink.write([ONE], NOON)
    reader.ended()
    assert sink.fault == (
        f"queries cannot be written to {tmp_path}/s (it does not speak Frame Streams)"
    )
    sink.close()


def test_a_file_of_frames_is_whole_whenever_another_begins(tmp_path: Path) -> None:
    path = tmp_path / "dnstap"
    head, foot = control(Control.START, DNSTAP), control(Control.STOP)
    file = BoundedFile(path, 1 << 20, head, foot)
    file.write(frame(b"one"))
    path.rename(tmp_path / "away")
    file.look()
    file.write(frame(b"two"))
    file.close()
    assert (tmp_path / "away").read_bytes() == head + frame(b"one") + foot
    again = BoundedFile(path, 1 << 20, head, foot)
    again.write(frame(b"three"))
    again.close()
    assert path.with_name("dnstap.1").read_bytes() == head + frame(b"two") + foot
    assert path.read_bytes() == head + frame(b"three") + foot
