"""The annotated example: it loads, has every key, and shows the defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from dnsd import config
from dnsd.config.locate import KeyPath
from dnsd.config.model import ZoneFile
from dnsd.config.reader import TABLES, kinds_of, read_text

EXAMPLE = Path(__file__).parents[2] / "deploy/dnsd.example.toml"
TEXT = EXAMPLE.read_text()

_COMMENTED = re.compile(r"^# (?=\w+ = |\[\[)", re.MULTILINE)
WHOLE = tomllib.loads(_COMMENTED.sub("", TEXT))
"""The example with its commented keys, too."""

SHOWN = tomllib.loads(TEXT)

NO_DEFAULTS = [("zones", "directory")]
"""Keys that stand there with a value that is not the default."""


def table(path: KeyPath, data: dict[str, object]) -> dict[str, object]:
    for part in path:
        inner = data[str(part)]
        assert isinstance(inner, dict)
        data = inner
    return data


def test_it_loads_and_its_zones_are_the_examples() -> None:
    files = config.zone_files(config.load(EXAMPLE))
    examples = config.zone_files(config.default())
    assert files.keys() == examples.keys()


def test_it_loads_with_every_commented_key() -> None:
    found, problems = read_text(_COMMENTED.sub("", TEXT), EXAMPLE)
    assert problems == ()
    assert found is not None
    assert [zone.name for zone in found.zone] == ["example.org."]


@pytest.mark.parametrize("path", TABLES)
def test_every_key_stands_in_it(path: KeyPath) -> None:
    inner = {sub[-1] for sub in TABLES if sub[:-1] == path}
    assert table(path, WHOLE).keys() == kinds_of(TABLES[path]).keys() | inner


def test_every_key_of_a_zone_stands_in_it() -> None:
    assert WHOLE["zone"][0].keys() == kinds_of(ZoneFile).keys()


@pytest.mark.parametrize("path", TABLES)
def test_it_shows_the_defaults(path: KeyPath) -> None:
    defaults = TABLES[path]()
    for key, value in table(path, SHOWN).items():
        kind = kinds_of(TABLES[path]).get(key)
        if kind is not None and (*path, key) not in NO_DEFAULTS:
            assert kind.read(value, Path()) == getattr(defaults, key), key
