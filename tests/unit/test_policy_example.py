"""The annotated example of a policy: it fits the example zone, has every key, shows defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from dnsd import config
from dnsd.build.policycheck import check_policy
from dnsd.config.policy import AliasRule, PoolPolicy, Rules, Signing
from dnsd.config.policyfile import read_policy
from dnsd.config.tables import kinds_of
from dnsd.zone.load import load_zone

EXAMPLE = Path(__file__).parents[2] / "deploy/policy.example.toml"
ORIGIN = "example.com."
TEXT = EXAMPLE.read_text()

_COMMENTED = re.compile(r"^# (?=\w+ = )", re.MULTILINE)
WHOLE = tomllib.loads(_COMMENTED.sub("", TEXT))
"""The example with its commented keys, too."""

SHOWN = tomllib.loads(TEXT)

DEFAULTS = {
    field.name: field.default
    for field in msgspec.structs.fields(Rules)
    if field.default is not msgspec.NODEFAULT
} | {"weights": {}, "parameters": {}}


def test_it_fits_the_example_zone() -> None:
    policy, problems = read_policy(TEXT, EXAMPLE, ORIGIN)
    assert problems == ()
    assert policy is not None
    assert [(pool.name, pool.type) for pool in policy.pools] == [
        ("www.example.com.", "A"),
        ("example.com.", "A"),
        ("status.example.com.", "CNAME"),
    ]
    zone = load_zone(ORIGIN, config.zone_files(config.default())[ORIGIN]).zone
    assert zone is not None
    assert check_policy(policy, zone).findings == []


def test_its_commented_keys_can_be_used() -> None:
    _, problems = read_policy(_COMMENTED.sub("", TEXT), EXAMPLE, ORIGIN)
    assert problems == ()


def test_every_key_stands_in_it() -> None:
    assert WHOLE["defaults"].keys() == kinds_of(Rules).keys()
    assert WHOLE["signing"].keys() == kinds_of(Signing).keys()
    assert kinds_of(PoolPolicy).keys() - WHOLE["defaults"].keys() == {
        "name",
        "members",
        "check_addresses",
    }
    assert all("name" in pool for pool in WHOLE["pool"])
    assert WHOLE["alias"][0].keys() == kinds_of(AliasRule).keys()


@pytest.mark.parametrize("key", sorted(SHOWN["defaults"].keys() - {"type", "check"}))
def test_it_shows_the_default(key: str) -> None:
    read = kinds_of(Rules)[key].read(SHOWN["defaults"][key], Path("/etc/dnsd"))
    assert read == DEFAULTS[key]


@pytest.mark.parametrize("key", ["ttl_min", "stale"])
def test_it_shows_the_default_of_an_alias(key: str) -> None:
    (default,) = (one.default for one in msgspec.structs.fields(AliasRule) if one.name == key)
    assert kinds_of(AliasRule)[key].read(SHOWN["alias"][0][key], Path("/etc/dnsd")) == default


def test_what_is_commented_out_has_no_default() -> None:
    hidden = WHOLE["defaults"].keys() - SHOWN["defaults"].keys()
    assert {key: DEFAULTS[key] for key in hidden if DEFAULTS[key]} == {}
