"""The ways to move users away from what has failed, each as programs with their files.

    script-T    a static zone with TTL T in NSD, and a script that edits it when a check fails
    gdnsd-T     gdnsd with its http monitor, TTL at most T
    dnsd-T      dnsd with a policy beside the zone, TTL at most T
    proxy       HAProxy in front of the services
    anycast-withdraw, anycast-drain    the services' address is anycast, announced by dnsd and
                BIRD; a script withdraws or drains the site when its service's check fails
    farm-proxy, farm-directors  three services that are all in use, behind HAProxy, or behind an
                anycast address that two directors announce (:mod:`bench.failover.balancers`)

All check as often and count alike (:class:`bench.failover.settings.Checks`), and all start from
a steady state: the first service is well and answers.
"""

from __future__ import annotations

import functools
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

from bench.failover import files
from bench.failover.ground import Cities, Town
from bench.failover.programs import Program
from bench.failover.settings import BEHIND, EACH, HTTP, WWW, Checks
from bench.lab import stacks as lab_stacks
from bench.lab.topology import VIPS
from bench.peers.base import program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.failover.ground import Ground, Host
    from bench.lab.topology import Site


class Stack(Protocol):
    """One way.

    ``ttl``: the longest time that caches keep an answer that may change (seconds), 0 if none
    does. ``port``: where the
    services listen. ``front``: the program that its "front" is, "" if it has none that could
    fail. ``sampled``: the names whose answers show what it does.
    """

    name: str
    title: str
    ttl: int
    port: int
    front: str
    sampled: tuple[str, ...]

    @property
    def orders(self) -> bool:
        """Whether an operator can move users with a command."""

    def ground(self, name: str, kind: str) -> Ground:
        """Return where it stands; ``kind`` is "town" or "cities"."""

    def programs(self, ground: Ground, directory: Path) -> list[Program]:
        """Write its files and return what is to be started, in this order."""

    def order(self, what: str, ground: Ground, directory: Path) -> tuple[Host, tuple[str, ...]]:
        """Return the command to "move" users or to have them "return", and where it is given."""


def service(host: Host, port: int, number: int) -> Program:
    """Return the service with this number; it answers on all addresses of a city's node."""
    listen = host.address if host.address.startswith("127.") else "0.0.0.0"
    command = (sys.executable, "-m", "bench.failover.service", listen, str(port), f"s{number}")
    return Program(f"service{number}", host.namespace, command)


def services(ground: Ground, port: int) -> list[Program]:
    """Return all services."""
    return [service(host, port, number) for number, host in enumerate(ground.services)]


class _Plain:
    """What most stacks have: a town or bare cities."""

    port = HTTP
    front = ""
    sampled: tuple[str, ...] = ()

    @property
    def orders(self) -> bool:
        """All have some command."""
        return True

    def __init__(self, name: str, title: str, ttl: int, checks: Checks) -> None:
        self.name, self.title, self.ttl = name, title, ttl
        self._checks = checks

    def ground(self, name: str, kind: str) -> Ground:
        """Return a town, or cities without anycast."""
        return Town(name) if kind == "town" else Cities(name)


class Script(_Plain):
    """A static zone in NSD, and an operator's script."""

    front = "nsd"
    sampled: tuple[str, ...] = (WWW,)

    def __init__(self, ttl: int, checks: Checks) -> None:
        super().__init__(f"script-{ttl}", f"static zone, TTL {ttl}", ttl, checks)

    def programs(self, ground: Ground, directory: Path) -> list[Program]:
        """NSD and the script."""
        at = ground.authority
        first, second = ground.services[:2]
        switch = files.write_switch(directory, self.ttl)
        commands = [f"sh {switch} {host.address}" for host in (second, first)]
        return [
            nsd(at, directory, first.address, self.ttl)._replace(moves=True),
            watcher(at, first, self._checks, *commands),
        ]

    def order(self, what: str, ground: Ground, directory: Path) -> tuple[Host, tuple[str, ...]]:
        """The same script, by hand."""
        host = ground.services[what == "move"]
        return ground.authority, ("sh", str(directory / "switch.sh"), host.address)


class Gdnsd(_Plain):
    """gdnsd with its http monitor."""

    front = "gdnsd"
    sampled: tuple[str, ...] = (WWW, EACH)

    def __init__(self, ttl: int, shortest: int, checks: Checks) -> None:
        # Its TTL is never longer than what stands between it and the next possible change.
        longest = max(shortest, min(ttl, int(checks.down * checks.interval)))
        super().__init__(f"gdnsd-{ttl}", f"gdnsd, TTL {ttl} to {shortest}", longest, checks)
        self._ttls = ttl, shortest

    def programs(self, ground: Ground, directory: Path) -> list[Program]:
        """Nothing but gdnsd."""
        addresses = [host.address for host in ground.services]
        files.write_gdnsd(directory, ground.authority.address, addresses, self._ttls, self._checks)
        command = (program("gdnsd"), "-c", str(directory / "gdnsd"), "start")
        return [Program("gdnsd", ground.authority.namespace, command, moves=True)]

    def order(self, what: str, ground: Ground, directory: Path) -> tuple[Host, tuple[str, ...]]:
        """Write gdnsd's file of administrative states."""
        state = f"{ground.services[0].address}/* => DOWN" if what == "move" else ""
        path = directory / "gdnsd" / "state" / "admin_state"
        return ground.authority, ("sh", "-c", f"echo '{state}' >{path}.new && mv {path}.new {path}")


class Dnsd(_Plain):
    """dnsd with a policy; in the cities on all nodes, behind an anycast address."""

    front = "dnsd"
    sampled: tuple[str, ...] = (WWW, EACH)

    def __init__(self, ttl: int, shortest: int, checks: Checks) -> None:
        super().__init__(f"dnsd-{ttl}", f"dnsd, TTL {ttl} to {shortest}", ttl, checks)
        self._shortest = shortest

    def ground(self, name: str, kind: str) -> Ground:
        """Return a town, or cities whose nodes run dnsd with the policy."""
        if kind == "town":
            return Town(name)
        addresses = [host.address for host in Cities(name).services]
        return Cities(name, _Node(self._zone(addresses), self._policy(addresses)))

    def _zone(self, addresses: Sequence[str]) -> str:
        return files.zone({WWW: addresses[:2], EACH: addresses}, self.ttl)

    def _policy(self, addresses: Sequence[str]) -> str:
        return files.policy(addresses, self._shortest, self._checks)

    def programs(self, ground: Ground, directory: Path) -> list[Program]:
        """In the town dnsd; in the cities the lab has started it already."""
        if isinstance(ground, Cities):
            return []
        addresses = [host.address for host in ground.services]
        files.write_dnsd(
            directory, ground.authority.address, self._zone(addresses), self._policy(addresses)
        )
        serve = ("serve", "--config", str(directory / "dnsd.toml"))
        command = (*lab_stacks.COMMAND, *serve)
        return [Program("dnsd", ground.authority.namespace, command, moves=True)]

    @property
    def orders(self) -> bool:
        """Whether this dnsd has the command."""
        return _has(*FORCE)

    def order(self, what: str, ground: Ground, directory: Path) -> tuple[Host, tuple[str, ...]]:
        """Force the state of the first service's member."""
        state = "down" if what == "move" else "auto"
        member = ground.services[0].address
        words = (*FORCE, WWW, "A", member, state, "--config", str(directory / "dnsd.toml"))
        return ground.authority, (*lab_stacks.COMMAND, *words)


class Proxy(_Plain):
    """HAProxy before the services; the name points to it for ever."""

    port = BEHIND
    front = "haproxy"

    def __init__(self, checks: Checks) -> None:
        super().__init__("proxy", "HAProxy in front", 0, checks)

    def programs(self, ground: Ground, directory: Path) -> list[Program]:
        """HAProxy, and NSD with a zone that never changes."""
        addresses = [f"{host.address}:{BEHIND}" for host in ground.services]
        path = directory / "haproxy.cfg"
        path.write_text(
            files.haproxy(
                f"{ground.front.address}:{HTTP}",
                self._servers(addresses),
                self._checks,
                directory,
            )
        )
        command = (program("haproxy"), "-db", "-f", str(path))
        haproxy = Program("haproxy", ground.front.namespace, command, moves=True, carries=True)
        return [nsd(ground.authority, directory, ground.front.address, files.LONG), haproxy]

    def _servers(self, services: Sequence[str]) -> str:
        return files.in_turn(services)

    def order(self, what: str, ground: Ground, directory: Path) -> tuple[Host, tuple[str, ...]]:
        """Tell HAProxy over its socket."""
        words = f"set server shop/s0 state {'drain' if what == 'move' else 'ready'}"
        return ground.front, (sys.executable, "-c", TELL, str(directory / "haproxy.sock"), words)


class Anycast(_Plain):
    """The services are reached at the anycast address that dnsd's nodes hold."""

    def __init__(self, order: str, checks: Checks) -> None:
        super().__init__(f"anycast-{order}", f"anycast, {order}", 0, checks)
        self._orders = ORDERS[order]

    def ground(self, name: str, kind: str) -> Ground:
        """Return the cities: where there are no routes there is no anycast."""
        del kind
        return Cities(name, _Node(files.zone({WWW: VIPS[:1]}, files.LONG)))

    def programs(self, ground: Ground, directory: Path) -> list[Program]:
        """Return a script for each city."""
        del directory
        assert isinstance(ground, Cities)
        found = []
        for city, host in zip(ground.lab.cities.values(), ground.services, strict=True):
            config = ["--config", str(city.directory / "dnsd.toml")]
            commands = [
                shlex.join([*lab_stacks.COMMAND, *order.split(), *config]) for order in self._orders
            ]
            script = watcher(host, host, self._checks, *commands)
            here = host == ground.services[0]
            found.append(script._replace(name=f"script-{city.site.name}", moves=here))
        return found

    def order(self, what: str, ground: Ground, directory: Path) -> tuple[Host, tuple[str, ...]]:
        """The same order, by hand."""
        del directory
        assert isinstance(ground, Cities)
        config = ground.lab["nyc"].directory / "dnsd.toml"
        words = self._orders[what == "return"].split()
        return ground.services[0], (*lab_stacks.COMMAND, *words, "--config", str(config))


FORCE = ("failover", "force")
TELL = (
    "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
    " s.sendall(sys.argv[2].encode() + b'\\n'); sys.exit(s.recv(4096).decode().strip() or 0)"
)
ORDERS = {"withdraw": ("withdraw", "announce"), "drain": ("drain node", "undrain node")}
"""What dnsd is told when the service of its site is down, and when it is up again."""


class _Node(lab_stacks.Dnsd):
    """The lab's dnsd, with one zone more."""

    def __init__(self, zone: str, policy: str = "") -> None:
        self._zone, self._policy = zone, policy

    def write(self, site: Site, directory: Path) -> None:
        """Write the zone and its policy besides."""
        super().write(site, directory)
        files.write_zone(directory / "zones", self._zone, self._policy)


def nsd(at: Host, directory: Path, address: str, ttl: int) -> Program:
    """Write the files of an NSD that answers the name with one address; return it."""
    files.write_nsd(directory, at.address, files.zone({WWW: [address]}, ttl))
    return Program("nsd", at.namespace, (program("nsd"), "-d", "-c", str(directory / "nsd.conf")))


def watcher(at: Host, watched: Host, checks: Checks, when_down: str, when_up: str) -> Program:
    """Return a script that runs at one host and watches the service at another."""
    numbers = (checks.interval, checks.timeout, checks.down, checks.ok, checks.up)
    command = (
        *(sys.executable, "-m", "bench.failover.watcher", watched.address, str(HTTP)),
        *map(str, numbers),
        *(when_down, when_up),
    )
    return Program("script", at.namespace, command, moves=True)


@functools.cache
def _has(*words: str) -> bool:
    """Return whether dnsd has this command."""
    command = (*lab_stacks.COMMAND, *words, "--help")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
