"""Addresses to listen on: ``127.0.0.1:53``, ``[::1]:53``; IP addresses only, no host names."""

from __future__ import annotations

import ipaddress
import re
import socket

import msgspec

_SHAPE = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<four>[^\[\]:]*)):(?P<port>[^:]*)")
_BARE_SIX = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*")
MAX_PORT = 65535


class Endpoint(msgspec.Struct, frozen=True, order=True):
    """An IP address and a port; ``str()`` is what :meth:`parse` reads."""

    address: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else self._plain()

    def _plain(self) -> str:
        return f"{self.address}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Return the endpoint that ``text`` names; ValueError is a sentence that says why not."""
        match = _SHAPE.fullmatch(text)
        if not match:
            raise ValueError(_shape_fault(text))
        address = _address(text, match["six"], match["four"])
        return cls(address, _port(text, match["port"]))


def _shape_fault(text: str) -> str:
    if _BARE_SIX.fullmatch(text):
        return f"{text!r} must have its IPv6 address in brackets, as in [::1]:53"
    if ":" not in text or text.endswith("]"):
        return f"{text!r} has no port: write {text or '127.0.0.1'}:53"
    return f"{text!r} is not ADDRESS:PORT, as in 127.0.0.1:53 or [::1]:53"


def _address(text: str, six: str | None, four: str | None) -> str:
    try:
        address = ipaddress.IPv4Address(four) if six is None else ipaddress.IPv6Address(six)
    except ValueError:
        raise ValueError(
            f"{text!r} does not begin with an IP address: write it as in 127.0.0.1:53 or [::1]:53"
        ) from None
    if (
        isinstance(address, ipaddress.IPv6Address)
        and address.is_link_local
        and not address.scope_id
    ):
        raise ValueError(
            f"{text!r} is a link-local address: name its interface, as in [fe80::1%eth0]:53"
        )
    if address.is_multicast:
        raise ValueError(f"{text!r} is a multicast address: DNS queries come to unicast ones")
    return str(address)


def _port(text: str, port: str) -> int:
    if not (port.isascii() and port.isdigit() and len(port) <= len(str(MAX_PORT))):
        raise ValueError(f"{text!r} needs a port from 1 to {MAX_PORT} after the colon")
    number = int(port)
    if number == 0:
        raise ValueError(f"{text!r} has port 0, which would be another one in each worker")
    if number > MAX_PORT:
        raise ValueError(f"{text!r} needs a port from 1 to {MAX_PORT} after the colon")
    return number
