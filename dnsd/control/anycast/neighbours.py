"""Asks the machines on this one's links whether one of them has a VIP already.

Blocks for some 0.3 s, so run it in a thread. The frames are those of
:mod:`dnsd.control.anycast.discovery`.
"""

from __future__ import annotations

import ctypes
import errno
import selectors
import socket
import time
from contextlib import ExitStack
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.anycast import discovery
from dnsd.errors import VipError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.control.anycast.netlink import Link

ROUNDS = 2
"""How often each question is asked: a frame may be lost."""
ROUND_S = 0.15
"""How long an answer may take; on one link it takes less than a millisecond."""

_LARGEST_FRAME = 2048
_LATE_FRAMES = 1000
_SO_ATTACH_FILTER = 26
_GONE = (errno.ENETDOWN, errno.ENODEV, errno.ENXIO, errno.ENOBUFS)
"""Errors of a link that has vanished, gone down, or is full."""

# Classic BPF: of IPv6 only neighbour advertisements, or queries would fill the buffer.
_LOAD_OCTET, _JUMP_IF_EQUAL, _RETURN = 0x30, 0x15, 0x06
_INSTRUCTION = Struct("HBBI")
_PROGRAM = Struct("HP")
_ONLY_ADVERTISEMENTS = (
    (_LOAD_OCTET, 0, 0, discovery.NEXT_HEADER_AT),
    (_JUMP_IF_EQUAL, 0, 3, discovery.ICMPV6),
    (_LOAD_OCTET, 0, 0, discovery.TYPE_AT),
    (_JUMP_IF_EQUAL, 0, 1, discovery.ADVERTISEMENT),
    (_RETURN, 0, 0, _LARGEST_FRAME),
    (_RETURN, 0, 0, 0),
)


class NeighbourAnswer(NamedTuple):
    """A machine on a link answers for a VIP. As text: a sentence for the operator."""

    vip: str
    mac: bytes
    link: str

    def __str__(self) -> str:
        what, setting = "ARP", "net.ipv4.conf.all.arp_ignore=1"
        if ":" in self.vip:
            what, setting = "neighbour discovery", f"its VIPs only on a tun, never on {self.link}"
        return (
            f"the VIP {self.vip} is an ordinary address of another machine: {self.mac.hex(':')} "
            f"answers "
            f"{what} for it on {self.link}; remove the address from that machine or change "
            f"[anycast] vips; if it is another anycast node, it needs {setting}"
        )


def ask(links: Iterable[Link], vips: tuple[str, ...]) -> tuple[NeighbourAnswer, ...]:
    """Return the machines that answer for ``vips`` on ``links``; all are asked at once.

    VipError if this process may not ask.
    """
    links = tuple(links)
    segments = tuple(link for link in links if link.segment)
    if not segments:
        return ()
    own = {link.mac for link in links}
    names = {link.name for link in segments}
    found: set[NeighbourAnswer] = set()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        # One for all links: the kernel takes 10 ms to close each.
        sockets = {family: stack.enter_context(_open(family)) for family in _families(vips)}
        for sock in sockets.values():
            selector.register(sock, selectors.EVENT_READ, sock)
        for _ in range(ROUNDS):
            for link in segments:
                for vip in vips:
                    _send(sockets[_family(vip)], link, vip)
            for name, claim in _hear(selector, time.monotonic() + ROUND_S):
                if name in names and claim.address in vips and claim.mac not in own:
                    found.add(NeighbourAnswer(claim.address, claim.mac, name))
    return tuple(sorted(found))


def _family(vip: str) -> int:
    return discovery.IPV6 if ":" in vip else discovery.ARP


def _families(vips: Iterable[str]) -> set[int]:
    return {_family(vip) for vip in vips}


def _open(family: int) -> socket.socket:
    """Return a socket that hears every frame of one kind, on every link."""
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(family))
    except PermissionError as error:
        raise VipError(
            "cannot check whether another machine has a VIP: that needs root or CAP_NET_RAW; "
            "run dnsd as a service that has it (AmbientCapabilities=CAP_NET_RAW)"
        ) from error
    sock.setblocking(False)
    if family == discovery.IPV6:
        _filter(sock)
    return sock


def _filter(sock: socket.socket) -> None:
    program = b"".join(_INSTRUCTION.pack(*one) for one in _ONLY_ADVERTISEMENTS)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = _PROGRAM.pack(len(_ONLY_ADVERTISEMENTS), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)


def _send(sock: socket.socket, link: Link, vip: str) -> None:
    try:
        sock.sendto(discovery.question(link.mac, vip), (link.name, _family(vip)))
    except OSError as error:
        if error.errno not in _GONE:
            raise


def _hear(
    selector: selectors.BaseSelector, deadline: float
) -> Iterator[tuple[str, discovery.Claim]]:
    """Yield each claim with the name of its link, until ``deadline``."""
    late = 0
    # What waits at the deadline is heard as well: it may be this process that was not awake.
    while late < _LATE_FRAMES:
        left = deadline - time.monotonic()
        late += left <= 0
        ready = selector.select(max(left, 0))
        if not ready:
            return
        for key, _ in ready:
            try:
                frame, (name, *_) = key.data.recvfrom(_LARGEST_FRAME)
            except OSError as error:
                if error.errno not in (*_GONE, errno.EAGAIN):
                    raise
                continue
            claim = discovery.claim(frame)
            if claim is not None:
                yield name, claim
