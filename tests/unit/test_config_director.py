"""A director's configuration: the annotated example, and what services say together."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dnsd.config import balancerules, load
from dnsd.config.balance import BackendConfig, Balance, Service
from dnsd.config.reader import read_text
from dnsd.config.tables import kinds_of
from dnsd.control.balance import targets
from dnsd.routerconf import node_bird

EXAMPLE = Path(__file__).parents[2] / "deploy/director.example.toml"
TEXT = EXAMPLE.read_text()
DATA = tomllib.loads(TEXT)

NO_DEFAULTS = {"expect_body", "tls_expiry", "port", "path", "host", "sni", "ports"}
NO_DEFAULTS |= {"tls_ca", "tls_client"}


def test_it_loads() -> None:
    found = load(EXAMPLE)
    assert [service.interface for service in found.service] == ["vip-web", "vip-dns", "vip-mail"]
    assert [service.check_port for service in found.service] == [443, 53, 25]
    assert found.service[0].backend[1].of_family("2001:db8:53::80") == "2001:db8:1::12"


def test_every_key_of_a_director_stands_in_it() -> None:
    services: list[dict[str, Any]] = DATA["service"]
    assert set().union(*services) == kinds_of(Service).keys() - {"of"} | {"backend"}
    assert services[0]["backend"][0].keys() == kinds_of(BackendConfig).keys()
    assert DATA["balance"].keys() == kinds_of(Balance).keys()


def test_it_shows_the_defaults() -> None:
    needed: dict[str, Any] = {"name": "x", "vips": (), "protocol": "tcp", "check": "https"}
    defaults = Service(**needed)
    for key, value in DATA["service"][0].items():
        kind = kinds_of(Service).get(key)
        if kind is not None and key not in needed.keys() | NO_DEFAULTS:
            assert kind.read(value, Path()) == getattr(defaults, key), key


def test_the_director_announces_the_vips_of_all_services() -> None:
    found = load(EXAMPLE)
    anycast = balancerules.announced(found)
    assert anycast.vips == (*("192.0.2.80", "2001:db8:53::80", "192.0.2.53", "192.0.2.25"),)
    own = balancerules.of_service(found, found.service[1])
    assert (own.interface, own.vips) == ("vip-dns", ("192.0.2.53",))


def test_bird_and_the_router_know_the_director() -> None:
    text = node_bird(balancerules.announced(load(EXAMPLE)))
    assert 'interface "vip-*";' in text
    assert "define DNSD_VIPS4 = [ 192.0.2.80/32, 192.0.2.53/32, 192.0.2.25/32 ];" in text
    assert "define DNSD_VIPS6 = [ 2001:db8:53::80/128 ];" in text


def test_a_check_that_cannot_be_made_is_told() -> None:
    found, _ = read_text(TEXT.replace("check-smtp =", "check-other ="), EXAMPLE)
    assert found is not None
    told = [fault for one in found.service for fault in targets.faults(one, found.failover)]
    assert len(told) == 1
    assert told[0].startswith("[[service]] mail: backend mx1: check-smtp is not in [failover.com")


@pytest.mark.parametrize(
    ("before", "after", "place", "sentence"),
    [
        ("192.0.2.80/32", "203.0.113.80/32", "[[service]] #1 vips", "is in none of the subnets"),
        ("192.0.2.53/32", "192.0.2.80/32", "[[service]] #2 vips", "belongs to the service web"),
        ("192.0.2.80/32", "192.0.2.80/31", "[[service]] #1 vips", "is not one address"),
        ('name = "dns"', 'name = "web"', "[[service]] #2 name", "a service web already"),
        ('name = "dns"', 'name = "Domain"', "[[service]] #2 name", "1 to 11 lower-case"),
        ('name = "web2"', 'name = "web1"', "[[service.backend]] #2 name", "a backend web1"),
        (
            '["198.51.100.12", "2001:db8:1::12"]',
            '"198.51.100.12"',
            "[[service.backend]] #2 address",
            "needs an IPv6 address, too: the VIP 2001:db8:53::80 has one",
        ),
        (
            '["198.51.100.12", "2001:db8:1::12"]',
            '["198.51.100.12", "198.51.100.13"]',
            "[[service.backend]] #2 address",
            "must be one address, or one for IPv4 and one for IPv6",
        ),
        ("198.51.100.12", "198.51.100.11", "[[service.backend]] #2 address", "backend web1"),
        ("weight = 2", "wieght = 2", "[[service.backend]] #2 wieght", "did you mean weight?"),
        ("weight = 2", "idle = '1s'", "[[service.backend]] #2 idle", "belongs in [[service]]"),
        ("min_backends = 1", "min_backends = 3", "[[service]] #1 min_backends", "only 2 have"),
        ("weight = 2", "via = 'gre'", "[[service.backend]] #2 via", '"link"'),
        ("198.51.100.12", "192.0.2.53", "[[service.backend]] #2 address", "is a VIP of the servi"),
        (
            'address = "198.51.100.21"',
            'address = "198.51.100.11"\nvia = "vxlan"',
            "[[service.backend]] #1 via",
            '198.51.100.11 is reached via "link" in another service',
        ),
        ('"dnsd-vx"', '"vip-x"', "[balance] vxlan_device", "not a valid name for VXLAN devices"),
        ("vxlan_vni = 53", "vxlan_vni = 0", "[balance] vxlan_vni", "24 bits"),
        ("slots = 1021", "slots = 1000", "[[service]] #1 slots", "must be 1021 or 4093"),
        ('query = "example.com"\n', "", "[[service]] #2 query", "needs the name to ask for"),
        (
            "up = 3",
            "up = 3\nquery = 'a'",
            "[[service]] #1 query",
            'has no effect with check = "https"',
        ),
        ("[anycast]\n", "[anycast]\nvips = '192.0.2.9'\n", "[anycast] vips", "of its services"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    before: str, after: str, place: str, sentence: str
) -> None:
    assert TEXT.count(before) >= 1
    config, problems = read_text(TEXT.replace(before, after, 1), EXAMPLE)
    assert config is None
    assert [one.key for one in problems] == [place], [str(one) for one in problems]
    assert re.search(re.escape(sentence), problems[0].message)
    assert problems[0].line > 1
