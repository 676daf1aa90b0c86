"""Caching resolvers from the distribution, as the measurements start them: one zone, one server.

Each asks the server that is measured for its zone and nobody else for anything.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.peers.base import Start, program, version_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STALE_EXTENSIONS = 1440
"""How often PowerDNS Recursor lengthens the life of an expired answer by 30 s."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resolver works: its own directory, its address and port, its zone and whom it asks.

    ``stale``: it answers with expired data when the server does not answer (RFC 8767).
    """

    directory: Path
    address: str
    port: int
    zone: str
    server: str
    server_port: int = 53
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Resolver:
    """A kind of resolver.

    ``version`` raises Unavailable if it is not installed. ``prepare`` writes its configuration
    and returns how to start it in the foreground; ``flush`` returns the command that has it
    forget its zone.
    """

    name: str
    version: Callable[[], str]
    prepare: Callable[[Place], Start]
    flush: Callable[[Place], list[str]]


def _root(place: Place) -> Path:
    """Write the only root server that a resolver knows; nobody is there, so nobody is asked."""
    path = place.directory / "root"
    path.write_text(".\t3600\tNS\troot.invalid.\nroot.invalid.\t3600\tA\t127.0.0.1\n")
    return path


def _prepare_unbound(place: Place) -> Start:
    path = place.directory / "unbound.conf"
    path.write_text(
        f"""\
server:
    directory: "{place.directory}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    num-threads: 1
    interface: {place.address}@{place.port}
    outgoing-interface: {place.address}
    access-control: 0.0.0.0/0 allow
    do-ip6: no
    do-not-query-localhost: no
    root-hints: "{_root(place)}"
    module-config: "iterator"
    serve-expired: {"yes" if place.stale else "no"}
    local-zone: "{place.zone}" nodefault
stub-zone:
    name: "{place.zone}"
    stub-addr: {place.server}@{place.server_port}
remote-control:
    control-enable: yes
    control-use-cert: no
    control-interface: "{place.directory}/control"
"""
    )
    return Start([program("unbound"), "-d", "-c", str(path)])


def _flush_unbound(place: Place) -> list[str]:
    control = [program("unbound-control"), "-c", str(place.directory / "unbound.conf")]
    return [*control, "flush_zone", place.zone]


def _prepare_recursor(place: Place) -> Start:
    (place.directory / "recursor.conf").write_text(
        f"""\
socket-dir={place.directory}
local-address={place.address}
local-port={place.port}
query-local-address={place.address}
allow-from=0.0.0.0/0
dont-query=
hint-file={_root(place)}
forward-zones={place.zone}={place.server}:{place.server_port}
dnssec=off
threads=1
daemon=no
disable-syslog=yes
security-poll-suffix=
serve-stale-extensions={STALE_EXTENSIONS if place.stale else 0}
"""
    )
    return Start([program("pdns_recursor"), f"--config-dir={place.directory}"])


def _flush_recursor(place: Place) -> list[str]:
    control = [program("rec_control"), f"--socket-dir={place.directory}"]
    return [*control, "wipe-cache", f"{place.zone}$"]


UNBOUND = Resolver(
    "Unbound",
    lambda: version_of(Start(["unbound", "-V"]), r"Version (\S+)"),
    _prepare_unbound,
    _flush_unbound,
)
RECURSOR = Resolver(
    "PowerDNS Recursor",
    lambda: version_of(Start(["pdns_recursor", "--version"]), r"Recursor (\S+)"),
    _prepare_recursor,
    _flush_recursor,
)


def flush(resolver: Resolver, place: Place) -> None:
    """Have a running resolver forget its zone."""
    subprocess.run(resolver.flush(place), check=True, capture_output=True, timeout=10)
