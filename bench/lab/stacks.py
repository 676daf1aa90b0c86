"""What a node runs: which programs, in which order, with which files.

``Dnsd`` is what the lab is about. What people use instead is in :mod:`bench.lab.rivals`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

from bench.lab import files, topology
from dnsd import config, routerconf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.lab.topology import Site

COMMAND = (sys.executable, "-c", "from dnsd.cli import main; main()")
WORKERS = 2


class Program(NamedTuple):
    """A program of a city: its name in the lab, its command, and the machine that it runs on."""

    name: str
    command: tuple[str, ...]
    machine: str = "node"


class Stack(Protocol):
    """The programs of a city; ``server`` is the name of the one that answers queries.

    ``period`` is how often (seconds) it looks after the server: what happens between two looks
    is found out sooner or later by so much.
    """

    name: str
    server: str
    period: float

    @property
    def machines(self) -> Mapping[str, int]:
        """The machines on the city's switch, with the hosts that they are."""

    def announcers(self, site: Site, directory: Path) -> dict[str, config.Anycast]:
        """Return what the router is to know of each machine that announces the VIPs."""

    def write(self, site: Site, directory: Path) -> None:
        """Write the files of the node of ``site`` into ``directory``."""

    def addresses(self) -> tuple[str, ...]:
        """Return the lines for ``ip -batch`` that a node needs besides."""

    def preparation(self, machine: str, directory: Path) -> tuple[str, ...]:
        """Return the command that makes a machine ready; none is empty."""

    def programs(self, site: Site, directory: Path) -> tuple[Program, ...]:
        """Return what is to be started, in this order."""


class OneNode:
    """What is the same for all stacks with one node in each city."""

    machines = topology.NODE

    def announcers(self, site: Site, directory: Path) -> dict[str, config.Anycast]:
        """The node."""
        return {site.name: load(directory)}

    def preparation(self, machine: str, directory: Path) -> tuple[str, ...]:
        """Nothing."""
        del machine, directory
        return ()


class Dnsd(OneNode):
    """dnsd with its own anycast plane, and BIRD as dnsd wants it."""

    name = "dnsd"
    server = "dnsd"
    period = 0.05

    def write(self, site: Site, directory: Path) -> None:
        """Write what ``dnsd bird-config node`` would, and dnsd's own files."""
        anycast = write_dnsd(site, directory)
        rendered = routerconf.node_bird(anycast)
        (directory / "node.conf").write_text(f"{files.LOG}{rendered}")

    def addresses(self) -> tuple[str, ...]:
        """Nothing: dnsd makes the interface for the VIPs itself."""
        return ()

    def programs(self, site: Site, directory: Path) -> tuple[Program, ...]:
        """BIRD and dnsd; each would wait for the other."""
        del site
        serve = (*COMMAND, "serve", "--config", f"{directory}/dnsd.toml")
        return bird("bird", directory / "node"), Program("dnsd", serve)


def write_dnsd(site: Site, directory: Path) -> config.Anycast:
    """Write dnsd's configuration, zone and passwords; return what it says about anycast."""
    (directory / "zones").mkdir()
    (directory / "zones" / f"{files.ZONE}.zone").write_text(files.zone(site))
    (directory / "password").write_text(f'define DNSD_PASSWORD = "{files.PASSWORD}";\n')
    (directory / "dnsd-state.conf").write_text("define DNSD_DRAIN = false;\n")
    (directory / "dnsd.toml").write_text(files.toml(site, directory, WORKERS))
    return load(directory)


def load(directory: Path) -> config.Anycast:
    """Return what dnsd's configuration in ``directory`` says about anycast."""
    return config.load(directory / "dnsd.toml").anycast


def bird(name: str, files_of: Path, machine: str = "node") -> Program:
    """Return the program that runs BIRD; ``files_of``: the path of its files without suffix."""
    command = ("bird", "-f", "-c", f"{files_of}.conf", "-s", f"{files_of}.ctl")
    return Program(name, command, machine)
