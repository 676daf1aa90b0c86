"""The seam between sockets and data: one function, from packet to packet.

Owned by neither twin: ``_python`` (readable) and ``_native`` (Cython) both implement
:class:`HotPath` and must agree byte for byte on every input.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.image.selection import Cells
    from dnsd.image.store import Image


HAND_OVER = b""
"""In place of a response, which is never empty: the packet is for the transfer process."""


class Transport(IntEnum):
    """What a query came over; it decides size limits and which options apply."""

    UDP = 0
    TCP = 1


class Client(NamedTuple):
    """Who asks: the transport and the textual source address, as the socket gives it.

    The ``port`` is 0 where it is not known; no answer depends on it.
    """

    transport: Transport
    address: str
    port: int = 0


def packed(address: str) -> bytes:
    """Return the octets of a client's ``address``, without the zone of a link-local one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address.partition("%")[0])


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many answers that say the same may go to one prefix over UDP (see ``limiter``).

    ``per_second`` is at least 1; as many may be sent at once. One in ``slip`` of those withheld
    is sent truncated, none if it is 0. Prefixes have ``ipv4_prefix`` bits, or ``ipv6_prefix``
    (at most 64). Addresses in ``exempt`` (networks as text) are never limited.
    """

    per_second: int = 200
    slip: int = 2
    ipv4_prefix: int = 24
    ipv6_prefix: int = 56
    exempt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What of the configuration shapes an answer.

    ``None`` hides the item: a hidden CH name is refused, a hidden NSID is not sent.
    ``udp_payload`` is the largest UDP response in octets (RFC 9715). ``cookie_secrets`` are
    16 octets each, the first one is used to make cookies, all of them to check (RFC 9018).
    ``tcp_idle`` in seconds is announced to clients that ask with edns-tcp-keepalive (RFC 7828).
    ``rate_limit`` None: no answer is limited. With ``hands_over`` there is a transfer process:
    what is for it is answered with HAND_OVER.
    """

    nsid: bytes | None = None
    server_id: bytes | None = None
    version: bytes | None = None
    udp_payload: int = 1232
    cookie_secrets: tuple[bytes, ...] = ()
    tcp_idle: float = 10.0
    rate_limit: RateLimit | None = None
    hands_over: bool = False


class HotPath(Protocol):
    """Answers packets from images. Not thread-safe: one per worker."""

    def answer(self, packet: bytes, now: float, client: Client) -> bytes | None:
        """Return the response to ``packet``, or None when none must be sent.

        None, too, when rate limits withhold it; HAND_OVER if it is not for the hot path.

        ``now`` is POSIX time in seconds. Never raises, whatever the bytes: a fault of
        dnsd's own becomes SERVFAIL and a counter.
        """
        ...

    def put_zone(self, apex: bytes, image: Image | None, cells: Cells | None = None) -> None:
        """Serve ``image`` for ``apex`` (lower-case wire name) from the next packet on.

        None means the zone is ours but not loaded: SERVFAIL with EDE 14. ``cells`` are as many
        as the image has for its pools; without them they stay undecided, and nothing is
        noted.
        """
        ...

    def expire_zone(self, apex: bytes) -> None:
        """Answer nothing of the zone ``apex``, which is too old: SERVFAIL with EDE 24."""
        ...

    def drop_zone(self, apex: bytes) -> None:
        """Stop being authoritative for ``apex``."""
        ...

    def use_secrets(self, secrets: tuple[bytes, ...]) -> None:
        """Take other ``cookie_secrets`` than those of the settings from the next packet on."""
        ...


@runtime_checkable
class Draining(Protocol):
    """A hot path that can empty a UDP socket by itself, without an object for each packet."""

    def drain(self, fd: int, turn: float) -> bool:
        """Answer what waits in the non-blocking socket ``fd``; True when more may be waiting.

        It takes about ``turn`` seconds at most, and the time of one more packet; what it has
        received and not answered then is answered first by the next call, for any socket.

        Replies leave from the address that was asked where the socket passes it on
        (IP_PKTINFO, IPV6_RECVPKTINFO). What the kernel doesn't take is counted and dropped.
        Never raises for what a client or the network does.
        """
        ...

    def hand_over_to(self, take: Callable[[int, bytes, bytes, bytes], None]) -> None:
        """Give ``take`` what :meth:`drain` finds that is for the transfer process.

        That is the socket's ``fd``, the packet, the client's sockaddr, and the control message with
        which an answer leaves from the address that was asked (empty if there is none).
        """
        ...

    @property
    def owes(self) -> bool:
        """Whether packets have been received that are not answered: no socket tells of them."""
        ...

    def lingering(self, fd: int, others: Sequence[int], turn: float) -> Callable[[], bool]:
        """Return a :meth:`drain` of ``fd`` that waits in the kernel for what is about to come.

        It does so while datagrams come quickly and there is nothing to read from ``others``,
        for as long as a ``turn`` is. ``fd`` must be blocking, its SO_RCVTIMEO as short as can be:
        when datagrams cease, that is how much longer the caller waits.
        """
        ...
