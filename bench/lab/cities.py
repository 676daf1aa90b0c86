"""One city: its files, its programs, and what can be done to it. Knows nothing of the others.

A program's process id is written down beside its log, and believed only when the kernel says
that the process is in the city's namespace: any later command finds what an earlier one started.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench import procs
from bench.lab import files, namespaces, question, stacks, topology
from bench.lab.errors import LabError
from bench.lab.ring import Ring
from bench.lab.topology import SITES, VIPS
from dnsd.cli import exits

if TYPE_CHECKING:
    import signal
    from pathlib import Path

    from bench.lab.stacks import Program, Stack
    from bench.lab.topology import Names, Site
    from dnsd.config import Anycast

PATIENCE_S = 30.0
"""How long a program may take to end, or to carry out a command."""
RATE = 1000
"""Queries that a client's prober asks in a second."""
LAST_LINES = 5
"""How much of a log is shown."""
ANSWER_S = 0.25
"""How long a single query waits for its answer."""


class City:
    """A site of a lab, with its files below ``directory``."""

    def __init__(self, site: Site, names: Names, directory: Path, stack: Stack) -> None:
        self.site = site
        self.directory = directory / site.name
        self.queries = self.directory / "queries"
        self._stack = stack
        self._names = names
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._unread: list[int] = []

    def namespace(self, role: str) -> str:
        """Return the namespace of one of its machines."""
        return self._names.of(self.site, role)

    # -- setting up ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Write the files and set up the inside of its namespaces."""
        self.directory.mkdir()
        self._stack.write(self.site, self.directory)
        self._write_router(self._stack.announcers(self.site, self.directory))
        machines = self._stack.machines
        for role in ("router", "switch", "client", *machines):
            extra = self._stack.addresses() if role == "node" else ()
            namespace = self.namespace(role)
            namespaces.batch([*topology.inside(self.site, role, machines), *extra], namespace)
            if settings := topology.SYSCTLS.get(role):
                namespaces.run(namespace, "sysctl", "-qw", *settings)
            if command := self._stack.preparation(role, self.directory):
                _check(namespaces.run(namespace, *command))

    def _write_router(self, announcers: dict[str, Anycast]) -> None:
        passwords = self.directory / "passwords"
        defined = (f'define DNSD_PASSWORD_{name} = "{files.PASSWORD}";\n' for name in announcers)
        passwords.write_text("".join(defined))
        (self.directory / "router.conf").write_text(files.router(self.site, announcers, passwords))

    def start_all(self) -> None:
        """Start the router and the node's programs."""
        self.start("router")
        for program in self._stack.programs(self.site, self.directory):
            self.start(program.name)

    # -- programs -----------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start one of the programs: "router", "prober", or one of the node's."""
        self._start(name, self.directory / f"{name}.log")

    def start_unread(self, name: str) -> None:
        """Start it with an output that is full and is not read."""
        path = self.directory / f"{name}.unread"
        self._unread.append(_full_pipe(path))
        self._start(name, path)
        path.unlink()

    def _start(self, name: str, output: Path) -> None:
        program, role = self._program(name)
        self._reap(name)
        child = namespaces.start(self.namespace(role), program.command, output)
        self._children[name] = child
        (self.directory / f"{name}.pid").write_text(f"{child.pid}\n")

    def _program(self, name: str) -> tuple[Program, str]:
        """Return a program and the machine it runs on."""
        if name == "router":
            return stacks.bird(name, self.directory / "router"), "router"
        if name == "prober":
            return stacks.Program(name, (sys.executable, *self._prober())), "client"
        for program in self._stack.programs(self.site, self.directory):
            if program.name == name:
                return program, program.machine
        raise LabError(f"no program of {self._stack.name} is called {name}")

    def _prober(self) -> tuple[str, ...]:
        sites = ",".join(site.name for site in SITES)
        return ("-m", "bench.lab.prober", str(self.queries), str(RATE), ",".join(VIPS), sites)

    def pid(self, name: str) -> int | None:
        """Return the process id of a program, None if it does not run."""
        try:
            pid = int((self.directory / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None
        _, role = self._program(name)
        return pid if pid in namespaces.pids(self.namespace(role)) else None

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program that runs."""
        pid = self.pid(name)
        if pid is None:
            raise LabError(f"{name} does not run in {self.site.city}")
        os.kill(pid, number)

    def send_to_tree(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program and to all that it has started."""
        for pid in procs.tree(self.pid(name) or 0):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def casualties(self) -> list[str]:
        """Return a sentence for each program that has ended without being told to."""
        return [
            f"{name} in {self.site.city} has ended: {self.last_lines(name)}"
            for name, child in self._children.items()
            if child.poll() is not None
        ]

    def last_lines(self, name: str) -> str:
        """Return the end of a program's log."""
        lines = (self.directory / f"{name}.log").read_text().splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def wait_gone(self, name: str) -> None:
        """Wait until a program has ended."""
        until = time.monotonic() + PATIENCE_S
        while self.pid(name) is not None:
            if time.monotonic() > until:
                raise LabError(f"{name} in {self.site.city} does not end")
            time.sleep(0.005)
        self._reap(name)

    def reap(self) -> None:
        """Take note that all programs have ended, as their parent must."""
        for name in list(self._children):
            self._reap(name)
        while self._unread:
            os.close(self._unread.pop())

    def _reap(self, name: str) -> None:
        if child := self._children.pop(name, None):
            child.wait(PATIENCE_S)

    # -- the node -----------------------------------------------------------------------------

    @property
    def server(self) -> str:
        """The name of the program that answers queries."""
        return self._stack.server

    def dnsd(self, *arguments: str, but: tuple[int, ...] = ()) -> str:
        """Run a command of dnsd's on the node and return what it says.

        LabError with that if it fails, with an exit status that is none of ``but``.
        """
        done = subprocess.run(
            [*stacks.COMMAND, *arguments, "--config", str(self.directory / "dnsd.toml")],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode and done.returncode not in but:
            raise LabError(f"dnsd {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def view(self) -> dict[str, Any]:
        """Return what ``dnsd anycast`` says, whether the route is as ordered or not."""
        said = self.dnsd("anycast", "--json", but=(exits.DEGRADED,))
        if not said:
            raise LabError(f"control is down in {self.site.city}")
        found: dict[str, Any] = json.loads(said)
        return found

    def insist(self, *arguments: str) -> str:
        """Run a command of dnsd's until it succeeds: a node that has just come up is not ready."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.dnsd(*arguments)
            except LabError:
                if time.monotonic() > until:
                    raise

    def birdc(self, which: str, *words: str) -> str:
        """Have BIRD on "node" or "router" do a command and return what it says."""
        control = self.directory / f"{which}.ctl"
        done = subprocess.run(
            ["birdcl", "-s", str(control), *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.stdout + done.stderr

    # -- the network --------------------------------------------------------------------------

    def cut(self) -> None:
        """Cut the way between router and node, so that neither sees its link go down."""
        namespaces.batch(["link set dev bridge0 down"], self.namespace("switch"))

    def mend(self) -> None:
        """Undo :meth:`cut`."""
        namespaces.batch(["link set dev bridge0 up"], self.namespace("switch"))

    # -- the client ---------------------------------------------------------------------------

    def probe(self) -> None:
        """Have the client ask from now on, in a file of its own."""
        Ring.create(self.queries)
        self.start("prober")

    def answerers(self) -> tuple[str, ...]:
        """Ask each VIP once, as the client; return who has answered, "" for nobody."""
        socks = [namespaces.udp_socket(self.namespace("client"), _family(vip)) for vip in VIPS]
        try:
            return tuple(_ask(sock, vip) for sock, vip in zip(socks, VIPS, strict=True))
        finally:
            for sock in socks:
                sock.close()


def _check(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise LabError(f"{' '.join(done.args)}: {(done.stderr or done.stdout).strip()}")


def _full_pipe(path: Path) -> int:
    """Make a named pipe that is full; return the descriptor of its reader, which never reads."""
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"x")
    return descriptor


def _family(vip: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in vip else socket.AF_INET


def _ask(sock: socket.socket, vip: str) -> str:
    with contextlib.suppress(OSError):
        sock.sendto(question.query(1), (vip, question.PORT))
        sock.settimeout(ANSWER_S)
        return question.answerer(sock.recv(512)).decode()
    return ""
