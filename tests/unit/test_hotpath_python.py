"""From packet to packet: sizes to the octet, zones side by side, options, counters.

Each test runs on the readable hot path and, where it has been built, on the native one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

import dns.edns
import dns.message
import dns.name
import msgspec
import pytest
from dns.edns import CookieOption, GenericOption, OptionType
from dns.flags import AA, CD, DO, QR, RD, TC, Flag
from dns.message import Message
from dns.rcode import BADVERS, FORMERR, NOERROR, NOTAUTH, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd.compile.denial import chain_of
from dnsd.hotpath import Client, HotPath, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.image import layout, reader
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.metrics.counters import Counters
from dnsd.wire import cookie
from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.zone.records import RRset, Zone
from dnsd.zone.structure import Structure
from tests.signing import Nsec3
from tests.unit.corezones import NOW, TCP, UDP, ask, image, lines, signed, wire, zone

Make = Callable[[Settings, Counters], HotPath]

IMPLEMENTATIONS: list[Make] = [PythonHotPath]
try:
    IMPLEMENTATIONS.append(import_module("dnsd.hotpath._native").NativeHotPath)
except ImportError:
    logging.getLogger(__name__).info("there is no native hot path")


class Served:
    """A hot path with zones and its counters."""

    def __init__(self, make: Make, zones: tuple[Zone, ...], settings: Settings) -> None:
        self.cells = counters.fresh()
        self.path = make(settings, self.cells)
        for data in zones:
            self.path.put_zone(data.apex, image(data))

    def counted(self) -> dict[str, int]:
        """What was counted since the last call."""
        found = {name: self.cells[index] for name, index in counters.INDEX.items()}
        for index in range(counters.SIZE):
            self.cells[index] = 0
        return {name: number for name, number in found.items() if number}

    def answer(self, query: Message | bytes, client: Client = TCP) -> Message:
        octets = query if isinstance(query, bytes) else query.to_wire()
        response = self.path.answer(octets, NOW, client)
        assert response is not None
        return dns.message.from_wire(response)


Serve = Callable[..., Served]


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
def serve(request: pytest.FixtureRequest) -> Serve:
    def serve(*zones: Zone, **settings: object) -> Served:
        return Served(request.param, zones, Settings(**settings))  # type: ignore[arg-type]

    return serve


def opaque(name: str, *lengths: int) -> Zone:
    """A zone in which ``name`` has one record of each of those lengths, of type 65280."""
    data = zone("")
    owner = wire(f"{name}.example.")
    rdatas = tuple(number.to_bytes(2, "big") + bytes(n - 2) for number, n in enumerate(lengths))
    data.nodes[owner] = {65280: RRset(owner, 65280, 60, rdatas)}
    return data


# -- sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "payload", "largest", "client"),
    [
        (512, None, 1232, UDP),
        (512, 0, 1232, UDP),
        (512, 511, 1232, UDP),
        (513, 513, 1232, UDP),
        (1232, 1232, 1232, UDP),
        (1232, 65535, 1232, UDP),
        (1400, 4096, 1400, UDP),
        (4096, 4096, 65535, UDP),
        (512, None, 512, UDP),
        (512, 1232, 512, UDP),
        (60000, 512, 1232, TCP),
    ],
)
def test_answers_are_truncated_at_the_octet(
    serve: Serve, limit: int, payload: int | None, largest: int, client: Client
) -> None:
    head = 12 + len(wire("a.example.")) + 4 + 12 + (0 if payload is None else 11)
    for beyond in (0, 1):
        served = serve(opaque("a", limit - head + beyond), udp_payload=largest)
        response = ask(served.path, "a.example.", "TYPE65280", payload=payload, client=client)
        truncated = bool(beyond) and client is UDP
        assert len(response.wire or b"") == (head - 12 if truncated else limit + beyond)
        assert bool(response.flags & TC) is truncated
        assert bool(response.answer) is not truncated
        assert served.counted().get("truncated", 0) == truncated


def test_below_a_cut_all_types_are_the_childs(serve: Serve) -> None:
    """Even DS, which at the cut is the parent's (RFC 4035 §3.1.4.1)."""
    served = serve(zone("sub NS ns.sub\nns.sub A 192.0.2.1"))
    for rtype in ("A", "DS", "NS"):
        response = ask(served.path, "deep.a.sub.example.", rtype)
        assert (response.rcode(), response.flags & AA) == (NOERROR, 0)
        assert lines(response.authority) == ["sub.example. NS ns.sub.example."]


def test_the_largest_answer_fits_in_a_message(serve: Serve) -> None:
    """The rest is for a query name of 255 octets and the options of an OPT record."""
    rdata = 65535 - 12 - 255 - 4 - 12 - 512
    served = serve(opaque("a", rdata), nsid=bytes(128))
    query = dns.message.make_query("a.example.", "TYPE65280", use_edns=0)
    query.use_edns(0, DO, 512, options=[GenericOption(OptionType.NSID, b"")])
    response = served.answer(query)
    assert not response.flags & TC
    assert len(response.answer[0][0].to_wire() or b"") == rdata


def test_pieces_that_no_message_holds(serve: Serve) -> None:
    """A wildcard's answer fits, its proof does not: nothing is left but to say so."""
    data = signed("*.w TXT t")
    owner = wire("*.w.example.")
    data.nodes[owner][rr.TXT] = RRset(owner, rr.TXT, 60, ((b"\xff" + bytes(255)) * 252,))
    for rrsets in data.signatures.values():
        nsec = rrsets[rr.NSEC]
        rrsets[rr.NSEC] = msgspec.structs.replace(
            nsec, rdatas=tuple(nsec.rdatas[0] + bytes(n) for n in range(9))
        )
    path = serve(data).path
    response = ask(path, "q.w.example.", "TXT", do=True)
    assert response.flags & TC
    assert not response.answer
    for name, do in (("q.w.example.", False), ("*.w.example.", True)):
        assert not ask(path, name, "TXT", do=do).flags & TC


@pytest.mark.parametrize("do", [False, True])
def test_optional_data_is_dropped_rrset_by_rrset(serve: Serve, do: bool) -> None:
    text = "".join(f"a MX {n} m{n}\nm{n} A 192.0.2.{n}\n" for n in range(20))
    served = serve(signed(text), udp_payload=65535)
    whole = ask(served.path, "a.example.", "MX", do=do, payload=65535, client=UDP)
    size = len(whole.wire or b"")
    assert not whole.flags & TC
    assert len(whole.additional) == (40 if do else 20)
    seen: set[int] = set()
    for payload in (*range(512, size, 7), size):
        response = ask(served.path, "a.example.", "MX", do=do, payload=payload, client=UDP)
        assert len(response.wire or b"") <= payload
        if response.flags & TC:
            assert not seen
            continue
        assert response.answer == whole.answer
        number = len(response.additional)
        assert response.additional == whole.additional[:number]
        assert not do or number % 2 == 0
        seen.add(number)
    # with signatures the mandatory part alone is longer than 512 octets
    assert seen == set(range(0, 41, 2)) if do else seen <= set(range(21))
    assert len(whole.additional) in seen


def test_in_domain_glue_is_not_dropped(serve: Serve) -> None:
    """RFC 9471: without it the response is truncated; glue of siblings may go."""
    text = "".join(f"sub NS ns{n}.sub\nns{n}.sub AAAA 2001:db8::{n}\n" for n in range(1, 14))
    text += "sub NS ns.sibling\nsibling NS ns.sibling\nns.sibling A 192.0.2.1\n"
    served = serve(zone(text))
    whole = ask(served.path, "q.sub.example.", "A", payload=1232, client=UDP)
    assert len(whole.additional) == 14
    size = len(whole.wire or b"")
    without_sibling = size - 16
    assert without_sibling - 1 > 512
    for payload, number, truncated in (
        (size, 14, False),
        (size - 1, 13, False),
        (without_sibling, 13, False),
        (without_sibling - 1, 0, True),
    ):
        response = ask(served.path, "q.sub.example.", "A", payload=payload, client=UDP)
        assert (len(response.additional), bool(response.flags & TC)) == (number, truncated)
        assert not response.flags & AA


def test_options_count(serve: Serve) -> None:
    """An answer that just fits doesn't beside an NSID."""
    head = 12 + len(wire("a.example.")) + 4 + 12 + 11
    served = serve(opaque("a", 1232 - head), nsid=b"n")
    query = dns.message.make_query("a.example.", "TYPE65280", use_edns=0)
    assert not served.answer(query, UDP).flags & TC
    query.use_edns(0, 0, 1232, options=[GenericOption(OptionType.NSID, b"")])
    response = served.answer(query, UDP)
    assert response.flags & TC
    assert response.options[0].to_wire() == b"n"


# -- header and question ---------------------------------------------------------------------


@pytest.mark.parametrize("flags", [0, RD, CD, RD | CD, 0x7FFF & ~0x7800])
def test_flags(serve: Serve, flags: int) -> None:
    query = dns.message.make_query("example.", "SOA", id=0xBEEF)
    query.flags = Flag(flags)
    response = serve(zone("")).answer(query)
    assert response.id == 0xBEEF
    assert response.flags == QR | AA | (flags & (RD | CD))


def test_the_question_comes_back_as_it_was_spelled(serve: Serve) -> None:
    served = serve(zone("*.w CNAME target\ntarget A 192.0.2.1"))
    query = dns.message.make_query("FoO.w.eXaMpLe.", "A")
    response = served.answer(query)
    assert str(response.question[0].name) == "FoO.w.eXaMpLe."
    assert [str(rrset.name) for rrset in response.answer] == ["FoO.w.eXaMpLe.", "target.eXaMpLe."]


@pytest.mark.parametrize("payload", [None, 1232])
@pytest.mark.parametrize("flags", [0, DO, 0xFFFF])
def test_opt_record(serve: Serve, payload: int | None, flags: int) -> None:
    query = dns.message.make_query("example.", "SOA")
    if payload is not None:
        query.use_edns(0, flags, payload)
    served = serve(zone(""), udp_payload=1400)
    response = served.answer(query, UDP)
    assert response.edns == (-1 if payload is None else 0)
    if payload is not None:
        assert response.payload == 1400
        assert response.ednsflags == flags & DO
        assert response.options == ()
    counted = served.counted()
    assert counted.get("edns", 0) == (payload is not None)
    assert counted.get("dnssec_ok", 0) == (payload is not None and bool(flags & DO))


def test_edns_version(serve: Serve) -> None:
    served = serve(zone(""))
    query = dns.message.make_query("example.", "SOA")
    query.use_edns(1)
    response = served.answer(query)
    assert (response.rcode(), response.edns, response.answer) == (BADVERS, 0, [])
    assert served.counted()["odd_edns_version"] == 1


# -- counters --------------------------------------------------------------------------------


def test_what_a_plain_query_counts(serve: Serve) -> None:
    served = serve(zone(""))
    for client, name in ((UDP, "udp"), (TCP, "tcp")):
        ask(served.path, "example.", "SOA", client=client)
        expected = {f"queries_{name}": 1, f"responses_{name}": 1, "qtype_6": 1, "rcode_0": 1}
        assert served.counted() == expected
    ask(served.path, "q.example.", "TYPE39", payload=1232, do=True)
    assert served.counted() == {
        **dict.fromkeys(("queries_tcp", "responses_tcp", "edns", "dnssec_ok"), 1),
        **dict.fromkeys(("qtype_other", "rcode_3"), 1),
    }


@pytest.mark.parametrize(
    ("packet", "counter"),
    [
        (b"", "drop_short"),
        (bytes(11), "drop_short"),
        (b"\x00\x00\x80" + bytes(20), "drop_response"),
    ],
)
def test_what_gets_no_answer(serve: Serve, packet: bytes, counter: str) -> None:
    served = serve(zone(""))
    for client, name in ((UDP, "udp"), (TCP, "tcp")):
        assert served.path.answer(packet, NOW, client) is None
        assert served.counted() == {f"queries_{name}": 1, counter: 1}


@given(packet=st.binary(max_size=60), tcp=st.booleans())
def test_any_octets(packet: bytes, tcp: bool) -> None:
    """One query, one response or one drop; a response that dnspython can read."""
    for make in IMPLEMENTATIONS:
        served = Served(make, (zone("*.w A 192.0.2.1"),), Settings(nsid=b"n"))
        response = served.path.answer(packet, NOW, TCP if tcp else UDP)
        counted = served.counted()
        assert "internal_error" not in counted
        assert sum(number for name, number in counted.items() if name.startswith("queries_")) == 1
        drops = counted.get("drop_short", 0) + counted.get("drop_response", 0)
        if response is None:
            assert drops == 1
        else:
            assert sum(counted.get(f"rcode_{n}", 0) for n in range(24)) == 1
            assert response[:2] == packet[:2]
            dns.message.from_wire(response)


# -- zones side by side ----------------------------------------------------------------------

PARENT = zone("sub NS ns.sub\nns.sub A 192.0.2.1\na.deep NS ns.other.", "example.")
CHILD = zone("www A 192.0.2.2", "sub.example.")


def test_the_deepest_zone_answers(serve: Serve) -> None:
    served = serve(PARENT, CHILD)
    assert lines(ask(served.path, "www.sub.example.", "A").answer) == [
        "www.sub.example. A 192.0.2.2"
    ]
    assert ask(served.path, "q.sub.example.", "A").rcode() == NXDOMAIN
    assert str(ask(served.path, "sub.example.", "SOA").answer[0].name) == "sub.example."
    served.path.drop_zone(CHILD.apex)
    response = ask(served.path, "www.sub.example.", "A")
    assert lines(response.authority) == ["sub.example. NS ns.sub.example."]
    served.path.drop_zone(PARENT.apex)
    assert ask(served.path, "www.sub.example.", "A").rcode() == REFUSED
    served.path.drop_zone(PARENT.apex)


def test_ds_is_asked_of_the_parent(serve: Serve) -> None:
    """RFC 4035 §3.1.4.1, unless the parent is not ours."""
    response = ask(serve(PARENT, CHILD).path, "sub.example.", "DS")
    assert str(response.authority[0].name) == "example."
    response = ask(serve(CHILD).path, "sub.example.", "DS")
    assert (response.rcode(), str(response.authority[0].name)) == (NOERROR, "sub.example.")
    assert ask(serve(CHILD).path, "www.sub.example.", "DS").rcode() == NOERROR
    response = ask(serve(zone("", "."), CHILD).path, ".", "DS")
    assert str(response.authority[0].name) == "."


def test_root_and_child(serve: Serve) -> None:
    served = serve(zone("com NS ns.com", "."), CHILD)
    assert ask(served.path, ".", "NS").rcode() == NOERROR
    assert ask(served.path, "q.", "NS").rcode() == NXDOMAIN
    assert ask(served.path, "www.sub.example.", "A").answer
    assert ask(served.path, "example.", "A").rcode() == NXDOMAIN


EXPIRED = 24
"""RFC 8914 §4.25, Invalid Data: its most recent data is too old, or has expired."""


def test_not_ours_and_not_loaded(serve: Serve) -> None:
    served = serve(CHILD)
    served.path.put_zone(wire("broken.sub.example."), None)
    for name, rcode, code, counter in (
        ("example.", REFUSED, dns.edns.EDECode.NOT_AUTHORITATIVE, "not_authoritative"),
        (".", REFUSED, dns.edns.EDECode.NOT_AUTHORITATIVE, "not_authoritative"),
        ("a.broken.sub.example.", SERVFAIL, dns.edns.EDECode.NOT_READY, "not_ready"),
    ):
        response = ask(served.path, name, "A", payload=1232)
        assert response.rcode() == rcode
        assert not response.flags & AA
        assert [error.code for error in response.extended_errors()] == [code]
        assert served.counted()[counter] == 1
        assert ask(served.path, name, "A").edns == -1
        served.counted()
    served.path.expire_zone(wire("broken.sub.example."))
    response = ask(served.path, "a.broken.sub.example.", "A", payload=1232)
    assert response.rcode() == SERVFAIL
    assert [error.code for error in response.extended_errors()] == [EXPIRED]
    served.path.put_zone(wire("broken.sub.example."), None)
    response = ask(served.path, "a.broken.sub.example.", "A", payload=1232)
    assert [error.code for error in response.extended_errors()] == [dns.edns.EDECode.NOT_READY]
    served.path.put_zone(wire("broken.sub.example."), image(zone("", "broken.sub.example.")))
    assert ask(served.path, "broken.sub.example.", "SOA").rcode() == NOERROR


def test_a_new_image_replaces_the_old(serve: Serve) -> None:
    served = serve(zone("a A 192.0.2.1"))
    served.path.put_zone(wire("example."), image(zone("a A 192.0.2.2\nb A 192.0.2.3")))
    assert lines(ask(served.path, "a.example.", "A").answer) == ["a.example. A 192.0.2.2"]
    served.path.put_zone(wire("example."), None)
    assert ask(served.path, "a.example.", "A").rcode() == SERVFAIL


def test_many_zones(serve: Serve) -> None:
    served = serve()
    labels = [f"z{number}.example." for number in range(200)]
    for label in labels:
        served.path.put_zone(wire(label), image(zone("a A 192.0.2.1", label)))
    for label in labels[::2]:
        served.path.drop_zone(wire(label))
    for number, label in enumerate(labels):
        rcode = NOERROR if number % 2 else REFUSED
        assert ask(served.path, f"a.{label}", "A").rcode() == rcode


def test_transfers(serve: Serve) -> None:
    served = serve(CHILD)
    assert ask(served.path, "sub.example.", "AXFR", client=UDP).rcode() == NOTIMP
    response = ask(served.path, "sub.example.", "IXFR", client=UDP)
    assert [rrset.rdtype.name for rrset in response.answer] == ["SOA"]
    for rtype in ("AXFR", "IXFR"):
        assert ask(served.path, "sub.example.", rtype).rcode() == REFUSED
    assert ask(served.path, "www.sub.example.", "IXFR", client=UDP).rcode() == NOTAUTH
    assert served.counted()["odd_transfer"] == 5


# -- options ---------------------------------------------------------------------------------

SECRETS = (b"the first secret", b"the other secret")


def with_options(*options: dns.edns.Option) -> Message:
    query = dns.message.make_query("example.", "SOA")
    query.use_edns(0, 0, 1232, options=list(options))
    return query


def cookie_in(response: Message) -> bytes:
    (option,) = response.options
    assert isinstance(option, CookieOption)
    return option.client + option.server


def test_nsid(serve: Serve) -> None:
    query = with_options(GenericOption(OptionType.NSID, b""))
    for nsid, expected in ((None, []), (b"", [b""]), (b"node-1\xff", [b"node-1\xff"])):
        response = serve(zone(""), nsid=nsid).answer(query)
        assert [option.to_wire() for option in response.options] == expected
    assert serve(zone(""), nsid=b"n").answer(with_options()).options == ()


def test_keepalive_over_tcp_only(serve: Serve) -> None:
    query = with_options(GenericOption(OptionType(11), b""))
    for idle, expected in ((10.0, 100), (0.05, 0), (1e6, 65535)):
        served = serve(zone(""), tcp_idle=idle)
        (option,) = served.answer(query, TCP).options
        assert option.to_wire() == expected.to_bytes(2, "big")
        assert served.answer(query, UDP).options == ()


def test_cookies(serve: Serve) -> None:
    served = serve(zone(""), cookie_secrets=SECRETS)
    first = cookie_in(served.answer(with_options(CookieOption(b"clientco", b"")), UDP))
    assert first == cookie.make(b"clientco", UDP.address, NOW, SECRETS[0])
    assert "cookies_valid" not in served.counted()
    for sent, kept, valid in (
        (first, True, True),
        (cookie.make(b"clientco", UDP.address, NOW - 1800, SECRETS[0]), True, True),
        (cookie.make(b"clientco", UDP.address, NOW - 1801, SECRETS[0]), False, True),
        (cookie.make(b"clientco", UDP.address, NOW - 3601, SECRETS[0]), False, False),
        (cookie.make(b"clientco", UDP.address, NOW - 5, SECRETS[1]), False, True),
        (cookie.make(b"clientco", UDP.address, NOW - 5, b"unknown secret.."), False, False),
        (b"clientco" + bytes(32), False, False),
    ):
        response = served.answer(with_options(CookieOption(sent[:8], sent[8:])), UDP)
        assert cookie_in(response) == (sent if kept else first)
        assert served.counted().get("cookies_valid", 0) == valid


def test_cookies_without_secrets_are_not_answered(serve: Serve) -> None:
    assert serve(zone("")).answer(with_options(CookieOption(b"clientco", b""))).options == ()


def test_a_cookie_of_no_legal_length(serve: Serve) -> None:
    served = serve(zone(""), cookie_secrets=SECRETS)
    response = served.answer(with_options(GenericOption(OptionType.COOKIE, b"seven..")))
    assert (response.rcode(), response.options) == (FORMERR, ())
    assert served.counted()["odd_cookie"] == 1


def test_asking_for_a_cookie_only(serve: Serve) -> None:
    served = serve(cookie_secrets=SECRETS)
    query = Message()
    query.use_edns(0, 0, 1232, options=[CookieOption(b"clientco", b"")])
    response = served.answer(query, UDP)
    assert (response.rcode(), response.question) == (NOERROR, [])
    assert cookie_in(response)[:8] == b"clientco"


def test_an_unknown_key_is_refused_with_a_tsig(serve: Serve) -> None:
    served = serve(zone(""))
    query = dns.message.make_query("example.", "SOA", use_edns=0)
    query.use_tsig({dns.name.from_text("key."): b"secret"})
    octets = served.path.answer(query.to_wire(), NOW, UDP)
    assert octets is not None
    response = dns.message.from_wire(octets, keyring=False)
    assert (response.rcode(), response.tsig_error, response.edns) == (NOTAUTH, 17, 0)
    assert str(response.keyname) == "key."
    assert served.counted()["odd_tsig_key"] == 1


# -- class CH --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rtype", "text"),
    [
        ("id.server.", "TXT", b"me"),
        ("HOSTNAME.bind.", "TXT", b"me"),
        ("version.bind.", "ANY", b"v" * 255),
        ("version.server.", "TXT", b"v" * 255),
        ("version.server.", "A", None),
        ("server.", "TXT", None),
        ("a.id.server.", "TXT", None),
        (".", "TXT", None),
    ],
)
def test_chaos(serve: Serve, name: str, rtype: str, text: bytes | None) -> None:
    for hidden in (False, True):
        served = serve(
            zone("", "."),
            server_id=None if hidden else b"me",
            version=None if hidden else b"v" * 300,
        )
        response = served.answer(dns.message.make_query(name, rtype, "CH"), UDP)
        if hidden or text is None:
            assert (response.rcode(), response.answer) == (REFUSED, [])
            assert served.counted()["odd_class"] == 1
        else:
            assert [rdata.strings for rdata in response.answer[0]] == [(text,)]
            assert response.flags & AA
            assert served.counted()["chaos"] == 1


# -- faults of dnsd's own --------------------------------------------------------------------


def test_a_fault_is_a_servfail(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    octets = compiler.build(zone("a A 192.0.2.1"))
    img = Image(octets)
    served = serve()
    served.path.put_zone(img.apex, img)
    refs = reader.find(img, wire("a.example.")) + layout.ENTRY.size + 2 * 2
    octets[refs : refs + 8] = b"\xff" * 8
    with caplog.at_level(logging.ERROR):
        response = ask(served.path, "a.example.", "A", payload=1232)
    assert (response.rcode(), response.edns) == (SERVFAIL, 0)
    assert served.counted()["internal_error"] == 1
    assert "no answer for the packet" in caplog.text
    assert ask(served.path, "q.example.", "A").rcode() == NXDOMAIN


def test_an_address_that_is_none() -> None:
    """Only the socket's code could hand one over; still nothing is raised."""
    served = Served(PythonHotPath, (zone(""),), Settings(cookie_secrets=SECRETS))
    client = Client(Transport.UDP, "not an address")
    query = with_options(CookieOption(b"clientco", b""))
    assert served.answer(query, client).rcode() == SERVFAIL


@pytest.mark.parametrize("params", [Nsec3(iterations=100), Nsec3("ab" * 255)])
def test_salt_and_iterations(serve: Serve, params: Nsec3) -> None:
    data = signed("a A 192.0.2.1", nsec3=params)
    chain = chain_of(data, Structure(data))
    name, apex = wire("q.example."), wire("example.")
    proof = chain.nxdomain(name, apex)
    response = ask(serve(data).path, name, "A", do=True)
    owners = {str(rrset.name).lower() for rrset in response.authority if rrset.rdtype == rr.NSEC3}
    assert owners == {names.to_text(record.owner).lower() for record in proof if record}


@pytest.mark.parametrize("params", [Nsec3(iterations=151), Nsec3("ab" * 255, 151, opt_out=True)])
def test_more_iterations_than_validators_check(serve: Serve, params: Nsec3) -> None:
    """One record tells validators how many there are (RFC 9276 §3.2); nothing is hashed."""
    data = signed(
        "a A 192.0.2.1\n*.w A 192.0.2.2\nsub NS ns.sub\nsub.deep A 192.0.2.3", nsec3=params
    )
    served = serve(data)
    first = min(owner for owner, types in data.nodes.items() if rr.NSEC3 in types)
    asked = (("q", "A"), ("deep", "A"), ("a", "MX"), ("x.w", "A"), ("x.w", "MX"), ("x.sub", "A"))
    for name, rtype in asked:
        response = ask(served.path, f"{name}.example.", rtype, do=True)
        owners = [rrset.name for rrset in response.authority if rrset.rdtype == rr.NSEC3]
        assert [names.from_text(str(owner).lower()) for owner in owners] == [first]
        assert response.rcode() == (NXDOMAIN if name == "q" else NOERROR)
    assert not ask(served.path, "a.example.", "A", do=True).authority
    plain = ask(served.path, "q.example.", "A", do=False)
    assert [rrset.rdtype for rrset in plain.authority] == [rr.SOA]
