"""A log that is not read: nothing waits for it, in whatever state the node is."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.anycast_node import ANNOUNCED, DRAINED, anycast_site
from tests.conftest import needs
from tests.support import Node, make_node, until, zone

ZONE = zone(1, "www A 192.0.2.1")


def _children(master: int, module: bytes) -> list[int]:
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [int(pid) for pid in children if module in _command(pid)]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""  # it has just ended


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _killed_and_replaced(node: Node, module: bytes) -> None:
    """Kill the processes that run ``module``, and wait for as many new ones."""
    old = _children(node.process.pid, module)
    for pid in old:
        os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        new = _children(node.process.pid, module)
        return len(new) == len(old) and not set(new) & set(old)

    until(replaced, f"new processes of {module.decode()}")


def _serves(node: Node, serial: int) -> None:
    def served() -> bool:
        try:
            return node.serial("example.com") == serial
        except OSError:
            return False

    until(served, f"serial {serial}")


def test_a_node_works_and_stops_while_its_log_is_not_read() -> None:
    with make_node({"example.com": ZONE}, workers=2) as node:
        node.start_unread()
        _serves(node, 1)
        node.replace("example.com", "no zone at all\n")
        assert node.reload("example.com").returncode == 1
        node.replace("example.com", zone(2, "www A 192.0.2.1"))
        assert node.reload("example.com").returncode == 0
        for module in (b"dnsd.serve", b"dnsd.control"):
            _killed_and_replaced(node, module)
            _serves(node, 2)
        assert node.stop() == 0


@needs("bird", "birdcl", "ip")
def test_the_route_follows_while_the_log_is_not_read(tmp_path: Path) -> None:
    with anycast_site(tmp_path) as site:
        site.start_unread()
        until(site.view, "control")
        site.wait("announced")
        site.wait_routes(ANNOUNCED)
        assert site.command("drain", "node").returncode == 0
        site.wait_routes(DRAINED)
        assert site.command("undrain", "node").returncode == 0
        assert site.command("withdraw").returncode == 0
        site.wait_routes({})
        assert site.command("announce").returncode == 0
        site.wait_routes(ANNOUNCED)
        _killed_and_replaced(site.node, b"dnsd.serve")
        site.wait_routes(ANNOUNCED)
        control = _children(site.node.process.pid, b"dnsd.control")
        site.node.kill()
        site.wait_routes({})
        until(lambda: all(map(_is_gone, control)), "the end of control")


@needs("bird", "birdcl", "ip")
def test_a_node_leaves_the_route_while_the_log_is_not_read(tmp_path: Path) -> None:
    with anycast_site(tmp_path) as site:
        site.start_unread()
        until(site.view, "control")
        site.wait("announced")
        assert site.node.stop() == 0
        site.wait_routes({})
