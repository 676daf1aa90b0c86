"""What a node may do: its processes as the kernel sees them, and commands that policies name."""

from __future__ import annotations

import os
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from tests.anycast_node import INTERFACE, anycast_site
from tests.conftest import needs
from tests.support import Node, make_node, until, zone

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

NOBODY = 65534
NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 1 << 10, 1 << 12, 1 << 13
ROOT = Path(__file__).parents[2]
MODULES = os.pathsep.join([str(ROOT), *site.getsitepackages()])
RIGHTS = ("Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapBnd")
MAIN = "from dnsd.cli import main; main()"

POLICY = """\
[[pool]]
name = "www"
type = "A"
check = "command"
command = "status"
parameters = { key = "NoNewPrivs" }
interval = "500ms"
timeout = "500ms"
fast_interval = "100ms"
"""

SHOW = 'grep -E "Uid|CapPrm|CapEff|$1" /proc/self/status | tr "\\t\\n" "  "; exit 1'
COMMANDS = f"""
[failover.commands]
status = ["/bin/sh", "-c", '''{SHOW}''', "sh", "{{key}}"]
"""
POWERLESS = (
    f"Uid: {NOBODY} {NOBODY} {NOBODY} {NOBODY} "
    "CapPrm: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1"
)


@cache
def python_for_all() -> str:
    """The path of a Python that any user may run, and that finds the same modules."""
    for candidate in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        with suppress(OSError):
            done = subprocess.run(
                [candidate, "-P", "-c", "import dnsd.cli, uvloop, msgspec"],
                user=NOBODY,
                env={"PYTHONPATH": MODULES},
                cwd="/",
                check=False,
                capture_output=True,
            )
            if done.returncode == 0:
                return candidate
    pytest.skip("no Python here can be run by other users")


def for_nobody(node: Node) -> None:
    """Have ``node`` become nobody when it is started."""
    node.command = [python_for_all(), "-P", "-c", MAIN]
    node.environ["PYTHONPATH"] = MODULES
    node.directory.chmod(0o755)
    text = node.config.read_text()
    node.config.write_text(text.replace("[server]", '[server]\nuser = "nobody"'))


def status(pid: int) -> dict[str, str]:
    """What the kernel says of a process, which must be the same for all of its threads."""
    first, *others = (_status(task) for task in sorted(Path(f"/proc/{pid}/task").iterdir()))
    for other in others:
        assert {key: other[key] for key in RIGHTS} == {key: first[key] for key in RIGHTS}
    return first


def _status(task: Path) -> dict[str, str]:
    lines = (task / "status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def capabilities(pid: int, *sets: str) -> list[int]:
    found = status(pid)
    return [int(found[f"Cap{one}"], 16) for one in sets]


def others(node: Node) -> tuple[int, list[int]]:
    """The pids of control, and of the workers."""
    master = node.process.pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    workers = node.workers()
    (control,) = {int(pid) for pid in children} - set(workers)
    return control, workers


def what_the_command_said(node: Node) -> str:
    def said() -> str:
        shown = str(node.admin("failover")["pools"])
        return shown if "NoNewPrivs" in shown else ""

    text: str = until(said, "the command has run")
    return text


def test_started_as_root_it_becomes_the_user_and_takes_along_only_what_ports_need() -> None:
    zones = {"example.com": zone(1, "www A 192.0.2.1")}
    with make_node(zones, workers=2, tail=COMMANDS) as node:
        for_nobody(node)
        (node.zones / "example.com.toml").write_text(POLICY)
        text = node.config.read_text()
        node.config.write_text(text.replace("listen = [", 'listen = ["127.53.7.1:53", ', 1))
        node.start()
        node.wait_ready()
        assert node.addresses("www.example.com") == {"192.0.2.1"}
        control, workers = others(node)
        for pid in (node.process.pid, control, *workers):
            assert status(pid)["Uid"].split() == [str(NOBODY)] * 4
            assert status(pid)["Gid"].split() == [str(NOBODY)] * 4
            assert status(pid)["Groups"].split() in ([], [str(NOBODY)])
            assert status(pid)["NoNewPrivs"] == "1"
            assert capabilities(pid, "Bnd") == [0]
        # The master hands it on to each worker that it starts, which binds the port anew.
        assert capabilities(node.process.pid, "Eff", "Amb") == [NET_BIND_SERVICE] * 2
        assert capabilities(control, "Prm", "Eff", "Inh", "Amb") == [0, 0, 0, 0]
        check_workers(workers)
        assert POWERLESS in what_the_command_said(node)

        os.kill(workers[0], signal.SIGKILL)
        until(lambda: len(set(node.workers()) - {0, *workers}) == 1, "a new worker")
        node.wait_line("is restarted")
        until(lambda: all(one["generation"] for one in node.status()["workers"]))
        check_workers(node.workers())
        node.write("example.com", zone(2, "www A 192.0.2.1"))
        node.wait_serial("example.com", 2)


def _index(interface: str) -> int:
    with suppress(OSError):
        return socket.if_nametoindex(interface)
    return 0


def check_workers(pids: list[int]) -> None:
    for pid in pids:
        until(lambda: status(pid)["Seccomp"] == "2", "a filter")  # noqa: B023
        assert status(pid)["NoNewPrivs"] == "1"
        assert capabilities(pid, "Prm", "Eff", "Inh", "Bnd", "Amb") == [0] * 5


@needs("bird", "birdcl", "ip")
def test_a_node_that_announces_keeps_what_interfaces_need_and_no_worker_does() -> None:
    with tempfile.TemporaryDirectory(prefix="dnsd-") as name, anycast_site(Path(name)) as site:
        for_nobody(site.node)
        site.directory.chmod(0o777)  # as the guide has it: a directory of dnsd's for BIRD to read
        bird = site.directory / "bird.ctl"
        until(bird.exists, "BIRD's socket")
        bird.chmod(0o666)  # the guide puts dnsd into BIRD's group
        site.start()
        site.wait("announced")
        control, workers = others(site.node)
        master = site.node.process.pid
        for pid in (master, control, *workers):
            assert status(pid)["Uid"].split() == [str(NOBODY)] * 4
        assert capabilities(master, "Eff", "Amb") == [NET_BIND_SERVICE | NET_ADMIN | NET_RAW] * 2
        assert capabilities(control, "Eff", "Inh", "Amb") == [NET_ADMIN | NET_RAW, 0, 0]
        check_workers(workers)

        # All of it is made anew without root: the interface, its addresses, the processes.
        first = site.here(socket.if_nametoindex, INTERFACE)
        site.here.ip(f"link delete {INTERFACE}")
        until(lambda: site.here(_index, INTERFACE) not in (0, first), "a new interface")
        site.wait("announced")
        os.kill(control, signal.SIGKILL)
        os.kill(workers[0], signal.SIGKILL)
        site.node.wait_line("control is restarted")
        site.node.wait_line("worker 0 is restarted")
        site.wait("announced")
        check_workers(others(site.node)[1])


def test_as_root_only_workers_and_commands_have_no_rights_of_its() -> None:
    zones = {"example.com": zone(1, "www A 192.0.2.1")}
    with make_node(zones, workers=1, tail=COMMANDS) as node:
        (node.zones / "example.com.toml").write_text(POLICY)
        node.start()
        node.wait_ready()
        assert any("[server] user" in line for line in node.lines)
        control, workers = others(node)
        check_workers(workers)
        assert status(control)["NoNewPrivs"] == "1"
        assert POWERLESS in what_the_command_said(node)


def test_images_whose_directory_was_deleted_are_made_and_read_again() -> None:
    with make_node({"example.com": zone(1, "www A 192.0.2.1")}) as node:
        node.start()
        node.wait_ready()
        shutil.rmtree(node.state / "images")
        (node.state / "images").mkdir(mode=0o700)
        node.write("example.com", zone(2, "www A 192.0.2.1"))
        node.wait_serial("example.com", 2)


def test_a_state_directory_of_roots_is_handed_over_and_served_from() -> None:
    with make_node({"example.com": zone(1, "www A 192.0.2.1")}) as node:
        node.start()
        node.wait_ready()
        node.stop()
        node.lines.clear()
        assert node.state.stat().st_uid == 0
        for_nobody(node)
        node.start()
        node.wait_ready()
        assert node.addresses("www.example.com") == {"192.0.2.1"}
        assert {path.lstat().st_uid for path in (node.state, *node.state.rglob("*"))} == {NOBODY}


def test_a_command_in_a_policy_is_not_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    zones = {"example.com": zone(1, "www A 192.0.2.1"), "example.org": zone(1)}
    with make_node(zones) as node:
        policy = node.zones / "example.com.toml"
        policy.write_text(POLICY.replace('"status"', f'["/bin/sh", "-c", "id > {witness}"]'))
        checked = node.run("check", "--config", str(node.config))
        assert checked.returncode == 1
        assert f"{policy}:5: error: [[pool]] #1 command: must be the name of a command" in (
            checked.stdout
        )
        node.start()
        node.wait_ready()
        assert node.zone_status("example.com")["findings"][0]["line"] == 5
        policy.write_text(POLICY)
        checked = node.run("check", "--config", str(node.config))
        assert f"{policy}:5: error: www.example.com. A: command: status is not in [failover" in (
            checked.stdout
        )
        assert not witness.exists()
