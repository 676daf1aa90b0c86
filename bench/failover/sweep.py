"""Which cells a run has: all of them, a short choice, or the few that show that it works. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.failover import carrying
from bench.failover.balancers import Directors, SharingProxy
from bench.failover.cell import Order
from bench.failover.settings import Checks, Pace
from bench.failover.stacks import Anycast, Dnsd, Gdnsd, Proxy, Script
from bench.failover.stories import CITIES, FARM, STORIES, TOWN, Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.failover.stacks import Stack

RATE = 20.0
TTLS = (5, 30, 60, 300)
LONG = 60
"""With longer TTLs only a death and a cut are played: the rest would take an hour."""


class Sweep(NamedTuple):
    """Cells, and what they have in common; ``carrying`` is how costs by packet are measured."""

    orders: list[Order]
    checks: Checks
    pace: Pace
    rate: float
    carrying: carrying.Pace | None = None


class _Maker(NamedTuple):
    checks: Checks
    pace: Pace
    rate: float

    def orders(self, stacks: Iterable[Stack], stories: Iterable[str], ground: str) -> list[Order]:
        """Return each of the stacks with each of the stories."""
        return [
            Order(
                stack,
                STORIES[name](Told(stack.ttl, self.checks, self.pace), ground),
                self.checks,
                self.rate,
            )
            for stack in stacks
            for name in stories
        ]


def full() -> Sweep:
    """Everything, in about a quarter of an hour."""
    make = _Maker(Checks(), Pace(), RATE)
    checks = make.checks
    named: list[Stack] = [
        *(Script(ttl, checks) for ttl in TTLS),
        Gdnsd(60, 5, checks),
        *(Dnsd(ttl, shortest, checks) for ttl, shortest in ((6, 2), (30, 5), (60, 5))),
    ]
    brief = [stack for stack in named if stack.ttl <= LONG]
    proxy = Proxy(checks)
    anycast = [Anycast("withdraw", checks), Anycast("drain", checks)]
    farm: list[Stack] = [SharingProxy(checks), Directors(checks)]
    orders = [
        *make.orders([*named, proxy], ["kill"], TOWN),
        *make.orders([*brief, proxy], ["hang", "flap", "front"], TOWN),
        *make.orders([*named, proxy], ["site"], CITIES),
        *make.orders([one for one in [*brief, proxy] if one.orders], ["planned"], TOWN),
        *make.orders(anycast, ["kill", "hang", "flap", "site", "planned"], CITIES),
        *make.orders(farm, ["kill", "hang", "flap", "planned", "front", "restart"], FARM),
    ]
    return Sweep(orders, *make, carrying.FULL)


def short() -> Sweep:
    """One death in each way, with short TTLs: less than a minute."""
    make = _Maker(Checks(down=2, ok=2, up=2), Pace(calm=2, margin=3), RATE)
    checks = make.checks
    named: list[Stack] = [
        Script(2, checks),
        Script(5, checks),
        Gdnsd(60, 1, checks),
        Dnsd(4, 2, checks),
        Proxy(checks),
    ]
    orders = [
        *make.orders(named, ["kill"], TOWN),
        *make.orders([Anycast("withdraw", checks)], ["kill"], CITIES),
        *make.orders([SharingProxy(checks), Directors(checks)], ["kill"], FARM),
    ]
    return Sweep(orders, *make)


def smoke() -> Sweep:
    """The two ways that know no whole seconds: it shows that all parts work together."""
    checks = Checks(interval=0.5, timeout=0.4, fast=0.25, down=2, ok=2, up=2)
    make = _Maker(checks, Pace(calm=1, margin=1), RATE)
    return Sweep(make.orders([Script(1, checks), Proxy(checks)], ["kill"], TOWN), *make)


SWEEPS = {"full": full, "short": short, "smoke": smoke}


def choose(sweep: Sweep, stacks: Sequence[str], stories: Sequence[str]) -> Sweep:
    """Return the cells of these stacks (by the beginning of their names) and stories; () is all."""
    orders = [
        order
        for order in sweep.orders
        if (not stacks or order.stack.name.startswith(tuple(stacks)))
        and (not stories or order.story.name in stories)
    ]
    farm = any(order.story.ground == FARM for order in orders)
    return sweep._replace(orders=orders, carrying=sweep.carrying if farm else None)
