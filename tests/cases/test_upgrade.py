"""A node is handed on from master to master: no query is lost, and what fails changes nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.anycast_node import ANNOUNCED, DRAINED, VIPS, Site, anycast_site
from tests.conftest import needs
from tests.packets import query
from tests.support import (
    ANSWER,
    Node,
    family,
    is_gone,
    make_node,
    remember,
    start_dnsd,
    until,
    zone,
)

ZONES = {"example.com": zone(1, "www A 192.0.2.1")}
QUESTION = query("www.example.com")
DYING = [sys.executable, "-c", "import tests.dyingmasters; from dnsd.cli import main; main()"]


class Client(threading.Thread):
    """Asks again and again over a socket of its own, and counts what is not answered."""

    def __init__(self, address: str, port: int, kind: socket.SocketKind) -> None:
        super().__init__()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._sock = socket.socket(family, kind)
        self._sock.settimeout(ANSWER)
        self._sock.connect((address, port))
        self._is_tcp = kind == socket.SOCK_STREAM
        self._frame = len(QUESTION).to_bytes(2, "big") if self._is_tcp else b""
        self._over = False
        self.answered = self.lost = 0

    def run(self) -> None:
        with self._sock:
            while not self._over:
                try:
                    self._ask()
                except OSError:
                    self.lost += 1
                    return

    def _ask(self) -> None:
        """Send four at once: some are on their way whatever happens."""
        for _ in range(4):
            self._sock.send(self._frame + QUESTION)
        octets = 0
        for _ in range(4):
            octets += self._receive()
        assert octets == 4 * self._whole
        self.answered += 4

    _whole = 0

    def _receive(self) -> int:
        if not self._is_tcp:
            got = len(self._sock.recv(4096))
        else:
            size = int.from_bytes(self._exactly(2), "big")
            got = len(self._exactly(size))
        self._whole = self._whole or got
        return got

    def _exactly(self, count: int) -> bytes:
        octets = self._sock.recv(count, socket.MSG_WAITALL)
        if len(octets) < count:
            raise ConnectionError
        return octets

    def end(self) -> None:
        self._over = True
        self.join()


@contextmanager
def clients(node: Node, site: Site | None = None) -> Iterator[None]:
    """Clients over UDP and TCP that ask while the block runs; nothing of theirs was lost.

    They ask ``node``, or the VIPs of ``site``.
    """
    kinds = socket.SOCK_DGRAM, socket.SOCK_STREAM
    if site is None:
        each = [Client("127.0.0.1", node.port, kind) for kind in kinds * 2]
    else:
        each = [site.here(Client, vip, 53, kind) for vip in VIPS for kind in kinds]
    for one in each:
        one.start()
    try:
        yield
    finally:
        for one in each:
            one.end()
    assert [one.lost for one in each] == [0] * len(each)
    assert all(one.answered for one in each)


def restart(node: Node) -> tuple[int, str]:
    done = node.run("restart", "--config", str(node.config))
    return done.returncode, done.stderr


def controls(node: Node) -> list[int]:
    """The processes of control that are there for the node's directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"dnsd.control.__main__" in command and str(node.state).encode() in environ:
                found.append(int(entry.name))
    return found


def test_a_restart_loses_no_query_and_the_process_that_was_started_stays() -> None:
    with start_dnsd(ZONES, workers=2) as node:
        first = node.status()
        with clients(node):
            for _ in range(2):
                assert restart(node) == (0, "")
        second = node.status()
        assert second["pid"] != first["pid"]
        assert second["uptime"] > first["uptime"]
        assert len(second["workers"]) == 2
        assert second["counters"]["queries_udp"] > first["counters"]["queries_udp"]
        node.write("example.com", zone(2))
        assert node.reload().returncode == 0
        assert node.serial("example.com") == 2
        children = family(node.process.pid)
        assert node.stop() == 0
        assert all(map(is_gone, children))
        assert not (node.state / "admin.sock").exists()


def test_a_restart_applies_what_a_reload_cannot() -> None:
    with start_dnsd(ZONES) as node:
        text = node.config.read_text()
        node.config.write_text(text.replace("workers = 1", 'workers = 2\nnsid = "new"'))
        with clients(node):
            assert restart(node) == (0, "")
        assert len(node.status()["workers"]) == 2
        node.config.write_text(text.replace("workers = 1", "workers = 99"))
        status, told = restart(node)
        assert status == 1
        assert "it has ended; see its messages above" in told
        node.wait_line("99 workers cannot begin beside the old ones")
        assert len(node.status()["workers"]) == 2
        assert node.serial("example.com") == 1


def test_a_restart_keeps_orders_and_what_is_known_of_caches() -> None:
    """To others it is the same run, and nothing that was known is in doubt.

    As after each restart of control, what was given out counts as given until then.
    """
    down, up = "192.0.2.80", "192.0.2.81"
    with make_node({"a.example": zone(1, f"www 600 A {down}", f"www 600 A {up}")}) as node:
        policy = '[[pool]]\nname = "www"\ntype = "A"\ncheck = "none"\n'
        (node.zones / "a.example.toml").write_text(policy)
        remember(node)
        node.start()
        node.wait_ready()
        until(lambda: node.addresses("www.a.example") == {down, up})
        to = "failover", "force", "www.a.example", "A", down, "down"
        assert node.run(*to, "--config", str(node.config)).returncode == 0
        before = node.admin("horizon", target=down)
        assert restart(node) == (0, "")
        after = node.admin("horizon", target=down)
        assert after["instance"] == before["instance"]
        assert after["doubt"] == before["doubt"] == ""
        assert after["up"] > before["up"]
        told = node.run("horizon", down, "--json", "--config", str(node.config))
        assert json.loads(told.stdout)["safety"] == "wait"
        assert node.addresses("www.a.example") == {up}


@contextmanager
def dying_node(**environ: str) -> Iterator[Node]:
    with make_node(ZONES) as node:
        node.command = DYING
        (node.directory / "dying").write_text("")
        node.environ["DNSD_DYING"] = str(node.directory / "dying")
        node.start(**environ)
        node.wait_ready()
        yield node


def test_a_new_master_that_dies_changes_nothing_wherever_it_does() -> None:
    with dying_node() as node, clients(node):
        before = node.status()
        for where in ("start", "is_prepared", "lead", "begin"):
            (node.directory / "dying").write_text(f"new {where}")
            status, told = restart(node)
            assert status == 1
            assert "no restart: it has ended" in told
            until(lambda: len(controls(node)) == 1)
            until(node.hears)
            after = node.status()
            assert after["pid"] == before["pid"]
            assert [one["pid"] for one in after["workers"]] == [
                one["pid"] for one in before["workers"]
            ]
            assert controls(node) == [after["control"]["pid"]]


def test_processes_of_a_new_master_that_gives_up_are_killed() -> None:
    """It would keep the lease that the old one's control needs."""
    with dying_node() as node:
        (node.directory / "dying").write_text("new is_prepared ORPHAN")
        assert restart(node) == (1, "dnsd: no restart: it was told to stop\n")
        assert is_gone(int((node.directory / "dying").read_text()))


@pytest.mark.parametrize("where", ["new lead", "new after heirs", "old _pass_signals_on"])
def test_a_node_that_is_told_to_stop_while_it_is_handed_on_stops(where: str) -> None:
    """Whichever of the two masters is told, and however late."""
    with dying_node() as node:
        (node.directory / "dying").write_text(f"{where} SIGTERM")
        assert restart(node) == (0, "")
        assert node.process.wait(60) == 0
        assert not controls(node)


def test_a_reload_that_is_ordered_while_a_node_is_handed_on_is_done(tmp_path: Path) -> None:
    with (
        service_manager(tmp_path / "notify") as manager,
        dying_node(NOTIFY_SOCKET=str(tmp_path / "notify")) as node,
    ):
        (node.directory / "dying").write_text("new after begin SIGHUP")
        assert restart(node) == (0, "")
        new = node.status()["pid"]
        try:
            heard(manager, new, b"RELOADING=1")
            heard(manager, new, b"READY=1")
        finally:
            os.kill(new, signal.SIGTERM)
            until(lambda: is_gone(new))


def test_a_new_master_that_dies_when_its_workers_answer_leaves_all_to_the_old_one() -> None:
    with dying_node() as node:
        before = node.status()
        (node.directory / "dying").write_text("new after heirs")
        assert restart(node)[0] == 1
        assert node.serial("example.com") == 1
        until(lambda: len(controls(node)) == 1)
        until(node.hears)
        assert node.status()["pid"] == before["pid"]
        (node.directory / "dying").write_text("")
        with clients(node):
            assert restart(node) == (0, "")


@pytest.mark.parametrize("where", ["after give_lead", "retired"])
def test_an_old_master_that_dies_leaves_all_to_the_new_one(where: str) -> None:
    with dying_node() as node:
        before = node.status()
        (node.directory / "dying").write_text(f"old {where}")
        assert restart(node)[0] == 1
        assert node.process.wait(60) == -signal.SIGKILL
        assert node.serial("example.com") == 1
        node.wait_line("controls the node now")
        until(node.hears)
        try:
            until(lambda: controls(node) == [node.status()["control"]["pid"]])
            assert node.status()["pid"] != before["pid"]
            assert node.reload().returncode == 0
        finally:
            pid = node.status()["pid"]
            os.kill(pid, signal.SIGTERM)
            until(lambda: is_gone(pid))


def test_a_check_takes_nothing_over() -> None:
    with start_dnsd(ZONES) as node:
        before = node.status()
        done = node.run("upgrade", "--check", "--config", str(node.config))
        assert (done.returncode, done.stdout) == (0, "dnsd: the installed version can take over\n")
        after = node.status()
        assert [(one["pid"], after["control"]) for one in after["workers"]] == [
            (one["pid"], before["control"]) for one in before["workers"]
        ]
        node.config.write_text("[server]\nlissten = 1\n")
        done = node.run("upgrade", "--check", "--config", str(node.config))
        assert done.returncode == 1
        assert node.serial("example.com") == 1


def test_without_a_node_there_is_nothing_to_restart() -> None:
    with make_node(ZONES) as node:
        status, told = restart(node)
        assert status == 3
        assert "dnsd is not running" in told


def test_a_reload_restarts_if_it_may_and_must_and_the_service_manager_follows(
    tmp_path: Path,
) -> None:
    with make_node(ZONES) as node, service_manager(tmp_path / "notify") as manager:
        node.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="10000000")
        node.wait_ready()
        old = node.process.pid
        reload = "reload", "--restart", "--config", str(node.config)
        assert node.run(*reload).returncode == 0
        assert node.status()["pid"] == old
        node.config.write_text(node.config.read_text().replace("workers = 1", "workers = 2"))
        done = node.run(*reload)
        assert (done.returncode, len(node.workers())) == (0, 2)
        assert "restarting, as a reload does not apply [server] workers" in done.stderr
        new = node.status()["pid"]
        try:
            assert new != old
            assert node.process.wait(60) == 0
            told = heard(manager, new, b"READY=1")
            assert (old, f"MAINPID={new}".encode()) in told
            assert told.index((old, f"MAINPID={new}".encode())) < told.index((new, b"READY=1"))
            assert (old, b"STOPPING=1") not in told
            assert {number for number, _ in told} == {old, new}
        finally:
            os.kill(new, signal.SIGTERM)
            until(lambda: is_gone(new))


@contextmanager
def service_manager(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        manager.settimeout(ANSWER)
        yield manager


def heard(manager: socket.socket, sender: int, last: bytes) -> list[tuple[int, bytes]]:
    """What the manager has been told, by whom, up to the ``last`` of this sender."""
    found: list[tuple[int, bytes]] = []
    while (sender, last) not in found:
        text, ancillary, *_ = manager.recvmsg(4096, 256)
        pid = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        found.append((pid, text.partition(b"\n")[0]))
    return found


@needs("bird", "birdcl", "ip")
def test_a_restart_is_not_seen_by_the_router(tmp_path: Path) -> None:
    """The VIPs stay announced, and an order that holds holds after it, too."""
    with anycast_site(tmp_path) as site:
        site.start()
        site.wait("announced")
        site.wait_routes(ANNOUNCED)
        before = updates(site)
        pid = site.node.status()["pid"]
        with clients(site.node, site):
            assert site.command("restart").returncode == 0
            site.wait("announced")
        assert site.node.status()["pid"] != pid
        assert updates(site) == before
        assert site.command("drain", "node", "--reason", "test").returncode == 0
        site.wait_routes(DRAINED)
        before = updates(site)
        assert site.command("restart").returncode == 0
        assert site.wait("drained")["orders"]
        assert updates(site) == before
        # The interface still ends with the last master.
        os.kill(site.node.status()["pid"], signal.SIGKILL)
        site.wait_routes({})


def updates(site: Site) -> list[str]:
    """What the router has counted of the sessions with the node, besides keepalives."""
    told = site.router.run(
        "birdcl", "-s", str(site.directory / "router.ctl"), "show", "protocols", "all"
    ).stdout
    return re.findall(r"Import (?:updates|withdraws):.*", told)
