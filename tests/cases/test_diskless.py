"""Answering needs no disk: a real node whose state is on a small tmpfs, full or read-only (root).

The file system is mounted in a mount namespace of its own, which ends with the process that
holds it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import COMMAND, Node, make_node, until, zone

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nsenter") is None, reason="mounts a file system"
)

POLICY = """
[[pool]]
name = "www"
type = "A"
check = "none"
"""
ZONES = {"a.example": zone(1, "www IN A 192.0.2.1", "www IN A 192.0.2.2")}
EDITED = zone(2, "www IN A 192.0.2.1", "www IN A 192.0.2.2", "new IN A 192.0.2.3")
A = "192.0.2.1"
SIZE = 32 << 20
BIG = zone(1, *(f"h{number} IN A 192.0.2.7" for number in range(60_000)))
"""It is built by a process of its own."""


class Disk:
    """A tmpfs at ``where`` in the mount namespace of the process ``holder``."""

    def __init__(self, where: Path, holder: int) -> None:
        self.inside = ["nsenter", "-m", "-t", str(holder)]
        self._mounted = str(where)
        # What is mounted there is seen from outside by way of the process.
        self.where = Path(f"/proc/{holder}/root{where}")
        self._filling = self.where / "filling"

    def mount(self, *options: str) -> None:
        subprocess.run([*self.inside, "mount", *options, self._mounted], check=True)

    def read_only(self, yes: bool) -> None:
        self.mount("-o", f"remount,{'ro' if yes else 'rw'}")

    def fill(self) -> None:
        """Leave room for nothing, not even for an empty file."""
        with suppress(OSError):
            for size in (1 << 16, 1 << 12):
                file = os.open(self._filling, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                with suppress(OSError):
                    while True:
                        os.write(file, bytes(size))
                os.close(file)
        with suppress(OSError):
            for number in range(100_000):
                (self.where / f"filling.{number}").touch()

    def empty(self) -> None:
        for path in self.where.glob("filling*"):
            path.unlink()


@contextmanager
def node_on_a_disk() -> Iterator[tuple[Node, Disk]]:
    """A node that has not been started, and the small disk that its state is on."""
    with make_node(ZONES) as node:
        (node.zones / "a.example.toml").write_text(POLICY)
        node.state.mkdir()
        holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        try:
            disk = Disk(node.state, holder.pid)
            mine = Path("/proc/self/ns/mnt").readlink()
            theirs = Path(f"/proc/{holder.pid}/ns/mnt")
            until(lambda: theirs.readlink() != mine, "a mount namespace")
            disk.mount("-t", "tmpfs", "-o", f"size={SIZE},nr_inodes=400,mode=700", "tmpfs")
            node.command = [*disk.inside, *COMMAND]
            yield node, disk
        finally:
            if hasattr(node, "process"):
                node.stop()
            holder.kill()
            holder.communicate()


def run(node: Node, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command where the node's disk can be seen."""
    command = [*node.command, *arguments[:2], "--config", str(node.config), *arguments[2:]]
    if arguments[0] not in ("drain", "undrain", "failover"):
        command = [*node.command, arguments[0], "--config", str(node.config), *arguments[1:]]
    return subprocess.run(
        command, capture_output=True, text=True, env=node.environ, timeout=60, check=False
    )


def status(node: Node) -> dict[str, object]:
    found = run(node, "status", "--json")
    assert found.returncode == 0, found
    shown: dict[str, object] = json.loads(found.stdout)
    return shown


def problems(node: Node) -> str:
    return "\n".join(map(str, status(node)["problems"]))  # type: ignore[call-overload]


def is_asked(node: Node) -> bool:
    """Whether a worker takes questions."""
    try:
        return answers(node) >= 0
    except ConnectionRefusedError:
        return False


def answers(node: Node, name: str = "www.a.example") -> int:
    return len(node.query(name).answer)


def kill_control(node: Node) -> int:
    pid = int(status(node)["control"]["pid"])  # type: ignore[index]
    os.kill(pid, signal.SIGKILL)
    node.wait_line("control is restarted")
    until(lambda: run(node, "status").returncode == 0, "control answers")
    return pid


@pytest.mark.parametrize("trouble", ["full", "read-only"])
def test_a_start_without_a_disk_answers_and_all_of_it_heals(trouble: str) -> None:
    with node_on_a_disk() as (node, disk):
        node.write("big.example", BIG)
        disk.fill() if trouble == "full" else disk.read_only(True)
        node.start()
        node.wait_ready()
        assert answers(node)
        assert answers(node, "h7.big.example")
        assert "2 zones are served from memory" in problems(node)
        horizon = run(node, "horizon", A)
        assert horizon.returncode == 1
        assert horizon.stdout.startswith("UNKNOWN")
        assert "cannot be written" in horizon.stdout
        if trouble == "full":
            kill_control(node)
        assert answers(node)
        disk.empty() if trouble == "full" else disk.read_only(False)
        until(lambda: not problems(node), "nothing is wrong any more")
        assert len(list((disk.where / "images").glob("*.img"))) == 2
        assert not run(node, "horizon", A).stdout.startswith("UNKNOWN")
        assert answers(node)


def test_a_node_that_comes_back_on_a_read_only_disk_answers_at_once_and_stays() -> None:
    with node_on_a_disk() as (node, disk):
        node.start()
        node.wait_ready()
        node.stop()
        disk.read_only(True)
        node.write("new.example", zone(1, "www IN A 192.0.2.3"))
        node.write("a.example", EDITED)
        node.start()
        node.wait_line("new answers wait")  # the last run has ended a moment ago
        until(lambda: is_asked(node), "a worker")
        assert answers(node)  # as they were
        assert not answers(node, "new.a.example")
        assert not answers(node, "www.new.example")
        assert run(node, "horizon", A).returncode == 1
        node.stop()
        (node.zones / "new.example.zone").unlink()
        node.write("a.example", ZONES["a.example"])
        before = len(node.lines)
        node.start()
        node.wait_line("dnsd: ready on", after=before)
        assert answers(node)
        assert run(node, "horizon", A).stdout.startswith("UNKNOWN")
        disk.read_only(False)
        node.write("a.example", EDITED)
        assert run(node, "reload").returncode == 0
        assert answers(node, "new.a.example")


def test_a_disk_that_fills_up_keeps_nothing_from_being_edited_ordered_or_started_again() -> None:
    with node_on_a_disk() as (node, disk):
        node.start()
        node.wait_ready()
        assert not problems(node)
        disk.fill()
        node.write("a.example", EDITED)
        assert run(node, "reload").returncode == 0
        assert answers(node, "new.a.example")
        # In force and never SAFE; a control that is started again has not forgotten it.
        drained: list[subprocess.CompletedProcess[str]] = []

        def drain() -> bool:
            """Order it; until the zones have been searched for the member the answer is 1."""
            drained[:] = [run(node, "drain", "member", "--direct", "--no-wait", A)]
            return drained[0].returncode == 4

        until(drain, f"4 as the exit status: {drained}")
        assert "SAFE" not in drained[0].stdout
        kill_control(node)
        until(lambda: "drain: " in run(node, "failover").stdout, "the drain is in force")
        forced = ["failover", "force", "www.a.example", "A", A, "up"]
        # What dnsd has removed meanwhile may have made room for an order.
        until(lambda: _ordered_without_room(node, disk, *forced), "no room")
        disk.empty()
        until(lambda: not problems(node), "nothing is wrong any more")
        assert run(node, *forced).returncode == 0


def test_while_control_is_down_workers_answer_and_status_says_so() -> None:
    with make_node(ZONES) as node:
        broken = node.directory / "broken"
        broken.mkdir()
        flag = node.directory / "flag"
        (broken / "sitecustomize.py").write_text(
            "import os, sys\n"
            "is_control = 'dnsd.control.__main__' in sys.orig_argv\n"
            f"if is_control and os.path.exists({str(flag)!r}): os._exit(1)\n"
        )
        path = f"{broken}{os.pathsep}{node.environ['PYTHONPATH']}"
        node.start(PYTHONPATH=path)
        node.wait_ready()
        flag.touch()
        os.kill(int(status(node)["control"]["pid"]), signal.SIGKILL)  # type: ignore[index]
        node.wait_line("control is restarted")
        down = until(lambda: _failed(node, "status"), "control is down")
        assert down.returncode == 4
        assert "control is down" in down.stdout
        assert "1 of 1 workers answer" in " ".join(down.stdout.split())
        assert run(node, "reload").returncode == 4
        assert answers(node)
        flag.unlink()
        until(lambda: run(node, "status").returncode == 0, "control is back")
        node.stop()
        assert run(node, "status").returncode == 3


def _ordered_without_room(node: Node, disk: Disk, *order: str) -> bool:
    disk.fill()
    return run(node, *order).returncode == 4


def _failed(node: Node, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    found = run(node, *arguments)
    return found if found.returncode else None
