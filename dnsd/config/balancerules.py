"""Rules across the services of a director, and ``[anycast]``."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.config.balance import MOST_BACKENDS, MOST_SERVICES, PREFIX
from dnsd.config.checkkeys import each_check
from dnsd.config.policyrules import check_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config.anycast import Anycast
    from dnsd.config.balance import Service
    from dnsd.config.locate import KeyPath
    from dnsd.config.model import Config

Fault = tuple["KeyPath", str]
"""The place of a key, and what is wrong there."""


def announced(config: Config) -> Anycast:
    """Return ``[anycast]`` as routers see it: a director announces the VIPs of all services."""
    if not config.service:
        return config.anycast
    vips = tuple(vip for service in config.service for vip in service.vips)
    return msgspec.structs.replace(config.anycast, enabled=True, vips=vips, interface=f"{PREFIX}*")


def of_service(config: Config, service: Service) -> Anycast:
    """Return ``[anycast]`` as it holds for one service: with its interface and its VIPs."""
    return msgspec.structs.replace(
        config.anycast, enabled=True, vips=service.vips, interface=service.interface
    )


def faults(config: Config, data: dict[str, Any]) -> Iterator[Fault]:
    """Return what is wrong with the services of ``config``, which was read from ``data``."""
    if not config.service:
        return
    if len(config.service) > MOST_SERVICES:
        yield ("service",), f"{len(config.service)} services are more than {MOST_SERVICES}"
    if config.anycast.enabled or config.anycast.vips:
        yield (
            ("anycast", "vips"),
            "a director's VIPs are those of its services: leave out vips and enabled here",
        )
    yield from _twins(config)
    yield from _ways(config)
    for number, service in enumerate(config.service, 1):
        place: KeyPath = ("service", number)
        own = data["service"][number - 1]
        for key, message in _of_service(service, config.anycast):
            yield (*place, key), message
        checked = msgspec.structs.replace(service, port=service.check_port)
        for key, message in check_faults(checked, own):
            yield (*place, key), message
        yield from _of_backends(service, place)


def _twins(config: Config) -> Iterator[Fault]:
    names: set[str] = set()
    vips: dict[str, str] = {}
    for number, service in enumerate(config.service, 1):
        if service.name in names:
            yield ("service", number, "name"), f"there is a service {service.name} already"
        names.add(service.name)
        for vip in service.vips:
            if vip in vips:
                message = f"{vip} belongs to the service {vips[vip]} already"
                yield ("service", number, "vips"), message
            vips[vip] = service.name


def _ways(config: Config) -> Iterator[Fault]:
    """Packets go one way to an address, and never to a VIP, which would send them back."""
    vips = {vip: service.name for service in config.service for vip in service.vips}
    ways: dict[str, str] = {}
    for number, service in enumerate(config.service, 1):
        for place, backend in enumerate(service.backend, 1):
            at: KeyPath = ("service", number, "backend", place)
            for address in backend.address:
                if address in vips:
                    message = f"{address} is a VIP of the service {vips[address]}, no backend"
                    yield (*at, "address"), message
                if ways.setdefault(address, backend.via) != backend.via:
                    message = f'{address} is reached via "{ways[address]}" in another service'
                    yield (*at, "via"), message


def _of_service(service: Service, anycast: Anycast) -> Iterator[tuple[str, str]]:
    networks = [ipaddress.ip_network(text) for text in anycast.subnets]
    if not service.vips:
        yield "vips", "needs at least one address"
    for vip in service.vips:
        if not any(ipaddress.ip_address(vip) in network for network in networks):
            listed = ", ".join(anycast.subnets) or "none are given"
            yield "vips", f"{vip} is in none of the subnets of [anycast] ({listed})"
    weighted = sum(one.weight > 0 for one in service.backend)
    if weighted < service.min_backends:
        least = service.min_backends
        yield "min_backends", f"{least} are needed, but only {weighted} have a weight above 0"
    key = "checks" if service.checks else "check"
    kinds = {one.check for one in each_check(service)}
    if "pushed" in kinds:
        yield key, "states that are pushed are taken for pools only: choose another check"
    if "calculated" in kinds:
        yield key, '"calculated" looks at pools of a zone, which a service has not'
    if service.source and len({":" in vip for vip in service.vips}) > 1:
        yield "source", "is an address of one family, but the service has VIPs of both"


def _of_backends(service: Service, place: KeyPath) -> Iterator[Fault]:
    if len(service.backend) > MOST_BACKENDS:
        yield (*place, "backend"), f"{len(service.backend)} backends are more than {MOST_BACKENDS}"
    names: set[str] = set()
    addresses: dict[str, str] = {}
    for number, backend in enumerate(service.backend, 1):
        at: KeyPath = (*place, "backend", number)
        if backend.name in names:
            yield (*at, "name"), f"{service.name} has a backend {backend.name} already"
        names.add(backend.name)
        for address in backend.address:
            if address in addresses:
                yield (*at, "address"), f"{address} is the backend {addresses[address]} already"
            addresses[address] = backend.name
        for vip in service.vips:
            if backend.of_family(vip) is None:
                family = "IPv6" if ":" in vip else "IPv4"
                yield (*at, "address"), f"needs an {family} address, too: the VIP {vip} has one"
