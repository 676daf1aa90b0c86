"""The admin commands of a director: what operators ask of it, and order.

Other programs read the answers too: keys are only ever added.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.announce.announcer import RouteState
from dnsd.control.anycast.commands import order_of
from dnsd.control.anycast.report import bird_report
from dnsd.control.balance.drains import DrainOrder
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.announce.orders import RouteOrder
    from dnsd.config.balance import BackendConfig
    from dnsd.control.admin import Command
    from dnsd.control.balance.engine import BalanceEngine
    from dnsd.control.balance.live import LiveService
    from dnsd.control.balance.routes import Routes, RouteView

CARRY_OUT_S = 6.0
"""How long an order may take to be carried out before it is answered."""
WRITE_S = 5.0
"""How long a disk may take, after that, to write it down."""
LONGEST_REASON = 500


class Desk:
    """Takes questions and orders; each answer is what is true after it."""

    def __init__(self, engine: BalanceEngine, routes: Routes) -> None:
        self._engine = engine
        self._routes = routes

    def commands(self) -> dict[str, Command]:
        """Return the commands by name."""
        return {
            "balance": self.balance,
            "balance_drain": self.drain_backend,
            "balance_undrain": self.undrain_backend,
            "anycast": self.show,
            "drain": self.drain,
            "undrain": self.undrain,
            "withdraw": self.withdraw,
            "announce": self.announce,
        }

    # -- the backends ---------------------------------------------------------------------------

    async def balance(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the services, their backends and slots."""
        services = self._engine.services.values()
        return {
            "services": [self._service(one) for one in services],
            "hash_seed": self._engine.host.settings.seed,
            "problems": self.problems(),
            "unwritten": self._engine.drains.fault or None,
        }

    def problems(self) -> list[str]:
        """Return what is not as it should be, as sentences."""
        engine = self._engine
        found = filter(None, (engine.fault, engine.drains.fault))
        return [*found, *engine.host.advice, *engine.watch.blind]

    def _service(self, live: LiveService) -> dict[str, Any]:
        name = live.config.name
        view = self._routes.routes[name].view(time.monotonic())
        wanted = live.wanted(time.monotonic())
        return {
            "service": name,
            "vips": live.config.vips,
            "protocol": live.config.protocol,
            "ports": live.config.ports,
            "state": view.state,
            "since": _wall(view.since),
            "why": view.why,
            "min_backends": live.config.min_backends,
            "slots": live.config.slots,
            "waiting": live.slots.waiting,
            "backends": [self._backend(live, one, wanted) for one in live.config.backend],
        }

    def _backend(
        self, live: LiveService, one: BackendConfig, wanted: tuple[str, ...]
    ) -> dict[str, Any]:
        state = live.backends.get(one.name)
        drain = self._engine.drains.of(live.config.name).get(one.name)
        busy = live.slots.busy(one.name, live.silent)
        return {
            "backend": one.name,
            "address": one.address,
            "weight": one.weight,
            "state": state.state if state else "unknown",
            "since": _wall(state.since) if state and state.since else None,
            "why": state.why if state else "",
            "slots": len(live.slots.held_by(one.name)),
            "wanted": wanted.count(one.name),
            "busy": busy,
            "drained": None if drain is None else msgspec.to_builtins(drain),
            "safe": live.is_drained(one) and busy == 0,
            "packets_per_second": self._engine.writer.rates.of(live.config.name, one.name),
        }

    async def drain_backend(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Drain a backend in one service or in all that have it."""
        reason = request.get("reason", "")
        if not isinstance(reason, str) or len(reason) > LONGEST_REASON or not reason.isprintable():
            raise AdminError(f'"reason" must be one line of at most {LONGEST_REASON} characters')
        return await self._put(request, DrainOrder(since=time.time(), reason=reason))

    async def undrain_backend(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Undo a drain."""
        return await self._put(request, None)

    async def _put(self, request: Mapping[str, Any], drain: DrainOrder | None) -> dict[str, Any]:
        for service in self._meant(request):
            before = self._engine.drains.of(service).get(str(request["backend"]))
            if drain is None or before is None:
                self._engine.drains.put(service, str(request["backend"]), drain)
        self._engine.wake()
        await asyncio.wait((asyncio.ensure_future(self._engine.drains.write()),), timeout=WRITE_S)
        await self._engine.turned()
        return await self.balance(request)

    def _meant(self, request: Mapping[str, Any]) -> list[str]:
        """Return the services that an order is about; AdminError if there are none."""
        backend, wanted = request.get("backend"), request.get("service")
        if not isinstance(backend, str):
            raise AdminError('"backend" must be the name of a backend')
        services = self._engine.services
        if wanted is not None and wanted not in services:
            raise AdminError(
                f"there is no service {wanted}; the services are {', '.join(services)}"
            )
        found = [
            name
            for name, one in services.items()
            if wanted in (None, name)
            and (backend in one.backends or backend in self._engine.drains.of(name))
        ]
        if not found:
            where = f"the service {wanted}" if wanted else "any service"
            known = sorted({name for one in services.values() for name in one.backends})
            raise AdminError(f"{backend} is not a backend of {where}; known are {', '.join(known)}")
        return found

    # -- the routes -----------------------------------------------------------------------------

    async def show(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Return how the routes are, in the form that a DNS node has."""
        return self._report()

    async def drain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have routers prefer every other director."""
        return await self._order(drain=order_of(request))

    async def undrain(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Take that back."""
        self._routes.forgive_drain()
        return await self._order(drain=None)

    async def withdraw(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Take all routes away."""
        return await self._order(withdraw=order_of(request))

    async def announce(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Take that back."""
        self._routes.forgive()
        return await self._order(withdraw=None)

    async def _order(self, **changes: RouteOrder | None) -> dict[str, Any]:
        book = self._routes.orders
        book.put(msgspec.structs.replace(book.at(time.time()), **changes))
        writing = asyncio.ensure_future(book.write())
        await self._routes.carried_out(CARRY_OUT_S)
        await asyncio.wait((writing,), timeout=WRITE_S)
        return self._report()

    def _report(self) -> dict[str, Any]:
        now = time.monotonic()
        views = {name: route.view(now) for name, route in self._routes.routes.items()}
        worst = min(views.values(), key=lambda view: _ORDER.index(view.state))
        bird, orders = self._routes.bird, self._routes.orders
        troubles = [line for view in views.values() for line in view.problems]
        problems = dict.fromkeys(filter(None, (*troubles, orders.fault, bird.error)))
        return {
            "state": worst.state,
            "since": _wall(worst.since),
            "why": worst.why,
            "held_down": max(view.held for view in views.values()),
            "health": None,
            "reasons": (),
            "orders": msgspec.to_builtins(orders.at(time.time())),
            "interface": self._routes.config.interface,
            "vips": [
                self._vip(vip, name, view)
                for name, view in views.items()
                for vip in self._routes.routes[name].settings.vips
            ],
            "bird": bird_report(bird),
            "problems": [*problems, *bird.problems],
            "advice": self._engine.host.advice,
            "unwritten": orders.fault or None,
        }

    def _vip(self, vip: str, name: str, view: RouteView) -> dict[str, Any]:
        bird = self._routes.bird
        wanted = self._routes.routes[name].wanted
        on = "drained" if wanted.drain else "announced"
        return {
            "vip": vip,
            "service": name,
            "wanted": on if wanted.carrier else "withdrawn",
            "address": vip in view.standing,
            "elsewhere": None,
            "carrier": view.carrier,
            "in_bird": bird.protocol or None,
            "exported_to": [one.name for one in bird.sessions if vip in one.exported],
            "drained_to": [one.name for one in bird.sessions if vip in one.drained],
            "others": [protocol for other, protocol in bird.others if other == vip],
        }


_ORDER = [
    *(
        RouteState.INIT,
        RouteState.WITHDRAWN,
        RouteState.STANDBY,
        RouteState.STOPPED,
        RouteState.STOPPING,
    ),
    *(RouteState.DRAINED, RouteState.ANNOUNCED),
]
"""States, the worst first."""


def _wall(monotonic: float) -> float:
    return time.time() - (time.monotonic() - monotonic)
