"""The daemon: checks that the node can be, then runs its master.

The only package that knows workers and control; they don't know each other.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from dnsd import config as configuration
from dnsd import hotpath
from dnsd.daemon import account, children, listen, specs, statelock
from dnsd.daemon.attendant import Attendant
from dnsd.daemon.carrier import Carrier, any_worker
from dnsd.daemon.master import CarrierSettings, Master, Processes
from dnsd.daemon.notify import Notifier
from dnsd.errors import ConfigError
from dnsd.image.journal import SUFFIX
from dnsd.process import log, statedir, stderr
from dnsd.process.log import say
from dnsd.process.logline import Speaker
from dnsd.process.socketfile import bind_spare, make_way

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.config import Config, Options
    from dnsd.daemon.tun import Devices
    from dnsd.image.state import StateVector

SPARE_DEVICES = 3
"""One is in use; the others are for an interface that cannot be had back at once."""


def run(path: Path | None, options: Options) -> int:
    """Serve as the configuration at ``path`` and ``options`` say; return the exit status.

    DnsdError, of one kind or another, if the node cannot even start.
    """
    started = time.monotonic_ns()
    # Taken from the environment first: it is not for the children.
    notifier = Notifier(os.environ)
    log.begin(Speaker("master"))
    config = configuration.resolve(path, options)
    if config.service:
        raise ConfigError(
            ["this configuration is a director's ([[service]]): start it with `dnsd balance`"]
        )
    devices = _devices(config)
    log.use(config.log.lowest, config.log.form)
    account.enter(config)
    stderr.detach(log.dropped)  # a thread: it has the rights that are left
    zones = _zones(config)
    if hotpath.VARIABLE in os.environ:
        hotpath.implementation()  # it may not be there; else the ready line looks which it is
    config = without_absent_addresses(config)
    if refusal := statedir.prepare(config.server.state_directory):
        told = f"{refusal}: zones are served from memory until then; trying again"
        say("disk-refuses", told, path=str(config.server.state_directory))
    statelock.lock(config.server.state_directory)
    make_way(config.server.admin_socket)
    listen.probe(config.server.listen, floating=config.anycast.endpoints)
    if path is None and not options.zones and not options.zone:
        _introduce(config, zones)
    _advise(config, zones)
    shared = specs.Shared.create(specs.worker_count(config))
    vector = shared.vector
    log.follow(vector.log_level)
    route = _route(config, vector, devices)
    doorbell = route.doorbell if route else None
    ways = specs.ways_to_transfers(config, vector.workers)
    control = specs.control_spec(config, options, shared, started, doorbell)
    if ways:
        control = msgspec.structs.replace(control, xfrd_fd=ways.control)
    attendant = None
    if spare := bind_spare(config.server.admin_socket):
        control = msgspec.structs.replace(control, spare_fd=spare.fileno())
        attendant = Attendant(spare, control, vector)
    workers = [children.worker(spec, vector) for spec in specs.worker_specs(config, shared, ways)]
    transfers = children.xfrd(ways.spec(config, shared), vector) if ways else None
    processes = Processes(children.control(control, vector), workers, transfers)
    return Master(config.server, vector, processes, notifier, route, attendant=attendant).run()


def _advise(config: Config, zones: dict[str, Path]) -> None:
    """Tell what an operator should look at, though the node can be."""
    if not zones:
        told = "there are no zone files: queries are refused, except for zones of the last run"
        say("zones-none", told)
    account.advise(config)
    for advice in configuration.secret_advice(config):
        say("advice", advice)


def _zones(config: Config) -> dict[str, Path]:
    """Return the zones there are; if their directory is gone, what it had can be served."""
    try:
        return configuration.zone_files(config)
    except ConfigError as error:
        images = config.server.state_directory / statedir.IMAGES
        if not any(images.glob(f"*{SUFFIX}")):
            raise
        for problem in error.problems:
            say("zones-unreadable", problem)
        return {}


def _devices(config: Config) -> Devices | None:
    """Open what the interface of the VIPs is made with: often only root may do that."""
    if not config.anycast.enabled:
        return None
    from dnsd.daemon.tun import Devices

    return Devices(SPARE_DEVICES)


def _route(config: Config, vector: StateVector, devices: Devices | None) -> CarrierSettings | None:
    """Make the interface of the VIPs, if there are any; VipError if that cannot be."""
    settings = config.anycast
    if not settings.enabled:
        return None
    from dnsd.daemon.tun import Tun

    carrier = Carrier(
        partial(Tun, settings.interface, devices=devices),
        vector,
        any_worker(vector, settings.heartbeat_miss),
    )
    return CarrierSettings(carrier, settings, os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))


def without_absent_addresses(config: Config) -> Config:
    """Leave out addresses that the machine lacks, as [::1] without IPv6, if none was asked for."""
    if not configuration.listens_by_default(config):
        return config
    there = tuple(one for one in config.server.listen if listen.is_local(one))
    for endpoint in config.server.listen:
        if endpoint not in there:
            told = f"not listening on {endpoint}: this machine does not have that address"
            say("address-absent", told, address=str(endpoint))
    if not there:
        return config  # then it is told what is wrong with all of them
    server = msgspec.structs.replace(config.server, listen=there)
    return msgspec.structs.replace(config, server=server)


def _introduce(config: Config, zones: dict[str, Path]) -> None:
    """Tell those who try dnsd what they get, and what to do next."""
    endpoint = config.server.listen[0]
    name = "www.example.com A" if "example.com." in zones else f"{next(iter(zones), '.')} SOA"
    told = f"no configuration: serving the example zones in {config.zones.directory}"
    say("example-zones", told, path=str(config.zones.directory))
    say("example-zones", f"try: dig @{endpoint.address} -p {endpoint.port} {name}")
