"""Builds the master of a DNS node with all that it holds: new, or taken over from another."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import msgspec

from dnsd.daemon import children, specs
from dnsd.daemon.attendant import Attendant
from dnsd.daemon.carrier import Carrier, any_worker
from dnsd.daemon.master import CarrierSettings, Processes
from dnsd.daemon.nodemaster import Holdings, MasterEntry, NodeMaster
from dnsd.daemon.steering import bind_steering
from dnsd.image.state import Duty, WorkerCells
from dnsd.process import log
from dnsd.process.packets import Packets
from dnsd.process.socketfile import bind_spare
from dnsd.serve.spec import Inheritance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.config import Config, Options
    from dnsd.daemon.notify import Notifier
    from dnsd.daemon.predecessor import Predecessor
    from dnsd.daemon.tun import Devices, Tun


class Making:
    """A node with this ``config``, whose state directory is held by ``locks``.

    ``started`` is the time of its start (monotonic, ns). ``before`` is the master that hands the
    node on, if there is one.
    """

    def __init__(
        self,
        config: Config,
        options: Options,
        locks: list[int],
        started: int,
        before: Predecessor | None,
    ) -> None:
        self._config = config
        self._options = options
        self._locks = locks
        self._before = before
        self._given = given = None if before is None else before.given
        count = specs.worker_count(config)
        if given is None:
            self._shared = specs.Shared.create(count)
            self._seats = self._shared.vector.serving
            self._run, self._started = os.getpid(), started
        else:
            self._seats = given.seats(count)
            self._shared = specs.Shared.given(given)
            self._run, self._started = given.offer.run, given.offer.started
            for one in self._seats:
                self._shared.vector.worker(one)[WorkerCells.DUTY] = Duty.ASIDE
        log.follow(self._shared.vector.log_level)

    def master(self, notifier: Notifier, devices: Devices | None) -> NodeMaster:
        """Return the master; DnsdError if it cannot have something that it needs."""
        config, vector = self._config, self._shared.vector
        route = self._route(devices)
        ways = specs.ways_to_transfers(config, vector.workers, self._given)
        doorbell = route.doorbell if route else None
        control = specs.control_spec(
            config, self._options, self._shared, self._started, doorbell, self._run
        )
        if ways:
            control = msgspec.structs.replace(control, xfrd_fd=ways.control)
        spare = self._socket("spare", bind_spare)
        attendant = None
        if spare:
            control = msgspec.structs.replace(control, spare_fd=spare.fileno())
            attendant = Attendant(spare, control, vector)
        pairs = dict(zip(self._seats, specs.pairs_between(len(self._seats)), strict=True))
        theirs = {seat: worker.detach() for seat, (_, worker) in pairs.items()}
        workers = specs.worker_specs(config, self._shared, self._seats, ways, theirs)
        entry, inheritances = self._entry()
        prepared = None if entry is None else entry.prepared
        processes = Processes(
            children.control(control, vector, prepared),
            {
                spec.index: children.worker(spec, vector, left)
                for spec, left in zip(workers, inheritances, strict=True)
            },
            children.xfrd(ways.spec(config, self._shared), vector, prepared) if ways else None,
        )
        holdings = Holdings(
            self._shared,
            {seat: Packets(ours.detach()) for seat, (ours, _) in pairs.items()},
            ways,
            spare,
            self._socket("steering", bind_steering),
            self._locks,
            route.carrier if route and isinstance(route.carrier, Carrier) else None,
            config.anycast.interface if route else "",
            self._run,
            self._started,
        )
        if self._given:
            self._given.close()
        return NodeMaster(
            config.server, holdings, processes, notifier, route, attendant=attendant, entry=entry
        )

    def _socket(
        self, name: str, bind: Callable[[Path], socket.socket | None]
    ) -> socket.socket | None:
        """Return a socket that goes with the admin socket: the given one, if its name fits."""
        path = self._config.server.admin_socket
        if self._given is None or self._given.offer.admin_socket != str(path):
            return bind(path)
        fd = self._given.take(name)
        return bind(path) if fd is None else socket.socket(fileno=fd)

    def _entry(self) -> tuple[MasterEntry | None, list[Inheritance | None]]:
        """Return how the master takes the node over, and where workers get connections from."""
        if self._before is None or self._given is None:
            return None, [None] * len(self._seats)
        places = (*self._config.server.listen, *self._config.anycast.endpoints)
        inheritances: list[Inheritance | None] = []
        heirs = []
        for sockets in self._given.shares(len(self._seats), places):
            ours, theirs = specs.pairs_between(1)[0]
            heirs.append(theirs.detach())
            inheritances.append(Inheritance(sockets=tuple(sockets), bequest=ours.detach()))
        prepared = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return MasterEntry(self._before, prepared, heirs), inheritances

    def _route(self, devices: Devices | None) -> CarrierSettings | None:
        """Make the interface of the VIPs, if there are any; VipError if that fails."""
        settings = self._config.anycast
        if not settings.enabled:
            return None
        from dnsd.daemon.tun import Tun

        given = self._given
        held = [] if given is None or (fd := given.take("tun")) is None else [fd]

        def make() -> Tun:
            return Tun(settings.interface, devices=devices, held=held.pop() if held else None)

        vector = self._shared.vector
        carrier = Carrier(make, vector, any_worker(vector, settings.heartbeat_miss))
        doorbell = None if given is None else given.take("doorbell")
        if doorbell is None:
            doorbell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return CarrierSettings(carrier, settings, doorbell)
