"""What stands between users, real resolvers and dnsd in bench ttl: octets, ways, schedules."""

from __future__ import annotations

import asyncio
import math
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import msgspec
import pytest

from bench.peers.base import Setup, Unavailable
from bench.ttl import load, names, real
from bench.ttl.asking import Ask, ask
from bench.ttl.demand import Population
from bench.ttl.distance import Distance
from bench.ttl.names import Name
from bench.ttl.resolvers import RESOLVERS
from bench.ttl.results import Load
from bench.ttl.simulate import Question

if TYPE_CHECKING:
    from bench.server import Server

NAME = Name(7, 300)
QUERY = names.question(NAME.owner(), recursion=True)
PLAN = real.Plan((("unbound", 2),), (0, 30), Population(2, 5, 4.0, 0.0), 60.0, 0.02, 1)


def _answer(query: bytes, ttl: int) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(query))
    question = response.question[0]
    response.answer.append(dns.rrset.from_text(question.name, ttl, "IN", "A", "192.0.2.9"))
    return response.to_wire()


def test_a_query_is_one() -> None:
    query = dns.message.from_wire(QUERY)
    assert query.question[0].to_text() == "n7-t300.ttl.example. IN A"
    assert query.flags & dns.flags.RD
    assert not dns.message.from_wire(names.question("n0-t0", recursion=False)).flags


def test_what_passes_is_known_by_its_name() -> None:
    assert names.asked(QUERY) == NAME
    assert names.asked(QUERY.replace(b"n7-t300", b"N7-T300")) == NAME
    others = [b"", QUERY[:10], QUERY[:14], names.question("proof", recursion=False)]
    others += [names.question("nx-t5", recursion=False), QUERY[:-4] + b"\0\x1c\0\1"]
    assert [names.asked(other) for other in others] == [None] * len(others)


def test_the_ttl_of_an_answer_is_read() -> None:
    assert names.answer_ttl(_answer(QUERY, 86_400), QUERY) == 86_400
    assert (
        names.answer_ttl(dns.message.make_response(dns.message.from_wire(QUERY)).to_wire(), QUERY)
        is None
    )
    assert names.answer_ttl(b"", QUERY) is None
    refused = dns.message.make_response(dns.message.from_wire(QUERY))
    refused.set_rcode(dns.rcode.REFUSED)
    assert names.answer_ttl(refused.to_wire(), QUERY) is None


def test_the_zone_has_all_names_with_their_ttls(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    names.write_zone(path, [0, 300], 3)
    lines = [line.split() for line in path.read_text().splitlines() if "-t" in line]
    assert [(line[0], line[1]) for line in lines] == [
        (Name(number, ttl).owner(), str(ttl)) for ttl in (0, 300) for number in range(3)
    ]


class _Server(asyncio.DatagramProtocol):
    """Answers after a while, but for names with the TTL 0."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        name = names.asked(data)
        assert name is not None
        if name.ttl:
            self.transport.sendto(_answer(data, name.ttl), addr)


def test_answers_come_back_over_the_way_and_all_that_passes_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.ttl.asking.PATIENCE_S", 0.5)

    async def play() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(_Server, local_addr=("127.0.0.1", 0))
        distance = Distance(transport.get_extra_info("sockname")[1], 0.05)
        await distance.open(2)
        wanted = [(0, Name(1, 5)), (1, Name(2, 7)), (1, Name(0, 0)), (1, Name(0, 0))]
        schedule = [
            Ask(index * 0.01, distance.ports[way], names.question(name.owner(), recursion=False))
            for index, (way, name) in enumerate(wanted)
        ]
        answers = await ask(schedule)
        distance.close()
        transport.close()
        assert [answer.ttl for answer in answers] == [5, 7, None, None]
        assert all(0.05 <= answer.took < 5 for answer in answers[:2])
        assert answers[2].took == answers[3].took == math.inf
        assert [(passed.resolver, passed.name) for passed in distance.passed] == wanted
        assert [passed.repeated for passed in distance.passed] == [False, False, False, True]

    asyncio.run(play())


def test_nobody_there_is_a_loss_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.ttl.asking.PATIENCE_S", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    (answer,) = asyncio.run(ask([Ask(0, port, QUERY)]))
    assert answer.took == math.inf


def test_caches_are_filled_before_the_window_and_only_then() -> None:
    kinds = [RESOLVERS["unbound"]] * 2
    lookups = real.schedule(PLAN, kinds, [0, 1])
    assert lookups == sorted(lookups) == real.schedule(PLAN, kinds, [0, 1])
    early = [each for each in lookups if each.when < PLAN.warm]
    assert early
    assert all(each.name.ttl == 30 and each.when >= PLAN.warm - 30 for each in early)
    assert len({(each.resolver, each.name) for each in early}) == len(early)
    assert all(each.when <= PLAN.warm + PLAN.seconds for each in lookups)
    expected = 2 * PLAN.demand.rate * PLAN.seconds
    assert abs(len(lookups) - len(early) - expected) < 5 * expected**0.5


@pytest.mark.parametrize("name", RESOLVERS)
def test_every_resolver_asks_the_port_it_is_told(name: str, tmp_path: Path) -> None:
    peer = RESOLVERS[name].peer(4321)
    try:
        peer.prepare(Setup(tmp_path, names.ORIGIN, tmp_path, 5678))
    except Unavailable as error:
        pytest.skip(str(error))
    config = (tmp_path / "recursor.conf").read_text()
    assert "4321" in config
    assert "5678" in config
    assert "ttl.example" in config


class _Nobody:
    """A server that has no process and answers nothing."""

    def __init__(self, port: int) -> None:
        self.setup = Setup(Path(), names.ORIGIN, Path(), port)

    def pids(self) -> list[int]:
        return []


def test_what_a_server_does_not_answer_is_lost_and_not_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.ttl.asking.PATIENCE_S", 0.1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = cast("Server", _Nobody(silent.getsockname()[1]))
        questions = [Question(0.2, 1), Question(0.1, 0)]
        found = load.play(server, questions, 60, load.Pace(0.1, 10.0), lambda _: None)
    assert (found.asked, found.lost, found.wrong) == (2, 2, 0)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Load) == found
