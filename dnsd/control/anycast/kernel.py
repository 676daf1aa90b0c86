"""Settings of the kernel (sysctl) that do an anycast node harm: read, and told in sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SYSTEM = Path("/proc/sys")


def read(*name: str) -> int:
    """Return the setting with these parts ("net", "ipv4", …); 0 where there is none."""
    try:
        return int(_SYSTEM.joinpath(*name).read_text())
    except (OSError, ValueError):
        return 0


def advice(
    links: tuple[str, ...], vips: tuple[str, ...], read: Callable[..., int] = read
) -> tuple[str, ...]:
    """Return a sentence for each harmful setting; ``links`` are those with neighbours."""
    found: list[str] = []
    if any(":" not in vip for vip in vips):
        found += _forwarding(read, "net.ipv4.ip_forward")
        found += _arp(read, links)
        found += _return_path(read, links)
    if any(":" in vip for vip in vips):
        found += _forwarding(read, "net.ipv6.conf.all.forwarding")
    return tuple(found)


def _forwarding(read: Callable[..., int], name: str) -> Iterator[str]:
    if read(*name.split(".")):
        yield (
            f"{name} is 1: with a stale route, queries for a VIP that this node has given up "
            f"run in circles between it and its router; set {name}=0"
        )


def _arp(read: Callable[..., int], links: tuple[str, ...]) -> Iterator[str]:
    answering = [link for link in links if not _effective(read, link, "arp_ignore")]
    if answering:
        yield (
            f"net.ipv4.conf.all.arp_ignore is 0: on {_and(answering)} this node answers ARP for "
            "its VIPs, announced or not, and seems to be their owner; set it to 1"
        )
    asking = [link for link in links if not _effective(read, link, "arp_announce")]
    if asking:
        yield (
            f"net.ipv4.conf.all.arp_announce is 0: on {_and(asking)} this node sends ARP "
            f"requests from its VIPs, so others take it for their owner; set it to 2"
        )


def _return_path(read: Callable[..., int], links: tuple[str, ...]) -> Iterator[str]:
    strict = [link for link in links if _effective(read, link, "rp_filter") == 1]
    if strict and len(links) > 1:
        yield (
            f"net.ipv4.conf.{_part(strict[0])}.rp_filter is 1: queries that come in on "
            f"{_and(strict)}, and whose answers leave by another link, are dropped; set it to 2"
        )


def _effective(read: Callable[..., int], link: str, setting: str) -> int:
    """Return what counts for ``link``: the larger one of its own and that of all."""
    return max(read("net", "ipv4", "conf", where, setting) for where in ("all", link))


def _part(link: str) -> str:
    """Return a link's name as sysctl wants it between dots."""
    return link.replace(".", "/")


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
