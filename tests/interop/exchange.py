"""Questions to a server over UDP and TCP, and answers brought into a form that compares."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple, Self

import dns.flags
import dns.message
import dns.name
import dns.rdatatype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dns.rrset import RRset

TIMEOUT_SECONDS = 5.0


class Ask(NamedTuple):
    """One question as it is put to every server."""

    name: dns.name.Name
    rtype: dns.rdatatype.RdataType
    do: bool

    def to_wire(self, payload: int = 1232) -> bytes:
        query = dns.message.make_query(
            self.name, self.rtype, want_dnssec=self.do, use_edns=0, payload=payload
        )
        query.flags &= ~dns.flags.RD
        query.id = 0x1A2B
        return query.to_wire()

    def __str__(self) -> str:
        return f"{self.name} {dns.rdatatype.to_text(self.rtype)}{' +do' if self.do else ''}"


Section = frozenset[str]
"""Records as text, a section without order; in lower case, as NSD writes names in rdata."""


class Normal(NamedTuple):
    """A response without what servers may choose: order, case of owners, message identity."""

    rcode: int
    aa: bool
    tc: bool
    answer: Section
    authority: Section
    additional: Section

    def __str__(self) -> str:
        lines = [f"rcode={self.rcode} aa={self.aa} tc={self.tc}"]
        for name in ("answer", "authority", "additional"):
            lines += [f"  {name}: {record}" for record in sorted(getattr(self, name))]
        return "\n".join(lines)


def normal(packet: bytes) -> Normal:
    """Parse ``packet`` (dnspython: any flaw raises) into its comparable form."""
    message = dns.message.from_wire(packet)
    return Normal(
        message.rcode(),
        bool(message.flags & dns.flags.AA),
        bool(message.flags & dns.flags.TC),
        _section(message.answer),
        _section(message.authority),
        _section(message.additional),
    )


def _section(rrsets: Iterable[RRset]) -> Section:
    return frozenset(
        f"{rrset.name} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {rdata}".lower()
        for rrset in rrsets
        for rdata in rrset
    )


def is_truncated(packet: bytes) -> bool:
    """Tell whether TC is set."""
    return bool(packet[2] & 0x02)


class Udp:
    """A connected datagram socket: one question, one answer."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(TIMEOUT_SECONDS)
        self._socket.connect((host, port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, packet: bytes) -> bytes:
        self._socket.send(packet)
        return self._socket.recv(65535)


class Tcp:
    """A connection that stays open for many questions."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT_SECONDS)
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._socket.close()

    def ask(self, packet: bytes) -> bytes:
        self._socket.sendall(struct.pack("!H", len(packet)) + packet)
        (length,) = struct.unpack("!H", self._read(2))
        return self._read(length)

    def _read(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) != length:
            raise EOFError("the server closed the connection")
        return data
