"""What shares users out to three services that are all in use: a proxy, or two directors."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bench.failover import files
from bench.failover.farm import DIRECTORS, ROUTER, VIP, Farm
from bench.failover.programs import Program
from bench.failover.settings import HTTP
from bench.failover.stacks import Proxy, nsd
from bench.lab import namespaces
from bench.lab import stacks as lab_stacks
from bench.lab.errors import LabError
from bench.peers.base import program
from dnsd.config import load
from dnsd.config.balancerules import announced
from dnsd.control.anycast.statefile import write_state
from dnsd.routerconf import Dialect, node_bird, router_bird, site_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.failover.ground import Ground, Host
    from bench.failover.settings import Checks


class SharingProxy(Proxy):
    """HAProxy that shares requests out to all services."""

    def __init__(self, checks: Checks) -> None:
        super().__init__(checks)
        self.name, self.title = "farm-proxy", "HAProxy for three"

    def ground(self, name: str, kind: str) -> Ground:
        """Return a farm."""
        del kind
        return Farm(name)

    def _servers(self, services: Sequence[str]) -> str:
        return files.sharing(services)


class Directors:
    """Two machines with dnsd in the role of a director; the name points to their VIP for ever."""

    name = "farm-directors"
    title = "two directors for three"
    ttl = 0
    port = HTTP
    front = "dnsd1"
    orders = True
    sampled: tuple[str, ...] = ()

    def __init__(self, checks: Checks) -> None:
        self._keys = files.checked(checks)

    def ground(self, name: str, kind: str) -> Ground:
        """Return a farm."""
        del kind
        return Farm(name)

    def programs(self, ground: Ground, directory: Path) -> list[Program]:
        """NSD with a zone that never changes, the router's BIRD, and dnsd and BIRD of each."""
        assert isinstance(ground, Farm)
        prepare(ground, directory, VIP)
        names = nsd(ground.authority, directory, VIP, files.LONG)
        return [names, *directors(ground, directory, self._keys)]

    def order(self, what: str, ground: Ground, directory: Path) -> tuple[Host, tuple[str, ...]]:
        """Drain the first service on both directors until that is safe, or let it come back."""
        word = "drain" if what == "move" else "undrain"
        lines = [
            shlex.join([*lab_stacks.COMMAND, "balance", word, "s0", "--config", str(config)])
            for config in (_home(directory, number) / "dnsd.toml" for number in DIRECTORS)
        ]
        return ground.authority, ("sh", "-c", " && ".join(lines))


def prepare(farm: Farm, directory: Path, *vips: str) -> None:
    """Make the services' machines ready for ``vips``."""
    for host in farm.services:
        words = ("setup", "--record", str(directory / host.address), *vips)
        done = namespaces.run(host.namespace, *lab_stacks.COMMAND, "backend", *words)
        if done.returncode:
            raise LabError(f"dnsd backend setup: {done.stderr}")


def directors(farm: Farm, directory: Path, keys: str) -> list[Program]:
    """Return the router's BIRD, and dnsd and BIRD of each director, with their files written."""
    services = [host.address for host in farm.services]
    found: list[Program] = []
    nodes = {}
    for number, host in zip(DIRECTORS, farm.directors, strict=True):
        home = _home(directory, number)
        home.mkdir()
        config = home / "dnsd.toml"
        local = host.address, ROUTER
        config.write_text(files.director(home, local, VIP, services, keys))
        anycast = announced(load(config))
        nodes[f"d{number}"] = anycast
        write_state(anycast.bird.state_file, False)
        (home / "bird.conf").write_text(node_bird(anycast, Dialect.BIRD2))
        serve = (*lab_stacks.COMMAND, "balance", "--config", str(config))
        found += [
            _bird(f"bird{number}", host.namespace, home),
            Program(f"dnsd{number}", host.namespace, serve, moves=True),
        ]
    (directory / "bird.conf").write_text(
        files.farm_router(router_bird(site_of(nodes), Dialect.BIRD2))
    )
    return [_bird("router", farm.users, directory), *found]


def _home(directory: Path, number: int) -> Path:
    return directory / f"d{number}"


def _bird(name: str, namespace: str, home: Path) -> Program:
    conf = home / "bird.conf"
    ends = (("-s", ".ctl"), ("-P", ".pid"))
    files_ = [word for flag, end in ends for word in (flag, str(conf.with_suffix(end)))]
    return Program(name, namespace, (program("bird"), "-f", "-c", str(conf), *files_), moves=True)
