"""What a node does when an image, a builder or a secret is not what it was: real processes."""

from __future__ import annotations

import functools
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dns.edns
import dns.exception
import pytest

from dnsd.wire.cookie import made_with
from tests.support import Node, make_node, start_dnsd, until, zone

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = [f"h{number} A 192.0.2.1" for number in range(1000)]
"""Records of a zone whose image is mapped."""

LEFT = 100
"""Octets of an image that is cut short."""


def image_of(node: Node, stem: str) -> Path:
    (path,) = (node.state / "images").glob(f"{stem}-*.img")
    return path


def is_whole(node: Node, stem: str) -> bool:
    """Whether there is one image, and more of it than :func:`truncate` leaves."""
    images = [*(node.state / "images").glob(f"{stem}-*.img")]
    return len(images) == 1 and images[0].stat().st_size > LEFT


def answers(node: Node, serial: int) -> bool:
    try:
        return node.serial("large.example") == serial
    except (OSError, dns.exception.DNSException):
        return False


def truncate(path: Path) -> None:
    os.truncate(path, LEFT)


@pytest.mark.parametrize("harm", [Path.unlink, truncate])
def test_an_image_that_is_lost_under_a_running_node_is_built_again(
    harm: Callable[[Path], None],
) -> None:
    """Truncated in place, whoever reads it is killed by SIGBUS: the successor must not be."""
    zones = {"large.example": zone(7, *LARGE), "small.example": zone(1)}
    with start_dnsd(zones, workers=2, poll="1h") as node:
        victim = node.workers()[0]
        harm(image_of(node, "large.example"))
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in node.workers() and 0 not in node.workers(), "a new worker")
        until(lambda: not node.status()["differences"], "all is as it should be")
        until(lambda: all(answers(node, 7) for _ in range(20)), "both workers answer")
        until(lambda: is_whole(node, "large.example"), "the lost image is cleared away")
        assert node.reload().returncode == 0
        assert node.serial("small.example") == 1
        time.sleep(0.1)
        pids = node.workers()
        assert all(answers(node, 7) for _ in range(20))
        assert node.workers() == pids, "no worker dies any more"


def builders(control: int) -> list[int]:
    """The pids of the builders of the process ``control``."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == control and b"dnsd.build.builder" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def is_gone(control: int, pid: int) -> bool:
    return pid not in builders(control)


@pytest.mark.parametrize("times", [1, 2])
def test_a_builder_that_is_killed_is_tried_again(times: int) -> None:
    """Twice is too often for one reload; dnsd goes on without another one."""
    records = [f"h{number} TXT {'x' * 200}" for number in range(8000)]
    with start_dnsd({"big.example": zone(1)}, poll="1h") as node:
        node.write("big.example", zone(2, *records))
        control = node.status()["control"]["pid"]
        told = []
        reload = threading.Thread(target=lambda: told.append(node.reload()))
        reload.start()
        for _ in range(times):
            (pid,) = until(lambda: builders(control), "a builder")
            os.kill(pid, signal.SIGKILL)
            until(functools.partial(is_gone, control, pid), "its end")
        reload.join()
        (result,) = told
        if times == 1:
            assert result.returncode == 0, result.stderr
        else:
            assert result.returncode == 1
            assert (
                "zone big.example. is not loaded: the process that built this zone was killed by "
                "SIGKILL (out of memory?); still serving serial 1, trying again"
            ) in result.stderr
            assert "zone:1:" not in result.stderr
        node.wait_serial("big.example", 2)
        assert node.zone_status("big.example")["error"] is None


def cookie(node: Node, sent: bytes) -> bytes:
    option = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, sent)
    answer = node.query("a.example", "SOA", options=[option])
    (option,) = (one for one in answer.options if one.otype == dns.edns.OptionType.COOKIE)
    return bytes(option.to_wire())


def makers(node: Node) -> set[int | None]:
    """Which of ``SECRETS`` the workers make cookies with."""
    given = [cookie(node, b"clientco") for _ in range(10)]
    return {made_with(one, "127.0.0.1", time.time(), SECRETS) for one in given}


SECRETS = bytes(16), b"\x11" * 16


def test_cookie_secrets_are_reloaded_and_others_need_a_restart() -> None:
    with start_dnsd({"a.example": zone(1)}, workers=2, poll="1h") as node:
        text = node.config.read_text()
        file = node.directory / "secrets"
        file.write_text(f"{SECRETS[0].hex()}\n")
        file.chmod(0o600)
        named = text.replace("workers = 2", f'workers = 2\ncookie_secret_file = "{file}"')
        node.config.write_text(named)
        result = node.reload()
        assert (result.returncode, result.stderr) == (0, "")
        assert makers(node) == {0}
        old = cookie(node, b"clientco")
        file.write_text(f"{SECRETS[1].hex()}\n{SECRETS[0].hex()}\n")
        assert node.reload("a.example").returncode == 0
        assert makers(node) == {1}
        cookie(node, old)
        assert node.status()["counters"]["cookies_valid"] == 1, "the old one is good still"
        victim = node.workers()[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in node.workers() and 0 not in node.workers(), "a new worker")
        assert makers(node) == {1}
        file.write_text("no secret\n")
        result = node.reload()
        assert result.returncode == 1
        assert "is not a cookie secret" in result.stderr
        assert "the old secrets stay in use" in result.stderr
        assert makers(node) == {1}
        node.config.write_text(named.replace("workers = 2", "workers = 3"))
        file.write_text(f"{SECRETS[0].hex()}\n")
        result = node.reload()
        assert result.returncode == 1
        assert "restart needed: [server] workers has changed" in result.stderr
        assert makers(node) == {0}, "what can be applied is"


def test_images_find_descriptors_before_connections_do() -> None:
    """More connections than descriptors; then every zone comes anew, mapped with one of its own."""
    zones = {f"z{number}.example": zone(1, *LARGE) for number in range(16)}
    with make_node(zones, poll="1h", server="tcp_connections = 300\ntcp_per_source = 300") as node:
        node.command = ["prlimit", "--nofile=100:100", *node.command]
        node.start()
        node.wait_ready()
        clients = []
        try:
            for _ in range(120):
                clients.append(socket.create_connection(("127.0.0.1", node.port), 10))
            for origin in zones:
                node.write(origin, zone(2, *LARGE))
            result = node.reload()
            assert result.returncode == 0, result.stderr
            assert {node.serial(origin) for origin in zones} == {2}
            assert node.status()["differences"] == []
            assert not [line for line in node.lines if "Traceback" in line]
        finally:
            for client in clients:
                client.close()
