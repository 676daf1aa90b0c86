"""NSD."""

from __future__ import annotations

from bench.peers.base import Peer, Setup, Start, program, version_of

CONFIG = """\
server:
    server-count: {workers}
    reuseport: yes
    ip-address: 127.0.0.1@{port}
    username: ""
    zonesdir: "{directory}"
    pidfile: ""
    xfrdfile: "{directory}/xfrd.state"
    zonelistfile: "{directory}/zone.list"
    xfrdir: "{directory}"
    database: ""
    logfile: "/dev/stderr"
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "{origin}"
    zonefile: "{zone}"
"""


def _version() -> str:
    return version_of(Start(["nsd", "-v"]), r"version (\S+)")


def _prepare(setup: Setup) -> Start:
    config = setup.directory / "nsd.conf"
    config.write_text(
        CONFIG.format(
            port=setup.port,
            directory=setup.directory,
            origin=setup.origin,
            zone=setup.zone,
            workers=setup.workers,
        )
    )
    return Start([program("nsd"), "-d", "-c", str(config)])


PEER = Peer("nsd", _version, _prepare, note="server-count 1, reuseport, no RRL")
