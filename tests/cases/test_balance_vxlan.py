"""A director whose backends are on another network: packets reach them in a tunnel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cases.test_balance import CLIENTS, Crowd, ask_much
from tests.director import BACKENDS, VIPS, DirectorSite, director_site
from tests.support import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DirectorSite]:
    """A site with one director that announces."""
    with director_site(tmp_path, far=True) as made:
        made.directors[0].start()
        made.directors[0].converge()
        made.wait_routes()
        yield made


def answered(site: DirectorSite, vip: str) -> set[str]:
    """Return who answers; empty while any question finds nothing."""
    try:
        return {site.ask(vip, 0.5)[0] for _ in range(20)}
    except OSError:
        return set()


def test_packets_reach_backends_which_see_the_client_and_come_and_go(site: DirectorSite) -> None:
    director = site.directors[0]
    for vip in VIPS:
        found = [site.ask(vip) for _ in range(30)]
        assert {name for name, _ in found} == set(BACKENDS)
        assert {address for _, address in found} == {CLIENTS[vip]}
    with Crowd(site) as crowd:
        site.backends["b"].kill()
        director.wait(up=("a", "c"))
        until(lambda: all(answered(site, vip) == {"a", "c"} for vip in VIPS))
        site.backends["b"].start()
        director.wait()
        until(lambda: "b" in answered(site, VIPS[0]))
        assert set(crowd.lost) == {"b"}


def test_what_is_too_big_for_the_tunnel_or_for_the_way_back_is_told(site: DirectorSite) -> None:
    """Clients' segments are longer than the tunnel takes, and answers than a link on the way."""
    site.router.ip("link set c0 mtu 1400")
    for backend in site.backends.values():
        backend.space.run("sysctl", "-qw", "net.ipv4.tcp_mtu_probing=0")
    for vip in VIPS:
        found: set[str] = set()
        while found != set(BACKENDS):
            answer = site.client(ask_much, vip)
            assert answer.count(b"\n") == 8000
            found.add(answer.split()[0].decode())
    devices = site.directors[0].space.run("ip", "-d", "link", "show", "type", "vxlan").stdout
    assert "dnsd-vx4" in devices
    assert "mtu 1450" in devices
    assert "mtu 1430" in devices


def test_a_device_that_somebody_removes_is_made_again(site: DirectorSite) -> None:
    director = site.directors[0]
    director.space.ip("link del dnsd-vx4")
    until(lambda: answered(site, VIPS[0]) == set(BACKENDS), "packets flow again")


def test_what_comes_out_of_the_tunnel_at_a_director_is_dropped(site: DirectorSite) -> None:
    director = site.directors[0]
    rules = director.space.run("nft", "list", "table", "ip", "dnsd_balance").stdout
    assert 'iif "dnsd-vx4" drop' in rules
    rules = director.space.run("nft", "list", "table", "ip6", "dnsd_balance").stdout
    assert 'iif "dnsd-vx6" drop' in rules


def test_an_interface_of_that_name_that_is_another_one_is_left_alone(tmp_path: Path) -> None:
    with director_site(tmp_path, far=True) as site:
        director = site.directors[0]
        director.space.ip("link add dnsd-vx4 type vxlan id 7 dstport 4789 local 10.0.0.1")
        director.start()
        director.node.wait_line("the interface dnsd-vx4 already exists and is not dnsd's")
        assert "id 7 " in director.space.run("ip", "-d", "link", "show", "dnsd-vx4").stdout
        told = director.command("balance", "status").stdout
        assert "dnsd-vx4 already" in " ".join(told.split())
        assert site.routes() == set()
