"""Answers of the hot path and of the oracle in one form, to be compared."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.message
import dns.zone
from dns.rdatatype import CNAME, RdataType

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.hotpath import Client, HotPath, Settings, Transport
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.zone.load import load_text
from dnsd.zone.lookup import Question, lookup
from tests.views import view_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dns.name import Name
    from dns.rrset import RRset as MessageRRset

    from dnsd.metrics.counters import Counters
    from dnsd.zone.lookup import Answer
    from dnsd.zone.view import View, ViewRRset
    from tests.model import Model
    from tests.strategies import Query

NOW = 1_750_000_000.0
UDP = Client(Transport.UDP, "192.0.2.1")
TCP = Client(Transport.TCP, "192.0.2.1")

Entry = tuple[str, RdataType, RdataType, int, frozenset[bytes]]
"""Owner in lower case, type, type covered, TTL, canonical rdatas."""

Section = frozenset[Entry]


class Sections(NamedTuple):
    """An answer without order."""

    rcode: int
    aa: bool
    answer: Section
    authority: Section
    additional: Section


class Served(NamedTuple):
    """One zone, compiled and viewed."""

    path: HotPath
    counters: Counters
    view: View

    def ask(self, query: Query, client: Client = TCP, payload: int | None = 65535) -> bytes:
        """Put ``query`` to the hot path; ``payload`` None means without EDNS."""
        response = self.path.answer(packet(query, payload), NOW, client)
        assert response is not None
        return response

    def rdatas(self, rtype: int) -> set[bytes | None]:
        """All rdatas of a type in the zone, in wire format."""
        return {
            rdata.to_wire()
            for node in self.view.nodes.values()
            for rrset in node.values()
            if rrset.rtype == rtype
            for rdata in rrset.rdatas
        }

    def expect(self, query: Query) -> Answer:
        """What the oracle says."""
        return lookup(self.view, Question(query.name, query.rtype, query.do))


def serve(model: Model, settings: Settings | None = None) -> Served:
    """Put ``model`` before a new hot path."""
    return serve_text(model.origin, model.text(), settings)


def serve_text(origin: Name, text: str, settings: Settings | None = None) -> Served:
    """Load and compile a master file as the server would; let dnspython read it for the oracle."""
    cells = counters.fresh()
    path = hotpath.make(settings or Settings(), cells)
    put(path, origin, text)
    return Served(path, cells, viewed(origin, text))


def put(path: HotPath, origin: Name, text: str) -> None:
    """Load, compile and serve a zone on ``path``."""
    loaded = load_text(str(origin), text, now=NOW)
    assert loaded.zone is not None, "\n".join(map(str, loaded.findings))
    path.put_zone(loaded.zone.apex, Image(compiler.build(loaded.zone)))


def viewed(origin: Name, text: str) -> View:
    return view_of(dns.zone.from_text(text, origin, relativize=False, check_origin=False))


def packet(query: Query, payload: int | None) -> bytes:
    """Return ``query`` in wire format; ID 0x1A2B, RD off."""
    message = dns.message.make_query(query.name, query.rtype, use_edns=False, id=0x1A2B)
    message.flags = 0
    if payload is not None:
        message.use_edns(0, dns.flags.DO if query.do else 0, payload)
    return message.to_wire()


def of_answer(answer: Answer) -> Sections:
    return Sections(
        answer.rcode,
        answer.aa,
        planned(answer.answer),
        planned(answer.authority),
        planned(answer.additional),
    )


def parsed(octets: bytes) -> dns.message.Message:
    """Read a response; no record may stand twice in a section, which dnspython would not tell.

    But for an alias that a wildcard gives to the very name that it points to: the block of the
    wildcard has both links, and does not know the query name.
    """
    message = dns.message.from_wire(octets)
    announced = unpack_from(">3H", octets, 6)
    extra = int(message.opt is not None) + int(message.tsig is not None)
    answer, authority, additional = (
        sum(map(len, section))
        for section in (message.answer, message.authority, message.additional)
    )
    twice = {announced[0] - answer}
    if any(one.rdtype == CNAME and one[0].target == one.name for one in message.answer):
        twice -= {1, 2}
    assert twice <= {0}, f"a record stands twice: {message}"
    assert announced[1:] == (authority, additional + extra), f"a record stands twice: {message}"
    return message


def of_message(message: dns.message.Message) -> Sections:
    return Sections(
        message.rcode(),
        bool(message.flags & dns.flags.AA),
        received(message.answer),
        received(message.authority),
        received(message.additional),
    )


def received(rrsets: Iterable[MessageRRset]) -> Section:
    entries = [
        (
            str(rrset.name.canonicalize()),
            rrset.rdtype,
            rrset.covers,
            rrset.ttl,
            frozenset(rdata.to_digestable() for rdata in rrset),
        )
        for rrset in rrsets
    ]
    assert len(entries) == len(set(entries)), "an RRset stands twice in a section"
    return frozenset(entries)


def planned(rrsets: Iterable[ViewRRset]) -> Section:
    return frozenset(
        (
            str(rrset.owner.canonicalize()),
            rrset.rtype,
            rrset.covers,
            rrset.ttl,
            frozenset(rdata.to_digestable() for rdata in rrset.rdatas),
        )
        for rrset in rrsets
    )
