"""gdnsd, which signs nothing and serves no signed zones."""

from __future__ import annotations

from bench.peers.base import Peer, Setup, Start, program, version_of

CONFIG = """\
options => {{
    listen => {{ 127.0.0.1:{port} => {{ udp_threads = {workers}, tcp_threads = 1 }} }}
    run_dir = {directory}/run
    state_dir = {directory}/state
}}
"""


def _version() -> str:
    return version_of(Start(["gdnsd", "-h"]), r"version (\S+)")


def _prepare(setup: Setup) -> Start:
    (setup.directory / "zones").mkdir(exist_ok=True)
    zone = setup.directory / "zones" / setup.origin.rstrip(".")
    zone.unlink(missing_ok=True)
    zone.symlink_to(setup.zone)
    (setup.directory / "config").write_text(
        CONFIG.format(port=setup.port, directory=setup.directory, workers=setup.workers)
    )
    return Start([program("gdnsd"), "-c", str(setup.directory), "start"])


PEER = Peer(
    "gdnsd",
    _version,
    _prepare,
    note="udp_threads 1, tcp_threads 1; no DNSSEC",
    dnssec=False,
    reload=None,
)
