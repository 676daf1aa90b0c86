"""The daemon: checks that the node can start, then runs its master.

The only package that knows workers and control; they don't know each other.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import msgspec

from dnsd import config as configuration
from dnsd import hotpath
from dnsd.daemon import account, listen, predecessor, statelock
from dnsd.daemon.making import Making
from dnsd.daemon.notify import Notifier
from dnsd.errors import ConfigError
from dnsd.image.journal import SUFFIX
from dnsd.process import log, statedir, stderr
from dnsd.process.log import say
from dnsd.process.logline import Speaker
from dnsd.process.socketfile import make_way

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.config import Config, Options
    from dnsd.daemon.predecessor import Given
    from dnsd.daemon.tun import Devices

SPARE_DEVICES = 3
"""One device is in use; the others are for an interface that cannot be restored at once."""


def run(path: Path | None, options: Options) -> int:
    """Serve as the configuration at ``path`` and ``options`` say; return the exit status.

    DnsdError, of one kind or another, if the node cannot even start.
    """
    started = time.monotonic_ns()
    # Taken from the environment first: children must not inherit it.
    notifier = Notifier(os.environ)
    log.begin(Speaker("master"))
    before = predecessor.meet(os.environ)
    given = None if before is None else before.given
    config = configuration.resolve(path, options)
    if config.service:
        raise ConfigError(
            ["this configuration is a director's ([[service]]): start it with `dnsd balance`"]
        )
    devices = _devices(config)
    log.use(config.log.lowest, config.log.form)
    account.enter(config)
    stderr.detach(log.dropped)  # starts a thread, which gets only the rights that are left
    zones = _zones(config)
    if hotpath.VARIABLE in os.environ:
        hotpath.implementation()  # a twin that is asked for may be missing: fail now
    config = without_absent_addresses(config)
    if refusal := statedir.prepare(config.server.state_directory):
        told = f"{refusal}: zones are served from memory until then; trying again"
        say("disk-refuses", told, path=str(config.server.state_directory))
    locks = _claim(config, given)
    if before is None:
        if path is None and not options.zones and not options.zone:
            _introduce(config, zones)
        _advise(config, zones)
    making = Making(config, options, locks, started, before)
    return making.master(notifier, devices).run()


def _claim(config: Config, given: Given | None) -> list[int]:
    """Have the state directory, the admin socket and the addresses; return what holds the first.

    DnsdError if another program has one of them. From another master all of that is ``given``.
    """
    server = config.server
    listening, floating = server.listen, config.anycast.endpoints
    if given is None:
        locks = statelock.lock(server.state_directory)
        make_way(server.admin_socket)
    else:
        given.check(config)
        locks = [fd for number in range(2) if (fd := given.take(f"lock-{number}")) is not None]
        if given.offer.admin_socket != str(server.admin_socket):
            make_way(server.admin_socket)
        listening = tuple(one for one in listening if not given.listens_at(one))
        floating = tuple(one for one in floating if not given.listens_at(one))
    listen.probe(listening, floating=floating)
    return locks


def _advise(config: Config, zones: dict[str, Path]) -> None:
    """Log advice for the operator that does not prevent the start."""
    if not zones:
        told = "there are no zone files: queries are refused, except for zones of the last run"
        say("zones-none", told)
    account.advise(config)
    for advice in configuration.secret_advice(config):
        say("advice", advice)


def _zones(config: Config) -> dict[str, Path]:
    """Return the zones; if their directory is missing, its former zones can still be served."""
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
    """Open the device for the VIPs' interface: often only root may do that."""
    if not config.anycast.enabled:
        return None
    from dnsd.daemon.tun import Devices

    return Devices(SPARE_DEVICES)


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
        return config  # then the error lists all of them
    server = msgspec.structs.replace(config.server, listen=there)
    return msgspec.structs.replace(config, server=server)


def _introduce(config: Config, zones: dict[str, Path]) -> None:
    """Tell a user who tries dnsd what is served, and what to do next."""
    endpoint = config.server.listen[0]
    name = "www.example.com A" if "example.com." in zones else f"{next(iter(zones), '.')} SOA"
    told = f"no configuration: serving the example zones in {config.zones.directory}"
    say("example-zones", told, path=str(config.zones.directory))
    say("example-zones", f"try: dig @{endpoint.address} -p {endpoint.port} {name}")
