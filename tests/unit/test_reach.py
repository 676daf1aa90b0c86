"""Whether other nodes reach this one: what they say, and when it counts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.announce.reach import FRESH_S, WINDOW, Hearing, ProbeResult, Reach, Self, Tally
from dnsd.checks.result import ServiceFault
from dnsd.config import Config, Endpoint, Http
from dnsd.config.anycast import Anycast, Probe
from dnsd.config.reader import read_text
from dnsd.control.anycast.probes import Probes, ask_for_name
from tests import jumping
from tests.jumping import Jumping
from tests.support import make_node, until, zone

VIP, OURS, OURS6, LON, TYO = "192.0.2.53", "10.1.0.2", "fd00:1::2", "10.2.0.2", "10.3.0.2"
ME = Self("nyc", frozenset({VIP}), frozenset({VIP, OURS, OURS6}).__contains__)
NOW = 1000.0


def asked(address: str, answered: int, asked: int = WINDOW, by: str = "") -> ProbeResult:
    server = f"[{address}]:53" if ":" in address else f"{address}:53"
    return ProbeResult(server=server, asked=asked, answered=answered, by=by)


def page(*servers: ProbeResult) -> Reach:
    return Reach(node="another", servers=servers)


def heard(*pages: Reach) -> Hearing:
    hearing = Hearing(ME)
    for number, one in enumerate(pages):
        hearing.hear(f"http://{number}", one, NOW)
    return hearing


YES = page(asked(OURS, 1), asked(TYO, 5))
NO = page(asked(OURS, 0), asked(TYO, 5))
BLIND = page(asked(OURS, 0), asked(TYO, 0))
NOTHING = page(asked(TYO, 5))
TOO_EARLY = page(asked(OURS, 0, asked=WINDOW - 1), asked(TYO, 5))


def test_two_that_reach_others_and_not_this_node_are_believed() -> None:
    fault = heard(NO, NO).fault(NOW)
    assert fault.startswith("no other node gets answers from this one over IPv4")
    assert "http://0, http://1" in fault


@pytest.mark.parametrize("other", [YES, BLIND, NOTHING, TOO_EARLY])
def test_one_alone_is_not(other: Reach) -> None:
    assert heard(NO).fault(NOW) == heard(NO, other).fault(NOW) == ""


def test_one_that_reaches_it_is_enough() -> None:
    assert heard(NO, NO, NO, YES).fault(NOW) == ""


def test_what_was_said_does_not_last() -> None:
    assert heard(NO, NO).fault(NOW + FRESH_S) == ""


def test_each_family_of_addresses_counts_for_itself() -> None:
    mixed = page(asked(OURS, 5), asked(OURS6, 0), asked(TYO, 5), asked("fd00:3::2", 5))
    assert "over IPv6" in heard(mixed, mixed).fault(NOW)
    no_others_over_6 = page(asked(OURS, 5), asked(OURS6, 0), asked(TYO, 5))
    assert heard(no_others_over_6, no_others_over_6).fault(NOW) == ""


def test_a_vip_counts_for_the_node_that_answered_last() -> None:
    ours, theirs = (page(asked(VIP, 0, by=name), asked(TYO, 5)) for name in ("nyc", "lon"))
    assert heard(ours, ours).fault(NOW)
    assert heard(theirs, theirs).fault(NOW) == ""
    assert heard(page(asked(VIP, 5, by="lon"), asked(OURS, 0)), NO).fault(NOW), "it reaches lon"


def test_that_too_few_are_heard_is_remarked() -> None:
    assert "1 of 3 other nodes" in heard(NO).remark(3, NOW)
    assert heard(NO, YES).remark(3, NOW) == heard().remark(0, NOW) == ""


texts = st.text(max_size=30) | st.sampled_from([f"{OURS}:53", f"[{OURS6}]:53", f"{VIP}:1"])
counts = st.integers(0, WINDOW)
pages = st.builds(
    Reach,
    node=st.just("x"),
    servers=st.lists(
        st.builds(ProbeResult, server=texts, asked=counts, answered=counts, by=texts), max_size=4
    ).map(tuple),
)


@given(st.lists(pages, max_size=5))
def test_whatever_is_said_it_takes_two_and_one_contradicts(said: list[Reach]) -> None:
    hearing = heard(*said)
    if hearing.fault(NOW):
        deaf = [False in hearing.said_by(f"http://{n}", NOW).values() for n in range(len(said))]
        assert sum(deaf) >= 2
    contradiction = page(asked(OURS, 1), asked(OURS6, 1))
    assert heard(*said, contradiction).fault(NOW) == ""


def test_a_tally_forgets() -> None:
    tally = Tally("192.0.2.1:53")
    for by in (None, "lon", *[None] * WINDOW):
        tally.note(by)
    assert tally.asked() == ProbeResult(server="192.0.2.1:53", asked=WINDOW, answered=0, by="lon")


# -- asking ------------------------------------------------------------------------------------


URLS = (Endpoint(LON, 9153), Endpoint(TYO, 9153))


def config() -> Config:
    probes = tuple(Probe(url=url, servers=(Endpoint(url.address, 53),)) for url in URLS)
    listen = (Endpoint("127.0.0.1", 9153),)
    return Config(http=Http(listen=listen), anycast=Anycast(probe=probes))


class Others:
    """What the other nodes say, and answer."""

    def __init__(self) -> None:
        self.pages: dict[Endpoint, bytes | Exception] = dict.fromkeys(URLS, encoded(NO))
        self.names: dict[str, str | None] = {LON: "lon", TYO: None}
        self.asked = 0

    async def ask(self, server: Endpoint) -> str | None:
        self.asked += 1
        return self.names[server.address]

    async def page(self, url: Endpoint) -> bytes:
        answer = self.pages[url]
        if isinstance(answer, Exception):
            raise answer
        return answer


def encoded(reach: Reach) -> bytes:
    return msgspec.json.encode(reach)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr("dnsd.process.log.write", found.append)
    monkeypatch.setattr("dnsd.control.anycast.probes.is_here", ME.has)
    return found


def test_it_asks_says_what_came_of_it_and_hears_the_others(log: list[str]) -> None:
    others = Others()

    async def story(_loop: Jumping) -> None:
        probes = Probes("nyc", config(), others.ask, others.page)
        task = asyncio.ensure_future(probes.run())
        await asyncio.sleep(9.5)
        assert others.asked == 20, "once a second, each"
        assert probes.reach() == Reach(node="nyc", servers=(asked(LON, 5, by="lon"), asked(TYO, 0)))
        assert probes.fault().startswith("no other node gets answers")
        assert [one["reaches_us"] for one in probes.report()] == [{"IPv4": False}] * 2
        others.pages = {URLS[0]: encoded(YES), URLS[1]: ServiceFault("answers with status 404")}
        await asyncio.sleep(9)
        assert probes.fault() == ""
        assert probes.report()[1]["fault"] == "answers with status 404"
        assert "1 of 2 other nodes" in probes.remark()
        others.pages[URLS[1]] = encoded(NO)
        await asyncio.sleep(2)
        task.cancel()

    jumping.play(story)
    assert sum("status 404: whether it reaches this node is unknown" in one for one in log) == 1
    assert sum("10.3.0.2:9153 responds again" in one for one in log) == 1


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{", encoded(Reach(node="nyc")), b'{"node":"x","servers":[{"server":"x"}]}'],
)
def test_what_is_no_page_of_another_node_is_not_heard(log: list[str], answer: bytes) -> None:
    others = Others()
    others.pages = dict.fromkeys(URLS, answer)

    async def story(_loop: Jumping) -> None:
        probes = Probes("nyc", config(), others.ask, others.page)
        task = asyncio.ensure_future(probes.run())
        await asyncio.sleep(8.5)
        assert probes.fault() == ""
        assert all(one["fault"] for one in probes.report())
        assert others.asked == 18, "it is asked all the same"
        task.cancel()

    jumping.play(story)
    assert len(log) == 2


def test_a_fault_of_its_own_ends_nothing(log: list[str]) -> None:
    others = Others()
    others.pages[URLS[0]] = RuntimeError("a bug")

    async def story(_loop: Jumping) -> None:
        probes = Probes("nyc", config(), others.ask, others.page)
        task = asyncio.ensure_future(probes.run())
        await asyncio.sleep(3)
        others.pages[URLS[0]] = encoded(NO)
        await asyncio.sleep(3)
        assert probes.fault()
        assert not task.done()
        task.cancel()

    jumping.play(story)
    assert sum("RuntimeError: a bug; trying again" in line for line in log) == 1


def test_a_server_is_asked_for_its_name_and_silence_is_none() -> None:
    with make_node({"example.com": zone(1)}) as node:
        node.start()
        node.wait_ready()
        began = time.monotonic()
        there = Endpoint("127.0.0.1", node.port)
        until(lambda: asyncio.run(ask_for_name(there)) is not None, "an answer")
        node.stop()
        with pytest.raises(ConnectionRefusedError):
            asyncio.run(ask_for_name(there))
        assert time.monotonic() > began


# -- configuration ------------------------------------------------------------------------------


HTTP = '[http]\nlisten = ["127.0.0.1:9153"]\n'
ENABLED = '[anycast]\nenabled = true\nvips = ["192.0.2.53"]\nsubnets = ["192.0.2.0/24"]\n'
PROBE = '[[anycast.probe]]\nurl = "http://10.2.0.2:9153"\nservers = ["10.2.0.2:53"]\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HTTP + PROBE, None),
        (HTTP + ENABLED + PROBE, None),
        (PROBE, "it needs [http] listen"),
        (HTTP + PROBE.replace("http://", ""), "is not the URL of a node"),
        (
            HTTP + PROBE.replace("10.2.0.2:53", "127.0.0.1:53"),
            "is not an address of another machine",
        ),
        (HTTP + PROBE.replace('"10.2.0.2:53"', ""), "needs at least one address"),
        (HTTP + PROBE.replace("10.2.0.2:53", "192.0.2.53:53"), None),
        (HTTP + ENABLED + PROBE.replace("10.2.0.2:53", "192.0.2.53:53"), "is a VIP of this node"),
        (HTTP + PROBE.replace('["10.2.0.2:53"]', repr([f"10.0.0.{n}:53" for n in range(9)])), "8"),
        (HTTP + 32 * PROBE, "31 are allowed"),
    ],
)
def test_what_is_configured_can_be_asked_or_is_refused(text: str, problem: str | None) -> None:
    config, problems = read_text(text, Path("dnsd.toml"))
    assert (config is None) == (problem is not None)
    assert [problem in str(one) for one in problems if problem] == [True] * bool(problem)
