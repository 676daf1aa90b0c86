"""The node of a soak: a real dnsd whose state lies on a small disk of its own, and its processes.

Needs root: the disk is a tmpfs, so that it can be filled without harm to anything else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench import procs, verify
from bench.peers.dnsd import COMMAND, PATHS
from bench.running import Running
from bench.soak import questions
from bench.study import node
from bench.study.errors import StudyError

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

DISK = "32m"
READY_S = 30.0
WORKERS = 2
_BLOCK = b"\0" * 65536


class Size(NamedTuple):
    """What one process holds: memory (PSS, octets) and open descriptors."""

    memory: int
    descriptors: int


@dataclass(slots=True)
class Node:
    """A running node: ``zones`` is its directory of zone files, ``disk`` holds its state."""

    running: Running
    master: int
    port: int
    zones: Path
    disk: Path

    def status(self) -> dict[str, Any]:
        """Return ``dnsd status``; StudyError while there is no answer."""
        return dict(node.status(state=self.disk / "state"))

    def workers(self) -> dict[int, int]:
        """Return the pids of the workers by their number, as control knows them."""
        return {
            int(worker["index"]): int(worker["pid"])
            for worker in self.status()["workers"]
            if worker["pid"]
        }

    def control(self) -> int:
        """Return the pid of the control process, 0 while there is none."""
        for pid in procs.tree(self.master):
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"dnsd.control" in line:
                    return pid
        return 0

    def roles(self) -> dict[str, int]:
        """Return the pids of the processes by what they are."""
        workers = {f"worker {number}": pid for number, pid in self.workers().items()}
        return {"master": self.master, "control": self.control(), **workers}

    def change(self, serial: int) -> None:
        """Write the zone with ``serial``, as a careful operator does: beside it, then renamed."""
        new = self.zones / ".new"
        new.write_text(questions.zone(serial), encoding="ascii")
        new.rename(self.zones / f"{questions.ORIGIN}.zone")

    def fill(self) -> None:
        """Leave no room on the disk."""
        with (self.disk / "ballast").open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(_BLOCK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Take back what :meth:`fill` has written."""
        (self.disk / "ballast").unlink(missing_ok=True)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def size(pid: int) -> Size | None:
    """Return what the process holds, None when it has gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Size(procs.kib_field(rollup, "Pss"), descriptors)
    except OSError:
        return None


@contextlib.contextmanager
def running(directory: Path, settings: str = "") -> Iterator[Node]:
    """Start a node in ``directory`` and stop it afterwards; ``settings`` go into its TOML."""
    if os.geteuid() != 0:
        raise StudyError("a soak needs root: it mounts a small disk for the node's state")
    zones, disk, port = directory / "zones", directory / "disk", verify.free_port()
    zones.mkdir()
    config = directory / "dnsd.toml"
    config.write_text(
        f'[server]\nlisten = ["127.0.0.1:{port}"]\nworkers = {WORKERS}\n'
        f'state_directory = "{disk}/state"\n[zones]\ndirectory = "{zones}"\n{settings}'
    )
    with _mounted(disk):
        (disk / "state").mkdir(mode=0o700)
        serve = [*COMMAND, "serve", "--config", str(config)]
        with Running(serve, directory, {"PYTHONPATH": PATHS}) as program:
            found = Node(program, program.pids()[0], port, zones, disk)
            found.change(1)
            program.wait(lambda: questions.serial(port) == 1, READY_S)
            yield found


@contextlib.contextmanager
def _mounted(disk: Path) -> Iterator[None]:
    disk.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "dnsd-soak", str(disk)], check=True
    )
    try:
        yield
    finally:
        until = time.monotonic() + 5
        while subprocess.run(["umount", str(disk)], check=False, capture_output=True).returncode:
            if time.monotonic() > until:
                subprocess.run(["umount", "--lazy", str(disk)], check=True)
                break
            time.sleep(0.1)
        shutil.rmtree(disk, ignore_errors=True)
