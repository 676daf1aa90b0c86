"""The kernel's floor: a C program that sends each datagram back and does nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.peers.base import Peer, Setup, Start, Unavailable

SOURCE = Path(__file__).parent.parent / "floor" / "echo.c"


def _version() -> str:
    if shutil.which("cc") is None:
        raise Unavailable("no C compiler (cc) to build the echo program with")
    return "recvmmsg/sendmmsg"


def _prepare(setup: Setup) -> Start:
    binary = setup.directory / "echo"
    build = ["cc", "-O2", "-o", str(binary), str(SOURCE)]
    subprocess.run(build, check=True, timeout=60)
    return Start([str(binary), str(setup.port)])


PEER = Peer(
    "floor",
    _version,
    _prepare,
    note="echo, no DNS: what the kernel costs",
    answers=False,
    dnssec=False,
    reload=None,
)
