"""The table of odd inputs, and what else EDNS and class CH promise, through ``answer()``.

The oracle for a hostile packet is the same for all of them: the answer of the table, exactly
one of the watched counters up by one, and the next plain query answered as ever.
"""

from __future__ import annotations

from struct import pack

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from dnsd.hotpath import Client, Settings, Transport
from dnsd.metrics import counters
from tests import packets
from tests.odd_input import (
    CASES,
    COOKIE,
    EDE,
    KEEPALIVE,
    NOERROR,
    NSID,
    PADDING,
    PLAIN,
    REFUSED,
    TAIL,
    WATCHED,
    Case,
)
from tests.packets import CH, header, opt, option, query, question, tsig
from tests.parity.samples import sample_nsec
from tests.parity.sections import NOW, Served, serve

SETTINGS = Settings(
    nsid=b"node", server_id=b"node.example", version=b"dnsd 1", cookie_secrets=(bytes(16),)
)


@pytest.fixture(scope="module")
def served() -> Served:
    served = serve(sample_nsec(), SETTINGS)
    served.path.put_zone(packets.name("broken."), None)
    return served


def moved(served: Served, before: list[int]) -> dict[str, int]:
    now = served.counters.tolist()
    return {
        name: now[counters.INDEX[name]] - before[counters.INDEX[name]]
        for name in WATCHED
        if now[counters.INDEX[name]] != before[counters.INDEX[name]]
    }


def ask(served: Served, packet: bytes, transport: Transport = Transport.UDP) -> bytes | None:
    return served.path.answer(packet, NOW, Client(transport, "192.0.2.1"))


def answered(served: Served, packet: bytes) -> dns.message.Message:
    response = ask(served, packet)
    assert response is not None
    return dns.message.from_wire(response, keyring=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_table(served: Served, case: Case) -> None:
    before = served.counters.tolist()
    response = ask(served, case.packet, case.transport)
    assert moved(served, before) == ({case.counter: 1} if case.counter else {})
    if case.rcode is None:
        assert response is None
    else:
        assert response is not None
        message = dns.message.from_wire(response, keyring=False)
        assert message.rcode() == case.rcode
        assert response[:2] == case.packet[:2]
    assert answered(served, PLAIN).rcode() == NOERROR


@pytest.mark.parametrize("opcode", [2, 4, 5, 6, 15])
@pytest.mark.parametrize("questions", [0, 1])
def test_edns_is_answered_with_edns_whatever_the_opcode(
    served: Served, opcode: int, questions: int
) -> None:
    """RFC 6891 §6.1.1."""
    head = header(opcode << 11, (questions, 0, 0, 1)) + questions * question("example.", 6)
    message = answered(served, head + opt(option(NSID)))
    assert (message.edns, message.payload) == (0, 1232)
    assert options(message)[NSID] == b"node"
    bare = head[:10] + bytes(2) + head[12:]
    assert answered(served, bare).edns == -1


@pytest.mark.parametrize("rtype", [0, 253, 254])
@pytest.mark.parametrize(("name", "rcode"), [("mail.example.", 0), ("nothing.example.", 3)])
def test_a_type_that_no_zone_has_is_one_that_is_not_there(
    served: Served, name: str, rtype: int, rcode: int
) -> None:
    message = answered(served, query(name, rtype))
    assert message.rcode() == rcode
    assert not message.answer
    assert [rrset.rdtype for rrset in message.authority] == [6]


def options(message: dns.message.Message) -> dict[int, bytes]:
    return {int(item.otype): item.to_wire() or b"" for item in message.options}


def test_not_our_zone_says_so(served: Served) -> None:
    message = answered(served, query("www.other.", 1, opt()))
    assert options(message)[EDE] == b"\x00\x14"


def test_not_loaded_says_so(served: Served) -> None:
    message = answered(served, query("www.broken.", 1, opt()))
    assert options(message)[EDE] == b"\x00\x0e"


def test_extended_errors_need_edns(served: Served) -> None:
    assert answered(served, query("www.other.")).edns == -1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("id.server.", b"node.example"),
        ("hostname.bind.", b"node.example"),
        ("version.bind.", b"dnsd 1"),
        ("version.server.", b"dnsd 1"),
    ],
)
def test_chaos(served: Served, name: str, text: bytes) -> None:
    message = answered(served, header() + question(name, 16, CH))
    (rdata,) = message.answer[0]
    assert rdata.to_wire() == bytes((len(text),)) + text
    assert message.flags & dns.flags.AA


def test_chaos_can_be_hidden() -> None:
    hidden = serve(sample_nsec(), Settings())
    for name in ("id.server.", "hostname.bind.", "version.bind.", "version.server."):
        assert answered(hidden, header() + question(name, 16, CH)).rcode() == REFUSED


def test_ixfr_over_udp_gets_the_current_soa(served: Served) -> None:
    message = answered(served, query("example.", 251))
    assert [rrset.rdtype for rrset in message.answer] == [dns.rdatatype.SOA]
    assert message.flags & dns.flags.AA


def test_case_is_echoed_as_asked(served: Served) -> None:
    packet = query("WwW.eXaMpLe.")
    response = ask(served, packet)
    assert response is not None
    assert response[12 : len(packet)] == packet[12:]


def test_flags(served: Served) -> None:
    """RD and CD are copied; RA, AD and Z are not ours to set."""
    response = ask(served, header(0x0170) + TAIL)
    assert response is not None
    assert response[2:4] == pack(">H", packets.QR | 0x0400 | packets.RD | packets.CD)


def test_edns_is_answered_with_edns_only(served: Served) -> None:
    assert answered(served, PLAIN).edns == -1
    message = answered(served, query("www.example.", 1, opt(flags=packets.DO | 0x7FFF)))
    assert message.edns == 0
    assert message.ednsflags == packets.DO
    assert message.payload == SETTINGS.udp_payload


def test_badvers_says_version_0(served: Served) -> None:
    message = answered(served, query("www.example.", 1, opt(version=7)))
    assert message.edns == 0
    assert not message.answer


@pytest.mark.parametrize(("payload", "limit"), [(0, 512), (511, 512), (700, 700), (65535, 1232)])
def test_payload_sizes(served: Served, payload: int, limit: int) -> None:
    """The big TXT RRset is larger than any of them: TC, and nothing but question and OPT."""
    response = ask(served, query("big.example.", 16, opt(payload=payload)))
    assert response is not None
    assert len(response) <= limit
    message = dns.message.from_wire(response)
    assert message.flags & dns.flags.TC
    assert not message.answer


def test_tcp_carries_what_udp_cannot(served: Served) -> None:
    response = ask(served, query("big.example.", 16), Transport.TCP)
    assert response is not None
    message = dns.message.from_wire(response)
    assert not message.flags & dns.flags.TC
    assert len(message.answer[0]) == 60


def test_nsid_when_asked(served: Served) -> None:
    asked = answered(served, query("www.example.", 1, opt(option(NSID))))
    assert options(asked)[NSID] == b"node"
    assert NSID not in options(answered(served, query("www.example.", 1, opt())))


def test_keepalive_over_tcp_only(served: Served) -> None:
    packet = query("www.example.", 1, opt(option(KEEPALIVE)))
    over_tcp = ask(served, packet, Transport.TCP)
    assert over_tcp is not None
    assert options(dns.message.from_wire(over_tcp))[KEEPALIVE] == pack(">H", 100)
    assert KEEPALIVE not in options(answered(served, packet))


def test_padding_is_ignored(served: Served) -> None:
    assert options(answered(served, query("www.example.", 1, opt(option(PADDING, bytes(9)))))) == {}


def test_cookies(served: Served) -> None:
    """A client cookie gets a server cookie, which then counts as valid (RFC 7873 §5.2)."""
    first = answered(served, query("www.example.", 1, opt(option(COOKIE, b"clientck"))))
    cookie = options(first)[COOKIE]
    assert cookie.startswith(b"clientck")
    assert len(cookie) == 24
    valid = counters.INDEX["cookies_valid"]
    before = served.counters[valid]
    second = answered(served, query("www.example.", 1, opt(option(COOKIE, cookie))))
    assert served.counters[valid] == before + 1
    assert options(second)[COOKIE] == cookie


def test_a_cookie_of_another_client_is_not_valid(served: Served) -> None:
    first = answered(served, query("www.example.", 1, opt(option(COOKIE, b"clientck"))))
    packet = query("www.example.", 1, opt(option(COOKIE, options(first)[COOKIE])))
    valid = counters.INDEX["cookies_valid"]
    before = served.counters[valid]
    assert served.path.answer(packet, NOW, Client(Transport.UDP, "192.0.2.99")) is not None
    assert served.counters[valid] == before


def test_unknown_tsig_key_is_named_in_the_answer(served: Served) -> None:
    """RFC 8945 §5.2.1: BADKEY in an unsigned TSIG."""
    message = answered(served, query("www.example.", 1, tsig("key.")))
    assert not message.answer
    assert message.tsig is not None
    assert message.tsig[0].error == 17
