"""PowerDNS Authoritative Server with its bind backend."""

from __future__ import annotations

from bench.peers.base import Peer, Setup, Start, program, version_of

CONFIG = """\
daemon=no
guardian=no
launch=bind
bind-config={directory}/zones.conf
local-address=127.0.0.1
local-port={port}
socket-dir={directory}
receiver-threads=1
distributor-threads=1
loglevel=3
disable-syslog=yes
log-dns-details=no
log-dns-queries=no
webserver=no
version-string=anonymous
"""

ZONES = """\
zone "{name}" {{ type native; file "{zone}"; }};
"""


def _version() -> str:
    return version_of(Start(["pdns_server", "--version"]), r"Server (\S+)")


def _prepare(setup: Setup) -> Start:
    zones = setup.directory / "zones.conf"
    zones.write_text(ZONES.format(name=setup.origin.rstrip("."), zone=setup.zone))
    config = setup.directory / "pdns.conf"
    config.write_text(CONFIG.format(port=setup.port, directory=setup.directory))
    return Start([program("pdns_server"), f"--config-dir={setup.directory}"])


PEER = Peer(
    "pdns",
    _version,
    _prepare,
    note="bind backend, one receiver and one distributor thread, packet and query caches on",
)
