"""Kinds of values about networks: VIPs, subnets, addresses, interfaces, AS numbers.

As in :mod:`dnsd.config.kinds`: each reads one TOML value, or says in a sentence why it can't.
"""

from __future__ import annotations

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, TypeVar

import msgspec

from dnsd.config.endpoint import Endpoint
from dnsd.config.kinds import read_items, wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_T = TypeVar("_T")

MOST_NODES = 32
"""Nodes that vote, at most: each of them asks all others every second."""

LONGEST_INTERFACE = 15
"""Octets of an interface's name (IFNAMSIZ less its NUL)."""
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class VipList(msgspec.Struct, frozen=True):
    """A list of addresses, each written as /32 or /128 (or plain, which is the same)."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the addresses in their order, without the length."""
        return read_each(value, "a list of addresses in strings", _vip)


class Subnets(msgspec.Struct, frozen=True):
    """A list of networks."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the networks in their order, as ``ADDRESS/LENGTH``."""
        return read_each(value, "a list of networks in strings", _subnet)


class Networks(msgspec.Struct, frozen=True):
    """A list of networks of any size."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the networks in their order, as ``ADDRESS/LENGTH``."""
        return read_each(value, "a list of networks in strings", lambda text: str(_network(text)))


class IpAddress(msgspec.Struct, frozen=True):
    """One IP address."""

    def read(self, value: object, _base: Path) -> str:
        """Return it in its usual form."""
        if not isinstance(value, str):
            raise wanted("an IP address in a string", value)
        return str(read_address(value))


class HostAddresses(msgspec.Struct, frozen=True):
    """The addresses of one machine: one for each family, or one of them as a string."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the addresses in their usual form."""
        found = read_each(value, "an IP address in a string, or one for each family", _host)
        if len({":" in address for address in found}) != len(found) or not found:
            raise ValueError("must be one address, or one for IPv4 and one for IPv6")
        return found


class RouterId(msgspec.Struct, frozen=True):
    """A router ID: 32 bits in the form of an IPv4 address."""

    def read(self, value: object, _base: Path) -> str:
        """Return it in its usual form."""
        if not isinstance(value, str):
            raise wanted("a router ID in a string, such as the node's IPv4 address", value)
        try:
            return str(IPv4Address(value))
        except ValueError:
            raise ValueError(
                f"{value!r} is not a router ID: it is written as an IPv4 address"
            ) from None


class InterfaceName(msgspec.Struct, frozen=True):
    """The name of a network interface."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name."""
        if not isinstance(value, str):
            raise wanted("the name of an interface in a string", value)
        if len(value) > LONGEST_INTERFACE or not _INTERFACE.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a valid interface name: use 1 to {LONGEST_INTERFACE} letters, "
                'digits, and "_.-"'
            )
        return value


class Symbols(msgspec.Struct, frozen=True):
    """A list of names as BIRD knows them."""

    def read(self, value: object, _base: Path) -> tuple[str, ...]:
        """Return the names in their order."""
        return read_each(value, "a list of names of BIRD's protocols", read_symbol)


class Symbol(msgspec.Struct, frozen=True):
    """A name as BIRD knows it."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name."""
        if not isinstance(value, str):
            raise wanted("the name of a protocol of BIRD in a string", value)
        return read_symbol(value)


class PeerUrls(msgspec.Struct, frozen=True):
    """A list of URLs of other nodes: ``http://ADDRESS:PORT``, each a node's ``[http] listen``."""

    def read(self, value: object, _base: Path) -> tuple[Endpoint, ...]:
        """Return where they are, in their order."""
        peers = read_each(value, "a list of URLs in strings", _peer)
        if len(peers) >= MOST_NODES:
            raise ValueError(f"has {len(peers)} nodes; {MOST_NODES - 1} others are allowed")
        return peers


class NodeUrl(msgspec.Struct, frozen=True):
    """The URL of another node: ``http://ADDRESS:PORT``, its ``[http] listen``."""

    def read(self, value: object, _base: Path) -> Endpoint:
        """Return where it is."""
        if not isinstance(value, str):
            raise wanted("a URL in a string", value)
        return _peer(value)


def _peer(text: str) -> Endpoint:
    scheme, separator, where = text.partition("://")
    if (scheme, separator) != ("http", "://"):
        raise ValueError(f"{text!r} is not the URL of a node: write it as http://192.0.2.54:9153")
    try:
        return Endpoint.parse(where.removesuffix("/"))
    except ValueError:
        raise ValueError(
            f"{text!r} must have an IP address and a port, as in http://192.0.2.54:9153: "
            "a name server must not need names"
        ) from None


def read_symbol(text: str) -> str:
    """Return ``text`` if it can be a symbol of BIRD's configuration (ValueError)."""
    if not _SYMBOL.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a valid name in BIRD: use letters, digits and _, no digit first"
        )
    return text


def read_each(value: object, what: str, read: Callable[[str], _T]) -> tuple[_T, ...]:
    """Read each string of a list; ValueError tells every fault, a line each."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise wanted(what, value)
    return read_items(items, read)


def _vip(text: str) -> str:
    address, _, length = text.partition("/")
    vip = read_address(address)
    if length not in ("", str(vip.max_prefixlen)):
        raise ValueError(
            f"{text!r} is not one address: only /{vip.max_prefixlen} is ever announced"
        )
    if vip.is_multicast or vip.is_loopback or vip.is_unspecified or vip.is_link_local:
        raise ValueError(f"{text!r} cannot be announced: a VIP is an ordinary unicast address")
    return str(vip)


def _host(text: str) -> str:
    address = read_address(text)
    if address.is_multicast or address.is_loopback or address.is_unspecified:
        raise ValueError(f"{text!r} is not an address of another machine")
    return str(address)


def _subnet(text: str) -> str:
    network = _network(text)
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} contains all addresses: name the anycast subnet")
    return str(network)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a network, such as 192.0.2.0/24 or 2001:db8::/48: {error}"
        ) from None


def read_address(text: str) -> Address:
    """Return the address that ``text`` is (ValueError)."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None
