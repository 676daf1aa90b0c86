"""PowerDNS Authoritative Server with its bind backend."""

from __future__ import annotations

import subprocess

from bench.peers.base import Peer, Setup, Start, program, version_of

CONFIG = """\
daemon=no
guardian=no
launch=bind
bind-config={directory}/zones.conf
local-address=127.0.0.1
local-port={port}
socket-dir={directory}
receiver-threads={workers}
reuseport=yes
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
    config.write_text(
        CONFIG.format(port=setup.port, directory=setup.directory, workers=setup.workers)
        + (_signed(setup) if setup.denial else "")
    )
    return Start([program("pdns_server"), f"--config-dir={setup.directory}"])


def _signed(setup: Setup) -> str:
    """Tell PowerDNS that the zone comes signed; return the settings for that."""
    database = setup.directory / "dnssec.sqlite"
    settings = f"bind-dnssec-db={database}\n"
    name = setup.origin.rstrip(".")
    util = [program("pdnsutil"), f"--config-dir={setup.directory}"]
    (setup.directory / "pdns.conf").write_text(
        f"launch=bind\nbind-config={setup.directory}/zones.conf\n{settings}"
    )
    commands = [["create-bind-db", str(database)], ["set-presigned", name]]
    if setup.denial == "NSEC3":
        commands.append(["set-nsec3", name, "1 0 0 -"])
    for command in commands:
        subprocess.run([*util, *command], check=False, timeout=30, capture_output=True)
    return settings


PEER = Peer(
    "pdns",
    _version,
    _prepare,
    note="bind backend, one receiver and one distributor thread, packet and query caches on",
    reload=None,
)
