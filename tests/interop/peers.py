"""dnsd and other people's servers on the same zones, as processes: NSD, Knot, BIND.

Each runs in the foreground in a directory of its own on a free loopback port, and is ended by
its process. Whoever starts one waits until it answers, so no test sleeps.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Self

import dns.exception
import dns.message
import dns.query
import dns.rcode

import dnsd
from tests.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

START_SECONDS = 60.0
"""How long a peer may take until it answers from every zone (the root zone takes Knot 1 s)."""

HOST = "127.0.0.1"

COMMAND = [sys.executable, "-c", "from dnsd.cli import main; main()"]


class Peer(ABC):
    """A server that is started on entering and ended on leaving."""

    def __init__(self, directory: Path, zones: Mapping[str, Path]) -> None:
        self.directory = directory
        self.zones = zones
        self.port = free_port()
        self.log = directory / "log"
        self.environ = dict(os.environ)

    @abstractmethod
    def configure(self) -> list[str]:
        """Write the configuration files; return the command that stays in the foreground."""

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True)
        command = self.configure()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The number of its first process."""
        return self._process.pid

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        """Wait until each zone answers; a peer that ends or does not answer shows its log."""
        deadline = time.monotonic() + START_SECONDS
        for zone in self.zones:
            while not self._answers(zone):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"{self} does not serve {zone}:\n{self.log.read_text()[-2000:]}"
                    )
                time.sleep(0.02)

    def _answers(self, zone: str) -> bool:
        query = dns.message.make_query(zone, "SOA")
        try:
            response = dns.query.udp(query, HOST, timeout=0.3, port=self.port)
        except (OSError, dns.exception.DNSException):
            return False
        return bool(response.answer) and response.rcode() == dns.rcode.NOERROR

    def __str__(self) -> str:
        return type(self).__name__.lower()


class Dnsd(Peer):
    """dnsd itself, the whole of it, with one worker, and its ``state`` directory."""

    def __init__(self, directory: Path, zones: Mapping[str, Path]) -> None:
        super().__init__(directory, zones)
        self.state = directory / "state"

    def configure(self) -> list[str]:
        options = ["--listen", f"{HOST}:{self.port}"]
        for zone, path in self.zones.items():
            options += ["--zone", f"{zone}={path}"]
        return self._command(options)

    def configure_by(self, text: str, secrets: Mapping[str, str]) -> list[str]:
        """Write a configuration with ``text`` after ``listen``, and the files of ``secrets``."""
        for name, secret in secrets.items():
            file = self.directory / name
            file.write_text(secret)
            file.chmod(0o600)
        config = self.directory / "dnsd.toml"
        config.write_text(f'[server]\nlisten = ["{HOST}:{self.port}"]\n{text}')
        return self._command(["--config", str(config)])

    def _command(self, options: list[str]) -> list[str]:
        self.environ["STATE_DIRECTORY"] = str(self.state)
        self.environ["PYTHONPATH"] = str(Path(dnsd.__file__).parent.parent)
        return [*COMMAND, "serve", "--workers", "1", *options]


class Nsd(Peer):
    """NSD of NLnet Labs."""

    def configure(self) -> list[str]:
        lines = [
            "server:",
            f"  ip-address: {HOST}@{self.port}",
            "  server-count: 1",
            '  username: ""',
            '  database: ""',
            f'  zonesdir: "{self.directory}"',
            f'  xfrdir: "{self.directory}"',
            f'  xfrdfile: "{self.directory}/xfrd.state"',
            f'  zonelistfile: "{self.directory}/zone.list"',
            f'  pidfile: "{self.directory}/pid"',
            "  refuse-any: no",
            "  confine-to-zone: yes",
            "  minimal-responses: yes",
            "  rrl-ratelimit: 0",
            "remote-control:",
            "  control-enable: no",
        ]
        for zone, path in self.zones.items():
            lines += ["zone:", f'  name: "{zone}"', f'  zonefile: "{path}"']
        config = self.directory / "nsd.conf"
        config.write_text("\n".join([*lines, ""]))
        return ["nsd", "-d", "-c", str(config)]


class Knot(Peer):
    """Knot DNS of CZ.NIC; those that do more than serve zones have other ``sections``."""

    def configure(self) -> list[str]:
        config = self.directory / "knot.conf"
        config.write_text(f"""\
server:
  listen: {HOST}@{self.port}
  rundir: "{self.directory}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "{self.directory}"
log:
  - target: stderr
    any: info
{self.sections()}""")
        return ["knotd", "-c", str(config)]

    def sections(self) -> str:
        """Return the sections of its configuration that are its own."""
        zones = "".join(
            f"""\
  - domain: "{zone}"
    file: "{path}"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
"""
            for zone, path in self.zones.items()
        )
        return f"zone:\n{zones}"


def knot_key(key: str, secret: str, action: str, **remotes: int) -> str:
    """Return sections of Knot's configuration about a key: who has it ``may`` do ``action``.

    ``remotes`` are servers here that are asked and told with the key, with their ports.
    """
    others = "".join(
        f"  - id: {name}\n    address: {HOST}@{port}\n    key: {key}\n"
        for name, port in remotes.items()
    )
    return f"""\
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
{"remote:" if others else ""}
{others}
acl:
  - id: may
    key: {key}
    action: {action}
"""


class Bind(Peer):
    """BIND of ISC: the tie-breaker where NSD and Knot differ."""

    def configure(self) -> list[str]:
        lines = [
            "options {",
            f'  directory "{self.directory}"; pid-file none; session-keyfile none;',
            f"  listen-on port {self.port} {{ {HOST}; }}; listen-on-v6 {{ none; }};",
            "  recursion no; notify no; dnssec-validation no; empty-zones-enable no;",
            "  minimal-responses yes; check-integrity no; tcp-listen-queue 16;",
            "};",
            "controls { };",
        ]
        for zone, path in self.zones.items():
            lines.append(
                f'zone "{zone}" {{ type master; file "{path}"; check-names ignore; '
                "check-mx ignore; check-srv-cname ignore; check-mx-cname ignore; };"
            )
        config = self.directory / "named.conf"
        config.write_text("\n".join([*lines, ""]))
        return ["named", "-g", "-n", "1", "-c", str(config)]
