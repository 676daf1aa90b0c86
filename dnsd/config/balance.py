"""``[balance]`` and ``[[service]]``: a director's services and their backends, as frozen values.

deploy/director.example.toml explains the keys. The kind of each key checks its value; combinations
of keys are checked in :mod:`dnsd.config.balancerules`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from dnsd.config.kinds import Count, Duration, OneOf, wanted
from dnsd.config.netkinds import LONGEST_INTERFACE, HostAddresses, InterfaceName, VipList
from dnsd.config.policy import CheckPolicy

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "vip-"
"""The interface of a service is named this, followed by the service's name."""
LONGEST_NAME = 11
"""Characters of a service's name, because an interface may have 15."""
MOST_BACKENDS = 256
MOST_SERVICES = 24
"""Each has an interface of its own, and a cell for its carrier."""
SLOTS = (1021, 4093)

VXLAN_VNI = 53
VXLAN_PORT = 4789
"""The port of RFC 7348."""
VXLAN_DEVICE = "dnsd-vx"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


class ServiceName(msgspec.Struct, frozen=True):
    """The name of a service or a backend, of at most ``longest`` characters."""

    longest: int

    def read(self, value: object, _base: Path) -> str:
        """Return the name."""
        if not isinstance(value, str):
            raise wanted("a name in a string", value)
        if len(value) > self.longest or not _NAME.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a valid name: use 1 to {self.longest} lower-case letters, "
                f"digits and -"
            )
        return value


class Ports(msgspec.Struct, frozen=True):
    """A list of ports, or one port as a number; empty means all ports."""

    def read(self, value: object, _base: Path) -> tuple[int, ...]:
        """Return the ports in their order, each of them once."""
        items = [value] if type(value) is int else value
        if not isinstance(items, list) or not all(type(item) is int for item in items):
            raise wanted("a list of port numbers", value)
        for port in items:
            if not 1 <= port <= 65535:
                raise ValueError(f"{port} is not a port: write 1 to 65535")
        return tuple(dict.fromkeys(items))


class DevicePrefix(msgspec.Struct, frozen=True):
    """The name of an interface, one character short, so that the digit of a family fits."""

    def read(self, value: object, base: Path) -> str:
        """Return the name."""
        name = InterfaceName().read(value, base)
        if len(name) > LONGEST_INTERFACE - 1 or name.startswith(PREFIX):
            raise ValueError(
                f"{value!r} is not a valid name for VXLAN devices: use 1 to "
                f"{LONGEST_INTERFACE - 1} characters, "
                f"because dnsd adds 4 or 6, and not {PREFIX}…, the prefix of services' interfaces"
            )
        return name


class SlotCount(msgspec.Struct, frozen=True):
    """How many slots a service has: one of two primes."""

    def read(self, value: object, _base: Path) -> int:
        """Return the number."""
        if value not in SLOTS or type(value) is not int:
            raise ValueError(f"must be {SLOTS[0]} or {SLOTS[1]}, not {value!r}")
        return value


class BackendConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[service.backend]]``: a machine that serves; ``address`` has one for each family."""

    name: Annotated[str, ServiceName(63)]
    address: Annotated[tuple[str, ...], HostAddresses()]
    weight: Annotated[int, Count(0, 1000, "0 means drained, and shares are parts of the sum")] = 1
    via: Annotated[Literal["link", "vxlan"], OneOf(("link", "vxlan"))] = "link"

    def of_family(self, vip: str) -> str | None:
        """Return its address of the family of ``vip``, if it has one."""
        return next((one for one in self.address if (":" in one) == (":" in vip)), None)


class Service(CheckPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[service]]``: VIPs, and the backends that share their packets.

    The keys of its checks are those of a pool; they differ in their defaults, as a director has few
    backends and its users wait for it.
    """

    name: Annotated[str, ServiceName(LONGEST_NAME)]
    vips: Annotated[tuple[str, ...], VipList()]
    protocol: Annotated[Literal["tcp", "udp", "both"], OneOf(("tcp", "udp", "both"))]
    ports: Annotated[tuple[int, ...], Ports()] = ()
    min_backends: Annotated[int, Count(1, MOST_BACKENDS, "without any there is no service")] = 1
    idle: Annotated[
        float, Duration("100ms", "1h", "a flow that pauses for longer may be moved")
    ] = 60.0
    patience: Annotated[
        float, Duration("0s", "7d", "a backend that has returned waits this long for a busy slot")
    ] = 3600.0
    slots: Annotated[int, SlotCount()] = SLOTS[0]
    backend: tuple[BackendConfig, ...] = ()

    interval: Annotated[
        float,
        Duration(
            "50ms", "1h", "every check loads its target, and rare checks notice failures late"
        ),
    ] = 1.0
    timeout: Annotated[
        float, Duration("10ms", "5m", "no answer in this time counts as a failure")
    ] = 1.0
    fast_interval: Annotated[
        float,
        Duration(
            "20ms", "1h", "every check loads its target, and rare checks notice failures late"
        ),
    ] = 0.2
    line: int = 0
    """Where in the configuration file it begins."""

    @property
    def interface(self) -> str:
        """The interface whose carrier says whether the VIPs are announced."""
        return PREFIX + self.name

    @property
    def protocols(self) -> tuple[str, ...]:
        """What is forwarded."""
        return ("tcp", "udp") if self.protocol == "both" else (self.protocol,)

    @property
    def check_port(self) -> int | None:
        """The port to check: the configured one, or the first that is forwarded."""
        return self.port or (self.ports[0] if self.ports else None)


class Balance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[balance]``: the settings for all services of a director."""

    hash_seed: Annotated[
        int, Count(1, 0xFFFFFFFF, "it has 32 bits, and 0 means one for each machine")
    ] = 1
    vxlan_vni: Annotated[int, Count(1, 0xFFFFFF, "a VNI has 24 bits")] = VXLAN_VNI
    vxlan_port: Annotated[int, Count(1, 0xFFFF, "it is a UDP port")] = VXLAN_PORT
    vxlan_device: Annotated[str, DevicePrefix()] = VXLAN_DEVICE
    vxlan_mtu: Annotated[
        int | None, Count(1280, 0xFFFF, "IPv6 needs 1280, and no packet is longer")
    ] = None
