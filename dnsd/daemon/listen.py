"""Checks that the addresses to listen on are free, before anything is started.

Workers share their sockets (SO_REUSEPORT), which would hide another program at the address. So
each address is bound here once without sharing, and released.
"""

from __future__ import annotations

import errno
import socket
import time
from typing import TYPE_CHECKING

from dnsd.errors import ListenError
from dnsd.serve.sockets import ListenAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from dnsd.config import Endpoint

PATIENCE_S = 1.0
"""How long an address may still be in use: by workers whose master was killed a moment ago."""
_PAUSE_S = 0.05

IP_FREEBIND = 15
"""A Linux option that Python does not define."""

_KINDS = {socket.SOCK_DGRAM: "UDP", socket.SOCK_STREAM: "TCP"}
_NO_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def probe(
    endpoints: Iterable[Endpoint],
    sleep: Callable[[float], None] = time.sleep,
    floating: Collection[Endpoint] = (),
) -> None:
    """Raise ListenError, with a sentence for each of ``endpoints`` that is not free.

    The machine may lack the addresses in ``floating``.
    """
    left = PATIENCE_S
    endpoints = (*endpoints, *floating)
    faults = _faults(endpoints, floating)
    while left > 0 and any(number == errno.EADDRINUSE for number, _ in faults):
        sleep(_PAUSE_S)
        left -= _PAUSE_S
        faults = _faults(endpoints, floating)
    if faults:
        raise ListenError("\n".join(sentence for _, sentence in faults))


def is_local(endpoint: Endpoint) -> bool:
    """Return whether this machine has the address of ``endpoint``."""
    return _bind(endpoint, socket.SOCK_DGRAM) not in _NO_ADDRESS


def _faults(endpoints: Iterable[Endpoint], floating: Collection[Endpoint]) -> list[tuple[int, str]]:
    found = []
    for endpoint in endpoints:
        for kind, name in _KINDS.items():
            number = _bind(endpoint, kind, IP_FREEBIND if endpoint in floating else None)
            if number:
                found.append((number, _sentence(endpoint, name, number)))
                break
    return found


def _bind(endpoint: Endpoint, kind: socket.SocketKind, option: int | None = None) -> int:
    """Bind, release, and return the error number; 0 if it is free.

    ``option`` is one of IP that is switched on before.
    """
    try:
        with socket.socket(endpoint.family, kind) as sock:
            if endpoint.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if option is not None:
                sock.setsockopt(socket.IPPROTO_IP, option, 1)
            if kind == socket.SOCK_STREAM:
                # Connections of an earlier dnsd that are being closed don't matter.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(ListenAddress(endpoint.address, endpoint.port).sockaddr)
    except OSError as error:
        return error.errno or errno.EINVAL
    return 0


def _sentence(endpoint: Endpoint, kind: str, number: int) -> str:
    where = f"cannot listen on {endpoint} ({kind})"
    if number == errno.EADDRINUSE:
        show = f"ss -{'u' if kind == 'UDP' else 't'}lnp 'sport = :{endpoint.port}'"
        return (
            f"{where}: another program does; `{show}` shows which: stop it or choose another port"
        )
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{where}: ports below 1024 need root or CAP_NET_BIND_SERVICE; "
            "run dnsd as a service, or choose another port with --listen or [server] listen"
        )
    if number in _NO_ADDRESS:
        return (
            f"{where}: this machine does not have the address {endpoint.address}; "
            "give it to an interface, or change --listen or [server] listen"
        )
    return f"{where}: {errno.errorcode.get(number, number)}; change --listen or [server] listen"
