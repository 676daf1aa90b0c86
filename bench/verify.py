"""Whether a server's answers are right, asked one at a time before anything is timed."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.zonegen import Query

DNSSEC = {dns.rdatatype.RRSIG, dns.rdatatype.NSEC, dns.rdatatype.NSEC3}
TIMEOUT = 2.0
"""Seconds to wait for one answer: a loaded machine may be slow, a server that is up is not."""


class NoAnswer(Exception):
    """Nothing that can be read came back in time."""


class WrongAnswer(Exception):
    """A server answered a query wrongly; measuring it would say nothing."""


def check_sample(port: int, queries: Iterable[Query]) -> None:
    """Ask all ``queries``; raise WrongAnswer with the first fault, NoAnswer when there is none."""
    for query in queries:
        fault = fault_in(ask(port, query), query)
        if fault:
            raise WrongAnswer(f"{query.name} {query.type}: {fault}")


def ask(port: int, query: Query, timeout: float = TIMEOUT) -> dns.message.Message:
    """Ask one query over UDP and return the response, or raise NoAnswer.

    The socket is connected: when nobody listens the kernel says so at once.
    """
    request = dns.message.make_query(
        query.name, query.type, use_edns=0, payload=1232, want_dnssec=bool(query.expect.proof)
    )
    request.flags &= ~dns.flags.RD
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.setblocking(False)
        connected.connect(("127.0.0.1", port))
        try:
            return dns.query.udp(request, "127.0.0.1", timeout, port, sock=connected)
        except (dns.exception.DNSException, OSError) as error:
            raise NoAnswer(f"{query.name} {query.type}: {type(error).__name__}") from None


def fault_in(response: dns.message.Message, query: Query) -> str:
    """Return how ``response`` differs from what ``query`` expects, or ""."""
    expect = query.expect
    rcode = dns.rcode.to_text(response.rcode())
    if rcode != expect.rcode:
        return f"{rcode} instead of {expect.rcode}"
    authoritative = bool(response.flags & dns.flags.AA)
    if authoritative != expect.authoritative:
        return f"AA is {authoritative:d}"
    answer, authority_section = _plain(response.answer), _plain(response.authority)
    present = {rrset.rdtype for rrset in response.answer + response.authority}
    missing = [name for name in expect.proof if dns.rdatatype.from_text(name) not in present]
    if missing:
        return f"there is no {missing[0]}"
    answers = [rdata.to_text() for rrset in answer for rdata in rrset]
    wanted = [] if expect.answer is None else [expect.answer]
    if answers != wanted:
        return f"the answer is {answers} instead of {wanted}"
    authority = [(r.name.to_text(), dns.rdatatype.to_text(r.rdtype)) for r in authority_section]
    if expect.authority and authority != [expect.authority]:
        return f"the authority section is {authority} instead of {[expect.authority]}"
    return ""


def _plain(section: list[dns.rrset.RRset]) -> list[dns.rrset.RRset]:
    """Return the RRsets of ``section`` that do not belong to DNSSEC."""
    return [rrset for rrset in section if rrset.rdtype not in DNSSEC]


def free_port() -> int:
    """Return a port that is free on 127.0.0.1, for UDP and TCP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
    return port
