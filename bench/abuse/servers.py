"""How each server is configured here: two workers, rate limits of 200 a second with slip 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.peers import dnsd, knot, named, nsd
from bench.peers.base import Start, program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.peers import Peer

ADDRESS = "10.53.0.1"
WORKERS = 2

_DNSD = """
[server]
listen = ["{address}:53"]
workers = {workers}
state_directory = "{directory}/state"
"""

_NSD = """
server:
    server-count: {workers}
    reuseport: yes
    ip-address: {address}
    username: ""
    zonesdir: "{directory}"
    pidfile: ""
    xfrdfile: "{directory}/xfrd.state"
    zonelistfile: "{directory}/zone.list"
    xfrdir: "{directory}"
    database: ""
    logfile: "/dev/stderr"
    rrl-ratelimit: 200
    rrl-slip: 2
    tcp-count: 1000
remote-control:
    control-enable: no
"""

_KNOT = """
server:
    listen: {address}@53
    rundir: "{directory}"
    udp-workers: {workers}
    tcp-workers: {workers}
    background-workers: 1
database:
    storage: "{directory}"
log:
  - target: stderr
    any: error
mod-rrl:
  - id: default
    rate-limit: 200
    slip: 2
template:
  - id: default
    storage: "{directory}"
    journal-content: none
    zonefile-sync: -1
    global-module: mod-rrl/default
zone:
"""

_NAMED = """
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on port 53 {{ {address}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
    notify no;
    querylog no;
    tcp-clients 1000;
    max-records-per-type 0;
    rate-limit {{ responses-per-second 200; slip 2; window 15; }};
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
"""


def _file(directory: Path, name: str, template: str, zones: list[str]) -> Path:
    head = template.format(address=ADDRESS, directory=directory, workers=WORKERS)
    path = directory / name
    path.write_text(head + "".join(zones))
    return path


def _dnsd(directory: Path, zones: Mapping[str, Path]) -> Start:
    each = [f'[[zone]]\nname = "{name}"\nfile = "{file}"\n' for name, file in zones.items()]
    path = _file(directory, "dnsd.toml", _DNSD, each)
    command = [*dnsd.COMMAND, "serve", "--config", str(path)]
    return Start(command, {"PYTHONPATH": dnsd.PATHS})


def _nsd(directory: Path, zones: Mapping[str, Path]) -> Start:
    each = [f'zone:\n    name: "{name}"\n    zonefile: "{file}"\n' for name, file in zones.items()]
    return Start([program("nsd"), "-d", "-c", str(_file(directory, "nsd.conf", _NSD, each))])


def _knot(directory: Path, zones: Mapping[str, Path]) -> Start:
    each = [f'  - domain: "{name}"\n    file: "{file}"\n' for name, file in zones.items()]
    return Start([program("knotd"), "-c", str(_file(directory, "knot.conf", _KNOT, each))])


def _named(directory: Path, zones: Mapping[str, Path]) -> Start:
    each = [f'zone "{name}" {{ type primary; file "{file}"; }};\n' for name, file in zones.items()]
    path = _file(directory, "named.conf", _NAMED, each)
    return Start([program("named"), "-f", "-n", str(WORKERS), "-c", str(path)])


SERVERS: dict[str, tuple[Peer, Callable[[Path, Mapping[str, Path]], Start]]] = {
    "dnsd": (dnsd.PEER, _dnsd),
    "nsd": (nsd.PEER, _nsd),
    "knot": (knot.PEER, _knot),
    "named": (named.PEER, _named),
}
"""Each server with what knows its version, and how a start of it is prepared."""
