"""What slots stand on: the links to backends, tunnels, the kernel's settings, and its rules.

It is looked at now and then, and when the kernel reports that a link or an address has changed. A
look does not delay slots that move.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dnsd.control.anycast import netlink
from dnsd.control.balance import links, nftables, settings, tunnels
from dnsd.control.balance.nftables import Guarded
from dnsd.errors import BalanceError
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dnsd.config import Config
    from dnsd.control.balance.live import LiveService
    from dnsd.control.balance.nexthops import BackendHop


class HostSetup:
    """Looks at it; ``settings`` and ``advice`` are what was found last."""

    def __init__(self) -> None:
        self.settings = settings.KernelSettings((), (), seed=True)
        self.advice: tuple[str, ...] = ()
        self._ruled: object = None

    async def look(
        self, config: Config, services: Mapping[str, LiveService]
    ) -> frozenset[BackendHop]:
        """Give each of ``services`` its backends by ``config``, and the hops that there are.

        Return the neighbours on links. DnsdError if the kernel does not do what it is asked.
        """
        near = await asyncio.to_thread(links.hops_to, _addresses(config, "link"))
        far = await asyncio.to_thread(
            tunnels.hops_to,
            config.balance,
            _addresses(config, "vxlan"),
        )
        hops = {**near, **far.hops}
        for one in config.service:
            services[one.name].place(one, hops)
        used = {hop.link for hop in hops.values() if hop is not None}
        await asyncio.to_thread(self._set, config, services, used, far.problems)
        one_way = frozenset(hop.link for hop in far.hops.values() if hop is not None)
        await self._rule(services.values(), one_way)
        return frozenset(hop for hop in near.values() if hop is not None)

    def _set(
        self,
        config: Config,
        services: Mapping[str, LiveService],
        used: set[int],
        problems: tuple[str, ...],
    ) -> None:
        names = [netlink.name_of(link) for link in used]
        wanted = settings.wanted(config.balance.hash_seed, names)
        self.settings = settings.ensure({**wanted, **links.neighbour_settings(names)})
        for sentence in self.settings.changed:
            log.say("kernel-setting-changed", f"balance: {sentence}")
        everything = [one.name for one in netlink.links() if one.segment]
        advice = settings.advice(everything)
        homeless = [line for one in services.values() for line in one.homeless()]
        told = (*self.settings.problems, *problems, *homeless, *advice)
        for sentence in told:
            if sentence not in self.advice:
                log.say("advice", f"balance: {sentence}")
        self.advice = told

    async def _rule(self, services: Iterable[LiveService], one_way: frozenset[int]) -> None:
        """Put the rules in place that go with the services, if they are not."""
        guarded = [one for service in services for one in _guarded(service)]
        if (guarded, one_way) != self._ruled:
            await asyncio.to_thread(nftables.apply, nftables.replace(guarded, one_way))
            self._ruled = guarded, one_way

    def leave(self) -> None:
        """Take the rules away, which would outlive their purpose."""
        try:
            nftables.apply(nftables.remove())
        except BalanceError as error:
            log.say("rules-left", f"balance: {error}")


def _addresses(config: Config, via: str) -> set[str]:
    """Return the addresses of the backends that are reached so."""
    return {
        address
        for service in config.service
        for backend in service.backend
        for address in backend.address
        if backend.via == via
    }


def _guarded(service: LiveService) -> Iterable[Guarded]:
    for vip in service.config.vips:
        family = service.group_of(vip).family
        found = (service.hops[one.name].get(family) for one in service.config.backend)
        hops = tuple(hop for hop in found if hop is not None)
        yield Guarded(vip, hops, service.config.protocols, service.config.ports)
