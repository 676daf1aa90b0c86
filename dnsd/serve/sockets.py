"""Sockets for workers: bound, shared among them, and their kernel counters read.

Knows Linux's socket options and why each is set; nothing of DNS or of the event loop.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import socket
import sys
import termios
import time
from contextlib import contextmanager
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.errors import ListenError
from dnsd.wire import delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.serve.spec import Inheritance

# Linux options that Python does not define.
IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IP_FREEBIND = 15
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_OMIT = 5
_SO_RCVBUFFORCE = 33
_SO_MEMINFO = 55

_MEMINFO = Struct("9I")
_MEMINFO_DROPS = 8

_LINGER_RESET = Struct("ii").pack(1, 0)
_LINGER_NOT = Struct("ii").pack(0, 0)

_TCP_CLOSED = 7
"""The state of a TCP socket whose connection has ended (enum in include/net/tcp_states.h)."""

BACKLOG = 1024
"""Connections the kernel may hold ready for accept(); net.core.somaxconn may lower it."""

_HINTS = {
    errno.EACCES: "; a port below 1024 needs root or CAP_NET_BIND_SERVICE",
    errno.EADDRINUSE: "; stop the server that has it, or choose another port",
    errno.EAFNOSUPPORT: "; this machine has no such addresses",
    errno.EADDRNOTAVAIL: "; give the address to an interface, or choose one of this machine",
}


class ListenAddress(NamedTuple):
    """Where to listen. A floating address is bound even while the machine lacks it."""

    address: str
    port: int
    floating: bool = False

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.family == socket.AF_INET6 else self.address
        return f"{host}:{self.port}"

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    @property
    def sockaddr(self) -> tuple[Any, ...]:
        """The argument of bind(), with the interface of a link-local address.

        OSError (EADDRNOTAVAIL) when there is no such interface.
        """
        try:
            found = socket.getaddrinfo(
                self.address, self.port, self.family, flags=socket.AI_NUMERICHOST
            )
        except socket.gaierror as error:
            number = errno.EADDRNOTAVAIL
            raise OSError(number, os.strerror(number)) from error
        return found[0][4]

    @property
    def is_wildcard(self) -> bool:
        """Whether it means every address of the machine."""
        return not any(socket.inet_pton(self.family, self.address.partition("%")[0]))


def open_udp(place: ListenAddress, receive_buffer: int) -> socket.socket:
    """Return a non-blocking UDP socket bound at ``place``; ListenError if that fails."""
    sock = _open(place, socket.SOCK_DGRAM)
    ask_receive_buffer(sock, receive_buffer)
    _ignore_path_mtu(sock)
    if place.is_wildcard:
        _ask_for_destination(sock)
    with _claim(sock, place):
        sock.bind(place.sockaddr)
    return sock


def open_tcp(place: ListenAddress, unsent: int) -> socket.socket:
    """Return a non-blocking listener at ``place``; accepted sockets inherit its options.

    At most ``unsent`` octets wait in the kernel for the network. An answer that is not delivered in
    time is never delivered, and none outlives its process: see :mod:`dnsd.wire.delivery`.
    """
    sock = _open(place, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, unsent)
    user_timeout_ms = round(delivery.USER_TIMEOUT_S * 1000)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, user_timeout_ms)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    with _claim(sock, place):
        sock.bind(place.sockaddr)
        sock.listen(BACKLOG)
    return sock


def passed_at(
    place: ListenAddress, inheritance: Inheritance | None, *, is_tcp: bool
) -> list[socket.socket]:
    """Return the sockets at ``place`` that other workers have passed on, if there are any."""
    if inheritance is None:
        return []
    wanted = place.address, place.port, is_tcp
    found = [
        socket.socket(fileno=one.fd)
        for one in inheritance.sockets
        if (one.address, one.port, one.is_tcp) == wanted
    ]
    for sock in found:
        sock.setblocking(False)
    return found


def _open(place: ListenAddress, kind: socket.SocketKind) -> socket.socket:
    try:
        sock = socket.socket(place.family, kind)
    except OSError as error:
        raise _refusal(place, kind, error) from error
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if place.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if place.floating:
        # Works for both families, and unlike the sysctl for this socket alone.
        sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    return sock


@contextmanager
def _claim(sock: socket.socket, place: ListenAddress) -> Iterator[None]:
    """Close ``sock`` and raise ListenError when the system refuses it ``place``."""
    try:
        yield
    except OSError as error:
        sock.close()
        raise _refusal(place, sock.type, error) from error


def _refusal(place: ListenAddress, kind: int, error: OSError) -> ListenError:
    protocol = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    reason = (error.strerror or str(error)).lower()
    hint = _HINTS.get(error.errno or 0, "")
    return ListenError(f"cannot listen on {place} ({protocol}): {reason}{hint}")


def _ask_for_destination(sock: socket.socket) -> None:
    """Ask for the destination address of each datagram."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)


def _ignore_path_mtu(sock: socket.socket) -> None:
    """Send datagrams without DF, whatever path MTU the kernel has learnt.

    Anyone can send an ICMP "fragmentation needed", so that the kernel fragments responses, and
    fragments can be forged (RFC 9715, appendix C; NSD and Knot do the same).
    """
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_OMIT)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_OMIT)


def ask_receive_buffer(sock: socket.socket, octets: int) -> None:
    """Ask for a receive buffer of ``octets``, past the system's limit if that is allowed."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, octets)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)


def receive_buffer(sock: socket.socket) -> int:
    """Return the size of the receive buffer in octets, in the units of a request for it."""
    # The kernel doubles what it grants, for its own bookkeeping.
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def receive_drops(sock: socket.socket) -> int:
    """Return how many datagrams the kernel has dropped at ``sock``, modulo 2**32."""
    octets = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(octets)[_MEMINFO_DROPS])


def moved_down(sock: socket.socket) -> socket.socket:
    """Return ``sock`` with the lowest descriptor that is free."""
    with sock:
        return sock.dup()


def unacknowledged(sock: socket.socket) -> int:
    """Return how many octets in the kernel the peer of a TCP socket has not acknowledged."""
    return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def has_room(sock: socket.socket) -> bool:
    """Tell whether the kernel would report a TCP socket as writable."""
    room = select.poll()
    room.register(sock, select.POLLOUT)
    return bool(room.poll(0))


def has_ended(sock: socket.socket) -> bool:
    """Tell whether the connection of a TCP socket is over at both ends, as after a reset."""
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == _TCP_CLOSED


def close(sock: socket.socket) -> None:
    """Close an accepted TCP socket in order: what is in the kernel is still delivered."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    sock.close()


def reset(sock: socket.socket) -> None:
    """Close an accepted TCP socket with a reset: nothing of it stays in the kernel.

    All sockets of :func:`open_tcp` end like this, unless :func:`close` is called.
    """
    sock.close()


def since_boot() -> float:
    """Return seconds of a clock that never goes back, and continues during a suspend.

    For answers that must not be sent after waiting too long.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)
