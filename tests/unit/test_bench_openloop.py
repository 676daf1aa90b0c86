"""The open loop of ``bench dig``: nothing that waits behind a stall is left out; ways; ramp."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import dns.name
import pytest
from dns.rdatatype import A
from hypothesis import given
from hypothesis import strategies as st

from bench.dig import openloop, times
from bench.dig.asking import Target
from bench.dig.load import Load, Loaded
from bench.dig.openloop import Shot, fire, steady
from bench.dig.output import Response
from bench.dig.ramp import NEAR, Limits, ramp
from bench.dig.replay import replayed
from bench.dig.report import largest
from bench.dig.study import Check, Times, figures
from bench.dig.ways import KEPT, NEW, UDP, WITHOUT, New, wire
from bench.queries.draw import Query
from bench.study import progress, results
from bench.study.errors import StudyError
from tests.jumping import Clock, Jumping, play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUERY = Query(dns.name.from_text("www.example."), A)
RATE, SECONDS = 200.0, 10.0
STALL = (4.0, 5.5)
TRIP = 0.001


class Passing(Clock):
    """A clock that goes on while the loop spins."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += 1e-5
        return super().select(timeout)


class Stalling:
    """A server that answers after TRIP, and stands still for a while."""

    def __init__(self) -> None:
        self.begin: float | None = None

    def ask(self, _packet: bytes, shot: Shot) -> None:
        loop = asyncio.get_running_loop()
        self.begin = shot.due if self.begin is None else self.begin
        since = loop.time() - self.begin
        ready = STALL[1] if STALL[0] <= since < STALL[1] else since
        loop.call_at(self.begin + ready + TRIP, lambda: setattr(shot, "done", loop.time()))


def test_what_waits_behind_a_stall_is_told() -> None:
    """Fault 7: a stop of 1.5 s at 200 queries/s was told as a p99 of 7 ms."""
    found: list[times.Found] = []

    async def story(_loop: Jumping) -> None:
        dues = steady(RATE, SECONDS)
        shots = await fire(Stalling(), [b""] * len(dues), dues, 5.0)
        found.append(times.figures_of(UDP, RATE, 0.0, shots))

    play(story, Jumping(Passing()))
    (summed,) = found[0].times
    # Of 2,000 queries the 20 that wait longest were due in the first tenth of a second of the stop.
    assert summed.p99 == pytest.approx(1e3 * (STALL[1] - STALL[0] - 20 / RATE + TRIP), abs=10)
    assert summed.max == pytest.approx(1501, abs=10)
    assert summed.p50 == pytest.approx(1, abs=0.5)
    assert (summed.asked, summed.lost, summed.wanted) == (2000, 0, RATE)
    assert summed.asked_rate == pytest.approx(RATE, rel=0.01)
    slow = [moment.at for moment in found[0].moments if (moment.worst or 0) > 100]
    assert slow == pytest.approx([4 + 0.25 * number for number in range(6)], abs=0.3)
    shares = {round(row.ms, 3): row.share for row in found[0].tails}
    assert shares[1000.0] == pytest.approx(0.05, abs=0.001)


class Threaded:
    """An independent server in a thread: answers with what it got, and once stops for a while."""

    def __init__(self, stop_at: int = -1, stop_s: float = 0.0) -> None:
        self.stop_at, self.stop_s = stop_at, stop_s
        self.connections = 0
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._udp.bind(("127.0.0.1", 0))
        self.port = self._udp.getsockname()[1]
        self._tcp.bind(("127.0.0.1", self.port))
        self._tcp.listen(256)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        asked = 0
        with selectors.DefaultSelector() as ready:
            for each in (self._udp, self._tcp):
                ready.register(each, selectors.EVENT_READ)
            while not self._ended.is_set():
                for key, _ in ready.select(0.05):
                    end: Any = key.fileobj
                    asked += self._serve(end, ready)
                    if asked == self.stop_at:
                        self.stop_at = -1
                        time.sleep(self.stop_s)
            for key in list(ready.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()

    def _serve(self, end: socket.socket, ready: selectors.BaseSelector) -> int:
        if end is self._udp:
            packet, peer = end.recvfrom(4096)
            end.sendto(self._answer(packet), peer)
            return 1
        if end is self._tcp:
            self.connections += 1
            ready.register(end.accept()[0], selectors.EVENT_READ)
            return 0
        data = end.recv(4096) if not self._ended.is_set() else b""
        while data:
            size = 2 + int.from_bytes(data[:2], "big")
            end.sendall(data[:2] + self._answer(data[2:size]))
            data = data[size:]
            if not data:
                return 1
        ready.unregister(end)
        end.close()
        return 0

    @staticmethod
    def _answer(packet: bytes) -> bytes:
        return packet[:2] + bytes([packet[2] | 0x80]) + packet[3:]

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@contextlib.contextmanager
def threaded(stop_at: int = -1, stop_s: float = 0.0) -> Iterator[Threaded]:
    server = Threaded(stop_at, stop_s)
    try:
        yield server
    finally:
        server.end()


def _loaded(port: int, ways: tuple[str, ...], **how: Any) -> Loaded:
    usual = {"rate": 200.0, "seconds": 2.0, "clients": 3, "patience": 30.0}
    load, found = Load([QUERY], ways, **(usual | how)), Loaded()

    async def run() -> None:
        with progress.steps() as steps:
            await load.run(Target("127.0.0.1", port), found, steps)

    asyncio.run(run())
    return found


def test_a_real_server_that_stops_is_seen_to_stop() -> None:
    with threaded(stop_at=100, stop_s=1.5) as server:
        (found,) = _loaded(server.port, (UDP,)).times
    # Of 400 queries 120 were due in the first 0.6 s of the stop: they waited for 0.9 s at least.
    assert (found.asked, found.lost) == (400, 0)
    assert found.p90 is not None
    assert found.p90 > 900


def test_each_way_of_tcp_is_named_and_has_the_connections_it_says() -> None:
    """Fault 8: with dig a time left the handshake out, with kdig it did not."""
    with threaded() as server:
        found = _loaded(server.port, (NEW,), rate=50.0, seconds=1.0)
        assert server.connections == 50
        whole, without = found.times
        assert (whole.way, without.way, whole.lost) == (NEW, WITHOUT, 0)
        assert whole.p50 is not None
        assert without.p50 is not None
        assert without.p50 < whole.p50
        (kept,) = _loaded(server.port, (KEPT,), rate=50.0, seconds=1.0).times
        assert (kept.way, kept.asked, kept.lost) == (KEPT, 50, 0)
        assert server.connections == 53
    # Neither program's own time is read.
    assert not {"micros", "millis", "time"} & set(Response.__slots__)


def test_a_slow_handshake_is_in_the_one_time_and_not_in_the_other() -> None:
    waits: list[list[float]] = []

    class Transport:
        def __init__(self, protocol: Any) -> None:
            self._protocol = protocol

        def write(self, data: bytes) -> None:
            answer = data[:4] + bytes([data[4] | 0x80]) + data[5:]
            loop = asyncio.get_running_loop()
            loop.call_later(0.03, self._protocol.data_received, answer)

        def close(self) -> None: ...

    class Far(Jumping):
        async def create_connection(self, factory: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override]
            await asyncio.sleep(0.2)
            protocol = factory()
            return Transport(protocol), protocol

    async def story(_loop: Jumping) -> None:
        way = New(Target("192.0.2.1"))
        shots = await fire(way, [wire(QUERY)] * 5, steady(10.0, 0.5), 2.0)
        await way.end()
        waits.extend(times.waits(shots, handshake=both) for both in (True, False))

    play(story, Far(Passing()))
    assert waits == [pytest.approx([230] * 5, abs=1), pytest.approx([30] * 5, abs=1)]


def test_what_is_not_answered_in_time_took_longest() -> None:
    shots = [Shot(float(at), float(at), done=at + 0.001 if at < 9 else None) for at in range(10)]
    found = times.figures_of(UDP, 1.0, 0.0, shots)
    (summed,) = found.times
    assert (summed.lost, summed.loss, summed.max, summed.p99) == (1, 0.1, None, None)
    assert summed.p90 == pytest.approx(1)
    assert found.tails[-1].share == pytest.approx(0.1)
    assert [moment.lost for moment in found.moments][-1] == 1


@given(st.lists(st.floats(0, 1e5) | st.just(times.BEYOND), min_size=1, max_size=60))
def test_a_tail_tells_the_share_that_took_longer(waits: list[float]) -> None:
    rows = times.tail(UDP, waits)
    for row in rows:
        assert row.share == pytest.approx(sum(wait > row.ms for wait in waits) / len(waits))
    assert [row.share for row in rows] == sorted((row.share for row in rows), reverse=True)
    edges = times.LOWEST_MS, times.LOWEST_MS * 10**times.DECADES
    for wait in waits:  # none is left out at either end
        within = edges[0] < wait <= edges[1]
        assert not within or rows[0].ms < wait <= rows[-1].ms * (1 + 1e-9)
    ordered = sorted(waits)
    for share in (0.5, 0.99, 1.0):
        value = times.percentile(ordered, share)
        assert sum(each <= value for each in ordered) >= share * len(ordered)
        assert sum(each < value for each in ordered) < share * len(ordered)


def _times(rate: float, capacity: float, fastest: float = 1e9) -> Times:
    """Return what a server of ``capacity`` looks like to one that asks ``fastest`` at most."""
    asked = min(rate, fastest)
    p99 = 1.0 if asked <= capacity else 500.0
    count = 1000
    lost = 0 if asked <= capacity else 100
    return Times(UDP, rate, asked, asked, count, lost, 1.0, 1.0, p99, p99, p99, 0.1)


LIMITS = Limits(10.0, 0.01)


@given(st.floats(12, 150_000), st.floats(10, 2000))
def test_a_ramp_finds_the_largest_rate(capacity: float, first: float) -> None:
    async def ask(rate: float) -> Times:
        return _times(rate, capacity)

    steps = asyncio.run(ramp(ask, first, LIMITS))
    best = max(step.rate for step in steps if step.verdict == "kept")
    assert capacity / NEAR <= best <= capacity
    assert len(steps) < 30


@given(st.floats(20, 10_000))
def test_a_ramp_does_not_blame_the_server_for_a_slow_asker(fastest: float) -> None:
    async def ask(rate: float) -> Times:
        return _times(rate, 1e9, fastest)

    steps = asyncio.run(ramp(ask, 20.0, LIMITS))
    assert {step.verdict for step in steps} == {"kept", "asker"}
    check = Check(
        kind="dig",
        about=results.about({}),
        server="x",
        compared="",
        answers=[],
        faults=[],
        samples=[],
        origins={},
        steps=steps,
        limit_ms=10.0,
        limit_loss=0.01,
    )
    assert "the asker can do no more, the server may" in largest(check)[0]
    (found,) = figures(check)
    assert found.what == f"{UDP}: largest rate within the limits"
    assert found.values == [max(step.rate for step in steps if step.verdict == "kept")]


def test_a_capture_is_replayed_with_its_times(tmp_path: Path) -> None:
    dpkt = pytest.importorskip("dpkt")
    path = tmp_path / "asked.pcap"
    whens = [1000.0, 1000.25, 1002.0, 1009.0]
    with path.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for when in whens:
            datagram = dpkt.udp.UDP(sport=4000, dport=53, data=wire(QUERY))
            datagram.ulen = len(datagram)
            packet = dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", p=17, data=datagram)
            writer.writepkt(dpkt.ethernet.Ethernet(data=packet), ts=when)
    dues, queries = replayed(path, 2.0, 4.0)
    assert dues == pytest.approx([0, 0.125, 1.0])
    assert queries == [QUERY] * 3
    with threaded() as server:
        found = _loaded(server.port, (UDP,), dues=dues)
    assert (found.times[0].asked, found.times[0].lost, found.times[0].wanted) == (3, 0, 0)
    (tmp_path / "odd").write_bytes(b"no capture at all, whatever it is")
    with pytest.raises(StudyError, match="is no capture that can be read"):
        replayed(tmp_path / "odd", 1.0, 1.0)


def test_an_open_loop_asks_nobody_twice_and_at_the_rate() -> None:
    assert len(steady(0.1, 1.0)) == 1
    assert openloop.steady(4.0, 1.0) == [0, 0.25, 0.5, 0.75]
