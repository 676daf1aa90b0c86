"""``[anycast]`` and the tables below it, as frozen values.

deploy/dnsd.example.toml explains the keys. The kind of each key checks its value; combinations
of keys are checked here.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dnsd.config.endpoint import Endpoint
from dnsd.config.kinds import (
    Count,
    Duration,
    Endpoints,
    FilePath,
    Flag,
    OneOf,
    Origin,
    SocketPath,
    Text,
    Texts,
)
from dnsd.config.netkinds import (
    InterfaceName,
    IpAddress,
    NodeUrl,
    RouterId,
    Subnets,
    Symbol,
    Symbols,
    VipList,
)

PORT = 53
"""The port on which the self-check asks every VIP."""

MOST_PROBES = 31
"""Other nodes that are asked once a second, at most."""
MOST_SERVERS = 8
"""Addresses of one other node, at most."""

LARGEST_AS = 4_294_967_294
_AS = Count(1, LARGEST_AS, "an AS number has 32 bits (RFC 6996 keeps some for private use)")


class SelfCheckConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[anycast.check]``: how the node asks itself."""

    interval: Annotated[
        float,
        Duration("20ms", "1m", "every check is a query, and rare checks notice failures late"),
    ] = 0.2
    timeout: Annotated[
        float, Duration("10ms", "1m", "no answer in this time counts as a failed check")
    ] = 0.5
    fall: Annotated[int, Count(1, 1000, "one lost packet proves nothing")] = 3
    rise: Annotated[int, Count(1, 1000, "one answer does not prove health")] = 5


class SelfCheckQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[anycast.query]]``: a question of the self-check, and what must come back.

    ``expect`` holds rdata in presentation format; empty, any answer of NOERROR will do.
    """

    name: Annotated[str, Origin()]
    type: Annotated[str, Text(16, "it is the name of a type, such as A")] = "SOA"
    expect: Annotated[tuple[str, ...], Texts()] = ()
    line: int = 0
    """Its line in the configuration file."""


class BirdConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[anycast.bird]``: how BIRD is reached.

    ``sessions`` are the BGP protocols that export the VIPs; empty, they are the neighbors.
    """

    ctl: Annotated[Path, SocketPath()] = Path("/run/bird/bird.ctl")
    client: Annotated[str, Text(255, "it is the name of a program")] = "birdcl"
    protocol: Annotated[str, Symbol()] = "vip"
    sessions: Annotated[tuple[str, ...], Symbols()] = ()
    state_file: Annotated[Path, FilePath()] = Path("/etc/bird/dnsd-state.conf")
    timeout: Annotated[
        float, Duration("50ms", "1m", "BIRD may be busy, but a stopped one never answers")
    ] = 2.0


class Bgp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[anycast.bgp]``: what else ``dnsd bird-config`` needs."""

    asn: Annotated[int, _AS]
    router_id: Annotated[str | None, RouterId()] = None
    password_file: Annotated[Path | None, FilePath()] = None
    hold_time: Annotated[
        float, Duration("3s", "10m", "BGP allows no shorter one, and BFD finds broken links")
    ] = 9.0
    bfd_interval: Annotated[
        float, Duration("10ms", "10s", "shorter ones cause flaps on a busy machine")
    ] = 0.1
    bfd_multiplier: Annotated[int, Count(2, 255, "one lost packet proves nothing")] = 3


class Neighbor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[anycast.neighbor]]``: a BGP session from this node (``local``) to a router.

    ``name`` is the protocol's in BIRD. ``local`` and ``address`` are on one link, and with
    ``ttl_security`` no host off that link can speak in the session (RFC 5082).
    """

    name: Annotated[str, Symbol()]
    address: Annotated[str, IpAddress()]
    local: Annotated[str, IpAddress()]
    asn: Annotated[int, _AS]
    ttl_security: Annotated[bool, Flag()] = True

    def __post_init__(self) -> None:
        """Both ends are of one family; ValueError is "KEY: SENTENCE"."""
        if (":" in self.address) != (":" in self.local):
            raise ValueError(f"local: {self.local} and {self.address} must be of one family")


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[anycast.probe]]``: another node, which asks this one, and which this one asks.

    ``url`` is its ``[http] listen``, ``servers`` are where it answers queries.
    """

    url: Annotated[Endpoint, NodeUrl()]
    servers: Annotated[tuple[Endpoint, ...], Endpoints()]

    def __post_init__(self) -> None:
        """Refuse what would ask this machine, or too much; ValueError is "KEY: SENTENCE"."""
        if len(self.servers) > MOST_SERVERS:
            raise ValueError(
                f"servers: has {len(self.servers)} addresses; {MOST_SERVERS} are allowed"
            )
        for server in self.servers:
            address = ipaddress.ip_address(server.address.partition("%")[0])
            if address.is_loopback or address.is_unspecified:
                raise ValueError(f"servers: {server} is not an address of another machine")


class Anycast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[anycast]``: the addresses that are announced while this node answers well."""

    enabled: Annotated[bool, Flag()] = False
    interface: Annotated[str, InterfaceName()] = "anycast0"
    vips: Annotated[tuple[str, ...], VipList()] = ()
    subnets: Annotated[tuple[str, ...], Subnets()] = ()
    on_unhealthy: Annotated[Literal["drain", "withdraw"], OneOf(("drain", "withdraw"))] = "drain"
    heartbeat_miss: Annotated[
        float, Duration("50ms", "1m", "shorter ones mistake a busy machine for a dead one")
    ] = 0.25
    hold_down: Annotated[
        float, Duration("0s", "5m", "a node that flaps moves its clients each time")
    ] = 10.0
    drain_linger: Annotated[
        float, Duration("0s", "1h", "a stop waits this long for clients to move")
    ] = 10.0
    stop_linger: Annotated[
        float, Duration("0s", "1m", "queries are on their way for some milliseconds")
    ] = 0.05
    stale_after: Annotated[
        float, Duration("1s", "365d", "a zone that cannot be reloaded has old data")
    ] = 3600.0

    check: SelfCheckConfig = SelfCheckConfig()
    bird: BirdConfig = BirdConfig()
    bgp: Bgp | None = None
    query: tuple[SelfCheckQuery, ...] = ()
    neighbor: tuple[Neighbor, ...] = ()
    probe: tuple[Probe, ...] = ()

    def __post_init__(self) -> None:
        """Refuse VIPs that cannot be announced, or asked; ValueError is "KEY: SENTENCE"."""
        if len(self.probe) > MOST_PROBES:
            raise ValueError(f"probe: there are {len(self.probe)}; {MOST_PROBES} are allowed")
        for server in (server for probe in self.probe for server in probe.servers):
            if self.enabled and server.address in self.vips:
                raise ValueError(
                    f"probe: {server.address} is a VIP of this node, whose kernel would answer "
                    "itself: name an address that only the other node has"
                )
        if self.enabled and not self.vips:
            raise ValueError("vips: anycast is enabled, but there is no address to announce")
        networks = [ipaddress.ip_network(text) for text in self.subnets]
        for vip in self.vips:
            address = ipaddress.ip_address(vip)
            if not any(address in network for network in networks):
                listed = ", ".join(self.subnets) or "none are given"
                raise ValueError(
                    f"vips: {vip} is in none of the subnets ({listed}), so it is never announced"
                )

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the node listens for the VIPs; nothing unless anycast is enabled."""
        return tuple(Endpoint(vip, PORT) for vip in self.vips) if self.enabled else ()

    @property
    def sessions(self) -> tuple[str, ...]:
        """The BGP protocols of BIRD that export the VIPs; empty if none are named."""
        return self.bird.sessions or tuple(one.name for one in self.neighbor)
