"""The annotated example: it loads, has every key, and shows the defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from dnsd import config
from dnsd.config.locate import KeyPath
from dnsd.config.reader import LISTS, TABLES, read_text
from dnsd.config.tables import kinds_of

EXAMPLE = Path(__file__).parents[2] / "deploy/dnsd.example.toml"
TEXT = EXAMPLE.read_text()

_COMMENTED = re.compile(r"^# (?=\w+ = |\[{1,2}\w)", re.MULTILINE)
WHOLE = tomllib.loads(_COMMENTED.sub("", TEXT))
"""The example with its commented keys, too."""

SHOWN = tomllib.loads(TEXT)

NO_DEFAULTS = [("zones", "directory")]
"""Keys that stand there with a value that is not the default."""


DIRECTORS = ("balance", "service")
"""What only a director has stands in an example of its own."""

NODE_TABLES = [path for path in TABLES if path[0] not in DIRECTORS]
NODE_LISTS = [path for path in LISTS if path[0] not in DIRECTORS]


def table(path: KeyPath, data: dict[str, object]) -> dict[str, object]:
    for part in path:
        inner = data[str(part)]
        if isinstance(inner, list):
            inner = {key: value for one in inner for key, value in one.items()}
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
    assert [zone.name for zone in found.zone] == [
        "example.org.",
        "dyn.example.net.",
        "example.net.",
    ]


@pytest.mark.parametrize("path", NODE_TABLES)
def test_every_key_stands_in_it(path: KeyPath) -> None:
    inner = {sub[-1] for sub in (*TABLES, *LISTS) if sub[:-1] == path}
    assert table(path, WHOLE).keys() == kinds_of(TABLES[path]).keys() | inner


@pytest.mark.parametrize("path", NODE_LISTS)
def test_every_key_of_a_list_of_tables_stands_in_it(path: KeyPath) -> None:
    inner = {sub[-1] for sub in (*TABLES, *LISTS) if sub[:-1] == path}
    assert table(path, WHOLE).keys() == kinds_of(LISTS[path]).keys() | inner


@pytest.mark.parametrize("path", [path for path in NODE_TABLES if path != ("anycast", "bgp")])
def test_it_shows_the_defaults(path: KeyPath) -> None:
    defaults = TABLES[path]()
    for key, value in table(path, SHOWN).items():
        kind = kinds_of(TABLES[path]).get(key)
        if kind is not None and (*path, key) not in NO_DEFAULTS:
            assert kind.read(value, Path()) == getattr(defaults, key), key
