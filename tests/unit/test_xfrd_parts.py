"""Archive, rights, rates and refusals of the transfer process."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rrset
import pytest

from dnsd.config import AllowedPeer, NotifyPeer, TransfersConfig, ZoneTransfers, origins
from dnsd.transfer import ipc
from dnsd.transfer.notify import WAITS_S, NotifyState, message
from dnsd.versions import recordfile
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire.name import from_text
from dnsd.wire.records import Record
from dnsd.xfrd.archive import Archive
from dnsd.xfrd.giving import Giving
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.notifying import Notifying
from dnsd.xfrd.refusals import Refusals
from dnsd.xfrd.requests import SeenRequest, TransferRequests, allows

if TYPE_CHECKING:
    from pathlib import Path

ZONE = "a.example."
APEX = from_text(ZONE)
SOA_REST = bytes(16)


def version(serial: int, hosts: int = 50) -> ZoneVersion:
    """Return a version in which one host of many is another one at each serial."""
    soa = APEX + b"\x01h\x00" + serial.to_bytes(4, "big") + SOA_REST
    records = [Record(APEX, 6, 60, soa), Record(b"\x01c" + APEX, 1, 60, bytes((192, 0, 2, serial)))]
    records += [
        Record(bytes((2, 100, number)) + APEX, 1, 60, bytes(4)) for number in range(97, 97 + hosts)
    ]
    return from_records(APEX, records)


def told(serial: int, name: str, journal: int = 1 << 20) -> ipc.ZoneTold:
    transfers = ZoneTransfers(allow_transfer=(AllowedPeer(key="k."),), journal=journal)
    return ipc.ZoneTold(zone=ZONE, transfers=transfers, serial=serial, records=name)


def put(directory: Path, serial: int) -> str:
    """Write the record file of a version as a build does; return its name."""
    name = f"{origins.file_stem(ZONE)}.{serial:04}-x.records"
    (directory / "versions").mkdir(exist_ok=True)
    recordfile.write(directory / "versions" / name, version(serial))
    return name


def take(directory: Path, *serials: int, archive: Archive | None = None) -> Archive:
    """Have an archive hear of versions, one after the other."""

    async def work() -> Archive:
        made = archive or Archive(directory)
        running = asyncio.get_running_loop().create_task(made.run())
        for serial in serials:
            made.hear(told(serial, put(directory, serial)))
            async with asyncio.timeout(20):
                while ZONE not in made.zones or made.zones[ZONE].version.serial != serial:
                    await asyncio.sleep(0.001)
        running.cancel()
        return made

    return asyncio.run(work())


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "versions").glob("*.records"))


def test_an_archive_keeps_one_version_and_what_led_to_it(tmp_path: Path) -> None:
    archive = take(tmp_path, 1, 2, 3)
    assert len(names(tmp_path)) == 1
    found = archive.zones[ZONE].journal.since(1, 3)
    assert found is not None
    assert [one.after for one in found] == [2, 3]


def test_a_successor_goes_on_where_the_last_one_was(tmp_path: Path) -> None:
    """Whether it was ended before or after the journal knew: 1 to 4 is there."""
    take(tmp_path, 1, 2)
    take(tmp_path, 3)
    put(tmp_path, 3)
    archive = take(tmp_path, 4)
    found = archive.zones[ZONE].journal.since(1, 4)
    assert found is not None
    assert [one.after for one in found] == [2, 3, 4]
    assert len(names(tmp_path)) == 1


def test_what_is_superseded_while_it_is_taken_is_on_the_way_to_the_next(tmp_path: Path) -> None:
    """As versions do that follow fast on one another: updates.

    Two of them are there before this process is; they are left for when they are served.
    """
    archive = Archive(tmp_path)

    async def hear() -> None:
        made = [told(serial, put(tmp_path, serial)) for serial in (1, 2, 3)]
        running = asyncio.get_running_loop().create_task(archive.run())
        archive.hear(made.pop(0))
        while ZONE not in archive.zones:
            await asyncio.sleep(0.001)
        archive.hear(made[0])
        for _ in range(3):
            await asyncio.sleep(0)  # it is being read
        archive.hear(made[1])
        while archive.zones[ZONE].version.serial != 3:
            await asyncio.sleep(0.001)
        running.cancel()

    asyncio.run(asyncio.wait_for(hear(), 20))
    found = archive.zones[ZONE].journal.since(1, 3)
    assert found is not None
    assert [one.after for one in found] == [2, 3]
    assert len(names(tmp_path)) == 1


def test_a_zone_that_comes_back_goes_on_where_it_was(tmp_path: Path) -> None:
    archive = take(tmp_path, 1, 2)
    archive.lose(ZONE)
    assert ZONE not in archive.zones
    take(tmp_path, 3, archive=archive)
    found = archive.zones[ZONE].journal.since(1, 3)
    assert found is not None
    assert [one.after for one in found] == [2, 3]
    assert len(names(tmp_path)) == 1


def test_a_zone_that_is_lost_while_it_is_taken_stays_lost(tmp_path: Path) -> None:
    archive = Archive(tmp_path)

    async def hear() -> None:
        running = asyncio.get_running_loop().create_task(archive.run())
        await asyncio.sleep(0.05)
        archive.hear(told(1, put(tmp_path, 1)))
        for _ in range(3):
            await asyncio.sleep(0)
        archive.lose(ZONE)
        await asyncio.sleep(0.1)
        running.cancel()

    asyncio.run(hear())
    assert ZONE not in archive.zones


def test_a_version_that_is_damaged_is_told_of_and_takes_nothing_away(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archive = take(tmp_path, 1)

    async def hear() -> None:
        running = asyncio.get_running_loop().create_task(archive.run())
        (tmp_path / "versions" / "broken.records").write_bytes(b"dnsdrec\x01rubbish")
        archive.hear(told(2, "broken.records"))
        archive.hear(told(2, "broken.records"))
        await asyncio.sleep(0.1)
        running.cancel()

    asyncio.run(hear())
    assert archive.zones[ZONE].version.serial == 1
    assert "secondaries cannot fetch this version" in capfd.readouterr().err


def ask(archive: Archive, rtype: str, key: str | None = "k.", **seen: object) -> list[bytes]:
    known = Knowledge()
    known.take(told(2, ""))
    query = dns.message.make_query(ZONE, rtype, use_edns=False)
    if rtype == "IXFR":
        soa = f". . {seen.pop('serial', 1)} 0 0 0 0"
        query.authority.append(dns.rrset.from_text(ZONE, 0, "IN", "SOA", soa))
    request = SeenRequest(query.to_wire(), key, "192.0.2.1", False, 0xFFFF)._replace(**seen)  # type: ignore[arg-type]
    return list(Giving(known, archive, {}, Refusals()).transfer(request))


def test_who_may_gets_the_zone_and_nobody_else(tmp_path: Path) -> None:
    archive = take(tmp_path, 1, 2)
    (whole,) = ask(archive, "AXFR")
    assert dns.message.from_wire(whole, xfr=True, one_rr_per_rrset=True).answer[-1].rdtype == 6
    (changes,) = ask(archive, "IXFR")
    assert int.from_bytes(changes[6:8], "big") == 6
    (same,) = ask(archive, "IXFR", serial=2)
    assert int.from_bytes(same[6:8], "big") == 1
    for options, rcode in (
        ({"key": None}, dns.rcode.REFUSED),
        ({"key": "other."}, dns.rcode.REFUSED),
        ({"is_udp": True}, dns.rcode.NOTIMP),
    ):
        (refused,) = ask(archive, "AXFR", **options)
        assert refused[3] & 0xF == rcode
        assert refused[6:12] == bytes(6)


def test_a_right_that_is_taken_away_holds_for_the_next_request(tmp_path: Path) -> None:
    archive = take(tmp_path, 1)
    known = Knowledge()
    known.take(told(1, ""))
    query = dns.message.make_query(ZONE, "AXFR", use_edns=False).to_wire()
    request = SeenRequest(query, "k.", "192.0.2.1", False, 512)
    giving = Giving(known, archive, {}, Refusals())
    running = giving.transfer(request)
    records = int.from_bytes(next(running)[6:8], "big")
    known.take(ipc.ZoneTold(zone=ZONE, transfers=ZoneTransfers(), serial=1, records=""))
    (refused,) = giving.transfer(request)
    assert refused[3] & 0xF == dns.rcode.REFUSED
    # What had begun is a version that the client might have had a moment before.
    records += sum(int.from_bytes(one[6:8], "big") for one in running)
    assert records == version(1).count + 1


def test_a_datagram_takes_what_fits_or_says_what_there_is(tmp_path: Path) -> None:
    archive = take(tmp_path, 1, 2)
    (whole,) = ask(archive, "IXFR", is_udp=True, room=512)
    assert int.from_bytes(whole[6:8], "big") == 6
    (soa,) = ask(archive, "IXFR", is_udp=True, room=150)
    assert int.from_bytes(soa[6:8], "big") == 1


@pytest.mark.parametrize(
    ("peer", "source", "key", "allowed"),
    [
        (AllowedPeer(network=("192.0.2.0/24",)), "192.0.2.9", None, True),
        (AllowedPeer(network=("192.0.2.0/24",)), "192.0.3.9", "k.", False),
        (AllowedPeer(network=("2001:db8::/32",)), "192.0.2.9", None, False),
        (AllowedPeer(network=("fe80::/10",)), "fe80::1%eth0", None, True),
        (AllowedPeer(key="k."), "192.0.2.9", "k.", True),
        (AllowedPeer(key="k."), "192.0.2.9", None, False),
        (AllowedPeer(network=("192.0.2.0/24",), key="k."), "192.0.2.9", "k.", True),
        (AllowedPeer(network=("192.0.2.0/24",), key="k."), "192.0.2.9", "l.", False),
        (AllowedPeer(network=("192.0.2.0/24",), key="k."), "192.0.3.9", "k.", False),
    ],
)
def test_rights(peer: AllowedPeer, source: str, key: str | None, allowed: bool) -> None:
    assert allows((peer,), source, key) == allowed
    assert not allows((), source, key)


def test_a_source_has_its_rate_and_others_have_theirs() -> None:
    known = Knowledge()
    known.take(ipc.TransferSettings(transfers=TransfersConfig(requests_per_second=3)))
    requests = TransferRequests(known, {})
    assert [requests.admits("192.0.2.1", 0.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert requests.admits("192.0.2.2", 0.0)
    assert requests.admits("2001:db8::1", 0.0)
    assert requests.admits("2001:db8::2", 0.0)
    assert requests.admits("2001:db8::3", 0.0)
    assert not requests.admits("2001:db8::4", 0.0), "a /64 is one source"
    assert requests.admits("192.0.2.1", 1.0)
    assert requests.counts == {"limited": 3}


def test_a_notify_is_read_by_others() -> None:
    found = dns.message.from_wire(message(ZONE, version(7).soa.rdata, 9))
    assert found.opcode() == dns.opcode.NOTIFY
    assert found.flags & 0x7FF == dns.flags.AA
    assert found.answer[0][0].serial == 7


def test_whoever_does_not_answer_is_told_again_and_not_for_ever() -> None:
    state, sent = NotifyState(7), 0
    while not state.is_done:
        state, sent = state.sent(sent, float(sent)), sent + 1
    assert sent == len(WAITS_S)
    assert state.words() == "no answer (7)"
    assert NotifyState(7).sent(1, 0.0).answered(0).words() == "told (7)"
    assert NotifyState(7).sent(1, 0.0).answered(5).words() == "refused with rcode 5 (7)"


def test_an_answer_is_for_the_serial_that_was_told_and_each_serial_has_its_own_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three versions follow on each other; the secondary answers for the first, then is silent."""
    monkeypatch.setattr("dnsd.transfer.notify.WAITS_S", (0.05,) * 4)
    monkeypatch.setattr("dnsd.xfrd.notifying.LOOK_S", 0.01)
    archive, known = take(tmp_path, 1), Knowledge()
    counts: dict[str, int] = {}
    secondary = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    secondary.bind(("127.0.0.1", 0))
    peer = NotifyPeer(address="127.0.0.1", port=secondary.getsockname()[1])
    known.take(ipc.ZoneTold(zone=ZONE, transfers=ZoneTransfers(notify=(peer,)), serial=1))
    notifying = Notifying(known, archive, counts)

    async def work() -> None:
        running = asyncio.get_running_loop().create_task(notifying.run())
        for _ in range(3):
            sent = counts.get("notifies_sent", 0)
            notifying.changed(ZONE)
            while counts.get("notifies_sent", 0) == sent:
                await asyncio.sleep(0.001)
        first = secondary.recv(512)
        answer = first[:2] + bytes((first[2] | 0x80,)) + first[3:]
        notifying.heard(answer, peer)
        while "no answer" not in str(notifying.row(ZONE)):
            assert "told" not in str(notifying.row(ZONE))
            await asyncio.sleep(0.01)
        running.cancel()
        for way in notifying._ways.values():
            way.close()
        await asyncio.sleep(0)

    with secondary:
        asyncio.run(asyncio.wait_for(work(), 20))
        assert counts["notifies_sent"] == 2 + 4


def served_by_name(version: ZoneVersion) -> ZoneVersion:
    servers = [Record(APEX, 2, 60, from_text(f"{name}.example.")) for name in ("slow", "quick")]
    return from_records(APEX, [*version, *servers])


@pytest.mark.parametrize("is_lost", [False, True])
def test_others_are_told_while_a_name_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    archive, known = take(tmp_path, 1), Knowledge()
    archive.zones[ZONE] = archive.zones[ZONE]._replace(version=served_by_name(version(1)))
    there, later = (NotifyPeer(address=f"127.0.0.{number}", port=9) for number in (8, 9))
    transfers = ZoneTransfers(notify=(there,), notify_ns=True)
    known.take(ipc.ZoneTold(zone=ZONE, transfers=transfers, serial=1))
    notifying = Notifying(known, archive, {})
    is_resolved = threading.Event()

    def look_up(name: str, *_: object, **__: object) -> list[object]:
        is_resolved.wait(20)
        return [(0, 0, 0, "", (later.address, 0))] if name == "quick.example." else []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def work() -> None:
        running = asyncio.get_running_loop().create_task(notifying.run())
        notifying.changed(ZONE)
        while not notifying.row(ZONE):
            await asyncio.sleep(0.001)
        assert [*notifying.row(ZONE)] == [f"notify {there}"]
        if is_lost:
            known.take(ipc.ZoneGone(ZONE))
            notifying.lose(ZONE)
        is_resolved.set()
        while notifying._lookups:
            await asyncio.sleep(0.001)
        assert (len(notifying._states) == 0) == is_lost
        assert not running.done()
        if not is_lost:
            while len(notifying.row(ZONE)) < 2:
                await asyncio.sleep(0.001)
        running.cancel()
        for way in notifying._ways.values():
            way.close()
        await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(work(), 20))
