"""A resolver on loopback that answers what a test gives it, in a thread of its own.

with running() as resolver:
resolver.records["cdn.example.net.", "A"] = (["198.51.100.1"], 60)
"""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dns.message
import dns.rcode
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"


class Resolver(socketserver.UDPServer):
    """Answers ``records``: addresses and a TTL by name and type; NXDOMAIN for other names.

    A name with the type CNAME leads to another one. ``asked`` are the names of all questions.
    If it is not ``answering``, it says nothing at all.
    """

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.records: dict[tuple[str, str], tuple[list[str], int]] = {}
        self.asked: list[str] = []
        self.answering = True

    @property
    def endpoint(self) -> str:
        return f"{HOST}:{self.server_address[1]}"

    def respond(self, packet: bytes) -> bytes:
        query = dns.message.from_wire(packet)
        (question,) = query.question
        name, rtype = question.name.to_text().lower(), question.rdtype.name
        self.asked.append(name)
        response = dns.message.make_response(query, recursion_available=True)
        while (alias := self.records.get((name, "CNAME"))) is not None:
            response.answer.append(dns.rrset.from_text(name, alias[1], "IN", "CNAME", alias[0][0]))
            name = alias[0][0]
        if not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif found := self.records.get((name, rtype)):
            response.answer.append(dns.rrset.from_text(name, found[1], "IN", rtype, *found[0]))
        return response.to_wire()


class _Handler(socketserver.BaseRequestHandler):
    server: Resolver

    def handle(self) -> None:
        packet, sock = self.request
        response = self.server.respond(packet)
        if self.server.answering:
            sock.sendto(response, self.client_address)


@contextmanager
def running() -> Iterator[Resolver]:
    """A resolver that answers."""
    with Resolver() as resolver:
        thread = threading.Thread(target=resolver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield resolver
        finally:
            resolver.shutdown()
            thread.join()
