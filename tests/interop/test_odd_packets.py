"""Packets that are no plain query, to NSD, Knot and BIND: dnsd says what one of them says."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.rcode

from tests.conftest import needs
from tests.interop.exchange import Tcp
from tests.interop.peers import HOST, Bind, Dnsd, Knot, Nsd, Peer
from tests.packets import header, opt, query, question, record

if TYPE_CHECKING:
    from pathlib import Path

ZONE = """\
$TTL 300
@ SOA ns host 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
www A 192.0.2.1
*.self CNAME *.self
"""
NOTIFY, UPDATE = 4 << 11, 5 << 11
APEX = question("example.", 6)
OPCODES = {
    f"{about}, opcode {opcode}": header(opcode << 11, (questions, 0, 0, bool(edns))) + text + edns
    for opcode in (1, 2, 3, 4, 5, 6, 15)
    for about, questions, text, edns in (
        ("plain", 1, APEX, b""),
        ("EDNS", 1, APEX, opt()),
        ("EDNS 1", 1, APEX, opt(version=1)),
        ("nothing asked", 0, b"", b""),
        ("nothing asked, EDNS", 0, b"", opt()),
    )
}
UDP = OPCODES | {
    "NOTIFY with its SOA": header(NOTIFY, (1, 1, 0, 1)) + APEX + record(6, bytes(22)) + opt(),
    "NOTIFY cut short": header(NOTIFY) + APEX[:4],
    "UPDATE, label type 01": header(UPDATE) + b"\x41a\x00\x00\x06\x00\x01",
    **{
        f"type {rtype} of {name}": query(name, rtype, opt())
        for rtype in (0, 41, 128, 249, 250, 253, 254, 65535)
        for name in ("www.example.", "nothing.example.", "other.")
    },
    "wildcard alias to itself": query("x.self.example."),
}
TCP = {
    f"transfer {rtype} of {name}": query(name, rtype)
    for rtype in (251, 252)
    for name in ("www.example.", "nothing.example.", "other.")
}


def over_udp(peer: Peer, packet: bytes) -> bytes | None:
    """Return the answer; None from who gives none, as Knot to what it cannot read."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5 if isinstance(peer, Dnsd) else 0.5)
        client.sendto(packet, (HOST, peer.port))
        try:
            return client.recv(65535)
        except TimeoutError:
            return None


def over_tcp(peer: Peer, packet: bytes) -> bytes:
    with Tcp(HOST, peer.port) as client:
        return client.ask(packet)


def gist(response: bytes | None) -> tuple[str, int] | None:
    """Rcode and number of answers."""
    if response is None:
        return None
    message = dns.message.from_wire(response)
    return dns.rcode.to_text(message.rcode()), int.from_bytes(response[6:8])


@needs("nsd", "knotd", "named")
def test_dnsd_is_never_alone(tmp_path: Path) -> None:
    file = tmp_path / "example.zone"
    file.write_text(ZONE)
    alone = {}
    with ExitStack() as stack:
        ours, *others = (
            stack.enter_context(server(tmp_path / server.__name__, {"example.": file}))
            for server in (Dnsd, Nsd, Knot, Bind)
        )
        for cases, ask in ((UDP, over_udp), (TCP, over_tcp)):
            for about, packet in cases.items():
                answer = ask(ours, packet)
                assert answer is not None, about
                assert (dns.message.from_wire(answer).edns >= 0) == (opt()[:3] in packet), about
                found = [gist(ask(peer, packet)) for peer in others]
                if gist(answer) not in found:
                    alone[about] = gist(answer), found
    assert not alone
