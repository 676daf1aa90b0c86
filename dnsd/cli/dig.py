"""A response as dig would print it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.edns
import dns.flags
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dns.message import Message
    from dns.rrset import RRset

    from dnsd.cli.ask import Response

_SECTIONS = ("answer", "authority", "additional")
_OWNER_COLUMNS = 31
_TTL_COLUMNS = 7


def lines(response: Response) -> Iterator[str]:
    """Return what dig prints of ``response``, line by line."""
    message = response.message
    yield from _header(message)
    yield from _edns(message)
    yield ";; QUESTION SECTION:"
    for question in message.question:
        yield f";{question.name!s:<{_OWNER_COLUMNS + _TTL_COLUMNS - 1}} IN {_type(question)}"
    for name in _SECTIONS:
        section = getattr(message, name)
        if section:
            yield ""
            yield f";; {name.upper()} SECTION:"
        for rrset in section:
            yield from records(rrset)
    for error in message.errors:
        yield f";; one more record cannot be shown: {error.exception}"
    yield ""
    yield f";; MSG SIZE  rcvd: {response.size}"


def records(rrset: RRset) -> Iterator[str]:
    """Return the records of ``rrset``, a line each, in columns."""
    owner = f"{rrset.name!s:<{_OWNER_COLUMNS}}"
    for rdata in rrset:
        yield f"{owner} {rrset.ttl:<{_TTL_COLUMNS - 1}} IN {_type(rrset):<7} {rdata.to_text()}"


def _type(rrset: RRset) -> str:
    return dns.rdatatype.to_text(rrset.rdtype)


def _header(message: Message) -> Iterator[str]:
    opcode = dns.opcode.to_text(message.opcode())
    yield (
        f";; ->>HEADER<<- opcode: {opcode}, status: {dns.rcode.to_text(message.rcode())}, "
        f"id: {message.id}"
    )
    flags = dns.flags.to_text(message.flags).lower()
    counts = {"QUERY": message.section_count("QUESTION")}
    counts |= {name.upper(): message.section_count(name.upper()) for name in _SECTIONS}
    shown = ", ".join(f"{name}: {number}" for name, number in counts.items())
    yield f";; flags: {flags}; {shown}"
    yield ""


def _edns(message: Message) -> Iterator[str]:
    if message.edns < 0:
        return
    flags = dns.flags.edns_to_text(message.ednsflags).lower()
    yield ";; OPT PSEUDOSECTION:"
    flags = f" {flags}" if flags else ""
    yield f"; EDNS: version: {message.edns}, flags:{flags}; udp: {message.payload}"
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption):
            code = dns.edns.EDECode(option.code)
            yield f"; EDE: {option.code:d} ({code.name.replace('_', ' ').title()})"
