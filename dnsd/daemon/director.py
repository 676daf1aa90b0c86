"""The daemon in the role of a director: a master that holds the services' interfaces, and control.

There are no workers: the kernel forwards. So the master switches the carriers off when control is
silent for long, because then failures of backends go unnoticed.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd import config as configuration
from dnsd.config import Options
from dnsd.config.balancerules import announced
from dnsd.daemon import account, children, specs, statelock
from dnsd.daemon.attendant import Attendant
from dnsd.daemon.carrier import Carrier
from dnsd.daemon.master import CarrierSettings, Master, Processes
from dnsd.daemon.notify import Notifier
from dnsd.daemon.tun import Devices, Tun
from dnsd.errors import ConfigError
from dnsd.image.state import CarrierCells, ControlCells
from dnsd.process import log, statedir, stderr
from dnsd.process.log import say
from dnsd.process.logline import Speaker
from dnsd.process.socketfile import bind_spare, make_way

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dnsd.config import Config
    from dnsd.image.state import StateVector

SPARE_DEVICES = 3
"""Spare devices for interfaces that cannot be restored at once."""

SILENCE_S = 10.0
"""Seconds that backends may go unwatched before another director is better: a restart takes one."""


def run(path: Path | None) -> int:
    """Balance as the configuration at ``path`` says; return the exit status.

    DnsdError, of one kind or another, if the director cannot even start.
    """
    started = time.monotonic_ns()
    notifier = Notifier(os.environ)
    log.begin(Speaker("master"))
    config = configuration.resolve(path, Options())
    if not config.service:
        raise ConfigError(
            [f"{path or 'the default configuration'} has no [[service]], so there is nothing to "
             "balance; deploy/director.example.toml shows one"]
        )  # fmt: skip
    devices = Devices(len(config.service) + SPARE_DEVICES)
    log.use(config.log.lowest, config.log.form)
    account.enter(config)
    stderr.detach(log.dropped)  # a thread: it has the rights that are left
    if refusal := statedir.prepare(config.server.state_directory):
        told = f"{refusal}: until then a restart forgets orders; trying again"
        say("disk-refuses", told, path=str(config.server.state_directory))
    statelock.lock(config.server.state_directory)
    make_way(config.server.admin_socket)
    account.advise(config)
    shared = specs.Shared.create(0)
    log.follow(shared.vector.log_level)
    carriers = Carriers(config, shared.vector, devices)
    doorbell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    control = specs.control_spec(config, Options(), shared, started, doorbell)
    attendant = None
    if spare := bind_spare(config.server.admin_socket):
        control = msgspec.structs.replace(control, spare_fd=spare.fileno())
        attendant = _Attendant(spare, control, shared.vector)
    route = CarrierSettings(carriers, announced(config), doorbell)
    processes = Processes(children.control(control, shared.vector), {})
    return DirectorMaster(
        config.server, shared.vector, processes, notifier, route, attendant=attendant
    ).run()


class Carriers:
    """The carriers of all services, each with its own order; one carrier to the master."""

    def __init__(self, config: Config, vector: StateVector, devices: Devices) -> None:
        alive = control_alive(vector.control, SILENCE_S, time.monotonic)
        self._each = [
            Carrier(
                partial(Tun, service.interface, devices=devices),
                vector,
                alive,
                CarrierCells.of_service(number),
            )
            for number, service in enumerate(config.service)
        ]

    @property
    def up(self) -> bool:
        """Whether any service has its carrier."""
        return any(one.up for one in self._each)

    def turn(self) -> bool:
        """Do what is due; return whether a carrier was taken because of silence."""
        silenced = [one.turn() for one in self._each]
        return any(silenced)

    def set(self, up: bool) -> None:
        """Give all interfaces their carrier or take it, whatever the orders are."""
        for one in self._each:
            one.set(up)


def control_alive(
    cells: Sequence[int], limit: float, clock: Callable[[], float]
) -> Callable[[], bool]:
    """Return a function that tells whether control was alive within ``limit`` seconds.

    While control is being started, the time since its predecessor's last sign of life counts.
    """
    last = clock()
    beat = 0

    def is_alive() -> bool:
        nonlocal last, beat
        if cells[ControlCells.HEARTBEAT] != beat:
            beat = cells[ControlCells.HEARTBEAT]
            if beat:
                last = clock()
        return clock() - last < limit

    return is_alive


class DirectorMaster(Master):
    """Runs control, and no workers."""

    SILENCE = "control is silent, so backends are not checked"

    def _is_ready(self, _serving: int) -> bool:
        return bool(self._vector.control[ControlCells.HEARTBEAT])

    def _with_what(self, _serving: int) -> str:
        vips = self._route.settings.vips if self._route else ()
        return f"to balance {', '.join(vips)}"

    def _how_it_is(self, _serving: int) -> str:
        up = self._route is not None and self._route.carrier.up
        return "balancing" if up else "no service is announced"

    def _progress(self) -> str:
        return "starting"


class _Attendant(Attendant):
    """Answers for a director's control while it is down."""

    def _absence(self) -> dict[str, Any]:
        sentence = (
            "control is down and is being restarted; the kernel forwards as before, but no backend "
            "is checked"
        )
        return {"ok": False, "error": sentence, "down": {"problems": [sentence]}}
