"""A real node with a real BIRD and a router: what the route does in each case."""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.anycast_node import ANNOUNCED, DRAINED, INTERFACE, VIPS, ZONE, Site, anycast_site, text
from tests.conftest import needs
from tests.support import until

pytestmark = needs("bird", "birdcl", "ip", "dig")

README = (Path(__file__).parents[2] / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if re.match(r"dnsd (anycast|drain node|undrain node|withdraw|announce)\b", line)
]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with anycast_site(tmp_path) as site:
        yield site


@pytest.fixture
def announced(site: Site) -> Site:
    site.start()
    view = site.wait("announced")
    assert [vip["exported_to"] for vip in view["vips"]] == [["rtr4"], ["rtr6"]]
    site.wait_routes(ANNOUNCED)
    return site


def dig(site: Site, vip: str, *options: str) -> str:
    return site.here.run("dig", "+short", f"@{vip}", f"www.{ZONE}", "A", *options).stdout.strip()


def workers(site: Site) -> list[int]:
    master = site.node.process.pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [
        int(pid) for pid in children if b"dnsd.serve" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def control(site: Site) -> int:
    master = site.node.process.pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    (pid,) = (
        int(pid) for pid in children if b"dnsd.control" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return pid


def test_it_announces_answers_obeys_and_leaves(announced: Site) -> None:
    """The commands of README.md, in their order."""
    assert [dig(announced, vip, *how) for vip in VIPS for how in ([], ["+tcp"])] == [
        "192.0.2.80"
    ] * 4
    expected = {"drain": DRAINED, "undrain": ANNOUNCED, "withdraw": {}, "announce": ANNOUNCED}
    done = []
    for line in COMMANDS:
        words = shlex.split(line)[1:]
        ended = announced.command(*words)
        assert ended.returncode == 0, f"{line}: {ended.stdout}{ended.stderr}"
        announced.wait_routes(expected.get(words[0], ANNOUNCED))
        done.append(words[0])
    assert done == ["anycast", "drain", "undrain", "withdraw", "announce"]
    assert announced.node.stop() == 0
    announced.wait_routes({})
    assert "anycast: announced → stopping" in "\n".join(announced.node.lines)
    assert announced.here.run("ip", "link", "show", INTERFACE, check=False).returncode != 0


def test_a_drain_outlives_a_restart(announced: Site) -> None:
    assert announced.command("drain", "node", "--reason", "new disks").returncode == 0
    announced.node.stop()
    announced.wait_routes({})
    announced.start()
    view = announced.wait("drained")
    assert view["why"] == ["drain was ordered: new disks"]
    announced.wait_routes(DRAINED)


def test_wrong_answers_drain_and_right_ones_bring_it_back(announced: Site) -> None:
    announced.node.replace(ZONE, text(2, "192.0.2.81"))
    view = announced.wait("drained")
    assert "192.0.2.81 in place of 192.0.2.80" in view["why"][0]
    announced.wait_routes(DRAINED)
    announced.node.replace(ZONE, text(3))
    announced.wait("announced")
    announced.wait_routes(ANNOUNCED)


def test_silence_withdraws_holds_down_and_comes_back(announced: Site) -> None:
    (pid,) = workers(announced)
    os.kill(pid, signal.SIGSTOP)
    # Master and control see it at the same time; whoever is first takes the carrier away.
    line = announced.node.wait_line("anycast: announced → withdrawn")
    assert "no worker" in line
    announced.wait_routes({})
    announced.wait("announced")
    assert workers(announced) != [pid]
    announced.wait_routes(ANNOUNCED)


def test_the_death_of_the_master_withdraws(announced: Site) -> None:
    announced.node.process.kill()
    announced.wait_routes({})
    assert announced.here.run("ip", "link", "show", INTERFACE, check=False).returncode != 0


def test_a_new_control_takes_over_without_touching_the_route(announced: Site) -> None:
    assert announced.command("drain", "node").returncode == 0
    before = control(announced)
    os.kill(before, signal.SIGKILL)
    until(lambda: announced.view() and control(announced) != before, "another control")
    announced.wait("drained")
    announced.wait_routes(DRAINED)
    assert not [line for line in announced.node.lines if "→ withdrawn" in line or "→ init" in line]


def test_what_is_taken_away_is_put_back(announced: Site) -> None:
    decided = sum("→" in line for line in announced.node.lines)
    announced.here.ip(f"addr del {VIPS[0]}/32 dev {INTERFACE}")
    announced.node.wait_line(f"{VIPS[0]} had disappeared from {INTERFACE}; dnsd has repaired it")
    announced.wait("announced")
    announced.wait_routes(ANNOUNCED)
    assert sum("→" in line for line in announced.node.lines) == decided
    announced.here.ip(f"link del {INTERFACE}")
    announced.node.wait_line("the interface of the VIPs is lost and will be recreated")
    announced.wait("announced")
    announced.wait_routes(ANNOUNCED)
    assert dig(announced, VIPS[0]) == "192.0.2.80"


def test_a_vip_that_is_another_machines_address_is_not_taken(site: Site) -> None:
    site.here.ip("link add other0 type bridge", f"addr add {VIPS[0]}/32 dev other0")
    site.start()
    site.node.wait_line(f"the VIP {VIPS[0]} is an ordinary address of other0 on this machine")
    view = site.view()
    assert view is not None
    assert view["state"] == "init"
    assert site.routes() == {}
    assert site.here.run("dig", "+short", "@127.0.0.1", "-p", "5300", f"www.{ZONE}").stdout
    site.here.ip("link del other0")
    site.wait("announced")
    site.wait_routes(ANNOUNCED)


def test_answers_go_on_without_bird(site: Site) -> None:
    site.end()
    site.start()

    def announced() -> bool:
        view = site.view()
        return bool(view and view["state"] == "announced" and "bird.ctl" in str(view["problems"]))

    until(announced, "it to be announced as far as it can tell")
    assert dig(site, VIPS[0]) == "192.0.2.80"
    assert site.command("drain", "node").returncode == 1
    site.start_bird(site.here, "bird")
    site.start_bird(site.router, "router")
    site.wait("drained")
    site.wait_routes(DRAINED)


def test_of_several_workers_one_may_die(tmp_path: Path) -> None:
    with anycast_site(tmp_path, workers=2) as site:
        site.start()
        site.wait("announced")
        before = workers(site)
        os.kill(before[0], signal.SIGSTOP)
        until(lambda: len(now := workers(site)) == 2 and now != before, "another worker")
        assert not [line for line in site.node.lines if "→ withdrawn" in line]
        site.wait("announced")


CLIENT = """\
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("203.0.113.7", 0))
sock.settimeout(0.02)
print("asks", flush=True)
number = 0
while True:
    number += 1
    query = number.to_bytes(2, "big") + b"\\x00\\x00\\x00\\x01" + bytes(6)
    query += b"\\x03www\\x07example\\x03com\\x00\\x00\\x01\\x00\\x01"
    sock.sendto(query, ("192.0.2.53", 53))
    try:
        sock.recv(512)
    except TimeoutError:
        pass
    number %= 60000
"""
"""Asks for ever, from an address to which the node needs its default route."""


def test_a_node_whose_gateway_is_silent_is_drained_until_it_answers(announced: Site) -> None:
    """The router that leads to clients is another than the one that BGP is spoken with."""
    announced.here.ip(
        "route add default via 198.51.100.9", "-6 route add default via 2001:db8:1::9"
    )
    announced.here.run("dig", "+tries=1", "+timeout=1", "@203.0.113.7", "x", check=False)
    view = announced.wait("drained")
    assert "the router 198.51.100.9 on up0, which leads to clients, does not answer ARP" in str(
        view["why"]
    )
    announced.wait_routes(DRAINED)
    announced.router.ip("addr add 198.51.100.9/32 dev down0")
    announced.wait("announced")
    announced.wait_routes(ANNOUNCED)


def test_a_node_whose_answers_cannot_leave_is_drained_until_they_can(announced: Site) -> None:
    announced.router.ip(
        "addr add 203.0.113.7/32 dev lo", f"route add {VIPS[0]}/32 via 198.51.100.2"
    )
    announced.here.ip("route add default via 198.51.100.1")
    with announced.router.python(CLIENT) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "asks\n"
        announced.here.ip("route del default")
        view = announced.wait("drained")
        assert re.fullmatch(
            r"\d+ of \d+ answers to clients could not leave: there is no route for \d+ .*",
            view["why"][0],
        )
        announced.wait_routes(DRAINED)
        announced.here.ip("route add default via 198.51.100.1")
        announced.wait("announced")
        announced.wait_routes(ANNOUNCED)
        assert not [line for line in announced.node.lines if "→ withdrawn" in line]


def test_a_node_that_cannot_ask_itself_drains_and_is_not_withdrawn(announced: Site) -> None:
    """Without lo its self-checks are lost, and the queries of clients are not."""
    announced.router.ip("addr add 203.0.113.7/32 dev lo")
    announced.here.ip("route add default via 198.51.100.1", "link set lo down")
    view = announced.wait_state("drained")
    assert view["why"][0].startswith("the interface lo is down")
    asked = ("dig", "+short", f"@{VIPS[0]}", "-b", "203.0.113.7", f"www.{ZONE}", "A")
    announced.router.ip(f"route replace {VIPS[0]}/32 via 198.51.100.2")
    assert announced.router.run(*asked).stdout == "192.0.2.80\n"
    announced.wait_routes(DRAINED)
    announced.here.ip("link set lo up")
    announced.wait("announced")
    assert not [line for line in announced.node.lines if "→ withdrawn" in line]


def test_a_control_that_hangs_does_not_keep_a_node_from_leaving(announced: Site) -> None:
    """The master withdraws by itself, and answers until no query is under way."""
    hung = control(announced)
    os.kill(hung, signal.SIGSTOP)
    try:
        announced.node.process.send_signal(signal.SIGTERM)
        announced.wait_routes({})
        assert announced.node.process.wait(30) == 0
    finally:
        if Path(f"/proc/{hung}").exists():
            os.kill(hung, signal.SIGKILL)
