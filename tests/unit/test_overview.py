"""The page about a node: what it says first, that it escapes, and how it is renewed."""

from __future__ import annotations

import asyncio
import html.parser
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from dnsd.config import Endpoint
from dnsd.control.web import livepage
from dnsd.control.web.directorpage import director_pages
from dnsd.control.web.overview import OverviewSource, overview_pages, streak
from dnsd.control.web.server import WebServer
from dnsd.control.web.talk import Page
from dnsd.control.web.traffic import QUERIES, Traffic, sparkline
from dnsd.control.web.verdict import NodeVerdict, verdict
from dnsd.image.state import StateVector
from dnsd.metrics.counters import INDEX
from dnsd.process import log
from dnsd.process.recent import RecentEvents

EVIL = "<script>alert(1)</script>"
ROUTE = {
    "state": "announced",
    "since": 0.0,
    "why": (),
    "as_ordered": True,
    "problems": (),
    "vips": [
        {
            "vip": "192.0.2.53",
            "wanted": "announced",
            "address": True,
            "carrier": True,
            "in_bird": "",
            "exported_to": [EVIL],
        }
    ],
    "bird": {"sessions": [{"name": "rtr", "neighbor": EVIL, "established": False, "bfd": None}]},
}
MEMBER = {
    "address": "192.0.2.1",
    "answered": False,
    "state": "down",
    "seen_as": f"down: {EVIL}",
    "since": 0.0,
    "last": {"ok": False, "detail": EVIL, "latency": 0.0123},
    "failures": 3,
    "stable": 0,
}
POOL = {
    "name": "www.example.com.",
    "type": "A",
    "answer": EVIL,
    "ttl": 5,
    "ttl_max": 60,
    "since": 0.0,
    "why": (EVIL,),
    "members": [MEMBER, {**MEMBER, "address": "192.0.2.2", "answered": True, "last": None}],
}
STATUS = {
    "version": "1.2",
    "hot_path": "native",
    "pid": 7,
    "uptime": 61.0,
    "listen": ["127.0.0.1:53"],
    "generation": 4,
    "limited": [{"network": "192.0.2.0/24", "kinds": ["nxdomain"], "withheld": 12345}],
    "zone_states": {"served": 1, "broken": 1},
    "zones": [
        {
            "zone": "a.example.",
            "serial": None,
            "records": 0,
            "state": "broken",
            "error": EVIL,
            "signatures": {"state": "soon", "phrase": f"end in 6 d {EVIL}"},
        }
    ],
    "workers": [
        {
            "index": 0,
            "pid": 8,
            "listening": True,
            "heartbeat_age": None,
            "generation": 4,
            "tcp_open": 3,
        }
    ],
    "counters": {"qtype_1": 10, "qtype_28": 30, "rcode_3": 7, "queries_udp": 40},
    "problems": [EVIL],
    "route": ROUTE,
}


def source(**changes: Any) -> OverviewSource:
    async def status(_request: Mapping[str, Any]) -> object:
        return {**STATUS, **changes}

    async def failover(_request: Mapping[str, Any]) -> object:
        return {"pools": [POOL], "problems": ()}

    commands = {"status": status, "failover": failover}
    traffic = Traffic(StateVector.create(1))
    held = "for 1 min"
    return OverviewSource("fra<1", commands, lambda: (), traffic, RecentEvents(), lambda _: held)


VOID = ("meta", "link", "polyline", "polygon")


class Reader(html.parser.HTMLParser):
    """Sees that each element ends, and remembers the text and the scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name == "src" or name.startswith("on")]
        assert all((value or "").startswith("data:") for name, value in attrs if name == "href")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] == ["script"] else self.text).append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def page_of(made: OverviewSource) -> Page:
    async def get() -> Page:
        page = await overview_pages(made)["/"]({})
        assert isinstance(page, Page)
        return page

    return asyncio.run(get())


def test_whatever_it_shows_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    made = source()
    log.say("advice", f"look: {EVIL}")
    capsys.readouterr()
    page = page_of(made)
    found = read(page.body.decode())
    assert found.scripts == [livepage.SCRIPT]
    text = " ".join(" ".join(found.text).split())
    assert text.count(EVIL) >= 8
    for said in (
        "fra<1",
        "12,345",
        "AAAA 30, A 10",
        "NXDOMAIN 7",
        "12.3 ms",
        "for 1 min",
        "given out",
    ):
        assert said in text
    assert f"advice look: {EVIL}" in text


def test_a_node_without_vips_or_pools_has_a_page() -> None:
    page = page_of(source(route=None, limited=[], zones=[]))
    text = " ".join(read(page.body.decode()).text)
    assert "answers it has no VIPs to announce" in re.sub(r"\s+", " ", text)
    assert "Route" not in text


@pytest.mark.parametrize(
    ("route", "problems", "said"),
    [
        (None, (), ("answers", "it has no VIPs to announce", "good")),
        (None, ("no worker answers",), ("cannot answer", "no worker answers", "bad")),
        (ROUTE, ("no worker answers",), ("cannot answer, announced", "no worker answers", "bad")),
        (ROUTE, (), ("announced", "", "good")),
        (
            {**ROUTE, "as_ordered": False, "problems": ("BIRD is down",)},
            (),
            ("announced", "BIRD is down", "bad"),
        ),
        (
            {**ROUTE, "state": "drained", "as_ordered": False, "why": ("wrong answers",)},
            (),
            ("drained", "wrong answers", "warn"),
        ),
    ],
)
def test_the_first_line_says_whether_it_is_announced_and_why(
    route: Any, problems: tuple[str, ...], said: tuple[str, str, str]
) -> None:
    assert verdict(route, problems) == NodeVerdict(*said)


def test_the_line_fits_the_picture() -> None:
    assert sparkline(()) == ""
    assert sparkline((5.0,)) == "0.0,2.0"
    assert sparkline((0.0, 10.0, 5.0)) == "0.0,58.0 300.0,2.0 600.0,30.0"
    assert sparkline((0.0, 0.0)) == "0.0,58.0 600.0,58.0"


def test_rates_are_counted_by_the_clock() -> None:
    vector = StateVector.create(2)
    now = [100.0]
    traffic = Traffic(vector, lambda: now[0])
    for worker, name, queries in ((0, "queries_udp", 10), (1, "queries_tcp", 20)):
        vector.counters(worker)[INDEX[name]] += queries
        now[0] += 2.0
        traffic.turn()
    assert traffic.rates == (5.0, 10.0)
    lines = traffic.lines
    assert lines[QUERIES][1:3] == (10.0, 10.0)
    assert (lines["UDP"].now, lines["UDP"].most, lines["TCP"].now) == (0.0, 5.0, 10.0)
    assert lines["TCP"].points == sparkline((0.0, 10.0))


@pytest.mark.parametrize(
    ("failures", "stable", "said"), [(0, 0, ""), (3, 0, "3 failed"), (3, 2, "2 ok"), (0, 9, "9 ok")]
)
def test_the_streak_of_a_member(failures: int, stable: int, said: str) -> None:
    assert streak({"failures": failures, "stable": stable}) == said


DIRECTOR: dict[str, Any] = {
    "version": "1.2",
    "pid": 7,
    "uptime": 61.0,
    "problems": [EVIL],
    "services": [
        {
            "service": "web",
            "vips": ["192.0.2.80"],
            "ports": [443],
            "state": "announced",
            "since": 0.0,
            "why": [EVIL],
            "min_backends": 1,
            "slots": 1024,
            "waiting": 5,
            "backends": [
                {
                    "backend": "b1",
                    "address": ["198.51.100.1"],
                    "weight": 1,
                    "state": "down",
                    "drained": None,
                    "slots": 7,
                    "wanted": 0,
                    "packets_per_second": 1234.5,
                    "why": EVIL,
                }
            ],
        }
    ],
}


@pytest.mark.parametrize(
    ("state", "word", "why"),
    [("announced", "announced", "1 service"), ("withdrawn", "not announced", "web")],
)
def test_a_director_has_a_page(state: str, word: str, why: str) -> None:
    (service,) = DIRECTOR["services"]

    async def status(_request: Mapping[str, Any]) -> object:
        return {**DIRECTOR, "services": [{**service, "state": state}]}

    async def get() -> Page:
        page = await director_pages("lb<1", status, RecentEvents())["/"]({})
        assert isinstance(page, Page)
        return page

    text = " ".join(" ".join(read(asyncio.run(get()).body.decode()).text).split())
    assert text.count(EVIL) == 3
    for said in ("lb<1", f"{word} {why}", "1,234", "1,024 slots; 5 wait", "198.51.100.1"):
        assert said in text, said


def test_it_is_renewed_until_the_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livepage, "RENEWED_S", 0.01)

    async def story(host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /updates HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"Content-Type: text/event-stream\r\n" in head
        for _ in range(3):
            event = await reader.readuntil(b"\n\n")
            assert b"data: <h1>fra&lt;1</h1>" in event
        writer.transport.abort()

    _serve(story)


def test_it_is_made_once_for_all_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livepage, "RENEWED_S", 3600.0)
    made = source()
    asked: list[None] = []

    async def status(_request: Mapping[str, Any]) -> object:
        asked.append(None)
        return STATUS

    async def story() -> None:
        pages = overview_pages(made._replace(commands={**made.commands, "status": status}))
        await asyncio.gather(*(pages["/"]({}) for _ in range(5)))

    asyncio.run(story())
    assert len(asked) == 1


def _serve(story: Callable[[str, int], Awaitable[None]]) -> None:
    async def run() -> None:
        web = WebServer([Endpoint("127.0.0.1", 0)], overview_pages(source()))
        task = asyncio.create_task(web.run())
        async with asyncio.timeout(60):
            while not web.addresses:
                await asyncio.sleep(0)
            await story(*web.addresses[0])
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())


def test_the_last_events_are_kept_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    kept = RecentEvents()
    for number in range(100):
        log.say("advice", f"number {number}")
    capsys.readouterr()
    found = kept.latest()
    assert (len(found), found[0].text, found[0].name) == (30, "number 99", "advice")
    assert abs(found[0].at - time.time()) < 60
