"""Knot DNS."""

from __future__ import annotations

from bench.peers.base import Peer, Setup, Start, program, version_of

CONFIG = """\
server:
    listen: 127.0.0.1@{port}
    rundir: "{directory}"
    udp-workers: {workers}
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{directory}"
log:
  - target: stderr
    any: error
template:
  - id: default
    storage: "{directory}"
    journal-content: none
    zonefile-sync: -1
zone:
  - domain: "{origin}"
    file: "{zone}"
"""


def _version() -> str:
    return version_of(Start(["knotd", "-V"]), r"version (\S+)")


def _prepare(setup: Setup) -> Start:
    config = setup.directory / "knot.conf"
    config.write_text(
        CONFIG.format(
            port=setup.port,
            directory=setup.directory,
            origin=setup.origin,
            zone=setup.zone,
            workers=setup.workers,
        )
    )
    return Start([program("knotd"), "-c", str(config)])


PEER = Peer("knot", _version, _prepare, note="one UDP worker, no journal")
