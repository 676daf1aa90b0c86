"""BIND 9."""

from __future__ import annotations

from bench.peers.base import Peer, Setup, Start, program, version_of

CONFIG = """\
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
    notify no;
    querylog no;
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
zone "{origin}" {{ type primary; file "{zone}"; }};
"""


def _version() -> str:
    return version_of(Start(["named", "-v"]), r"BIND (\S+)")


def _prepare(setup: Setup) -> Start:
    config = setup.directory / "named.conf"
    config.write_text(
        CONFIG.format(
            port=setup.port, directory=setup.directory, origin=setup.origin, zone=setup.zone
        )
    )
    return Start([program("named"), "-f", "-n", str(setup.workers), "-c", str(config)])


PEER = Peer("named", _version, _prepare, note="-n 1, no recursion")
