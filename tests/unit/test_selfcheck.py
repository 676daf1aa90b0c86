"""The node asks itself: against a small server in a thread, on loopback, on a port of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from dnsd.announce.observation import CheckResult, SelfCheckOutcome
from dnsd.config.anycast import Anycast, SelfCheckConfig, SelfCheckQuery
from dnsd.control.anycast.selfcheck import MOST_IN_FLIGHT, SelfCheck, interval_of
from dnsd.errors import ConfigError
from dnsd.process import exchange
from dnsd.process.exchange import STEPS, ServerAddress, within

PATIENCE = 30
NEVER = 60.0
"""A time-out that does not happen."""
SOON = 0.05

WWW = SelfCheckQuery(name="www.example.com.", type="A", expect=("192.0.2.1", "192.0.2.2"))
HOW = {"udp": "UDP", "tcp": "TCP"}

Answer = Callable[[dns.message.Message], bytes | None]


def right(query: dns.message.Message) -> bytes:
    """The answer to WWW, and to every question for an SOA record."""
    question = query.question[0]
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    rdatas = ["192.0.2.2", "192.0.2.1"]
    if question.rdtype == dns.rdatatype.SOA:
        rdatas = ["ns. mail. 1 2 3 4 5"]
    response.answer.append(
        dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, rdatas)
    )
    return response.to_wire()


def refused(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.REFUSED)
    return response.to_wire()


def silent(_query: dns.message.Message) -> None:
    """No answer at all."""


class Server:
    """Answers over UDP and TCP with what ``answer`` makes of a query.

    ``sources`` are the addresses and ports it was asked from. Silent over TCP means that the
    connection stays open; an empty answer closes it.
    """

    def __init__(self, answer: Answer, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer = answer
        self.host = host
        self.sources: list[tuple[str, int]] = []
        self.udp, self.tcp = _both(family, host)
        self.port: int = self.tcp.getsockname()[1]
        self._over = False
        self._threads = [
            threading.Thread(target=serve, daemon=True)
            for serve in (self._serve_udp, self._serve_tcp)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._over = True
        with socket.socket(self.udp.family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", (self.host, self.port))
        socket.create_connection((self.host, self.port)).close()
        for thread in self._threads:
            thread.join(PATIENCE)
        self.udp.close()
        self.tcp.close()

    def _respond(self, packet: bytes, source: tuple[str, int]) -> bytes | None:
        self.sources.append(source[:2])
        return self.answer(dns.message.from_wire(packet))

    def _serve_udp(self) -> None:
        while True:
            packet, source = self.udp.recvfrom(65535)
            if self._over:
                return
            reply = self._respond(packet, source)
            if reply is not None:
                self.udp.sendto(bytes((packet[0] ^ 1,)) + reply[1:], source)  # another's ID
                self.udp.sendto(reply, source)

    def _serve_tcp(self) -> None:
        kept = []
        while True:
            connection, source = self.tcp.accept()
            kept.append(connection)
            if self._over:
                break
            with connection.makefile("rb") as stream:
                packet = stream.read(int.from_bytes(stream.read(2), "big"))
            if not packet:
                connection.close()  # who has asked is gone
                continue
            reply = self._respond(packet, source)
            if reply is not None:
                with connection, suppress(OSError):
                    connection.sendall(len(reply).to_bytes(2, "big")[:1])
                    connection.sendall(len(reply).to_bytes(2, "big")[1:] + reply[:7])
                    connection.sendall(reply[7:])
        for connection in kept:
            connection.close()


def _both(family: socket.AddressFamily, host: str) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port."""
    while True:
        tcp = socket.create_server((host, 0), family=family, backlog=64)
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            udp.bind((host, tcp.getsockname()[1]))
        except OSError:
            tcp.close()
            udp.close()
        else:
            return udp, tcp


@contextmanager
def serving(answer: Answer, host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(answer, host)
    try:
        yield server
    finally:
        server.close()


def config(*queries: SelfCheckQuery, vip: str = "127.0.0.1", timeout: float = NEVER) -> Anycast:
    return Anycast(
        enabled=True,
        vips=(vip,),
        subnets=("127.0.0.0/8", "192.0.2.0/24", "::1/128"),
        query=queries,
        check=SelfCheckConfig(interval=0.02, timeout=timeout),
    )


def nothing() -> Collection[str]:
    return ()


async def take(check: SelfCheck, number: int) -> list[CheckResult]:
    """Wait until ``check``, which runs, has so many results over each transport."""
    found: list[CheckResult] = []
    async with asyncio.timeout(PATIENCE):
        while any(sum(one.transport == how for one in found) < number for how in HOW):
            await asyncio.sleep(0.005)
            found += check.take()
    return found


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


def ask(check: SelfCheck, number: int = 3) -> list[CheckResult]:
    """Run ``check`` until it has so many results over each transport."""

    async def run() -> list[CheckResult]:
        task = asyncio.create_task(check.run())
        found = await take(check, number)
        await stopped(task)
        return found

    return asyncio.run(run())


def details(found: list[CheckResult], outcome: SelfCheckOutcome) -> set[str]:
    """What was said; ``found`` must be of one ``outcome``, and of both transports."""
    assert {one.outcome for one in found} == {outcome}
    assert {one.transport for one in found} == set(HOW)
    return {one.detail for one in found}


# -- what is told -----------------------------------------------------------------------------


@pytest.mark.parametrize("vip", ["127.0.0.1", "::1"])
def test_right_answers_are_ok(vip: str) -> None:
    with serving(right, vip) as server:
        found = ask(SelfCheck(config(WWW, vip=vip), nothing, port=server.port))
    assert details(found, SelfCheckOutcome.OK) == {""}
    assert {(one.vip, one.question) for one in found} == {(vip, "www.example.com A")}
    assert all(0 < one.latency < PATIENCE for one in found)


def test_each_query_leaves_from_the_vip_by_a_port_of_its_own() -> None:
    vip = "127.0.0.9"
    with serving(right, vip) as server:
        ask(SelfCheck(config(WWW, vip=vip), nothing, port=server.port), number=10)
    assert {host for host, _ in server.sources} == {vip}
    assert len(set(server.sources)) > len(server.sources) / 2


def test_wrong_answers_are_told_as_they_are() -> None:
    with serving(refused) as server:
        found = ask(SelfCheck(config(WWW), nothing, port=server.port))
    assert details(found, SelfCheckOutcome.WRONG) == {
        f"answered www.example.com A over {how} with REFUSED" for how in HOW.values()
    }


def test_no_answer_is_silence() -> None:
    with serving(silent) as server:
        found = ask(SelfCheck(config(WWW, timeout=SOON), nothing, port=server.port))
    assert details(found, SelfCheckOutcome.SILENT) == {
        f"did not answer www.example.com A over {how}" for how in HOW.values()
    }


def test_a_connection_that_is_closed_is_silence() -> None:
    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        writer.write(b"\x00\x10half")
        writer.close()

    async def run() -> list[CheckResult]:
        server = await asyncio.start_server(closing, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        check = SelfCheck(config(WWW), nothing, port=port)
        task = asyncio.create_task(check.run())
        found = await take(check, 3)
        await stopped(task)
        server.close()
        await server.wait_closed()
        return found

    found = [one for one in asyncio.run(run()) if one.transport == "tcp"]
    assert {(one.outcome, one.detail) for one in found} == {
        (
            SelfCheckOutcome.SILENT,
            "closed the connection over TCP without an answer to www.example.com A",
        )
    }


def test_a_missing_listener_is_silence() -> None:
    with serving(silent) as server:
        port = server.port
    found = ask(SelfCheck(config(WWW), nothing, port=port))
    assert details(found, SelfCheckOutcome.SILENT) == {
        f"refused www.example.com A over {how}: nothing listens there" for how in HOW.values()
    }


def test_another_node_is_never_asked() -> None:
    """192.0.2.53 is not here; wherever the route leads, no packet may leave for it.

    Nor is it the node's silence: the look at the addresses finds out that one is missing.
    """
    check = SelfCheck(config(WWW, vip="192.0.2.53"), nothing)

    async def run() -> None:
        task = asyncio.create_task(check.run())
        await asyncio.sleep(0.5)
        await stopped(task)

    asyncio.run(run())
    assert check.take() == ()


def test_other_faults_of_the_network_are_silence_and_are_told() -> None:
    with serving(right) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "open_socket", refusing(errno.EPERM))
        found = ask(SelfCheck(config(WWW), nothing, port=server.port))
    assert details(found, SelfCheckOutcome.SILENT) == {
        f"could not be queried over {how} for www.example.com A: Operation not permitted"
        for how in HOW.values()
    }


def test_what_this_process_lacks_is_no_result() -> None:
    with serving(right) as server, pytest.MonkeyPatch.context() as patch:
        check = SelfCheck(config(WWW), nothing, port=server.port)
        real, want = exchange.open_socket, iter([errno.EMFILE, errno.ENOBUFS] * 2)

        def lacking(peer: ServerAddress, kind: socket.SocketKind) -> socket.socket:
            number = next(want, None)
            return refusing(number)(peer, kind) if number else real(peer, kind)

        patch.setattr(exchange, "open_socket", lacking)
        found = ask(check)
    assert next(want, None) is None
    assert details(found, SelfCheckOutcome.OK) == {""}


def refusing(number: int) -> Callable[[ServerAddress, socket.SocketKind], socket.socket]:
    def refuse(_peer: ServerAddress, _kind: socket.SocketKind) -> socket.socket:
        raise OSError(number, "Operation not permitted")

    return refuse


# -- what is asked ----------------------------------------------------------------------------


def test_without_questions_it_asks_for_what_is_served() -> None:
    served = ["example.com.", "example.net."]
    with serving(right) as server:
        found = ask(SelfCheck(config(), lambda: served, port=server.port), number=4)
    assert details(found, SelfCheckOutcome.OK) == {""}
    assert {one.question for one in found} == {"example.com SOA", "example.net SOA"}


def test_a_zone_that_has_just_been_dropped_is_no_fault() -> None:
    served = {"gone."}

    def answer(query: dns.message.Message) -> bytes:
        if "gone." not in str(query.question[0].name):
            return right(query)
        served.discard("gone.")
        served.add("example.com.")
        return refused(query)

    with serving(answer) as server:
        found = ask(SelfCheck(config(), lambda: served, port=server.port))
    assert details(found, SelfCheckOutcome.OK) == {""}


def test_a_question_that_cannot_be_asked_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="NOSUCH"):
        SelfCheck(config(SelfCheckQuery(name="example.com.", type="NOSUCH")), nothing)


def test_only_so_many_queries_wait_for_an_answer() -> None:
    most = len(HOW) * MOST_IN_FLIGHT

    async def run(server: Server) -> None:
        check = SelfCheck(config(WWW), nothing, port=server.port)
        task = asyncio.create_task(check.run())
        async with asyncio.timeout(PATIENCE):
            # The server looks at the next connection only when it has read from the last.
            while len(server.sources) < most:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert len(server.sources) == most
        assert check.take() == ()
        await stopped(task)

    with serving(silent) as server:
        asyncio.run(run(server))


@pytest.mark.parametrize(
    ("vips", "interval"), [(1, 0.2), (2, 0.2), (10, 0.2), (20, 0.4), (50, 1.0), (200, 4.0)]
)
def test_many_vips_take_no_more_queries_in_a_second_than_ten(vips: int, interval: float) -> None:
    many = Anycast(
        enabled=True,
        vips=tuple(f"192.0.2.{number}" for number in range(vips)),
        subnets=("192.0.2.0/24",),
        check=SelfCheckConfig(interval=0.2),
    )
    assert interval_of(many) == pytest.approx(interval)


# -- late by one's own fault ------------------------------------------------------------------


def test_a_stalled_loop_makes_no_worker_silent() -> None:
    """The server answers at once; this process is asleep for far longer than the time-out."""

    async def run(port: int) -> list[CheckResult]:
        check = SelfCheck(config(WWW, timeout=0.1), nothing, port=port)
        task = asyncio.create_task(check.run())
        found: list[CheckResult] = []
        for _ in range(3):
            await asyncio.sleep(0.03)
            time.sleep(0.4)
            found += check.take()
        found += await take(check, 3)
        await stopped(task)
        return found

    with serving(right) as server:
        assert details(asyncio.run(run(server.port)), SelfCheckOutcome.OK) == {""}


def test_an_exchange_of_many_steps_survives_a_stall_at_each_of_them() -> None:
    limit = 0.05

    async def asking() -> bytes:
        for _ in range(STEPS):
            time.sleep(limit)
            await asyncio.sleep(0)
        return b"answer"

    assert asyncio.run(within(limit, asking())) == b"answer"


def test_a_loop_that_is_always_late_waits_for_an_end_all_the_same() -> None:
    limit = 0.01
    ended = []

    async def asking() -> bytes:
        try:
            while True:
                time.sleep(limit)
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    async def run() -> bytes | OSError | None:
        found = await within(limit, asking())
        await asyncio.sleep(0)
        assert ended, "cancelled at once, not at the end of the loop"
        return found

    assert asyncio.run(run()) is None


def test_an_exchange_that_takes_too_long_is_ended() -> None:
    ended = []

    async def asking() -> bytes:
        try:
            await asyncio.get_running_loop().create_future()
            return b"answer"
        finally:
            ended.append(True)

    async def run() -> bytes | OSError | None:
        found = await within(SOON, asking())
        await asyncio.sleep(0)
        assert ended, "cancelled at once, not at the end of the loop"
        return found

    assert asyncio.run(run()) is None
