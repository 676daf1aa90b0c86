"""What dnsd tells the kernel about slots, and what the kernel then does, in namespaces."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsd.control.anycast.vip import VipSurvey
from dnsd.control.balance import links, nexthops, nftables, settings
from dnsd.control.balance.farvips import FarVips
from dnsd.control.balance.kernel import Nexthops, group_number
from dnsd.control.balance.nexthops import BackendHop
from dnsd.errors import BalanceError
from tests.netspace import Space

GROUP = group_number(7)
SLOTS = 61
VIP4, VIP6 = "192.0.2.80", "2001:db8:53::80"


@pytest.fixture
def space() -> Iterator[Space]:
    """A director with two links: one to clients, one to backends."""
    with Space() as made:
        made.ip(
            "link set lo up",
            "link add in0 type veth peer name out0",
            "link add be0 type veth peer name be1",
            "addr add 198.51.100.2/24 dev in0",
            "addr add 10.0.0.1/24 dev be0",
            "addr add 2001:db8:1::2/64 dev in0 nodad",
            "addr add fd00::1/64 dev be0 nodad",
        )
        for link in ("in0", "out0", "be0", "be1"):
            made.ip(f"link set {link} up")
        yield made


def hops(space: Space, prefix: str, count: int = 3) -> list[BackendHop]:
    link = space(socket.if_nametoindex, "be0")
    return [BackendHop(f"{prefix}{11 + number}", link) for number in range(count)]


def build(vip: str, backends: list[BackendHop]) -> None:
    with Nexthops() as kernel:
        numbers = range(GROUP + 1, GROUP + 1 + SLOTS)
        kernel.point({one: backends[index % len(backends)] for index, one in enumerate(numbers)})
        kernel.make_group(GROUP, SLOTS)
        kernel.route(vip, GROUP)


def chosen(space: Space, vip: str, source: str, count: int = 60) -> list[str]:
    """The backend of each of so many flows, as the kernel says without a packet."""
    family = "-6" if ":" in vip else "-4"
    found = []
    for port in range(count):
        words = f"ip {family} route get {vip} from {source} iif in0 ipproto tcp"
        said = space.run(*words.split(), "sport", str(2000 + port), "dport", "80").stdout.split()
        found.append(said[said.index("via") + 1])
    return found


@pytest.mark.parametrize(
    ("vip", "prefix", "source"),
    [(VIP4, "10.0.0.", "198.51.100.9"), (VIP6, "fd00::", "2001:db8:1::9")],
)
def test_flows_follow_their_slots_and_no_others(
    space: Space, vip: str, prefix: str, source: str
) -> None:
    space(settings.ensure, settings.wanted(4711, ["in0"]))
    backends = hops(space, prefix)
    space(build, vip, backends)
    before = chosen(space, vip, source)
    assert set(Counter(before)) == {one.gateway for one in backends}

    leaver, others = backends[0], backends[1:]

    def leave() -> None:
        with Nexthops() as kernel:
            held = [
                number
                for number, one in kernel.found(range(GROUP, GROUP + 1 + SLOTS)).items()
                if one.hop == leaver
            ]
            kernel.point({number: others[number % 2] for number in held})

    space(leave)
    after = chosen(space, vip, source)
    assert leaver.gateway not in after
    for was, now in zip(before, after, strict=True):
        assert was in (now, leaver.gateway)


def test_what_a_predecessor_has_made_is_read_back(space: Space) -> None:
    backends = hops(space, "10.0.0.")
    space(build, VIP4, backends)
    with_kernel = space(_all)
    assert with_kernel[GROUP] == nexthops.KernelNexthop(GROUP, None, SLOTS, True)
    assert with_kernel[GROUP + 2].hop == backends[1]
    space(_remove)
    assert space(_all) == {}
    assert VIP4 not in space.run("ip", "route").stdout


def _all() -> dict[int, nexthops.KernelNexthop]:
    with Nexthops() as kernel:
        return kernel.found(range(GROUP, GROUP + 1 + SLOTS))


def _remove() -> None:
    with Nexthops() as kernel:
        kernel.remove([GROUP, *range(GROUP + 1, GROUP + 1 + SLOTS)])
        kernel.remove([GROUP])


def _one_packet() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (VIP4, 9))


def _seen() -> tuple[list[float], dict[int, int]]:
    with Nexthops() as kernel:
        return kernel.silent(GROUP, SLOTS), kernel.packets(GROUP)


def test_the_slot_of_a_packet_is_told_by_its_silence_and_by_its_counter(space: Space) -> None:
    space(settings.ensure, settings.wanted(4711, ["in0"]))
    space(build, VIP4, hops(space, "10.0.0."))
    silent, packets = space(_seen)
    assert len(silent) == SLOTS
    assert sum(packets.values()) == 0
    space.run("sleep", "0.3")
    space(_one_packet)
    silent, packets = space(_seen)
    used = [number - GROUP - 1 for number, count in packets.items() if count]
    assert len(used) == 1
    assert (
        silent[used[0]] < 0.3 <= min(value for slot, value in enumerate(silent) if slot != used[0])
    )


def _move_if_silent(slot: int, hop: BackendHop, seconds: float) -> tuple[bool, BackendHop | None]:
    number = GROUP + 1 + slot
    with Nexthops() as kernel:
        kernel.silent(GROUP, SLOTS)
        moved = kernel.point_silent({number: hop}, seconds)
        return moved, kernel.found([number])[number].hop


def test_a_slot_moves_for_its_silence_only_if_it_is_silent_still(space: Space) -> None:
    before, after = hops(space, "10.0.0.", 2)
    space(build, VIP4, [before])
    for slot in (0, SLOTS - 1):
        assert space(_move_if_silent, slot, after, 1e6) == (False, before)
        assert space(_move_if_silent, slot, after, 0.0) == (True, after)


def test_thousands_of_slots_are_read(space: Space) -> None:
    def make() -> tuple[int, int, int]:
        with Nexthops() as kernel:
            kernel.point(dict.fromkeys(range(GROUP + 1, GROUP + 1 + 4093), hop))
            kernel.make_group(GROUP, 4093)
            found = kernel.found(range(GROUP, GROUP + 4094))
            return len(kernel.packets(GROUP)), len(kernel.silent(GROUP, 4093)), len(found)

    hop = hops(space, "10.0.0.")[0]
    assert space(make) == (4093, 4093, 4094)


def test_a_hop_that_the_kernel_refuses_is_an_error_and_the_others_are_made(space: Space) -> None:
    good = hops(space, "10.0.0.")[0]

    def make() -> None:
        with Nexthops() as kernel:
            kernel.point(
                {GROUP + 1: good, GROUP + 2: BackendHop("203.0.113.1", good.link), GROUP + 3: good}
            )

    with pytest.raises(BalanceError, match="the kernel refuses a change of nexthops"):
        space(make)
    assert set(space(_all)) == {GROUP + 1, GROUP + 3}


def test_a_group_that_the_kernel_refuses_is_told_with_what_it_needs(space: Space) -> None:
    def make() -> None:
        with Nexthops() as kernel:
            kernel.make_group(GROUP, SLOTS)

    with pytest.raises(
        BalanceError, match=r"resilient nexthop groups, which Linux has since 5\.13"
    ):
        space(make)


# -- settings ---------------------------------------------------------------------------------


def test_settings_are_set_once_and_told(space: Space) -> None:
    wanted = settings.wanted(4711, ["in0"])
    first = space(settings.ensure, wanted)
    assert (first.problems, first.seed) == ((), True)
    assert "net.ipv4.fib_multipath_hash_seed is set to 4711 (it was 0)" in first.changed
    assert space(settings.ensure, wanted) == settings.KernelSettings((), (), True)


def test_a_kernel_without_a_seed_is_told_with_what_is_lost(tmp_path: Path) -> None:
    (tmp_path / "ipv4").mkdir()
    found = settings.ensure({settings.SEED: "1"}, tmp_path)
    assert not found.seed
    assert "let one director at a time announce a VIP" in found.problems[0]


# -- nftables ---------------------------------------------------------------------------------


def test_a_kernel_that_cannot_hash_chosen_fields_is_told_with_what_is_lost(tmp_path: Path) -> None:
    wanted = {
        place: value for place, value in settings.wanted(4711, []).items() if "hash_f" in place
    }
    told = settings.ensure(wanted, tmp_path).problems
    assert len(told) == 2
    assert "cannot set net.ipv4.fib_multipath_hash_fields to 55 (Linux 5.14 can)" in told[0]
    assert settings.ensure(wanted, tmp_path).seed


def test_rules_are_replaced_as_a_whole_and_removed(space: Space) -> None:
    four, six = hops(space, "10.0.0."), hops(space, "fd00::")
    guarded = [
        nftables.Guarded(VIP4, tuple(four), ("tcp",), (80, 443)),
        nftables.Guarded(VIP6, tuple(six)),
    ]
    for _ in range(2):
        space(nftables.apply, nftables.replace(guarded))
        shown = space.run("nft", "list", "ruleset").stdout
        assert shown.count("dup to") == 6
        assert 'dup to 10.0.0.12 device "be0"' in shown
        assert 'dup to fd00::13 device "be0"' in shown
        assert "tcp dport 443 return" in shown
        assert "frag-off & 8191 != 0" in shown, shown
        assert "icmpv6 type packet-too-big icmpv6 code no-route jump vip0_errors" in shown
    space(nftables.apply, nftables.replace(guarded[:1]))
    assert space.run("nft", "list", "ruleset").stdout.count("dup to") == 3
    space(nftables.apply, nftables.remove())
    assert space.run("nft", "list", "ruleset").stdout == ""


# -- the VIPs, at the far end of their interface ----------------------------------------------


def test_vips_stand_on_their_interface_and_are_not_this_machines(space: Space) -> None:
    vips = (VIP4, "192.0.2.81", VIP6, "2001:db8:54::80")
    space(settings.ensure, settings.wanted(4711, ["in0"]))
    space.ip("tuntap add vip-web mode tun")
    space.ip("addr add 192.0.2.99/32 dev vip-web")
    far = FarVips("vip-web", vips)

    def establish() -> VipSurvey:
        async def work() -> VipSurvey:
            await far.establish()
            await far.establish()
            return await far.survey()

        return asyncio.run(work())

    survey = space(establish)
    far.close()
    assert survey.addresses == set(vips)
    assert survey.elsewhere == {}
    assert "192.0.2.99" not in space.run("ip", "addr").stdout
    for vip, prefix in ((VIP4, "10.0.0."), (VIP6, "fd00::")):
        space(build, vip, hops(space, prefix))
        found = chosen(space, vip, "198.51.100.9" if "." in prefix else "2001:db8:1::9", 10)
        assert all(one.startswith(prefix) for one in found)
        space(_forget)


def _forget() -> None:
    with Nexthops() as kernel:
        kernel.remove([GROUP, *range(GROUP + 1, GROUP + 1 + SLOTS)])


def test_a_vip_that_is_an_address_of_the_director_is_told(space: Space) -> None:
    space.ip("tuntap add vip-web mode tun", f"addr add {VIP4}/32 dev lo")
    far = FarVips("vip-web", (VIP4,))
    told = space(lambda: asyncio.run(far.conflicts()))
    far.close()
    assert told[0].startswith(f"the VIP {VIP4} is an ordinary address of lo")


# -- rights -----------------------------------------------------------------------------------

WITHOUT_ROOT = """
import os, socket
from dnsd.control.balance import kernel, links, nftables, settings
from dnsd.rights import capabilities
from dnsd.rights.capabilities import Capability

wanted = {Capability.NET_ADMIN, Capability.NET_RAW}
capabilities.gain_no_more()
capabilities.prepare_change_of_user(wanted)
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
capabilities.hand_on(wanted)
capabilities.restrict(wanted)
done = settings.ensure({**settings.wanted(7, ["be0"]), **links.neighbour_settings(["be0"])})
assert done.changed and not done.problems, done
hop = links.hops_to(["10.0.0.11"])["10.0.0.11"]
group = kernel.group_number(3)
with kernel.Nexthops() as nexthops:
    nexthops.point({group + 1 + slot: hop for slot in range(61)})
    nexthops.make_group(group, 61)
    nexthops.route("192.0.2.80", group)
nftables.apply(nftables.replace([nftables.Guarded("192.0.2.80", (hop,))]))
print("done")
"""


def test_a_director_needs_no_root_but_two_capabilities(space: Space) -> None:
    with space.python(WITHOUT_ROOT) as process:
        assert process.communicate(timeout=60)[0] == "done\n"


def test_only_what_is_on_a_link_can_be_a_backend(space: Space) -> None:
    link = space(socket.if_nametoindex, "be0")
    space.ip("route add 203.0.113.0/24 via 10.0.0.254")
    elsewhere = ("203.0.113.9", "192.0.2.9", "10.0.0.1", "2001:db8:9::9")
    assert space(links.hops_to, ("10.0.0.11", "fd00::11", *elsewhere)) == {
        "10.0.0.11": BackendHop("10.0.0.11", link),
        "fd00::11": BackendHop("fd00::11", link),
        **dict.fromkeys(elsewhere),
    }
