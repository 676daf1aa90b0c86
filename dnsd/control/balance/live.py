"""One service of a running director: its backends as they are, its slots, and what is due.

Knows names, states and numbers; the kernel and the clock are the engine's.
"""

from __future__ import annotations

import socket
import zlib
from typing import TYPE_CHECKING, NamedTuple

from dnsd.balance.backend import Backend, BackendState
from dnsd.balance.slots import MovePace, Slots, SlotsSeen
from dnsd.balance.table import table
from dnsd.balance.verdict import verdict
from dnsd.control.balance.kernel import group_number
from dnsd.control.balance.nexthops import family_of
from dnsd.control.balance.targets import lanes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dnsd.announce.health import NodeHealth
    from dnsd.balance.slots import SlotMove
    from dnsd.config.balance import BackendConfig, Service
    from dnsd.control.balance.nexthops import BackendHop, KernelNexthop

START_S = 10.0
"""How long a start waits for backends that are still unknown."""

NONE = ""
"""In the place of a backend: the slot leads to none that is known."""


class SlotGroup(NamedTuple):
    """The slots of a service in the kernel, for the VIPs of one family."""

    family: int
    number: int

    @property
    def is_six(self) -> bool:
        """Whether the family is IPv6."""
        return self.family == socket.AF_INET6

    def slot(self, slot: int) -> int:
        """Return the number of the object of a slot."""
        return self.number + 1 + slot


class LiveService:
    """A service at run time, which began at ``now`` (monotonic seconds)."""

    def __init__(self, config: Service, taken: set[int], now: float) -> None:
        self.config = config
        self.groups = _groups(config, taken)
        self.backends: dict[str, Backend] = {}
        self.hops: dict[str, dict[int, BackendHop]] = {}
        """By backend and family; a family is missing while it is on no link."""

        self.drained: Collection[str] = frozenset()
        """Those that an order drains; a weight of 0 drains as well."""

        self.silent: list[float] | None = None
        self.slots = Slots([NONE] * config.slots, _pace(config))
        self._began = now

    def take(self, config: Service) -> None:
        """Go on with another configuration, whose name, VIPs and slots are the same."""
        self.config = config
        self.slots.pace = _pace(config)
        known, self.backends = self.backends, {}
        for one in config.backend:
            before = known.get(one.name)
            if before is None or before.addresses != lanes(config, one):
                before = Backend(
                    lanes(config, one),
                    fall=config.down,
                    rise=config.up,
                    state=BackendState.UP if config.check == "none" else BackendState.UNKNOWN,
                )
            before.pace(fall=config.down, rise=config.up)
            self.backends[one.name] = before

    def place(self, config: Service, hops: Mapping[str, BackendHop | None]) -> None:
        """Take in ``config``, and where its backends' addresses are (None: on no link)."""
        before = self.hops
        self.hops = {
            backend.name: {
                group.family: hop
                for group in self.groups
                for address in backend.address
                if (hop := hops[address]) is not None and (":" in address) == group.is_six
            }
            for backend in config.backend
        }
        if self.config is not config or not self.backends:
            self.take(config)
        for name, own in self.hops.items():
            if before.get(name, own) != own:
                # Its slots lead to where it was: they are written again.
                self.slots.actual = [NONE if one == name else one for one in self.slots.actual]

    def is_using(self, link: int) -> bool:
        """Return whether a backend is on the link with this index."""
        return any(hop.link == link for own in self.hops.values() for hop in own.values())

    def group_of(self, vip: str) -> SlotGroup:
        """Return the slots that packets to ``vip`` go by."""
        return next(one for one in self.groups if one.is_six == (":" in vip))

    def has_groups(self, found: Mapping[int, KernelNexthop]) -> bool:
        """Return whether each group is there with all of its members."""
        return all(self._is_group(found.get(group.number)) for group in self.groups)

    def _is_group(self, found: KernelNexthop | None) -> bool:
        whole = self.config.slots, True
        return found is not None and (found.members, found.resilient) == whole

    def inherit(self, found: Mapping[int, KernelNexthop]) -> bool:
        """Take over what the kernel has; return whether it is complete."""
        if not self.has_groups(found) or any(number not in found for number in self.numbers):
            return False
        names = {hop: name for name, hops in self.hops.items() for hop in hops.values()}
        for slot in range(self.config.slots):
            there = {
                names.get(hop, NONE)
                for group in self.groups
                if (hop := found[group.slot(slot)].hop) is not None
            }
            self.slots.actual[slot] = there.pop() if len(there) == 1 else NONE
        return True

    # -- what is wanted -------------------------------------------------------------------------

    def wanted(self, now: float, *, unused: bool = False) -> tuple[str, ...]:
        """Return the table of the backends that may have slots now; empty if there are none.

        Where all that are up are drained, they keep what they have: better than nothing.
        ``unused``: no packets are expected yet.
        """
        up = [one for one in self.config.backend if self._is_usable(one, now, unused=unused)]
        fresh = {one.name: one.weight for one in up if not self.is_drained(one)}
        if not fresh:
            fresh = {one.name: max(1, one.weight) for one in up}
        return table(fresh, self.config.slots)

    def first(self) -> tuple[str, ...]:
        """Return what slots lead to before anything is known: all backends that have a hop."""
        there = {one.name: max(1, one.weight) for one in self.config.backend if self._has_hops(one)}
        return table(there, self.config.slots)

    def due(self, now: float, *, unused: bool) -> list[SlotMove]:
        """Return the slots that are to move now."""
        drained = frozenset(one.name for one in self.config.backend if self.is_drained(one))
        seen = SlotsSeen(
            now, self.wanted(now, unused=unused), self.down(), drained, self.silent, unused
        )
        return self.slots.step(seen)

    def down(self) -> frozenset[str]:
        """Return the backends that serve nothing: those that are down, and those that are gone."""
        serving = {
            one.name
            for one in self.config.backend
            if self.backends[one.name].state != BackendState.DOWN and self._has_hops(one)
        }
        return frozenset(name for name in {*self.slots.actual} if name not in serving)

    def hops_for(self, moves: Sequence[SlotMove]) -> dict[int, BackendHop]:
        """Return where each object shall lead for ``moves``."""
        return {
            group.slot(slot): self.hops[backend][group.family]
            for slot, backend, _ in moves
            for group in self.groups
        }

    def is_drained(self, one: BackendConfig) -> bool:
        """Return whether a backend gives up its slots."""
        return one.weight == 0 or one.name in self.drained

    def _is_usable(self, one: BackendConfig, now: float, *, unused: bool) -> bool:
        """Return whether a backend may have slots.

        At a start, and before packets come, those that are not known yet are expected to be up: so
        no slot moves twice.
        """
        state = self.backends[one.name].state
        expected = state == BackendState.UNKNOWN and (unused or self._is_starting(now))
        return (state == BackendState.UP or expected) and self._has_hops(one)

    def _is_starting(self, now: float) -> bool:
        return now - self._began <= START_S

    def _has_hops(self, one: BackendConfig) -> bool:
        return all(group.family in self.hops.get(one.name, {}) for group in self.groups)

    # -- how it is ------------------------------------------------------------------------------

    @property
    def is_changing(self) -> bool:
        """Whether it matters which slots are silent."""
        drained = any(self.is_drained(one) for one in self.config.backend)
        return drained or self.slots.waiting > 0

    def is_converged(self, now: float) -> bool:
        """Return whether each slot leads to the wanted backend, as far as there is a choice."""
        wanted = self.wanted(now, unused=True)
        return not wanted or tuple(self.slots.actual) == wanted

    @property
    def numbers(self) -> list[int]:
        """The numbers of all groups and objects."""
        return [
            number
            for group in self.groups
            for number in range(group.number, group.slot(self.config.slots))
        ]

    def verdict(self, now: float) -> NodeHealth | None:
        """Return whether enough backends are up; None: it cannot be told yet."""
        if not self.backends:
            return None
        usable = {
            one.name: self.backends[one.name] for one in self.config.backend if self._has_hops(one)
        }
        return verdict(usable, self.config.min_backends, all_checked=not self._is_starting(now))

    def homeless(self) -> list[str]:
        """Return a sentence for each backend that is on no link of this director."""
        return [
            f"service {self.config.name}: backend {one.name} ({', '.join(one.address)}) "
            f"{_HOMELESS[one.via]}"
            for one in self.config.backend
            if not self._has_hops(one)
        ]


_HOMELESS = {
    "link": "is not on a link of this director, so it gets no packets; give it an address on one, "
    'or set via = "vxlan"',
    "vxlan": "gets no packets, because there is no tunnel to it: this director has no "
    "route there, or no VXLAN device",
}


def _groups(config: Service, taken: set[int]) -> tuple[SlotGroup, ...]:
    """Return the groups of a service; their numbers follow from its name, unless ``taken``."""
    found = []
    for family in sorted({family_of(vip) for vip in config.vips}):
        key = zlib.crc32(f"{config.name} {family}".encode())
        while (number := group_number(key)) in taken:
            key += 1
        taken.add(number)
        found.append(SlotGroup(family, number))
    return tuple(found)


def _pace(config: Service) -> MovePace:
    return MovePace(config.idle, config.patience, at_once=config.protocol == "udp")
