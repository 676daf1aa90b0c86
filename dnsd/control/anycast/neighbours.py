"""Asks the machines on this one's links whether one of them has a VIP already.

Blocks for some 0.3 s, so it wants a thread. What is sent and understood is told in
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
_SO_ATTACH_FILTER = 26
_GONE = (errno.ENETDOWN, errno.ENODEV, errno.ENXIO, errno.ENOBUFS)

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


class Answer(NamedTuple):
    """A machine on a link answers for a VIP. As text: a sentence for the operator."""

    vip: str
    mac: bytes
    link: str

    def __str__(self) -> str:
        what, setting = "ARP", "net.ipv4.conf.all.arp_ignore=1"
        if ":" in self.vip:
            what, setting = "neighbour discovery", f"its VIPs only on a tun, never on {self.link}"
        return (
            f"the VIP {self.vip} is somebody's ordinary address: {self.mac.hex(':')} answers "
            f"{what} for it on {self.link}; take the address from that machine or change "
            f"[anycast] vips; if it is another anycast node, let it have {setting}"
        )


def ask(links: Iterable[Link], vips: tuple[str, ...]) -> tuple[Answer, ...]:
    """Return who answers for one of ``vips`` on one of ``links``; all are asked at once.

    VipError if this process may not ask.
    """
    links = tuple(links)
    own = {link.mac for link in links}
    found: set[Answer] = set()
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for link in links:
            for family in _families(vips) if link.segment else ():
                sock = _listen(link.name, family, stack)
                if sock is not None:
                    selector.register(sock, selectors.EVENT_READ, (link, family))
        if not selector.get_map():
            return ()
        for _ in range(ROUNDS):
            _send(selector, vips)
            for link, claim in _hear(selector, time.monotonic() + ROUND_S):
                if claim.address in vips and claim.mac not in own:
                    found.add(Answer(claim.address, claim.mac, link.name))
    return tuple(sorted(found))


def _families(vips: Iterable[str]) -> list[int]:
    return sorted({discovery.IPV6 if ":" in vip else discovery.ARP for vip in vips})


def _listen(name: str, family: int, stack: ExitStack) -> socket.socket | None:
    """Return a socket for frames of one kind on one link; None if the link has gone."""
    try:
        # Protocol 0 hears nothing: only when it is bound it does, to what is wanted.
        sock = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    except PermissionError as error:
        raise VipError(
            "cannot ask the neighbours whether one has a VIP: that needs root or CAP_NET_RAW; "
            "run dnsd as a service that has it (AmbientCapabilities=CAP_NET_RAW)"
        ) from error
    sock.setblocking(False)
    if family == discovery.IPV6:
        _filter(sock)
    try:
        sock.bind((name, family))
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    return sock


def _filter(sock: socket.socket) -> None:
    program = b"".join(_INSTRUCTION.pack(*one) for one in _ONLY_ADVERTISEMENTS)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = _PROGRAM.pack(len(_ONLY_ADVERTISEMENTS), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)


def _send(selector: selectors.BaseSelector, vips: tuple[str, ...]) -> None:
    for key in selector.get_map().values():
        link, family = key.data
        for vip in vips:
            if (":" in vip) == (family == discovery.IPV6):
                try:
                    key.fileobj.send(discovery.question(link.mac, vip))  # type: ignore[union-attr]
                except OSError as error:
                    if error.errno not in _GONE:
                        raise


def _hear(
    selector: selectors.BaseSelector, deadline: float
) -> Iterator[tuple[Link, discovery.Claim]]:
    """Yield who claims what on which link, until ``deadline``."""
    while (left := deadline - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            link, _ = key.data
            try:
                frame = key.fileobj.recv(_LARGEST_FRAME)  # type: ignore[union-attr]
            except OSError as error:
                if error.errno not in (*_GONE, errno.EAGAIN):
                    raise
                continue
            claim = discovery.claim(frame)
            if claim is not None:
                yield link, claim
