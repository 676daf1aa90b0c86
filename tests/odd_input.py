"""The table of odd inputs: packets, what each gets, and the one counter that says so.

Whoever has a way to send packets can run it: through ``answer()`` or over sockets. The zone
behind it is :func:`tests.parity.samples.sample_nsec` (example.), and ``broken.`` is a zone of
ours that is not loaded; CH names and cookies are configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import TYPE_CHECKING

from dnsd.hotpath import Transport
from dnsd.metrics import counters
from tests.packets import CH, OPT, QR, header, opt, option, query, question, record, tsig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
NOTAUTH, BADVERS = 9, 16
NSID, COOKIE, KEEPALIVE, PADDING, EDE = 3, 10, 11, 12, 15

WATCHED = [
    name
    for name in counters.NAMES
    if name.startswith(("odd_", "drop_", "not_", "chaos", "internal_error"))
]
"""The counters of which one, or none, moves for each packet."""


@dataclass(frozen=True)
class Case:
    """One input; ``rcode`` None means no answer, ``counter`` None that none of WATCHED moves."""

    about: str
    packet: bytes
    rcode: int | None
    counter: str | None = None
    transport: Transport = Transport.UDP


NAME = "www.example."
PLAIN = query(NAME)
TAIL = PLAIN[12:]
"""The question section of ``PLAIN``."""

NOTIFY, UPDATE = 4 << 11, 5 << 11
APEX = question("example.", 6)

_TYPE_CLASS = pack(">HH", 1, 1)
_TOO_LONG = b"".join(b"\x3f" + b"a" * 63 for _ in range(4)) + b"\x00"
_ADDRESS = record(1, bytes(4))

_DROPPED = {
    "drop_short": {"no octet": b"", "11 octets": PLAIN[:11]},
    "drop_response": {"a response": header(QR) + TAIL, "only a response's header": header(QR)},
}

_FORMERR = {
    "odd_no_question": {
        "no question": header(counts=(0, 0, 0, 0)),
        "no question, EDNS": header(counts=(0, 0, 0, 1)) + opt(),
        "NOTIFY without a question": header(NOTIFY, (0, 0, 0, 0)),
        "NOTIFY with a cookie only": header(NOTIFY, (0, 0, 0, 1)) + opt(option(COOKIE, bytes(8))),
        "UPDATE without a zone": header(UPDATE, (0, 0, 0, 1)) + opt(),
    },
    "odd_many_questions": {
        "two questions": header(counts=(2, 0, 0, 0)) + TAIL * 2,
        "65535 questions": header(counts=(65535, 0, 0, 0)),
        "NOTIFY with two questions": header(NOTIFY, (2, 0, 0, 0)) + APEX * 2,
    },
    "odd_bad_name": {
        "header only": header(),
        "name cut short": PLAIN[:20],
        "no type": PLAIN[:-4],
        "no class": PLAIN[:-2],
        "label type 01": header() + b"\x41a\x00" + _TYPE_CLASS,
        "label type 10": header() + b"\x81a\x00" + _TYPE_CLASS,
        "pointer in QNAME": header() + b"\xc0\x0c" + _TYPE_CLASS,
        "257 octets": header() + _TOO_LONG + _TYPE_CLASS,
        "NOTIFY, name cut short": header(NOTIFY) + APEX[:5],
        "UPDATE, label type 01": header(UPDATE) + b"\x41a\x00" + _TYPE_CLASS,
    },
    "odd_records": {
        "an answer": header(counts=(1, 1, 0, 0)) + TAIL + _ADDRESS,
        "OPT as answer": header(counts=(1, 1, 0, 0)) + TAIL + opt(),
        "an authority": header(counts=(1, 0, 1, 0)) + TAIL + _ADDRESS,
        "two authorities for IXFR": header(counts=(1, 0, 2, 0))
        + question("example.", 251)
        + record(6, bytes(22)) * 2,
        "three additional": query(NAME, 1, *[_ADDRESS] * 3),
        "65535 additional": header(counts=(1, 0, 0, 65535)) + TAIL,
        "additional is missing": header(counts=(1, 0, 0, 1)) + TAIL,
        "rdata past the end": query(NAME, 1, _ADDRESS[:-1]),
        "NOTIFY, SOA past the end": header(NOTIFY, (1, 1, 0, 0)) + APEX + record(6, bytes(22))[:-1],
    },
    "odd_meta_type": {f"type {rtype}": query(NAME, rtype) for rtype in (OPT, 249, 250)},
    "odd_edns": {
        "33 options": query(NAME, 1, opt(*[option(65001)] * 33)),
        "two OPT": query(NAME, 1, opt(), opt()),
        "OPT owner not root": query(NAME, 1, opt(owner=b"\x01a\x00")),
        "OPT cut short": query(NAME, 1, opt(option(NSID))[:-1]),
        "option past the end": query(NAME, 1, opt(pack(">HH", NSID, 9) + b"short")),
        "option head cut short": query(NAME, 1, opt(b"\x00\x03\x00")),
        "NOTIFY with two OPT": header(NOTIFY, (1, 0, 0, 2)) + APEX + opt() * 2,
    },
    "odd_cookie": {
        f"cookie of {size}": query(NAME, 1, opt(option(COOKIE, bytes(size))))
        for size in (0, 7, 9, 15, 41)
    },
    "odd_tsig_place": {
        "TSIG not last": query(NAME, 1, tsig(), opt()),
        "two TSIG": query(NAME, 1, tsig(), tsig()),
    },
}

_NOTIMP = {
    "odd_opcode": {
        "IQUERY": header(1 << 11) + TAIL,
        "STATUS": header(2 << 11) + TAIL,
        "opcode 15": header(15 << 11) + TAIL,
        "opcode 15, EDNS": header(15 << 11, (1, 0, 0, 1)) + TAIL + opt(),
        "opcode 15, two OPT": header(15 << 11, (1, 0, 0, 2)) + TAIL + opt() * 2,
        "opcode 15, no name": header(15 << 11, (9, 9, 9, 9)) + b"\xff" * 9,
        "STATUS, EDNS only": header(2 << 11, (0, 0, 0, 1)) + opt(),
        "DSO keepalive": header(6 << 11, (0, 0, 0, 0)) + bytes.fromhex("000100080000000000000000"),
    },
    "odd_transfer": {"AXFR over UDP": query("example.", 252)},
}

_REFUSED = {
    "odd_notify": {
        "NOTIFY": header(NOTIFY) + APEX,
        "NOTIFY, SOA, EDNS": header(NOTIFY, (1, 1, 0, 1)) + APEX + record(6, bytes(22)) + opt(),
    },
    "odd_update": {
        "UPDATE": header(UPDATE) + APEX,
        "UPDATE, EDNS": header(UPDATE, (1, 2, 3, 2)) + APEX + _ADDRESS * 6 + opt(),
        "UPDATE, 256 records": header(UPDATE, (1, 0, 255, 1)) + APEX + _ADDRESS * 255 + opt(),
        "UPDATE, 65535 records": header(UPDATE, (1, 0, 65535, 0)) + APEX,
    },
    "not_authoritative": {"not our zone": query("www.other."), "the root": query(".")},
    "odd_class": {
        "CH, unknown name": header() + question("authors.bind.", 16, CH),
        "CH A": header() + question("id.server.", 1, CH),
        **{
            f"class {rclass}": header() + question(NAME, 1, rclass)
            for rclass in (0, 2, 4, 254, 255, 65535)
        },
    },
}

_OTHERS = (
    Case("not loaded", query("www.broken."), SERVFAIL, "not_ready"),
    Case("AXFR over TCP", query("example.", 252), REFUSED, "odd_transfer", Transport.TCP),
    Case("AXFR of no apex", query(NAME, 252), NOTAUTH, "odd_transfer", Transport.TCP),
    Case("AXFR of another zone", query("other.", 252), NOTAUTH, "odd_transfer", Transport.TCP),
    Case("IXFR of no apex", query(NAME, 251), NOTAUTH, "odd_transfer"),
    Case("IXFR of no apex over TCP", query(NAME, 251), NOTAUTH, "odd_transfer", Transport.TCP),
    Case(
        "NOTIFY, EDNS 1",
        header(NOTIFY, (1, 0, 0, 1)) + APEX + opt(version=1),
        BADVERS,
        "odd_edns_version",
    ),
    Case(
        "opcode 15, EDNS 1",
        header(15 << 11, (1, 0, 0, 1)) + APEX + opt(version=1),
        BADVERS,
        "odd_edns_version",
    ),
    Case(
        "UPDATE, TSIG of an unknown key",
        header(UPDATE, (1, 0, 1, 1)) + APEX + _ADDRESS + tsig(),
        NOTAUTH,
        "odd_tsig_key",
    ),
    Case("IXFR over UDP", query("example.", 251), NOERROR, "odd_transfer"),
    Case(
        "IXFR with its SOA",
        header(counts=(1, 0, 1, 0)) + question("example.", 251) + record(6, bytes(22)),
        NOERROR,
        "odd_transfer",
    ),
    Case("EDNS version 1", query(NAME, 1, opt(version=1)), BADVERS, "odd_edns_version"),
    Case("EDNS version 255", query(NAME, 1, opt(version=255)), BADVERS, "odd_edns_version"),
    Case("TSIG of an unknown key", query(NAME, 1, tsig()), NOTAUTH, "odd_tsig_key"),
    Case("odd octets in a label", header() + b"\x03\x00.\xff" + question("example."), NXDOMAIN),
    *(
        Case(f"CH {name}", header() + question(name, 16, CH), NOERROR, "chaos")
        for name in ("id.server.", "hostname.bind.", "version.bind.", "VERSION.server.")
    ),
)

_ORDINARY = {
    "plain": PLAIN,
    "no question, cookie": header(counts=(0, 0, 0, 1)) + opt(option(COOKIE, bytes(8))),
    "one additional": query(NAME, 1, _ADDRESS),
    "ANY": query(NAME, 255),
    "type 65535": query("mail.example.", 65535),
    **{f"type {rtype}": query("mail.example.", rtype) for rtype in (0, 128, 253, 254)},
    "mixed case": query("WwW.eXaMpLe."),
    "trailing octets": PLAIN + b"trailing",
    "RD, CD, AD, Z": header(0x0170) + TAIL,
    "EDNS": query(NAME, 1, opt()),
    "EDNS size 0": query(NAME, 1, opt(payload=0)),
    "unknown EDNS flags": query(NAME, 1, opt(flags=0x7FFF)),
    "unknown option": query(NAME, 1, opt(option(65001, b"?"))),
    "32 options": query(NAME, 1, opt(*[option(65001)] * 32)),
    "padding": query(NAME, 1, opt(option(PADDING, bytes(9)))),
    **{
        f"cookie of {size}": query(NAME, 1, opt(option(COOKIE, bytes(size))))
        for size in (8, 16, 24, 40)
    },
}


def _each(rcode: int | None, table: Mapping[str, Mapping[str, bytes]]) -> Iterator[Case]:
    for counter, inputs in table.items():
        for about, packet in inputs.items():
            yield Case(about, packet, rcode, counter)


CASES: tuple[Case, ...] = (
    *(Case(about, packet, NOERROR) for about, packet in _ORDINARY.items()),
    *_each(None, _DROPPED),
    *_each(FORMERR, _FORMERR),
    *_each(NOTIMP, _NOTIMP),
    *_each(REFUSED, _REFUSED),
    *_OTHERS,
)
"""The whole table."""
