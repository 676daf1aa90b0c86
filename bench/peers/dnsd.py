"""dnsd itself, started as an operator would start it."""

from __future__ import annotations

import os
import sys

from bench.peers.base import Peer, Setup, Start, version_of

COMMAND = [sys.executable, "-c", "from dnsd.cli import main; main()"]


def _version() -> str:
    """Return version and hot path, as ``dnsd version`` names them."""
    version = version_of([*COMMAND, "version"], r"dnsd\s+(\S+)")
    return f"{version} ({hot_path()})"


def hot_path() -> str:
    """Return the name of the hot-path implementation in use."""
    return version_of([*COMMAND, "version"], r"hot[- ]?path\W+(\w+)")


def _prepare(setup: Setup) -> Start:
    serve = ["serve", "--zone", f"{setup.origin}={setup.zone}", "--workers", "1"]
    listen = ["--listen", f"127.0.0.1:{setup.port}"]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {"STATE_DIRECTORY": str(setup.directory), "PYTHONPATH": paths}
    return Start([*COMMAND, *serve, *listen], environment)


PEER = Peer("dnsd", _version, _prepare, note="one worker, nothing cached from an earlier start")
