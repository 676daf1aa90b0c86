"""dnsd itself, started as an operator would start it, with either hot path."""

from __future__ import annotations

import compileall
import os
import sys
from pathlib import Path

import dnsd
from bench.peers.base import Peer, Setup, Start, version_of

COMMAND = [sys.executable, "-c", "from dnsd.cli import main; main()"]
PATHS = os.pathsep.join(path for path in sys.path if path)
"""Where this Python finds dnsd: the server starts in a directory of its own."""


def _peer(name: str, note: str, config: str = "", **environment: str) -> Peer:
    # As it is installed: with its modules compiled, whatever this environment says of that.
    environment = {"PYTHONPATH": PATHS, "PYTHONDONTWRITEBYTECODE": "", **environment}

    def version() -> str:
        compileall.compile_dir(Path(dnsd.__file__).parent, quiet=1)
        start = Start([*COMMAND, "version"], environment)
        number, hot_path = version_of(start, r"dnsd (\S+)"), version_of(start, r"hot path: +(\w+)")
        return f"{number} ({hot_path})"

    def prepare(setup: Setup) -> Start:
        serve = ["serve", "--zone", f"{setup.origin}={setup.zone}", f"--workers={setup.workers}"]
        listen = ["--listen", f"127.0.0.1:{setup.port}"]
        state = {"STATE_DIRECTORY": str(setup.directory)}
        file = setup.directory / "dnsd.toml"
        file.write_text(config)
        return Start([*COMMAND, *serve, *listen, "--config", str(file)], environment | state)

    return Peer(name, version, prepare, note)


PEER = _peer("dnsd", "one worker, nothing cached from an earlier start")
PYTHON = _peer("dnsd-python", "the same with DNSD_HOTPATH=python", DNSD_HOTPATH="python")
DEMAND = _peer(
    "dnsd-demand", "the same, which keeps what caches look up", config="[demand]\nenabled = true\n"
)
