"""HTTP, metrics, health: what programs read of a node, and the limits of it."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from dnsd.build.poolmeta import PoolMeta
from dnsd.caches.judge import Safety
from dnsd.caches.ledger import Ledger
from dnsd.caches.version import nothing
from dnsd.cli import main
from dnsd.config import Endpoint
from dnsd.config.policy import PoolPolicy
from dnsd.control.failover.live import LivePool, PoolKey
from dnsd.control.failover.out import OutMember
from dnsd.control.replaced import Replacements
from dnsd.control.web import connectionlimit, health, members, metrics, server, talk, zonemetrics
from dnsd.control.web.metrics import MetricsSource
from dnsd.control.web.pages import pages
from dnsd.control.web.server import Pages, WebServer
from dnsd.control.web.talk import Page
from dnsd.control.zones.report import ZoneOutcome
from dnsd.control.zones.table import ServedImage, ZoneRow
from dnsd.control.zones.tally import BuildTally
from dnsd.errors import AdminError
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.metrics import counters, prometheus
from dnsd.metrics.prometheus import MetricFamily

DEPLOY = Path(__file__).parents[2] / "deploy/prometheus"


def source(workers: int = 1) -> MetricsSource:
    rows = [ZoneRow("example.com.", Path("x"), 0.0, served=ServedImage("i", 7, 3), loaded=True)]
    ledger = Ledger("a", time.monotonic())
    ledger.note(nothing("new.example.com.", "A"), time.monotonic(), 300)
    return MetricsSource(
        StateVector.create(workers), time.monotonic_ns(), lambda: rows, lambda: [], ledger
    )


# -- metrics ----------------------------------------------------------------------------------


def samples(text: str) -> dict[str, float]:
    return {
        name: float(value)
        for line in text.splitlines()
        if not line.startswith("#")
        for name, value in [line.rsplit(" ", 1)]
    }


def test_every_counter_is_a_metric_with_its_worker() -> None:
    found = source(workers=2)
    for index in range(counters.SIZE):
        found.vector.counters(1)[index] = index + 1
    seen = samples(metrics.text(found))
    del seen['dnsd_worker_replacements_total{worker="1"}']
    worker = [value for name, value in seen.items() if 'worker="1"' in name and "_total" in name]
    assert sorted(worker) == [float(number + 1) for number in range(counters.SIZE)]
    assert seen['dnsd_queries_udp_total{worker="1"}'] == 1
    assert seen['dnsd_queries_by_type_total{type="AAAA",worker="0"}'] == 0
    assert seen['dnsd_responses_by_rcode_total{rcode="RCODE12",worker="0"}'] == 0


def test_zones_workers_and_caches_are_there() -> None:
    found = source()
    found.vector.worker(0)[WorkerCells.LISTENING] = 1
    seen = samples(metrics.text(found))
    assert seen['dnsd_zone_serial{zone="example.com."}'] == 7
    assert seen['dnsd_zones{state="served"}'] == 1
    assert seen['dnsd_worker_listening{worker="0"}'] == 1
    assert seen["dnsd_horizon_versions"] == 1
    assert 290 < seen["dnsd_horizon_latest_seconds"] <= 300


def test_members_have_metrics_of_their_own_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = LivePool("example.com.", meta(("192.0.2.1", "192.0.2.2")), time.monotonic() - 60)
    sick = pool.state.members["192.0.2.1"]
    for reason in ("refused", "refused", "timeout"):
        sick.result(time.monotonic(), False, "is \x1b ill", 0.25, reason)
    pool.state.members["192.0.2.2"].result(time.monotonic(), True, "", 0.5)
    pool.decide(time.monotonic(), lambda _coming: True)
    found = source()._replace(pools=lambda: [pool])
    seen = samples(metrics.text(found))
    first, second = (
        f'pool="www.example.com.",type="A",member="{address}"'
        for address in ("192.0.2.1", "192.0.2.2")
    )
    assert seen[f'dnsd_member_state{{{first},state="down"}}'] == 1
    assert seen[f'dnsd_member_state{{{second},state="up"}}'] == 1
    assert seen[f'dnsd_member_checks_total{{{first},result="refused"}}'] == 2
    assert seen[f"dnsd_member_answered{{{first}}}"] == 0
    assert seen[f"dnsd_member_answered{{{second}}}"] == 1
    assert seen[f"dnsd_member_check_latency_seconds{{{second}}}"] == 0.5
    changed = seen[f"dnsd_member_changed_timestamp_seconds{{{first}}}"]
    assert abs(changed - time.time()) < 5
    assert seen["dnsd_members_without_metrics"] == 0
    monkeypatch.setattr(members, "MOST", 1)
    seen = samples(metrics.text(found))
    assert sum(name.startswith("dnsd_member_state") for name in seen) == 1
    assert seen["dnsd_members_without_metrics"] == 1


def test_processes_that_take_a_workers_seat_are_counted() -> None:
    found = source(workers=2)
    replaced = Replacements(found.vector)
    for pids in ((7, 8), (7, 8), (0, 8), (9, 8), (10, 8)):
        for index, pid in enumerate(pids):
            found.vector.worker(index)[WorkerCells.PID] = pid
        replaced.look()
    seen = samples(metrics.text(found._replace(replaced=replaced.counts)))
    assert seen['dnsd_worker_replacements_total{worker="0"}'] == 2
    assert seen['dnsd_worker_replacements_total{worker="1"}'] == 0


def test_builds_are_counted_and_the_slowest_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zonemetrics, "MOST", 1)
    quick, slow = (
        ZoneRow(name, Path("x"), 0.0, seconds=seconds) for name, seconds in (("a.", 1), ("b.", 9))
    )
    tally = BuildTally()
    for outcome, seconds in ((ZoneOutcome.LOADED, 1), (ZoneOutcome.BROKEN, 9)):
        tally.add(outcome, seconds)
    figures = zonemetrics.BuildFigures(tally, 3, 12.5)
    found = source()._replace(rows=lambda: [quick, slow], builds=lambda: figures)
    seen = samples(metrics.text(found))
    assert seen['dnsd_builds_total{outcome="loaded"}'] == 1
    assert seen['dnsd_builds_total{outcome="failed"}'] == 0
    assert seen["dnsd_build_seconds_total"] == 10
    assert (seen["dnsd_zones_building"], seen["dnsd_building_seconds"]) == (3, 12.5)
    assert {one for one in seen if "zone_build" in one} == {'dnsd_zone_build_seconds{zone="b."}'}


def test_members_that_are_out_are_counted_by_what_caches_hold() -> None:
    key = PoolKey("example.com.", "www.example.com.", "A")
    out = [
        OutMember(key, f"192.0.2.{number}", safety, "")
        for number, safety in enumerate((Safety.UNKNOWN, Safety.UNKNOWN, Safety.SAFE))
    ]
    seen = samples(metrics.text(source()._replace(out=lambda: out)))
    counted = {
        one.split('horizon="')[1][:-2]: value for one, value in seen.items() if "_out_" in one
    }
    assert counted == {"unknown": 2, "safe": 1, "wait": 0}


def test_what_is_asked_for_and_whether_demand_is_counted() -> None:
    key = PoolKey("example.com.", "www.example.com.", "A")
    seen = samples(metrics.text(source()._replace(asked=lambda: {key: 70})))
    assert seen['dnsd_pool_queries_total{pool="www.example.com.",type="A"}'] == 70
    assert seen["dnsd_demand_counting"] == 0
    assert "dnsd_demand_window_queries" not in seen
    status = {"seconds": 60.5, "queries": 12, "full": 0.25}
    seen = samples(metrics.text(source()._replace(demand=lambda _now: status)))
    assert seen["dnsd_demand_counting"] == 1
    assert seen["dnsd_demand_window_seconds"] == 60.5
    assert seen["dnsd_demand_window_queries"] == 12
    assert seen["dnsd_demand_full_ratio"] == 0.25


def meta(addresses: tuple[str, ...]) -> PoolMeta:
    policy = PoolPolicy(name="www.example.com.", type="A", check="tcp", port=80)
    return PoolMeta(policy=policy, ttl=300, members=addresses, cell=0, cells=0)


def test_the_text_is_as_the_format_wants_it() -> None:
    odd = MetricFamily("a_metric", "gauge", "two\nlines", [({"zone": 'a"b\\c'}, 1.5), ({}, 2)])
    assert prometheus.text_of([odd]) == (
        "# HELP a_metric two\\nlines\n# TYPE a_metric gauge\n"
        'a_metric{zone="a\\"b\\\\c"} 1.5\na_metric 2\n'
    )
    text = metrics.text(source())
    line = re.compile(r'(# (HELP|TYPE) )?dnsd_[a-z_]+( .+|\{([a-z_]+="[^"]*",?)+\} [0-9.e+-]+)')
    assert all(line.fullmatch(one) for one in text.splitlines())


def test_the_route_is_as_dnsd_anycast_says() -> None:
    vip = {"vip": "192.0.2.53", "wanted": "announced", "address": True, "carrier": False}
    session = {"name": "rtr", "neighbor": None, "established": False, "bfd": None}
    other = {"name": "b", "neighbor": "192.0.2.9", "established": True, "bfd": "Up"}
    said = {
        "state": "announced",
        "since": 1000.0,
        "as_ordered": False,
        "problems": ["BIRD cannot be reached"],
        "held_down": 0.0,
        "bird": {"error": "BIRD cannot be reached", "sessions": [session, other]},
        "vips": [{**vip, "in_bird": "up", "exported_to": ["rtr", "b"], "drained_to": ["b"]}],
        "health": "degraded",
        "orders": {"drain": {"since": 1.0}, "withdraw": None},
    }
    seen = samples(metrics.text(source()._replace(route=lambda: said)))
    assert seen['dnsd_route_state{state="announced"}'] == 1
    assert seen['dnsd_route_state{state="drained"}'] == 0
    assert seen["dnsd_route_as_ordered"] == seen["dnsd_bird_up"] == 0
    assert seen["dnsd_route_problems"] == 1
    assert seen['dnsd_vip_address{vip="192.0.2.53"}'] == 1
    assert seen['dnsd_vip_carrier{vip="192.0.2.53"}'] == 0
    assert seen['dnsd_vip_exports{vip="192.0.2.53"}'] == 2
    assert seen['dnsd_vip_drained_exports{vip="192.0.2.53"}'] == 1
    assert seen['dnsd_vip_in_bird{vip="192.0.2.53"}'] == 1
    assert seen['dnsd_bird_session_established{session="rtr",router=""}'] == 0
    assert seen['dnsd_bird_session_bfd_up{session="b",router="192.0.2.9"}'] == 1
    assert 'dnsd_bird_session_bfd_up{session="rtr",router=""}' not in seen
    assert seen['dnsd_node_health{level="degraded"}'] == 1
    assert seen['dnsd_node_health{level="healthy"}'] == 0
    assert seen['dnsd_route_ordered{order="drain"}'] == 1
    assert seen['dnsd_route_ordered{order="withdraw"}'] == 0
    assert not any("_vip_" in name for name in samples(metrics.text(source())))


def test_every_metric_stands_in_the_document_and_none_besides() -> None:
    of_a_node, _, _ = _document().partition("\nA director (")
    told = re.findall(r"^\| `(dnsd_\w+)` \| (\w+) \| [\w, ]* \| (.+) \|$", of_a_node, re.MULTILINE)
    families = [(one.name, one.kind, one.help) for one in metrics.families(source())]
    assert told == families
    assert len({name for name, _, _ in families}) == len(families)


def test_the_alerts_are_about_metrics_that_exist() -> None:
    known = set(re.findall(r"^\| `(dnsd_\w+)` \|", _document(), re.MULTILINE))
    used = set(re.findall(r"dnsd_\w+", (DEPLOY / "dnsd-alerts.yml").read_text()))
    assert used
    assert used <= known


def test_each_alert_has_its_section_in_the_runbook() -> None:
    alerts = (DEPLOY / "dnsd-alerts.yml").read_text()
    named = re.findall(r"- alert: (\w+)", alerts)
    sections = re.findall(r"^## (\w+)$", (DEPLOY.parent / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert named == sections
    assert re.findall(r"RUNBOOK\.md#(\w+)", alerts) == [name.lower() for name in named]


def test_what_the_runbook_says_to_do_can_be_done() -> None:
    text = (DEPLOY.parent / "RUNBOOK.md").read_text()
    commands = re.findall(
        r"`dnsd ((?:zone|failover|config|drain|undrain|balance|backend) [a-z]+|[a-z-]+)", text
    )
    assert len(set(commands)) > 10
    for words in sorted(set(commands)):
        done = CliRunner().invoke(main, [*words.split(), "--help"])
        assert done.exit_code == 0, words


def _document() -> str:
    return (DEPLOY / "README.md").read_text()


# -- health -----------------------------------------------------------------------------------


def test_health_is_about_answering() -> None:
    vector = StateVector.create(1)
    assert health.problems(vector, 1.0) == ["the zones are not loaded yet"]
    vector.control[ControlCells.GENERATION] = 1
    assert health.problems(vector, 1.0) == ["worker 0 does not answer"]
    worker = vector.worker(0)
    worker[WorkerCells.LISTENING] = 1
    assert health.problems(vector, 60.0) == []
    worker[WorkerCells.SILENT] = 61_000_000_000
    (found,) = health.problems(vector, 60.0)
    assert "no progress for 61." in found


# -- HTTP -------------------------------------------------------------------------------------


async def horizon(request: Mapping[str, Any]) -> object:
    if request.get("target") == "x":
        raise AdminError("that is no address")
    if request.get("target") == "fault":
        raise ZeroDivisionError
    return {"asked": dict(request)}


def serve(
    story: Callable[[str], Awaitable[None]],
    problems: tuple[str, ...] = (),
    more: Pages | None = None,
) -> None:
    """Run ``story`` with the URL of a server, which has ``more`` pages than usual."""

    async def run() -> None:
        made = {**pages({"horizon": horizon}, source(), lambda: list(problems)), **(more or {})}
        web = WebServer([Endpoint("127.0.0.1", 0)], made)
        task = asyncio.create_task(web.run())
        async with asyncio.timeout(60):
            while not web.addresses:
                await asyncio.sleep(0)
            host, port = web.addresses[0]
            await story(f"http://{host}:{port}")
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(run())


def get(url: str, method: str = "GET") -> tuple[int, str, str]:
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


async def fetch(url: str, method: str = "GET") -> tuple[int, str, str]:
    return await asyncio.to_thread(get, url, method)


def test_pages() -> None:
    async def story(url: str) -> None:
        status, kind, text = await fetch(f"{url}/horizon?target=192.0.2.1")
        assert (status, kind) == (200, "application/json")
        assert json.loads(text) == {"asked": {"target": "192.0.2.1"}}
        status, kind, text = await fetch(f"{url}/metrics")
        assert (status, kind) == (200, prometheus.CONTENT_TYPE)
        assert "dnsd_info" in text
        well = '{"ok":true,"problems":[],"notices":[]}\n'
        for page in ("health", "readyz"):
            assert await fetch(f"{url}/{page}") == (200, "application/json", well)
        assert await fetch(f"{url}/livez") == (200, "application/json", '{"ok":true}\n')
        assert await fetch(f"{url}/readyz", "HEAD") == (200, "application/json", "")

    serve(story)


def test_a_node_that_cannot_answer_says_so_with_its_status() -> None:
    async def story(url: str) -> None:
        for page in ("health", "readyz"):
            status, _, text = await fetch(f"{url}/{page}")
            assert (status, json.loads(text)["problems"]) == (503, ["worker 0 does not answer"])
            assert (await fetch(f"{url}/{page}", "HEAD"))[0] == 503
        assert (await fetch(f"{url}/livez"))[0] == 200

    serve(story, ("worker 0 does not answer",))


@pytest.mark.parametrize(
    ("page", "method", "status", "says"),
    [
        ("/nothing", "GET", 404, "no such page; try /horizon"),
        ("/status", "GET", 404, "no such page"),
        ("/health", "POST", 405, "only GET"),
        ("/health", "DELETE", 405, "only GET"),
        ("/horizon?target=x", "GET", 400, "that is no address"),
        ("/horizon?target=fault", "GET", 500, "ZeroDivisionError"),
        ("/horizon?" + "&".join(f"a{n}=1" for n in range(20)), "GET", 400, "too many arguments"),
    ],
)
def test_what_is_refused(page: str, method: str, status: int, says: str) -> None:
    async def story(url: str) -> None:
        found, _, text = await fetch(url + page, method)
        assert found == status
        assert says in text

    serve(story)


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), 20)


def read_to_end(sock: socket.socket) -> bytes:
    """What comes until the connection is closed, or reset."""
    found = b""
    with suppress(ConnectionResetError):
        while more := sock.recv(65536):
            found += more
    return found


def ask(url: str, request: bytes) -> bytes:
    with connect(url) as sock:
        sock.sendall(request)
        return read_to_end(sock)


@pytest.mark.parametrize("half", [b"G", b"GET /health HTTP/1.1\r\nHost: x\r\n"])
def test_half_a_request_keeps_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch, half: bytes
) -> None:
    monkeypatch.setattr(server, "HEAD_S", 3600.0)

    async def story(url: str) -> None:
        def silent() -> list[socket.socket]:
            every = [connect(url) for _ in range(3 * connectionlimit.MOST_OF_SOURCE)]
            for one in every:
                one.sendall(half)
            return every

        every = await asyncio.to_thread(silent)
        for _ in range(3):
            assert (await fetch(f"{url}/health"))[0] == 200
        # Those that came last are still there, the first ones had to leave.
        assert await asyncio.to_thread(read_to_end, every[0]) == b""
        every[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            every[-1].recv(1)
        for one in every:
            one.close()

    serve(story)


def test_connections_that_send_nothing_keep_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel keeps them; when its queue is full, SYN cookies take over."""
    monkeypatch.setattr(server, "BACKLOG", 16)
    silent: list[socket.socket] = []

    async def story(url: str) -> None:
        await asyncio.to_thread(lambda: silent.extend(connect(url) for _ in range(100)))
        for _ in range(3):
            assert (await fetch(f"{url}/health"))[0] == 200

    serve(story)
    for one in silent:
        one.close()


def test_half_requests_that_come_again_and_again_starve_no_whole_one() -> None:
    """Each that has to leave comes back at once; the other node of the site is slow to ask."""
    came = 0

    async def pest(address: tuple[str, int]) -> None:
        nonlocal came
        loop = asyncio.get_running_loop()
        while True:
            with socket.socket() as sock, suppress(OSError):
                sock.setblocking(False)
                await loop.sock_connect(sock, address)
                await loop.sock_sendall(sock, b"GET /health HT")
                came += 1
                await loop.sock_recv(sock, 1)

    async def story(url: str) -> None:
        host, _, port = url.removeprefix("http://").rpartition(":")
        address = host, int(port)
        pests = [asyncio.create_task(pest(address)) for _ in range(20)]
        for _ in range(5):
            reader, writer = await asyncio.open_connection(*address)
            begin = came
            while came < begin + 10 * connectionlimit.MOST_OF_SOURCE:
                await asyncio.sleep(0)
            writer.write(b"GET /health HTTP/1.0\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            await writer.wait_closed()
        for one in pests:
            one.cancel()
        await asyncio.wait(pests)
        assert (await fetch(f"{url}/health"))[0] == 200

    serve(story)


def test_a_request_that_does_not_come_ends_with_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.1)

    async def story(url: str) -> None:
        assert await asyncio.to_thread(ask, url, b"GET /health") == b""

    serve(story)


def test_an_answer_that_is_not_read_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the one who has asked: the place is given away, and given up with the time."""
    monkeypatch.setattr(server, "SEND_S", 0.1)
    begun = asyncio.Event()

    async def huge(_arguments: Mapping[str, str]) -> Page:
        begun.set()
        return Page("text/plain", b"x" * (64 << 20))

    async def story(url: str) -> None:
        with connect(url) as sock:
            sock.sendall(b"GET /huge HTTP/1.0\r\n\r\n")
            await begun.wait()
            assert (await fetch(f"{url}/health"))[0] == 200
            got = await asyncio.to_thread(read_to_end, sock)
            assert 0 < len(got) < 64 << 20

    serve(story, more={"/huge": huge})


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", b"400"),
        (b"GET //[ HTTP/1.0\r\n\r\n", b"400"),
        (b"GET http://[x HTTP/1.0\r\n\r\n", b"400"),
        (b"GET /\xff HTTP/1.0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\n folded\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\nX: \x00\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n", b"501"),
        (b"GET /" + b"x" * talk.LONGEST_HEAD, b"431"),
        (b"GET / HTTP/1.0\r\n" + b"A: b\r\n" * 3000, b"431"),
        (b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nunread", b"405"),
    ],
)
def test_an_odd_request_is_refused_without_a_line_in_the_log(
    request_: bytes, status: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(url: str) -> None:
        def asked() -> bytes:
            with connect(url) as sock:
                sock.sendall(request_)
                sock.shutdown(socket.SHUT_WR)
                return read_to_end(sock)

        assert (await asyncio.to_thread(asked)).startswith(b"HTTP/1.1 " + status)
        assert (await fetch(f"{url}/health"))[0] == 200

    serve(story)
    assert capsys.readouterr().err == ""


def test_a_fault_is_told_once_with_its_place_and_not_one_for_each_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "TELL_S", 3600.0)

    async def story(url: str) -> None:
        for _ in range(3):
            assert (await fetch(f"{url}/horizon?target=fault"))[0] == 500

    serve(story)
    line, *trace = capsys.readouterr().err.splitlines()
    assert line.startswith("dnsd: error: http: /horizon failed: ZeroDivisionError: ")
    assert "\n".join(trace).count("Traceback") == 1
    assert any(re.search(r"test_web\.py", place) for place in trace)


def test_want_of_descriptors_is_waited_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "REST_S", 0.001)

    async def story(url: str) -> None:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with connect(url) as sock:
            sock.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            try:
                for _ in range(100):
                    await asyncio.sleep(0.001)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            answer = await asyncio.to_thread(read_to_end, sock)
            assert answer.startswith(b"HTTP/1.1 200 ")

    serve(story)
    assert capsys.readouterr().err == ""


# -- room ---------------------------------------------------------------------------------------


class Crowd:
    """Guests of a room; ``gone`` are those that had to leave."""

    def __init__(self, *reserved: str) -> None:
        self.room = connectionlimit.Room(reserved)
        self.gone: list[connectionlimit.Guest] = []

    def come(self, source: str, *, busy: bool = False) -> connectionlimit.Guest | None:
        guest = connectionlimit.Guest(source, lambda: self.gone.append(guest))
        guest.busy = busy
        return guest if self.room.enter(guest) else None


def test_a_source_at_its_limit_makes_room_itself() -> None:
    crowd = Crowd()
    other = crowd.come("b")
    mine = [crowd.come("a") for _ in range(connectionlimit.MOST_OF_SOURCE)]
    assert crowd.come("a")
    assert crowd.gone == mine[:1]
    assert other is not None
    assert other in crowd.room


def test_in_a_full_room_the_source_with_the_most_guests_makes_room() -> None:
    crowd = Crowd()
    few = crowd.come("few")
    assert few is not None
    for number in range(connectionlimit.MOST // connectionlimit.MOST_OF_SOURCE):
        for _ in range(connectionlimit.MOST_OF_SOURCE):
            crowd.come(f"many{number}")
    assert len(crowd.room) == connectionlimit.MOST
    assert few in crowd.room
    assert {one.source for one in crowd.gone} == {"many0"}
    assert crowd.come("new")
    assert len(crowd.room) == connectionlimit.MOST
    assert few in crowd.room


def test_nobody_leaves_whose_page_is_being_made() -> None:
    crowd = Crowd()
    for number in range(connectionlimit.MOST):
        assert crowd.come(str(number), busy=True)
    assert crowd.come("new") is None
    assert crowd.gone == []


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.booleans())))
def test_the_limits_hold_whatever_happens(events: list[tuple[str, bool, bool]]) -> None:
    crowd = Crowd()
    inside: list[connectionlimit.Guest] = []
    for source, busy, leaves in events * 20:
        if leaves and inside:
            crowd.room.exit(inside.pop())
        elif (guest := crowd.come(source, busy=busy)) is not None:
            inside.append(guest)
        inside = [one for one in inside if one not in crowd.gone]
        assert all(one in crowd.room for one in inside)
        assert len(crowd.room) == len(inside) <= connectionlimit.MOST
        assert max(Counter(one.source for one in inside).values(), default=0) <= (
            connectionlimit.MOST_OF_SOURCE
        )
    assert not any(one.busy for one in crowd.gone)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_what_one_source_is(address: str, source: str) -> None:
    assert connectionlimit.source_of(address) == source


# -- where it listens ---------------------------------------------------------------------------


def test_an_address_that_is_taken_is_told_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "RETRY_S", 0.01)

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            web = WebServer([Endpoint("127.0.0.1", port)], {})
            task = asyncio.create_task(web.run())
            async with asyncio.timeout(60):
                while "cannot listen" not in (said := capsys.readouterr().err):
                    await asyncio.sleep(0.01)
        assert f"http: cannot listen on 127.0.0.1:{port}" in said
        async with asyncio.timeout(60):
            while not web.addresses:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(story())


@given(st.lists(st.integers(0, 40), max_size=400), st.floats(0, 1))
@example([number % 41 for number in range(400)], 1.0)
def test_strangers_take_no_place_of_another_node(strangers: list[int], busy: float) -> None:
    crowd = Crowd("node")
    first = crowd.come("node")
    for number, source in enumerate(strangers):
        crowd.come(f"stranger {source}", busy=number < busy * len(strangers))
    assert first is not None
    assert first in crowd.room
    assert all(crowd.come("node", busy=True) for _ in range(connectionlimit.MOST_OF_SOURCE - 1))
    assert len(crowd.room) <= connectionlimit.MOST + connectionlimit.MOST_OF_SOURCE
