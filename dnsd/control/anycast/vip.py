"""The VIPs on their interface: looks whether they stand there, and puts them there.

The interface itself and its carrier belong to the master (:mod:`dnsd.daemon.tun`); this module
reads its state by netlink and repairs it. Nothing blocks the event loop.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dnsd.control.anycast import kernel, neighbours, netlink
from dnsd.errors import VipError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.control.anycast.netlink import Address, Link

_T = TypeVar("_T")

LOOPBACK = "lo"
"""Packets of a machine to any of its own addresses go over it."""


class VipSurvey(NamedTuple):
    """What there is, as against what there should be.

    ``addresses`` are those of the interface that stand for themselves (/32, /128) and can be
    used; ``elsewhere`` has the name of another interface for each VIP that one holds. ``loopback``:
    the node's packets to itself are delivered.
    """

    exists: bool
    up: bool
    carrier: bool
    addresses: frozenset[str]
    elsewhere: dict[str, str]
    loopback: bool = True


class Vips:
    """The addresses ``vips`` on ``interface``. ``close`` ends its thread."""

    def __init__(self, interface: str, vips: tuple[str, ...]) -> None:
        self._interface = interface
        self._vips = vips
        # pyroute2 needs a thread without a running loop; one at a time, so nothing races.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netlink")

    async def survey(self) -> VipSurvey:
        """Return what the kernel says; VipError if it cannot be asked."""
        return await self._run(self._survey)

    async def establish(self) -> None:
        """Put the VIPs, and nothing else, on the interface, and set it up; VipError if not.

        What is so already is left alone. IPv6's link-local address is never touched.
        """
        await self._run(self._establish)

    async def conflicts(self) -> tuple[str, ...]:
        """Return a sentence for each VIP that is a machine's ordinary address.

        Takes some 0.3 s, because neighbours are asked; VipError if they cannot be.
        """
        links = await self._run(netlink.links)
        own = await self._run(self._own_conflicts)
        answers = await asyncio.to_thread(neighbours.ask, links, self._vips)
        return (*own, *(str(answer) for answer in answers))

    async def advice(self) -> tuple[str, ...]:
        """Return a sentence for each setting of the kernel that does an anycast node harm."""
        links = await self._run(netlink.links)
        segments = tuple(link.name for link in links if link.segment)
        return await asyncio.to_thread(kernel.advice, segments, self._vips)

    def close(self) -> None:
        """End the thread once it has finished its work."""
        self._thread.shutdown()

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _survey(self) -> VipSurvey:
        found = summary(netlink.link(self._interface), self._addresses(), self._vips)
        loopback = netlink.link(LOOPBACK)
        return found._replace(loopback=loopback is not None and loopback.up)

    def _own_conflicts(self) -> tuple[str, ...]:
        """Return a sentence for each VIP that another interface of this machine has."""
        link = netlink.link(self._interface)
        found = others(0 if link is None else link.ifindex, self._addresses(), self._vips)
        return tuple(map(_elsewhere, found))

    def _addresses(self) -> tuple[Address, ...]:
        return netlink.addresses()

    def _add(self, ifindex: int, vip: str) -> None:
        netlink.add(ifindex, vip)

    def _remove(self, address: Address) -> None:
        netlink.remove(address)

    def _establish(self) -> None:
        link = netlink.link(self._interface)
        if link is None:
            raise VipError(f"the interface {self._interface} has been deleted; dnsd recreates it")
        if link.kind != "tun":
            raise VipError(
                f"the interface {self._interface} is not the tun that dnsd makes, so its "
                "addresses are left alone; change [anycast] interface"
            )
        superfluous, missing = plan(link, self._addresses(), self._vips)
        for address in superfluous:
            self._remove(address)
        for vip in missing:
            self._add(link.ifindex, vip)
        if not link.up:
            netlink.set_up(link.ifindex)


def summary(link: Link | None, addresses: Iterable[Address], vips: tuple[str, ...]) -> VipSurvey:
    """Return what ``link`` (None: no such link) and ``addresses`` mean for the VIPs."""
    addresses = tuple(addresses)
    ifindex = 0 if link is None else link.ifindex
    standing = frozenset(one.text for one in addresses if one.ifindex == ifindex and fits(one))
    elsewhere = {one.text: netlink.name_of(one.ifindex) for one in others(ifindex, addresses, vips)}
    if link is None:
        return VipSurvey(False, False, False, frozenset(), elsewhere)
    return VipSurvey(True, link.up, link.carrier, standing, elsewhere)


def plan(
    link: Link, addresses: Iterable[Address], vips: tuple[str, ...]
) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Return which addresses are to be taken from ``link``, and which VIPs to be added."""
    own = [one for one in addresses if one.ifindex == link.ifindex and not one.link_local]
    right = {one.text for one in own if one.text in vips and fits(one)}
    superfluous = tuple(one for one in own if one.text not in vips or not fits(one))
    return superfluous, tuple(vip for vip in vips if vip not in right)


def others(ifindex: int, addresses: Iterable[Address], vips: tuple[str, ...]) -> list[Address]:
    """Return the VIPs that stand on other interfaces than number ``ifindex``."""
    return [one for one in addresses if one.ifindex != ifindex and one.text in vips]


def fits(address: Address) -> bool:
    """Whether it is such an address as a VIP must be."""
    return address.alone and address.usable and not address.link_local


def _elsewhere(address: Address) -> str:
    name = netlink.name_of(address.ifindex)
    return (
        f"the VIP {address.text} is an ordinary address of {name} on this machine: remove it "
        f"there (`ip address delete {address} dev {name}`), or take it out of [anycast] vips"
    )
