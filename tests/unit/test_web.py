"""HTTP, metrics, health: what programs read of a node, and the limits of it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dnsd.config import Endpoint
from dnsd.control.table import Row, Served
from dnsd.control.web import health, metrics, server
from dnsd.control.web.metrics import Source
from dnsd.control.web.pages import pages
from dnsd.control.web.server import WebServer
from dnsd.errors import AdminError
from dnsd.failover.ledger import Ledger
from dnsd.failover.version import nothing
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.metrics import counters, prometheus
from dnsd.metrics.prometheus import Family

DEPLOY = Path(__file__).parents[2] / "deploy/prometheus"


def source(workers: int = 1) -> Source:
    rows = [Row("example.com.", Path("x"), 0.0, served=Served("i", 7, 3), loaded=True)]
    ledger = Ledger("a", time.monotonic())
    ledger.note(nothing("new.example.com.", "A"), time.monotonic(), 300)
    return Source(
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


def test_the_text_is_as_the_format_wants_it() -> None:
    odd = Family("a_metric", "gauge", "two\nlines", [({"zone": 'a"b\\c'}, 1.5), ({}, 2)])
    assert prometheus.text_of([odd]) == (
        "# HELP a_metric two\\nlines\n# TYPE a_metric gauge\n"
        'a_metric{zone="a\\"b\\\\c"} 1.5\na_metric 2\n'
    )
    text = metrics.text(source())
    line = re.compile(r'(# (HELP|TYPE) )?dnsd_[a-z_]+( .+|\{([a-z_]+="[^"]*",?)+\} [0-9.e+-]+)')
    assert all(line.fullmatch(one) for one in text.splitlines())


def test_every_metric_stands_in_the_document_and_none_besides() -> None:
    told = re.findall(
        r"^\| `(dnsd_\w+)` \| (\w+) \| [\w, ]* \| (.+) \|$", _document(), re.MULTILINE
    )
    families = [(one.name, one.kind, one.help) for one in metrics.families(source())]
    assert told == families
    assert len({name for name, _, _ in families}) == len(families)


def test_the_alerts_are_about_metrics_that_exist() -> None:
    known = {one.name for one in metrics.families(source())}
    used = set(re.findall(r"dnsd_\w+", (DEPLOY / "dnsd-alerts.yml").read_text()))
    assert used
    assert used <= known


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


def serve(story: Callable[[str], Awaitable[None]], problems: tuple[str, ...] = ()) -> None:
    """Run ``story`` with the URL of a server."""

    async def run() -> None:
        made = pages({"horizon": horizon}, source(), lambda: list(problems))
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
        assert await fetch(f"{url}/health") == (
            200,
            "application/json",
            '{"ok":true,"problems":[]}\n',
        )

    serve(story)


def test_a_node_that_cannot_answer_says_so_with_its_status() -> None:
    async def story(url: str) -> None:
        status, _, text = await fetch(f"{url}/health")
        assert (status, json.loads(text)["problems"]) == (503, ["worker 0 does not answer"])

    serve(story, ("worker 0 does not answer",))


@pytest.mark.parametrize(
    ("page", "method", "status", "says"),
    [
        ("/nothing", "GET", 404, "there is nothing here; try /horizon"),
        ("/status", "GET", 404, "there is nothing here"),
        ("/health", "POST", 405, "only GET"),
        ("/health", "DELETE", 405, "only GET"),
        ("/health", "HEAD", 405, ""),
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


def test_connections_are_limited_in_number_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTION_S", 0.2)

    async def story(url: str) -> None:
        port = int(url.rpartition(":")[2])

        def silent() -> None:
            every = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(40)]
            for one in every:
                one.settimeout(20)
                # Those for which there is no room are closed at once, the others in the end.
                with one, suppress(ConnectionResetError):
                    assert one.recv(1) == b""

        await asyncio.to_thread(silent)
        assert (await fetch(f"{url}/health"))[0] == 200

    serve(story)
    assert threading.active_count() < 40


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
