"""Records of every type, written in several ways: dnsd loads what others do, to the same octets."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING

import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import pytest
from dns.rdataclass import IN

from dnsd.zone import raretypes
from dnsd.zone.load import load_text
from tests.conftest import needs
from tests.interop import everytype
from tests.interop.exchange import Tcp
from tests.interop.peers import HOST, Bind, Knot, Nsd

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ORIGIN = "example."
HEAD = "$TTL 300\n@ SOA ns.other. host 1 3600 600 86400 60\n@ NS ns.other.\n"
FIXED = Random("every type")
EACH = 3
"""Records of each type."""

Loads = Callable[[str], bool]
Lines = dict[str, tuple[str, str]]
"""Type and line of each record, by its owner."""

CHECKERS: dict[str, tuple[str, ...]] = {
    "bind": ("named-checkzone", "-q", "-n", "ignore", "-k", "ignore", "-i", "none", ORIGIN),
    "nsd": ("nsd-checkzone", ORIGIN),
    "knot": ("kzonecheck", "-o", ORIGIN),
}
SERVERS: dict[str, type[Bind | Knot | Nsd]] = {"bind": Bind, "nsd": Nsd, "knot": Knot}
NOT_ASKED = frozenset(("NS", "NSEC3", "RRSIG", "NXT"))
"""A delegation, what has no owner for queries, and what only some servers give out by itself."""

RARE = frozenset(number for number in range(1 << 16) if raretypes.is_rare(number))
NOT_DRAWN = frozenset(("SOA", "BRID", "DSYNC", "HHIT"))
"""What stands at the apex only, and what is younger than the others' releases."""

NAMES = dict.fromkeys((3, 4, 5, 7, 8, 9, 12, 39), (0, 1)) | {14: (0, 2), 15: (2, 1), 17: (0, 2)}
"""Where names stand that some servers compress: octets before the first, and how many."""


@pytest.fixture(scope="module")
def lines() -> Lines:
    found: Lines = {}
    for number, text in enumerate(everytype.records(FIXED, EACH)):
        owner = f"r{number}"
        found[owner] = text.type, everytype.line(text, owner, FIXED)
    assert {rtype for rtype, _ in found.values()} == set(everytype.TYPES)
    return found


@pytest.fixture(scope="module")
def loaded(lines: Lines, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lines]:
    """What each of the others loads."""
    file = tmp_path_factory.mktemp("checked") / "zone"
    return {name: accepted(lines, checker(*CHECKERS[name], file=file)) for name in CHECKERS}


def checker(*command: str, file: Path) -> Loads:
    def loads(text: str) -> bool:
        file.write_text(text)
        return not subprocess.run([*command, file], check=False, capture_output=True).returncode

    return loads


def accepted(lines: Lines, loads: Loads) -> Lines:
    """Return those of ``lines`` that can be loaded, by halves."""
    if loads(HEAD + "".join(line for _, line in lines.values())):
        return lines
    owners = list(lines)
    middle = len(owners) // 2
    if not middle:
        return {}
    first = {owner: lines[owner] for owner in owners[:middle]}
    second = {owner: lines[owner] for owner in owners[middle:]}
    return accepted(first, loads) | accepted(second, loads)


def rdata_of(line: str, rtype: str) -> bytes:
    """What dnsd makes of ``line``."""
    result = load_text(ORIGIN, HEAD + line)
    assert result.zone is not None, "\n".join(map(str, result.findings))
    owner = dns.name.from_text(line.split(maxsplit=1)[0], dns.name.from_text(ORIGIN)).to_wire()
    assert owner is not None
    table = result.zone.signatures if rtype == "RRSIG" else result.zone.nodes
    (rrset,) = table[owner].values()
    return rrset.rdatas[0]


def has_text_form(rtype: dns.rdatatype.RdataType) -> bool:
    known = dns.rdata.get_rdata_class(IN, rtype)  # type: ignore[no-untyped-call]
    return known is not dns.rdata.GenericRdata


def test_every_type_that_has_a_text_form_is_drawn() -> None:
    known = {
        dns.rdatatype.to_text(rtype)
        for rtype in (*dns.rdatatype.RdataType, *map(dns.rdatatype.RdataType.make, RARE))
        if not dns.rdatatype.is_metatype(rtype) and (rtype in RARE or has_text_form(rtype))
    }
    assert known - set(everytype.TYPES) <= NOT_DRAWN


def test_the_generic_form_is_the_same_record(lines: Lines) -> None:
    """RFC 3597 §5: what is loaded may be written as octets, too, under its name or its number."""
    for rtype, line in lines.values():
        rdata, owner = rdata_of(line, rtype), line.split(maxsplit=1)[0]
        octets = rf"\# {len(rdata)} {rdata.hex()}"
        for name in (rtype, f"TYPE{dns.rdatatype.from_text(rtype):d}"):
            assert rdata_of(f"{owner} {name} {octets}\n", rtype) == rdata, line


@needs("named-checkzone", "nsd-checkzone", "kzonecheck")
def test_what_one_of_the_others_loads_is_loaded(lines: Lines, loaded: Mapping[str, Lines]) -> None:
    refused = {
        owner: str(found.findings[0])
        for owner, (_, line) in lines.items()
        if (found := load_text(ORIGIN, HEAD + line)).zone is None
    }
    wanted = {owner for one in loaded.values() for owner in one}
    assert len(wanted) > 0.9 * len(lines), "the records are not valid"
    assert not {lines[owner][1]: refused[owner] for owner in refused if owner in wanted}


@needs("named", "nsd", "knotd", "named-checkzone", "nsd-checkzone", "kzonecheck")
def test_the_octets_are_those_of_the_others(loaded: Mapping[str, Lines], tmp_path: Path) -> None:
    answers: dict[tuple[str, str], dict[str, bytes]] = {}
    with ExitStack() as stack:
        for name, server in SERVERS.items():
            file = tmp_path / f"{name}.zone"
            file.write_text(HEAD + "".join(line for _, line in loaded[name].values()))
            peer = stack.enter_context(server(tmp_path / name, {ORIGIN: file}))
            client = stack.enter_context(Tcp(HOST, peer.port))
            for owner, (rtype, line) in loaded[name].items():
                if rtype not in NOT_ASKED:
                    rdata = asked(client, f"{owner}.{ORIGIN}", rtype)
                    answers.setdefault((rtype, line), {})[name] = rdata
    assert len(answers) > 150
    different = {}
    for (rtype, line), others in answers.items():
        if (ours := rdata_of(line, rtype)) not in others.values():
            different[line] = {"dnsd": ours.hex()} | {n: r.hex() for n, r in others.items()}
    assert not different


def asked(client: Tcp, name: str, rtype: str) -> bytes:
    """Return the rdata of the one record that answers, its names written out."""
    query = dns.message.make_query(name, rtype, use_edns=False)
    packet = client.ask(query.to_wire())
    assert packet[6:8] == b"\x00\x01", f"no answer for {name} {rtype}"
    at = 12 + len(query.question[0].name.to_wire() or b"") + 4
    at += dns.name.from_wire(packet, at)[1]
    number, length = int.from_bytes(packet[at : at + 2]), int.from_bytes(packet[at + 8 : at + 10])
    start, end = at + 10, at + 10 + length
    if number not in NAMES:
        return packet[start:end]
    before, count = NAMES[number]
    rdata = packet[start : start + before]
    start += before
    for _ in range(count):
        found, used = dns.name.from_wire(packet, start)
        rdata += found.to_wire() or b""
        start += used
    return rdata + packet[start:end]
