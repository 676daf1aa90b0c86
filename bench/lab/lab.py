"""A whole lab: three cities and the links between them, from nothing to nothing.

    with Lab("demo").running() as lab: ...

Everything of a lab is in its namespaces and its directory. Whatever happens, ``down`` finds and
removes it: what a killed process has left behind as well.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.lab import namespaces, topology, trace
from bench.lab.cities import City
from bench.lab.errors import LabError
from bench.lab.stacks import Dnsd
from bench.lab.topology import PREFIX, SITES, VIPS, Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.lab.stacks import Stack
    from bench.lab.trace import Query

HOME = Path("/run/dnsd-lab")
OWNER = "owner"
"""The file with the process id of whoever takes this lab down itself; without it, nobody does."""
NEEDED = ("ip", "sysctl", "bird", "birdcl")
CONVERGE_S = 60.0
"""How long the routes may take to be as they should."""
PAUSE_S = 0.02


class Lab:
    """The cities of one lab, by name; ``stack`` is what their nodes run."""

    def __init__(self, name: str, stack: Stack | None = None) -> None:
        self.name = name
        self.directory = HOME / name
        self.names = Names(name)
        self._stack = stack or Dnsd()
        self.cities = {
            site.name: City(site, self.names, self.directory, self._stack) for site in SITES
        }

    def __getitem__(self, site: str) -> City:
        return self.cities[site]

    # -- up and down --------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self) -> Iterator[Lab]:
        """Bring it up for as long as the body runs, and take it down then."""
        self.up(owned=True)
        try:
            yield self
        finally:
            self.down()

    def up(self, *, owned: bool = False) -> None:
        """Bring it up and wait until every client is answered by its own city.

        What was built is removed if it fails. An ``owned`` lab is to end with this process.
        """
        _check_machine()
        if self.exists():
            raise LabError(
                f"a lab named {self.name} is there already: take it down with"
                f" `python -m bench lab down --name {self.name}`, or choose another name"
            )
        try:
            self._build(owned)
            self.converge()
        except BaseException:
            self.down()
            raise

    def _build(self, owned: bool) -> None:
        self.directory.mkdir(parents=True)
        if owned:
            (self.directory / OWNER).write_text(f"{os.getpid()}\n")
        namespaces.batch(topology.links(self.names, self._stack.machines))
        for city in self.cities.values():
            city.prepare()
        for city in self.cities.values():
            city.start_all()

    def down(self) -> None:
        """End all its processes and remove all that it has made; nothing there is no fault."""
        with _undisturbed():
            namespaces.remove(self.names.all())
            for city in self.cities.values():
                city.reap()
            shutil.rmtree(self.directory, ignore_errors=True)
            with contextlib.suppress(OSError):
                HOME.rmdir()

    def rebuild(self) -> None:
        """Make it anew: what has gone wrong in it must not be taken for what comes next."""
        self.down()
        self.up(owned=True)

    def exists(self) -> bool:
        """Return whether anything of it is there."""
        return self.directory.exists() or any(map(namespaces.exists, self.names.all()))

    def is_orphan(self) -> bool:
        """Return whether the process that should have taken it down has ended."""
        with contextlib.suppress(OSError, ValueError):
            owner = int((self.directory / OWNER).read_text())
            return not Path(f"/proc/{owner}").exists()
        return not self.directory.exists()

    # -- watching -----------------------------------------------------------------------------

    def converge(self) -> None:
        """Wait until every client is answered by its own city, over IPv4 and IPv6."""
        self.wait({site.name: site.name for site in SITES})

    def wait(self, wanted: dict[str, str]) -> None:
        """Wait until the clients are answered so: the client's city → the city that answers.

        LabError when a program ends meanwhile, or when it takes too long.
        """
        until = time.monotonic() + CONVERGE_S
        while found := self._differences(wanted):
            fallen = [text for city in self.cities.values() for text in city.casualties()]
            if fallen or time.monotonic() > until:
                said = [self.cities[name].last_lines(self.cities[name].server) for name in wanted]
                raise LabError("\n".join([*found, *(fallen or said)]))
            time.sleep(PAUSE_S)

    def check(self, wanted: dict[str, str]) -> None:
        """Raise LabError unless the clients are answered so now."""
        if found := self._differences(wanted):
            raise LabError("; ".join(found))

    def _differences(self, wanted: dict[str, str]) -> list[str]:
        found = []
        for client, site in wanted.items():
            answers = self.cities[client].answerers()
            found += [
                f"{client} is answered by {answer or 'nobody'} on {vip}, not by {site}"
                for vip, answer in zip(VIPS, answers, strict=True)
                if answer != site
            ]
        return found

    def probe(self) -> None:
        """Have all clients ask from now on."""
        for city in self.cities.values():
            city.probe()

    def seen(self, client: str, since: float, until: float) -> list[Query]:
        """Return what a client has asked between two times, once all answers are in."""
        time.sleep(max(0.0, until + trace.LATE_S - time.monotonic()))
        return trace.read(self.cities[client].queries, [site.name for site in SITES], since, until)


def existing() -> list[Lab]:
    """Return all labs of this machine of which anything is left, whole or not."""
    found = {path.name for path in HOME.glob("*")} if HOME.exists() else set()
    if namespaces.NAMED.exists():
        for path in namespaces.NAMED.iterdir():
            prefix, _, rest = path.name.partition("-")
            name = rest.rsplit("-", 2)[0]
            if prefix == PREFIX and path.name in Names(name).all():
                found.add(name)
    return [Lab(name) for name in sorted(found)]


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces, which needs root: try sudo")
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        raise LabError(
            f"not installed: {', '.join(missing)} (Debian, Ubuntu: apt-get install bird2 iproute2)"
        )


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nobody interrupt the body: half a removal helps no one."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before: dict[signal.Signals, Callable[..., object] | int | None] = {}
    with contextlib.suppress(ValueError):  # not in the main thread: signals don't come here
        before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
