"""The reference of the configuration: whole, and the same in the code and in deploy/."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from dnsd.cli import main
from dnsd.config import policyfile, reader
from dnsd.config.balance import Service
from dnsd.config.policy import PoolPolicy, Rules
from dnsd.config.reference import configuration, entries, manual, markdown, policies
from dnsd.config.tables import kinds_of

PAGE = Path(__file__).parents[2] / "deploy/CONFIGURATION.md"
BOTH = (configuration, policies)
STRUCTS = {
    struct
    for tables in (reader.TABLES, reader.LISTS, policyfile.TABLES, policyfile.LISTS)
    for struct in tables.values()
}
INHERITING = {PoolPolicy: Rules, Service: Rules}
"""Tables whose other keys are explained where they come from."""


def explained(struct: type[msgspec.Struct]) -> set[str]:
    return {key for source in entries._TEXTS for key in source.KEYS.get(struct, {})}


def test_the_page_is_what_the_code_says() -> None:
    """``dnsd config reference --format markdown >deploy/CONFIGURATION.md`` writes it anew."""
    assert PAGE.read_text() == markdown()


@pytest.mark.parametrize("struct", sorted(STRUCTS, key=str), ids=lambda struct: struct.__name__)
def test_each_key_is_explained_and_no_other(struct: type[msgspec.Struct]) -> None:
    keys = set(kinds_of(struct))
    own = explained(struct)
    assert own - keys == set()
    if struct in INHERITING:
        own |= explained(INHERITING[struct])
    assert keys - own == set()


def test_each_table_is_explained() -> None:
    told = {header for tables in BOTH for table in tables() for header in table.headers}
    paths = (
        [f"[{'.'.join(map(str, path))}]" for path in (*reader.TABLES, *policyfile.TABLES)],
        [f"[[{'.'.join(map(str, path))}]]" for path in (*reader.LISTS, *policyfile.LISTS)],
    )
    assert told == {*paths[0], *paths[1]}


def test_a_key_has_its_type_bounds_default_and_meaning() -> None:
    (server,) = (table for table in configuration() if table.headers == ("[server]",))
    (idle,) = (key for key in server.keys if key.name == "tcp_idle")
    assert idle.type == 'duration from "100ms" to "1h"'
    assert idle.default == '`"10s"`'
    assert idle.meaning.startswith("A connection without a query")


def test_what_a_machine_or_another_table_gives_is_no_value() -> None:
    found = {
        (table.headers[0], key.name): key.default for table in configuration() for key in table.keys
    }
    assert found["[server]", "server_id"] == "the host's name"
    assert found["[[zone]]", "serial"] == "that of `[transfers]`"
    assert found["[[zone]]", "name"] == "required"
    assert found["[server]", "nsid"] == "none"


@pytest.mark.parametrize("name", ["dnsd.toml", "dnsd-policy.toml"])
def test_the_manual_has_every_key(name: str) -> None:
    page = manual()[name]
    tables = configuration() if name == "dnsd.toml" else policies()
    assert all(f".TP\n.B {key.name}\n" in page for table in tables for key in table.keys)
    assert not any(line.startswith("'") for line in page.splitlines())


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("page", manual().values(), ids=manual())
def test_groff_takes_the_manual_without_a_warning(page: str) -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def said(*arguments: str, status: int = 0) -> list[str]:
    done = CliRunner().invoke(main, ["config", "reference", *arguments])
    assert done.exit_code == status, done.output
    return done.output.splitlines()


def test_the_command_finds_keys_by_a_part_of_their_name() -> None:
    assert [line.split(":")[0] for line in said("stall")] == [
        "dnsd.toml [server] tcp_stall",
        "dnsd.toml [transfers] outgoing_stall",
        "dnsd.toml [transfers] incoming_stall",
    ]


def test_the_command_shows_a_whole_table_by_its_name() -> None:
    lines = said("rate_limit")
    assert lines[0].startswith("dnsd.toml [rate_limit]: ")
    assert len(lines) == 1 + 5


def test_the_command_says_what_it_does_not_know() -> None:
    assert said("nonsense", status=1) == [
        "dnsd: no key or table contains 'nonsense': dnsd config reference lists all"
    ]


def test_the_command_writes_the_page() -> None:
    assert "\n".join([*said("--format", "markdown"), ""]) == PAGE.read_text()
