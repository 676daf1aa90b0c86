"""Tunnels to backends: what is made, what is left alone, who is where."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config.balance import Balance
from dnsd.control.balance import backendhost, tunnels
from dnsd.control.balance.backendhost import Way
from dnsd.errors import BalanceError
from tests.netspace import Space
from tests.support import COMMAND

VIPS = ("192.0.2.80", "2001:db8:53::80")
NEAR4, NEAR6 = "10.0.0.1", "fd00::1"
FAR4, FAR6 = "10.1.0.9", "fd01::9"


@pytest.fixture
def space() -> Iterator[Space]:
    with Space() as made:
        made.ip("link set lo up", "link add lan0 mtu 1600 type veth peer name lan1")
        made.ip("link set lan0 up", "link set lan1 up")
        made.ip(f"addr add {NEAR4}/24 dev lan0", f"addr add {NEAR6}/64 dev lan0 nodad")
        made.ip("route add 10.1.0.0/24 via 10.0.0.254", "-6 route add fd01::/64 via fd00::254")
        yield made


@given(st.ip_addresses())
def test_what_a_backend_is_called_in_the_tunnel_follows_from_its_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    mac = bytes.fromhex(tunnels.mac_of(str(address)).replace(":", ""))
    assert mac[0] & 0b11 == 0b10  # of one machine, administered locally
    gateway = ipaddress.ip_address(tunnels.gateway_of(str(address)))
    assert gateway.version == address.version
    reserved = ipaddress.ip_network("240.0.0.0/5")
    assert gateway in reserved if address.version == 4 else gateway.is_link_local


def test_hops_are_made_kept_and_mended(space: Space) -> None:
    wanted = (FAR4, FAR6, "10.1.0.10")
    found = space(tunnels.hops_to, Balance(), wanted)
    assert {hop.gateway for hop in found.hops.values() if hop} == {*map(tunnels.gateway_of, wanted)}
    links = space.run("ip", "-d", "-o", "link", "show", "type", "vxlan").stdout
    assert links.count("NOARP,UP") == 2
    assert "dnsd-vx4: " in links
    assert "mtu 1550 " in links
    assert "mtu 1530 " in links
    assert links.count("vxlan id 53 ") == links.count("dstport 4789 nolearning") == 2
    assert space(tunnels.hops_to, Balance(), wanted) == found

    fdb = space.run("bridge", "fdb", "show", "dev", "dnsd-vx4").stdout
    assert {line.split(" self")[0] for line in fdb.splitlines()} == {
        f"{tunnels.mac_of(one)} dst {one}" for one in (FAR4, "10.1.0.10")
    }
    space.ip(f"neigh del {tunnels.gateway_of(FAR4)} dev dnsd-vx4")
    again = space(tunnels.hops_to, Balance(vxlan_mtu=1400), (FAR4,))
    assert again.hops == {FAR4: found.hops[FAR4]}
    assert tunnels.mac_of(FAR4) in space.run("ip", "neigh").stdout
    assert "10.1.0.10" not in space.run("bridge", "fdb", "show", "dev", "dnsd-vx4").stdout
    assert "mtu 1400" in space.run("ip", "link", "show", "dnsd-vx4").stdout


def test_no_tunnel_leads_nowhere_or_to_this_machine(space: Space) -> None:
    found = space(tunnels.hops_to, Balance(), ("172.16.0.1", NEAR4, NEAR6))
    assert found == tunnels.TunnelHops({"172.16.0.1": None, NEAR4: None, NEAR6: None})
    assert space.run("ip", "link", "show", "type", "vxlan").stdout == ""


def test_with_another_vni_the_device_is_made_anew_and_that_of_others_left_alone(
    space: Space,
) -> None:
    space(tunnels.hops_to, Balance(), (FAR4,))
    space(tunnels.hops_to, Balance(vxlan_vni=54), (FAR4,))
    assert "vxlan id 54 " in space.run("ip", "-d", "link", "show", "dnsd-vx4").stdout
    found = space(tunnels.hops_to, Balance(vxlan_vni=54, vxlan_device="other"), (FAR4,))
    assert found.hops == {FAR4: None}
    assert "another VXLAN device has the VNI 54" in found.problems[0]
    space.ip("link add own4 type bridge")
    found = space(tunnels.hops_to, Balance(vxlan_device="own"), (FAR4,))
    assert "own4 already exists and is not dnsd's" in found.problems[0]
    assert not space(tunnels.remove, "own4")


def test_a_port_that_is_taken_and_a_kernel_without_vxlan_are_told(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    with space(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 4789))
        found = space(tunnels.hops_to, Balance(), (FAR4, FAR6))
    assert found.hops[FAR4] is None
    assert found.hops[FAR6] is not None
    assert "another program has UDP port 4789" in found.problems[0]
    assert space(tunnels.hops_to, Balance(), (FAR4,)).hops[FAR4] is not None

    monkeypatch.setattr(tunnels, "KIND", "vxlan-none")
    found = space(tunnels.hops_to, Balance(vxlan_device="other"), (FAR4,))
    assert found.hops == {FAR4: None}
    assert "this kernel has no VXLAN" in found.problems[0]


def test_a_backend_is_made_ready_and_given_back(space: Space, tmp_path: Path) -> None:
    way = Way((NEAR4, NEAR6), vni=7, port=4790, device="tun-")
    assert len([line for line in space(check, way) if "no VXLAN device tun-" in line]) == 2
    before = space.run("ip", "addr", "show").stdout.count("inet")
    told = space(setup, tmp_path, way)
    assert "tun-4 receives VXLAN: VNI 7, 10.0.0.1, port 4790" in told
    assert space(check, way) == []
    assert space(setup, tmp_path, way) == []
    links = space.run("ip", "-d", "-o", "link", "show", "type", "vxlan").stdout
    assert tunnels.mac_of(NEAR4) in links
    assert tunnels.mac_of(NEAR6) in links
    assert tunnels.gateway_of(NEAR6) in space.run("ip", "addr", "show", "tun-6").stdout

    space.run("sysctl", "-qw", "net.ipv4.conf.tun-4.forwarding=1")
    space.ip("addr flush dev tun-4 scope host", "link set tun-6 down")
    told = space(check, way)
    assert [line.split(",")[0].split(":")[0] for line in told] == [
        "tun-4 lacks the address 192.0.0.8",
        "net.ipv4.conf.tun-4.forwarding is not 0",
        "tun-6 is down",
    ]
    space(setup, tmp_path, way)
    assert space(check, way) == []
    assert any("has the VNI 7, not 8" in line for line in space(check, way._replace(vni=8)))

    assert {"tun-4 is removed", "tun-6 is removed"} <= {*space(backendhost.undo, tmp_path)}
    assert space.run("ip", "link", "show", "type", "vxlan").stdout == ""
    assert space.run("ip", "addr", "show").stdout.count("inet") == before


@pytest.mark.parametrize(
    ("addresses", "sentence"),
    [
        (("10.0.0.77",), "10.0.0.77 is not an address of this machine"),
        (("192.0.2.80",), "192.0.2.80 is not an address of this machine"),
        ((NEAR4, "127.0.0.1"), "is one of several of its family"),
    ],
)
def test_a_tunnel_ends_only_where_it_can_and_nothing_is_changed_for_another(
    space: Space, tmp_path: Path, addresses: tuple[str, ...], sentence: str
) -> None:
    before = space.run("ip", "addr").stdout
    with pytest.raises(BalanceError, match=sentence):
        space(setup, tmp_path, Way(addresses))
    assert space.run("ip", "addr").stdout == before
    assert not any(tmp_path.iterdir())


def test_the_commands_know_tunnels(space: Space, tmp_path: Path) -> None:
    def dnsd(*words: str) -> tuple[int, str]:
        done = space.run(*COMMAND, "backend", *words, check=False)
        return done.returncode, done.stdout + done.stderr

    record, way = ("--record", str(tmp_path)), ("--vxlan", NEAR4, "--vni", "9")
    status, told = dnsd("setup", *record, *way, *VIPS)
    assert (status, "dnsd-vx4 receives VXLAN: VNI 9, 10.0.0.1" in told) == (0, True)
    assert dnsd("check", *way, *VIPS) == (0, "")
    status, told = dnsd("check", "--vxlan", NEAR4, *VIPS)
    assert (status, "has the VNI 9, not 53" in told) == (1, True)
    assert "dnsd-vx4 is removed" in dnsd("undo", *record)[1]
    assert dnsd("setup", *record, "--vxlan", "there", *VIPS)[0] == 2
    assert dnsd("setup", *record, *way, "--device", "vip-x", *VIPS)[0] == 2


def setup(directory: Path, way: Way) -> list[str]:
    return backendhost.setup(VIPS, directory, way=way)


def check(way: Way) -> list[str]:
    return backendhost.check(VIPS, way=way)
