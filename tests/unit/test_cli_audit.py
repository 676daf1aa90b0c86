"""All commands are alike: JSON for programs, help that says the exit status, no line that breaks.

Ctrl-C on a command that waits says what goes on, and how to take it back or look at it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from rich.table import Table

from dnsd.cli import exits, main
from dnsd.cli.console import SafeConsole

CLI = Path(__file__).parents[2] / "dnsd/cli"
PLACES = sorted(CLI.glob("*.py"))

TEXT_ALONE = {
    "serve": "it runs until it is stopped, and logs",
    "balance": "it runs until it is stopped, and logs",
    "bird-config node": "what it writes is BIRD's",
    "bird-config router": "what it writes is BIRD's, or FRR's",
}
"""Commands without --json, and why."""


def leaves(
    command: click.Command, context: click.Context, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    if command.invoke_without_command:
        yield " ".join(path), command
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner
        below = click.Context(inner, info_name=name, parent=context)
        yield from leaves(inner, below, (*path, name))


COMMANDS = dict(leaves(main, click.Context(main, info_name="dnsd")))
each = pytest.mark.parametrize("name", COMMANDS)


def options(name: str) -> set[str]:
    return {text for one in COMMANDS[name].params for text in (*one.opts, *one.secondary_opts)}


@each
def test_it_has_json_unless_there_is_a_reason(name: str) -> None:
    assert ("--json" in options(name)) != (name in TEXT_ALONE)


@each
def test_a_running_node_is_found_the_same_way(name: str) -> None:
    """What asks a node takes --config, whichever node it is."""
    callback = COMMANDS[name].callback
    assert callback is not None
    source = Path(callback.__code__.co_filename).read_text()
    if "socket_path(config_file)" in source and "config_file" in callback.__code__.co_varnames:
        assert "--config" in options(name)


@each
def test_its_help_is_one_sentence_and_then_details(name: str) -> None:
    text = COMMANDS[name].help or ""
    assert re.match(r"[A-Z][^\n]*(?:\n[^\n]+)*[.:]", text)


@each
def test_its_help_names_only_exit_statuses_of_the_house(name: str) -> None:
    text = " ".join((COMMANDS[name].help or "").split())
    said = {
        int(one)
        for part in re.findall(r"Exit status: ([^.]*)\.", text)
        for one in re.findall(r"\b(\d)\b", part)
    }
    assert said <= {0, exits.FAILED, 2, exits.NOT_RUNNING, exits.DEGRADED}


def test_commands_end_with_no_other_status() -> None:
    """Whatever is given to exit is a name of the house's, 0, or worked out of those."""
    found = {}
    for path in PLACES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) in ("sys.exit", "SystemExit")
                and node.args
            ):
                numbers = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
                if any(isinstance(one, int) and one not in (0, 1, 2) for one in numbers):
                    found[path.name] = ast.unparse(node)
    assert found == {}


def test_waiting_commands_say_what_goes_on_and_what_to_do() -> None:
    sentences = []
    for path in PLACES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "goes_on":
                sentences.append(ast.unparse(node.args[0]))
    assert len(sentences) > 5
    assert [one for one in sentences if "`dnsd " not in one] == []


def test_nothing_waits_without_saying_so() -> None:
    """A command with a loop that sleeps, or that asks without a limit of time, uses goes_on."""
    silent = {
        "watching.py": "--watch ends with Ctrl-C, and has ordered nothing",
        "stats.py": "it measures, and has ordered nothing",
        "horizon.py": "--wait has ordered nothing",
        "top.py": "it looks, and has ordered nothing",
    }
    found = set()
    for path in PLACES:
        text = path.read_text()
        if (
            re.search(r"time\.sleep\(|patience=None|select\.select\(", text)
            and "goes_on" not in text
        ):
            found.add(path.name)
    assert found - silent.keys() == set()


def test_no_table_is_laid_out_in_the_width_of_a_terminal_when_piped() -> None:
    """Rich breaks lines and names at 80 columns; only SafeConsole says otherwise."""
    makers = [path.name for path in PLACES if re.search(r"\bConsole\(\)", path.read_text())]
    assert makers == []


def test_a_name_is_not_split_where_a_program_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "a-label-that-is-long." * 12
    table = Table(name, name)
    table.add_row(name, name)
    console = SafeConsole()
    with console.capture() as captured:
        console.print(table)
    assert captured.get().count(name) == 4
