"""The text of BIRD's and FRR's configuration: guards, timers, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config import Anycast
from dnsd.config.anycast import Bgp, BirdConfig, Neighbor
from dnsd.errors import ConfigError
from dnsd.routerconf import Dialect, faults, node_bird, router_bird, router_frr, site_of

RTR4 = Neighbor(name="rtr4", address="198.51.100.1", local="198.51.100.2", asn=65001)
RTR6 = Neighbor(name="rtr6", address="2001:db8:1::1", local="2001:db8:1::2", asn=65001)
NODE = Anycast(
    vips=("192.0.2.53", "2001:db8:53::53"),
    subnets=("192.0.2.0/24", "2001:db8:53::/48"),
    bgp=Bgp(asn=65010),
    neighbor=(RTR4, RTR6),
)
PROTECTED = msgspec.structs.replace(
    NODE, bgp=Bgp(asn=65010, password_file=Path("/etc/bird/dnsd-password.conf"))
)


def node(**changes: object) -> Anycast:
    return msgspec.structs.replace(NODE, **changes)


def another(**changes: object) -> Anycast:
    """A second node at the same router."""
    neighbors = (
        msgspec.structs.replace(RTR4, local="198.51.100.3"),
        msgspec.structs.replace(RTR6, local="2001:db8:1::3"),
    )
    return node(**({"neighbor": neighbors, "bgp": Bgp(asn=65011)} | changes))


def for_frr(config: Anycast) -> Anycast:
    neighbors = (msgspec.structs.replace(one, ttl_security=False) for one in config.neighbor)
    return msgspec.structs.replace(config, neighbor=tuple(neighbors))


def block(text: str, head: str) -> list[str]:
    """Return the lines of the block that begins with ``head``, stripped, comments left out."""
    found = re.search(rf"^{re.escape(head)} {{\n(.*?)^}}", text, re.MULTILINE | re.DOTALL)
    assert found, head
    lines = [line.strip() for line in found[1].splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


# -- the node -----------------------------------------------------------------------------------


def test_the_vips_come_from_the_interface_and_only_with_its_carrier() -> None:
    text = node_bird(node(interface="any7", bird=BirdConfig(protocol="dns")))
    assert block(text, "protocol direct dns") == [
        "ipv4;",
        "ipv6;",
        'interface "any7";',
        "check link yes;",
    ]
    assert 'if proto != "dns" then reject;' in block(text, "filter dnsd_export4")


def test_exactly_the_vips_leave() -> None:
    text = node_bird(NODE)
    assert "define DNSD_VIPS4 = [ 192.0.2.53/32 ];" in text
    assert "define DNSD_VIPS6 = [ 2001:db8:53::53/128 ];" in text
    assert block(text, "filter dnsd_export6") == [
        'if proto != "vip" then reject;',
        "if net !~ DNSD_VIPS6 then reject;",
        "if DNSD_DRAIN then bgp_community.add((65535, 0));",
        "accept;",
    ]


def test_a_session_takes_nothing_and_gives_no_more_than_the_vips() -> None:
    lines = block(node_bird(node(vips=("192.0.2.53", "192.0.2.54"), neighbor=(RTR4,))),
                  "protocol bgp rtr4")  # fmt: skip
    assert lines[-5:] == [
        "ipv4 {",
        "import none;",
        "export filter dnsd_export4;",
        "export limit 2 action block;",
        "};",
    ]
    assert "graceful restart off;" in lines
    assert "long lived graceful restart off;" in lines
    assert "ttl security on;" in lines
    assert "error wait time 1, 10;" in lines


def test_a_session_without_a_vip_of_its_family_gives_nothing() -> None:
    text = node_bird(node(vips=("192.0.2.53",)))
    assert "export none;" in block(text, "protocol bgp rtr6")
    assert "DNSD_VIPS6" not in text


def test_timers_in_the_units_of_bird() -> None:
    bgp = Bgp(asn=65010, hold_time=3.5, bfd_interval=0.05, bfd_multiplier=5)
    lines = block(node_bird(node(bgp=bgp)), "protocol bgp rtr4")
    assert lines[lines.index("hold time 4;") + 1] == "keepalive time 1;"
    assert lines[lines.index("bfd {") :][1:4] == [
        "min rx interval 50 ms;",
        "min tx interval 50 ms;",
        "multiplier 5;",
    ]


def test_the_state_file_is_included_before_it_is_needed() -> None:
    text = node_bird(node(bird=BirdConfig(state_file=Path("/srv/state.conf"))))
    assert text.index('include "/srv/state.conf";') < text.index("DNSD_DRAIN then")


def test_without_a_password_none_is_asked_for() -> None:
    assert "assword" not in node_bird(NODE)
    assert "assword" not in router_bird(site_of({"nyc1": NODE}))


def test_a_password_is_named_by_its_file() -> None:
    text = node_bird(PROTECTED)
    assert 'include "/etc/bird/dnsd-password.conf";' in text
    assert "password DNSD_PASSWORD;" in block(text, "protocol bgp rtr4")
    router = router_bird(site_of({"nyc1": PROTECTED}), passwords=Path("/srv/secrets"))
    assert 'include "/srv/secrets";' in router
    assert "password DNSD_PASSWORD_nyc1;" in block(router, "protocol bgp nyc1_rtr4")


@pytest.mark.parametrize(("dialect", "said"), [(Dialect.BIRD2, False), (Dialect.BIRD3, True)])
def test_bird_3_wants_to_know_the_kind_of_password(dialect: Dialect, said: bool) -> None:
    assert ("authentication md5;" in node_bird(PROTECTED, dialect)) is said
    site = site_of({"nyc1": PROTECTED})
    assert ("authentication md5;" in router_bird(site, dialect)) is said


def test_router_id() -> None:
    assert "router id 198.51.100.2;" in node_bird(node(neighbor=(RTR6, RTR4)))
    assert "router id 10.0.0.1;" in node_bird(node(bgp=Bgp(asn=65010, router_id="10.0.0.1")))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (node(vips=()), "[anycast] vips: there is no address"),
        (node(bgp=None), "[anycast.bgp]: is missing"),
        (node(neighbor=()), "[[anycast.neighbor]]: is missing"),
        (node(neighbor=(RTR4,)), "vips: 2001:db8:53::53 is not announced"),
        (node(vips=("2001:db8:53::53",), neighbor=(RTR6,)), "[anycast.bgp] router_id: is needed"),
        (node(neighbor=(RTR4, RTR6, RTR4)), "rtr4: BIRD has a protocol of that name already"),
        (node(bird=BirdConfig(protocol="rtr6")), "rtr6: BIRD has a protocol of that name already"),
        (node(bgp=Bgp(asn=65001)), "rtr4: asn 65001 is the node's own"),
        (
            node(neighbor=(RTR4, msgspec.structs.replace(RTR6, address="fe80::1"))),
            "rtr6: both addresses must be global ones",
        ),
    ],
)
def test_what_cannot_work_is_refused(config: Anycast, sentence: str) -> None:
    assert any(sentence in fault for fault in faults(config))
    with pytest.raises(ConfigError) as caught:
        node_bird(config)
    assert caught.value.problems == faults(config)
    with pytest.raises(ConfigError, match="nyc1: "):
        site_of({"nyc1": config})


# -- the router ---------------------------------------------------------------------------------


def test_a_router_takes_exactly_a_nodes_vips() -> None:
    site = site_of({"nyc1": NODE, "nyc2": another(vips=("192.0.2.54", "2001:db8:53::54"))})
    text = router_bird(site)
    assert "define VIPS_nyc1_rtr4 = [ 192.0.2.53/32 ];" in text
    assert "define VIPS_nyc2_rtr4 = [ 192.0.2.54/32 ];" in text
    assert block(text, "filter from_nyc2_rtr6")[:3] == [
        "if net !~ VIPS_nyc2_rtr6 || net !~ [ 2001:db8:53::/48{128,128} ]",
        "|| bgp_path.len != 1 || bgp_path.first != 65011 || bgp_path.last != 65011",
        "|| bgp_next_hop != 2001:db8:1::3",
    ]


def test_a_router_gives_nothing_and_limits_what_it_takes() -> None:
    lines = block(router_bird(site_of({"nyc1": NODE})), "protocol bgp nyc1_rtr4")
    assert lines[:5] == [
        'description "dnsd on nyc1";',
        "local 198.51.100.1 as 65001;",
        "neighbor 198.51.100.2 as 65010;",
        "enforce first as on;",
        "direct;",
    ]
    assert lines[-7:] == [
        "ipv4 {",
        "import keep filtered on;",
        "import filter from_nyc1_rtr4;",
        "import limit 1 action restart;",
        "receive limit 101 action restart;",
        "export none;",
        "};",
    ]


def test_a_drained_node_is_last_at_the_router() -> None:
    lines = block(router_bird(site_of({"nyc1": NODE})), "filter from_nyc1_rtr4")
    drained = lines[lines.index("if (65535, 0) ~ bgp_community then {") :]
    assert drained[2] == "bgp_local_pref = 0;"


def test_a_node_without_a_vip_of_the_family_is_heard_in_vain() -> None:
    text = router_bird(site_of({"nyc1": node(vips=("192.0.2.53",))}))
    assert "import none;" in block(text, "protocol bgp nyc1_rtr6")
    assert "from_nyc1_rtr6" not in text


def test_names_that_bird_does_not_have() -> None:
    assert [one.name for one in site_of({"2nd-node.example": NODE}).sessions] == [
        "_2nd_node_example_rtr4",
        "_2nd_node_example_rtr6",
    ]


def test_one_of_several_routers() -> None:
    second = Neighbor(name="b4", address="198.51.100.9", local="198.51.100.2", asn=65002)
    config = node(neighbor=(RTR4, RTR6, second))
    with pytest.raises(ConfigError, match=r"2 neighbors over IPv4 \(rtr4, b4\)"):
        site_of({"nyc1": config})
    site = site_of({"nyc1": config}, ["b4"])
    assert (site.asn, [one.local for one in site.sessions]) == (65002, ["198.51.100.9"])


@pytest.mark.parametrize(
    ("nodes", "neighbors", "sentence"),
    [
        ({"a": NODE}, ["x"], r"a: has no \[\[anycast.neighbor\]\] named x"),
        ({"a": NODE, "b": NODE}, [], "198.51.100.2 is the address of several nodes: a, b"),
        ({"a-1": NODE, "a_1": another()}, [], "two sessions would be called a_1_rtr4"),
        (
            {
                "a": NODE,
                "b": another(
                    neighbor=(
                        msgspec.structs.replace(RTR4, local="198.51.100.3", asn=65002),
                        msgspec.structs.replace(RTR6, local="2001:db8:1::3", asn=65002),
                    )
                ),
            },
            [],
            r"one router has one AS number, but the nodes say 65001 \(a rtr4\), 65002 \(b rtr4\)",
        ),
    ],
)
def test_a_site_that_contradicts_itself(
    nodes: dict[str, Anycast], neighbors: list[str], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        site_of(nodes, neighbors)


# -- FRR ----------------------------------------------------------------------------------------


def test_frr_cannot_have_ttl_security_and_bfd() -> None:
    with pytest.raises(ConfigError, match=r"nyc1_rtr4: FRR cannot have TTL security together"):
        router_frr(site_of({"nyc1": NODE}))


def test_frr_lets_in_exactly_the_vips() -> None:
    lines = router_frr(site_of({"nyc1": for_frr(NODE)})).splitlines()
    assert "ip prefix-list dnsd-nyc1_rtr4 seq 5 permit 192.0.2.53/32" in lines
    assert "ip prefix-list dnsd-nyc1_rtr4-outside seq 5 deny 192.0.2.0/24 ge 32" in lines
    assert "ip prefix-list dnsd-nyc1_rtr4-outside seq 10 permit 0.0.0.0/0 le 32" in lines
    assert "bgp as-path access-list dnsd-nyc1_rtr6 seq 5 permit ^65010$" in lines
    accepting = [line for line in lines if re.match("route-map .* permit", line)]
    for entry in accepting:
        start = lines.index(entry)
        matches = [line.split()[:3] for line in lines[start + 1 : start + 4]]
        ip = "ipv6" if "rtr6" in entry else "ip"
        assert matches == [
            ["match", ip, "address"],
            ["match", "as-path", entry.split()[1]],
            ["match", ip, "next-hop"],
        ]
    assert len(accepting) == 4


def test_frr_speaks_no_ipv4_in_a_session_over_ipv6() -> None:
    text = router_frr(site_of({"nyc1": for_frr(NODE)}))
    assert "  no neighbor 2001:db8:1::2 activate" in text


def test_frr_never_has_a_password_in_it_but_says_where_it_belongs() -> None:
    text = router_frr(site_of({"nyc1": for_frr(PROTECTED)}))
    assert [line for line in text.splitlines() if "password" in line] == [
        ' ! The password of nyc1, in vtysh: "neighbor 198.51.100.2 password ...".',
        ' ! The password of nyc1, in vtysh: "neighbor 2001:db8:1::2 password ...".',
    ]


def test_frr_refuses_all_where_the_node_has_no_vip_of_the_family() -> None:
    config = for_frr(node(vips=("192.0.2.53",)))
    lines = router_frr(site_of({"nyc1": config})).splitlines()
    assert "ipv6 prefix-list dnsd-nyc1_rtr6 seq 5 deny ::/0 le 128" in lines


# -- all of them --------------------------------------------------------------------------------

_HOSTS = st.lists(st.integers(1, 254), min_size=1, max_size=8, unique=True)


@given(hosts=_HOSTS)
def test_every_prefix_that_can_pass_is_a_vip(hosts: list[int]) -> None:
    vips = tuple(f"192.0.2.{host}" for host in hosts)
    config = for_frr(node(vips=vips))
    site = site_of({"nyc1": config})
    allowed = {f"{vip}/32" for vip in vips}
    for text, pattern in (
        (node_bird(config), r"define DNSD_VIPS\d = \[ (.*) \]"),
        (router_bird(site), r"define VIPS_\w+ = \[ (.*) \]"),
    ):
        (listed,) = re.findall(pattern, text)
        assert set(listed.split(", ")) == allowed
        limits = [int(limit) for limit in re.findall(r"(?:im|ex)port limit (\d+)", text)]
        assert set(limits) == {len(vips)}
    permitted = re.findall(r"prefix-list dnsd-nyc1_rtr4 seq \d+ permit (\S+)", router_frr(site))
    assert (set(permitted), len(permitted)) == (allowed, len(vips))
