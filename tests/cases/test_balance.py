"""A director in a site made of namespaces: what its backends suffer, and what clients notice."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import evil
from tests.director import (
    BACKENDS,
    CLIENT4,
    CLIENT6,
    PORT,
    VIP4,
    VIP6,
    VIPS,
    DirectorSite,
    director_site,
)
from tests.support import until

CLIENTS = {VIP4: CLIENT4, VIP6: CLIENT6}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DirectorSite]:
    """A site with one director that announces."""
    with director_site(tmp_path) as made:
        made.directors[0].start()
        made.directors[0].converge()
        made.wait_routes()
        yield made


class Flow:
    """A connection that is kept, and asks again and again."""

    def __init__(self, vip: str) -> None:
        self.sock = socket.create_connection((vip, PORT), timeout=10)
        self._lines = self.sock.makefile()
        self.name = self.ask()

    def ask(self) -> str:
        """Return who answers; OSError if the connection is broken."""
        self.sock.sendall(b"?\n")
        return self.answer()

    def answer(self) -> str:
        """Return who answers what was asked before."""
        answer = self._lines.readline().split()
        if not answer:
            raise ConnectionResetError("closed")
        return answer[0]

    def close(self) -> None:
        """Close it."""
        self._lines.close()
        self.sock.close()


class Crowd:
    """Connections of the client's that are busy all the time; ``lost`` counts those that broke."""

    def __init__(self, site: DirectorSite, count: int = 40) -> None:
        self._site = site
        self.flows = [site.client(Flow, VIPS[number % 2]) for number in range(count)]
        self.lost: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._ended.is_set():
            for flow in [*self.flows]:
                try:
                    assert flow.ask() == flow.name
                except (OSError, AssertionError):
                    self.lost.append(flow.name)
                    self.flows.remove(flow)
                    flow.close()

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for flow in self.flows:
            flow.close()


@contextmanager
def updates(site: DirectorSite) -> Iterator[list[str]]:
    """Collect what changes in the router's kernel about the VIPs meanwhile."""
    before = site.router.run("ip", "-4", "-o", "route", "show", VIP4).stdout
    seen: list[str] = []
    with site.router.monitor() as lines:
        yield seen
        seen += [line for line in lines() if any(vip in line for vip in VIPS)]
    assert site.router.run("ip", "-4", "-o", "route", "show", VIP4).stdout == before


def test_packets_reach_backends_which_see_the_client(site: DirectorSite) -> None:
    for vip in VIPS:
        found = [site.ask(vip) for _ in range(30)]
        assert {name for name, _ in found} == set(BACKENDS)
        assert {address for _, address in found} == {CLIENTS[vip]}


def test_a_killed_backend_costs_its_own_flows_only_and_no_update(site: DirectorSite) -> None:
    director = site.directors[0]
    with Crowd(site) as crowd:
        mine = sum(flow.name == "b" for flow in crowd.flows)
        assert 0 < mine < len(crowd.flows)
        with updates(site) as seen:
            lines = len(director.node.lines)
            site.backends["b"].kill()
            director.node.wait_line("slots to", lines)
            director.wait(up=("a", "c"))
            assert {site.ask(vip)[0] for vip in VIPS for _ in range(20)} == {"a", "c"}
            until(lambda: len(crowd.lost) == mine)
        assert seen == []
        assert set(crowd.lost) == {"b"}


def test_one_that_returns_takes_no_flow_that_lives(site: DirectorSite) -> None:
    director = site.directors[0]
    lines = len(director.node.lines)
    site.backends["b"].kill()
    director.node.wait_line("slots to", lines)
    with Crowd(site) as crowd:
        site.backends["b"].start()
        director.wait()
        until(lambda: director.backend("b")["slots"] > 200, "slots that nobody uses go back")
        assert site.directors[0].service()["waiting"] > 0  # those of the crowd stay
        until(lambda: "b" in {site.ask()[0] for _ in range(10)}, "new flows reach it")
        assert crowd.lost == []
    until(lambda: director.service()["waiting"] == 0, "the others follow when they are silent")
    until(lambda: director.backend("b")["slots"] == director.backend("b")["wanted"])


def test_a_drain_loses_nothing_and_says_when_it_is_safe(site: DirectorSite) -> None:
    director = site.directors[0]
    with Crowd(site) as crowd:
        done = director.command("balance", "drain", "b", "--no-wait", "--reason", "new disks")
        assert done.returncode == 1
        assert "slots carry packets" in done.stdout
        assert {site.ask(vip)[0] for vip in VIPS for _ in range(5)}
        assert crowd.lost == []
    done = director.command("balance", "drain", "b")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "web: b is up, drained: SAFE")
    assert director.backend("b")["slots"] == 0
    site.backends["b"].kill()

    os.kill(director.service_pid(), signal.SIGKILL)
    until(lambda: director.backend("b").get("drained"), "the drain outlives control")
    assert director.backend("b")["drained"]["reason"] == "new disks"
    site.backends["b"].start()
    director.wait()
    assert director.command("balance", "undrain", "b").returncode == 0
    until(lambda: director.backend("b")["slots"] == director.backend("b")["wanted"] > 0)


def test_when_all_are_down_the_route_goes_and_comes_back_with_them(site: DirectorSite) -> None:
    director = site.directors[0]
    for backend in site.backends.values():
        backend.kill()
    director.wait("withdrawn", up=())
    site.wait_routes(())
    assert "too few backends are up (0 of 3 backends up, 1 needed)" in director.service()["why"][0]
    for backend in site.backends.values():
        backend.start()
    director.wait()
    site.wait_routes()
    assert site.ask()[0] in BACKENDS


def test_orders_hold_for_all_services_and_are_shown(site: DirectorSite) -> None:
    director = site.directors[0]
    done = director.command("drain", "node", "--reason", "new switch")
    assert done.returncode == 0, done
    assert "drain ordered" in done.stdout
    director.wait("drained")
    assert site.ask()[0] in BACKENDS
    assert director.command("undrain", "node").returncode == 0
    assert director.command("withdraw").returncode == 0
    site.wait_routes(())
    assert director.command("announce").returncode == 0
    director.wait()
    site.wait_routes()
    assert "192.0.2.80" in director.command("status").stdout


def test_a_machine_that_vanishes_is_found_without_a_check(tmp_path: Path) -> None:
    with director_site(tmp_path, interval="20s") as site:
        director = site.directors[0]
        director.start()
        director.converge()
        began, lines = time.monotonic(), len(director.node.lines)
        site.backends["c"].vanish()
        assert "does not answer" in director.node.wait_line("c is down", lines)
        director.node.wait_line("slots to", lines)
        assert time.monotonic() - began < 10.0  # 1 s on a machine with nothing else to do
        assert {site.ask(vip)[0] for vip in VIPS for _ in range(10)} == {"a", "b"}


def test_a_service_that_dies_is_found_without_a_check_and_shares_follow_weights(
    tmp_path: Path,
) -> None:
    with director_site(tmp_path, interval="20s") as site:
        director = site.directors[0]
        director.configure({"a": 1, "b": 2, "c": 1})
        director.start()
        director.converge()
        for vip in VIPS:
            shares = Counter(director.choices(vip, 10_000))
            slots = {one["backend"]: one["slots"] for one in director.service()["backends"]}
            for name, weight in (("a", 0.25), ("b", 0.5), ("c", 0.25)):
                assert abs(shares[name] / 10_000 - weight) < 0.03
                assert abs(shares[name] / 10_000 / (slots[name] / 1021) - 1) < 0.1
        began, lines = time.monotonic(), len(director.node.lines)
        site.backends["b"].kill()
        assert "connection refused" in director.node.wait_line("b is down", lines)
        director.node.wait_line("slots to a", lines)
        assert time.monotonic() - began < 10.0  # 0.03 s on a machine with little else to do


def test_a_service_of_udp_whose_process_dies_is_found_without_a_check(tmp_path: Path) -> None:
    with director_site(tmp_path, protocol="udp", interval="20s") as site:
        director = site.directors[0]
        director.start()
        director.converge()
        began, lines = time.monotonic(), len(director.node.lines)
        site.backends["b"].kill()
        assert "connection refused" in director.node.wait_line("b is down", lines)
        director.node.wait_line("slots to a", lines)
        assert time.monotonic() - began < 10.0  # 0.03 s on a machine with little else to do


def test_one_that_dies_again_as_soon_as_it_is_back_is_found_without_a_check(tmp_path: Path) -> None:
    with director_site(tmp_path, interval="4s") as site:
        director = site.directors[0]
        director.start()
        director.converge()
        for _ in range(3):
            lines = len(director.node.lines)
            began = time.monotonic()
            site.backends["b"].kill()
            director.node.wait_line("b is down", lines)
            assert time.monotonic() - began < 3.5  # 0.03 s on a machine with little else to do
            site.backends["b"].start()
            director.node.wait_line("b is up", lines)


def test_killing_control_moves_no_slot(site: DirectorSite) -> None:
    director = site.directors[0]
    before = director.choices(VIP4)
    with Crowd(site) as crowd, updates(site) as seen:
        lines = len(director.node.lines)
        os.kill(director.service_pid(), signal.SIGKILL)
        director.node.wait_line("reusing the slots in the kernel", lines)
        director.wait()
        assert crowd.lost == [], director.node.lines
    assert seen == [], director.node.lines
    assert director.choices(VIP4) == before


def test_edits_of_backends_and_weights_are_reloaded(site: DirectorSite) -> None:
    director = site.directors[0]
    director.configure({"a": 1, "b": 2})
    with Crowd(site) as crowd:
        mine = sum(flow.name == "c" for flow in crowd.flows)
        assert director.command("reload").returncode == 0
        assert [one["weight"] for one in director.service()["backends"]] == [1, 2]
        until(lambda: len(crowd.lost) == mine)
        assert set(crowd.lost) == {"c"}
    until(lambda: director.service()["waiting"] == 0)
    shares = Counter(director.choices(VIP4, 3000))
    assert 0.6 < shares["b"] / 3000 < 0.73
    director.configure({"a": 1, "b": 1}, protocol="tcp", patience="nonsense")
    done = director.command("reload")
    assert done.returncode == 1
    assert "patience" in done.stderr


def test_two_directors_agree_whatever_they_have_lived_through(tmp_path: Path) -> None:
    with director_site(tmp_path, 2) as site:
        one, two = site.directors
        one.start()
        one.converge()
        site.backends["b"].kill()
        one.wait(up=("a", "c"))
        site.backends["b"].start()
        one.converge()
        two.start()
        two.converge()
        for vip in VIPS:
            assert one.choices(vip, 300) == two.choices(vip, 300)
        site.wait_shared()
        with Crowd(site) as crowd:
            one.node.process.send_signal(signal.SIGTERM)
            assert one.node.process.wait(20) == 0
            until(lambda: not _is_shared(site))
            assert "dup to" not in one.space.run("nft", "list", "ruleset").stdout
            one.start()
            one.converge()
            site.wait_shared()
            answered = {vip: site.answerers(vip, PORTS) for vip in VIPS}
            one.node.process.kill()
            began = time.monotonic()
            until(lambda: not _is_shared(site))
            took = time.monotonic() - began
            asked = Counter(site.ask(vip)[0] for vip in VIPS for _ in range(20))
            assert set(asked) == set(BACKENDS)
            # Real packets, half of which came over the other director before.
            assert {vip: site.answerers(vip, PORTS) for vip in VIPS} == answered
            assert crowd.lost == []
        assert took < 1.4  # 10 ms, and the time that looking takes; BFD would need 1.5 s


def test_slots_are_made_again_after_the_cable_was_pulled(site: DirectorSite) -> None:
    """The kernel removes the objects of a link that has no carrier."""
    director = site.directors[0]
    site.router.ip(f"link set {director.port} down")
    site.wait_routes(())
    site.router.ip(f"link set {director.port} up")
    director.converge()
    site.wait_routes()
    until(lambda: _reached(site) == set(BACKENDS), "packets flow again")


def _reached(site: DirectorSite) -> set[str]:
    """Return who answers; empty while any question finds nothing."""
    try:
        return {site.ask(vip, 0.5)[0] for vip in VIPS for _ in range(20)}
    except OSError:
        return set()


PORTS = range(20_000, 20_100)


def _is_shared(site: DirectorSite) -> bool:
    """Return whether the router has two directors for a VIP."""
    return site.router.run("ip", "route", "show", VIP4).stdout.count("nexthop") == 2


def test_a_datagram_in_fragments_reaches_one_backend(site: DirectorSite) -> None:
    answered = {vip: [site.client(ask_long, vip) for _ in range(20)] for vip in VIPS}
    assert {name for names in answered.values() for name in names} <= set(BACKENDS)


def ask_long(vip: str) -> str:
    """Return who answers a datagram that is longer than a packet."""
    with socket.socket(
        socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM
    ) as sock:
        sock.settimeout(10)
        sock.sendto(b"?" * 4000, (vip, PORT))
        return sock.recv(512).split()[0].decode()


LOSS = """add table inet loss
add chain inet loss before { type filter hook prerouting priority 0; }
add rule inet loss before iif c0 drop"""


def test_a_retransmission_moves_no_flow(site: DirectorSite) -> None:
    """The client's socket hashes its packets anew then, which must not matter."""
    flows = [site.client(Flow, VIPS[number % 2]) for number in range(40)]
    before = _retransmitted(site)
    site.router.run("nft", LOSS)
    for flow in flows:
        flow.sock.sendall(b"?\n")
    until(lambda: _retransmitted(site) >= before + 2 * len(flows), "each sends it again, twice")
    site.router.run("nft", "delete table inet loss")
    for flow in flows:
        assert flow.answer() == flow.name
        flow.close()


def _retransmitted(site: DirectorSite) -> int:
    """Return how many segments the client's machine has sent more than once."""
    names, values = site.client(
        lambda: [
            line.split()
            for line in Path("/proc/thread-self/net/snmp").read_text().splitlines()
            if line.startswith("Tcp:")
        ]
    )
    return int(dict(zip(names, values, strict=True))["RetransSegs"])


def test_icmp_too_big_reaches_the_backend_of_its_flow(site: DirectorSite) -> None:
    """What backends send is too long for a link on the way: only ICMP tells them."""
    site.router.ip("link set c0 mtu 1280")
    for backend in site.backends.values():
        backend.space.run("sysctl", "-qw", "net.ipv4.tcp_mtu_probing=0")
    for vip in VIPS:
        names: set[str] = set()
        while names != set(BACKENDS):
            answer = site.client(ask_much, vip)
            assert answer.count(b"\n") == 8000
            names.add(answer.split()[0].decode())


def ask_much(vip: str) -> bytes:
    """Return what is answered to many questions at once."""
    with socket.create_connection((vip, PORT), timeout=10) as sock:
        sock.sendall(b"?\n" * 8000)
        sock.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: sock.recv(65536), b""))


def test_what_is_not_its_own_is_stopped_by_the_director_and_by_the_router(
    site: DirectorSite,
) -> None:
    director = site.directors[0]
    assert evil.by_mistake(site) == {"192.0.2.80/32", "2001:db8:53::80/128"}
    until(lambda: "192.0.2.99" not in director.space.run("ip", "addr").stdout, "dnsd removes them")

    with updates(site) as seen:
        assert evil.on_purpose(site) == set()
        for _ in range(10):
            assert {site.ask(vip)[1] for vip in VIPS} == {CLIENT4, CLIENT6}
    assert seen == []  # its own routes do not suffer
    # They are stopped by the filter: the limit behind it would end the session.
    assert "[HIT]" not in site.birdc("show", "protocols", "all")
    kernel = "".join(site.router.run("ip", f, "route").stdout for f in ("-4", "-6"))
    single = {prefix.removesuffix("/32").removesuffix("/128") for prefix in evil.ALL}
    assert not (evil.ALL | single | {"default"}) & {line.split()[0] for line in kernel.splitlines()}
    assert site.routes() == set(VIPS)
