"""What a running dnsd says of itself, asked as an operator would: by its own command."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from bench.peers.dnsd import COMMAND, PATHS
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ANSWER_S = 60.0


def status(*, config: Path | None = None, state: Path | None = None) -> Mapping[str, Any]:
    """Return ``dnsd status --json`` of the node with this configuration or state directory."""
    return _told("status", config, state)


def pools(*, config: Path | None = None) -> list[Mapping[str, Any]]:
    """Return the pools that ``dnsd failover --json`` shows."""
    found: list[Mapping[str, Any]] = _told("failover", config, None)["pools"]
    return found


def _told(command: str, config: Path | None, state: Path | None) -> Mapping[str, Any]:
    line = [*COMMAND, command, "--json", *(["--config", str(config)] if config else [])]
    environment = os.environ | {"PYTHONPATH": PATHS}
    environment |= {"STATE_DIRECTORY": str(state)} if state else {}
    done = subprocess.run(
        line, env=environment, capture_output=True, text=True, timeout=ANSWER_S, check=False
    )
    if done.returncode:
        raise StudyError(done.stderr.strip() or f"dnsd {command} exited with {done.returncode}")
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def queries(found: Mapping[str, Any]) -> int:
    """Return how many queries a node has had, by its status."""
    counters: Mapping[str, int] = found["counters"]
    return counters["queries_udp"] + counters["queries_tcp"]
