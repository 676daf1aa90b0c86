"""Primaries that lie, stop in the middle or never end: what was there before stays, octet by octet.

They listen on loopback, and sign what they send; the last one of each kind is honest.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from dnsd.config import PrimaryPeer, TransfersConfig, ZoneTransfers
from dnsd.transfer import ipc, outgoing, tsig
from dnsd.transfer.tsig import AnswerSigner, TsigKey
from dnsd.versions import recordfile
from dnsd.versions.version import from_records
from dnsd.wire import query
from dnsd.wire.name import from_text
from dnsd.wire.rdata import AXFR, IXFR
from dnsd.wire.records import Record
from dnsd.xfrd import connections
from dnsd.xfrd.fetching import Fetching
from dnsd.xfrd.keptzone import KeptZone
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.requests import refused
from dnsd.xfrd.secondary import SecondaryZone

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

APEX = from_text("a.example.")
KEY = TsigKey("k.", "hmac-sha256", b"a secret of some octets")
OTHER = KEY._replace(secret=b"another secret of some octets")
A, SOA = 1, 6
FIRST, LAST = 7, 9


def soa(serial: int) -> Record:
    numbers = (serial, 3600, 600, 86400, 300)
    return Record(APEX, SOA, 60, APEX * 2 + b"".join(one.to_bytes(4, "big") for one in numbers))


def host(number: int, under: bytes = APEX) -> Record:
    return Record(b"\x01h" + under, A, 60, bytes((192, 0, 2, number)))


ELSEWHERE = host(1, from_text("b.example."))
OLD = from_records(APEX, [soa(FIRST), host(1)])
NEW = from_records(APEX, [soa(LAST), host(2), host(3)])
WHOLE = [soa(LAST), host(2), host(3), soa(LAST)]
CHANGES = [soa(LAST), soa(FIRST), host(1), soa(8), host(2), soa(8), soa(LAST), host(3), soa(LAST)]

Said = tuple[list[Record], ...]
"""The records of one message after the other."""


class Liar:
    """A primary: ``said`` are the messages of its answer, of which so many octets come."""

    def __init__(self, qtype: int) -> None:
        self.qtype = qtype
        self.said: Callable[[], Iterable[list[Record]]] = tuple
        self.octets = 1 << 30
        self.forged: int | None = None
        """The number of the message that is signed with another secret."""
        self.pause = 0.0

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            asked = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            await self._send(asked, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the secondary has heard enough
        finally:
            writer.close()

    async def _send(self, asked: bytes, writer: StreamWriter) -> None:
        left = self.octets
        for octets in self.signed(asked):
            writer.write((len(octets).to_bytes(2, "big") + octets)[:left])
            left -= min(left, 2 + len(octets))
            await writer.drain()
            await asyncio.sleep(self.pause)

    def signed(self, asked: bytes) -> Iterable[bytes]:
        checked = tsig.check(asked, {KEY.name: KEY}, time.time())
        signer = AnswerSigner(checked)
        found = query.begin(checked.message)
        query.parse(checked.message, found)
        if found.qtype != self.qtype:
            yield signer.sign(refused(checked.message, query.REFUSED), time.time())
            return
        head = outgoing.head_for(checked.message)
        for number, records in enumerate(self.said()):
            if number == self.forged:
                signer = AnswerSigner(checked._replace(key=OTHER))
            yield signer.sign(message(head, records), time.time())


def message(head: bytes, records: list[Record]) -> bytes:
    body = b"".join(
        one.owner
        + one.rtype.to_bytes(2, "big")
        + b"\x00\x01"
        + one.ttl.to_bytes(4, "big")
        + len(one.rdata).to_bytes(2, "big")
        + one.rdata
        for one in records
    )
    return head[:6] + len(records).to_bytes(2, "big") + head[8:] + body


class Serials(asyncio.DatagramProtocol):
    """Answers what the serial is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._way = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        checked = tsig.check(data, {KEY.name: KEY}, time.time())
        answer = message(outgoing.head_for(checked.message), [soa(LAST)])
        self._way.sendto(AnswerSigner(checked).sign(answer, time.time()), addr)


class Trial:
    """A zone with the version OLD, which is fetched from ``liar``."""

    def __init__(self, directory: Path, liar: Liar, port: int) -> None:
        known = Knowledge()
        known.settings = TransfersConfig(incoming_size=5000, incoming_time=0.3)
        known.keys[KEY.name] = KEY
        peer = PrimaryPeer(address="127.0.0.1", port=port, key=KEY.name)
        told = ipc.ZoneTold(zone="a.example.", transfers=ZoneTransfers(primaries=(peer,)))
        self.path = directory / "a.records"
        recordfile.write(self.path, OLD)
        self.liar = liar
        self._fetching = Fetching(known)
        self._zone = SecondaryZone(told, KeptZone(self.path), time.time())

    async def asked(self) -> str:
        """Ask once; return why nothing has come, empty if something has."""
        self._zone.is_wanted_whole = self.liar.qtype == AXFR
        if await self._fetching.ask(self._zone):
            return ""
        assert recordfile.read(self.path) == OLD
        return self._zone.refresh.fault

    async def is_honest(self) -> bool:
        """Tell whether the new version comes when nobody lies."""
        self.liar.octets, self.liar.forged = 1 << 30, None
        return await self.asked() == "" and recordfile.read(self.path) == NEW


@asynccontextmanager
async def trial(directory: Path, qtype: int) -> AsyncIterator[Trial]:
    liar, loop = Liar(qtype), asyncio.get_running_loop()
    server = await asyncio.start_server(liar.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    way, _ = await loop.create_datagram_endpoint(Serials, local_addr=("127.0.0.1", port))
    try:
        yield Trial(directory, liar, port)
    finally:
        way.close()
        server.close()
        await asyncio.sleep(0.02)  # connections that nobody uses are closed


@pytest.fixture(autouse=True)
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_IDLE_S", 0.0)


KINDS = [(AXFR, WHOLE), (IXFR, CHANGES)]
SHORT = [(AXFR, WHOLE), (IXFR, [soa(LAST), soa(FIRST), host(1), *WHOLE])]


def in_two(records: list[Record]) -> Said:
    return records[:2], records[2:]


@pytest.mark.parametrize(("qtype", "records"), SHORT, ids=["axfr", "ixfr"])
def test_a_stream_that_is_cut_off_anywhere_changes_nothing(
    tmp_path: Path, qtype: int, records: list[Record]
) -> None:
    async def work() -> None:
        async with trial(tmp_path, qtype) as one:
            one.liar.said = lambda: in_two(records)
            head = bytes(12) + APEX + bytes(4)
            signature = len(b"\x01k\x00\x0bhmac-sha256\x00") + 10 + 16 + 32
            whole = sum(2 + len(message(head, part)) + signature for part in in_two(records))
            for octets in range(whole):
                one.liar.octets = octets
                assert await one.asked(), octets
            assert await one.is_honest()

    asyncio.run(work())


@pytest.mark.parametrize(("qtype", "records"), KINDS, ids=["axfr", "ixfr"])
def test_a_message_that_is_forged_changes_nothing(
    tmp_path: Path, qtype: int, records: list[Record]
) -> None:
    async def work() -> None:
        async with trial(tmp_path, qtype) as one:
            one.liar.said = lambda: [[record] for record in records]
            for number in range(len(records)):
                one.liar.forged = number
                assert "signed with another secret" in await one.asked() or qtype == IXFR
            assert await one.is_honest()

    asyncio.run(work())


def lies(records: list[Record]) -> Iterable[list[Record]]:
    """Yield ``records`` with something that must not be there, at each place where it may come."""
    for at in range(1, len(records)):
        yield [*records[:at], ELSEWHERE, *records[at:]]
    for at in range(2, len(records) - 1):
        yield [*records[:at], soa(LAST + 1), *records[at:]]
    yield [*records[1:-1], soa(LAST)]
    yield [*records[:-1], soa(LAST)._replace(rdata=soa(LAST).rdata[:-1] + b"\x01")]


@pytest.mark.parametrize(("qtype", "records"), KINDS, ids=["axfr", "ixfr"])
def test_what_must_not_be_in_a_stream_changes_nothing(
    tmp_path: Path, qtype: int, records: list[Record]
) -> None:
    async def work() -> None:
        async with trial(tmp_path, qtype) as one:
            for told in lies(records):
                for said in ((told,), tuple([record] for record in told)):
                    one.liar.said = lambda said=said: said  # type: ignore[misc]
                    assert await one.asked(), told
            one.liar.said = lambda: ([*records, host(9)],)
            assert "follow the end" in await one.asked() or qtype == IXFR
            one.liar.said = lambda: (records,)
            assert await one.is_honest()

    asyncio.run(work())


@pytest.mark.parametrize("pause", [0.0, 0.01], ids=["fast", "slow"])
@pytest.mark.parametrize(("qtype", "records"), KINDS, ids=["axfr", "ixfr"])
def test_a_stream_without_an_end_ends(
    tmp_path: Path, qtype: int, records: list[Record], pause: float
) -> None:
    def endless() -> Iterable[list[Record]]:
        yield records[:-1]
        while True:
            yield [host(4)] * (1 if pause else 20)

    async def work() -> None:
        async with trial(tmp_path, qtype) as one:
            one.liar.said, one.liar.pause = endless, pause
            assert await one.asked()
            one.liar.said, one.liar.pause = lambda: (records,), 0.0
            assert await one.is_honest()

    asyncio.run(work())
