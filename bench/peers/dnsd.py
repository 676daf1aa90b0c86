"""dnsd itself, started as an operator would start it."""

from __future__ import annotations

import os
import sys

from bench.peers.base import Peer, Setup, Start, version_of

COMMAND = [sys.executable, "-c", "from dnsd.cli import main; main()"]


def _version() -> str:
    """Return the version and the hot path, as ``dnsd version`` names them."""
    command = [*COMMAND, "version"]
    version = version_of(command, r"dnsd (\S+)")
    hot_path = version_of(command, r"hot path: +(\w+)")
    return f"{version} ({hot_path})"


def _prepare(setup: Setup) -> Start:
    serve = ["serve", "--zone", f"{setup.origin}={setup.zone}", "--workers", "1"]
    listen = ["--listen", f"127.0.0.1:{setup.port}"]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {"STATE_DIRECTORY": str(setup.directory), "PYTHONPATH": paths}
    return Start([*COMMAND, *serve, *listen], environment)


PEER = Peer("dnsd", _version, _prepare, note="one worker, nothing cached from an earlier start")
