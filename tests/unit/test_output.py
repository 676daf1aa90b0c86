"""What is printed: by any locale, to a reader that is gone, on a full disk, with any name in it."""

from __future__ import annotations

import ast
import os
import sys
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import dnsd
from dnsd.cli import COMMANDS, main
from dnsd.cli.console import SafeConsole
from dnsd.config.problems import Problem
from dnsd.errors import OutputError
from dnsd.process import log
from dnsd.text import printable, printable_lines, shortlist
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIL = "a\x1b[31m\r\n\x07\u202eb\udcff\x9b"
SHOWN = r"a\x1b[31m\r\n\x07\u202eb\xff\x9b"
PACKAGE = Path(dnsd.__file__).parent


# -- text -------------------------------------------------------------------------------------


@given(st.text())
@example(EVIL)
def test_printable_text_stays_and_the_rest_is_escaped(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()
    assert printable_lines(text).count("\n") == text.count("\n")


def test_what_is_shown_of_a_name() -> None:
    assert printable(Path(EVIL)) == SHOWN
    assert str(Finding(EVIL, 1, Severity.ERROR, EVIL, "x")) == f"{SHOWN}:1: error: {SHOWN} [x]"
    assert str(Problem(EVIL, 0, "", EVIL)) == f"{SHOWN}: {SHOWN}"


def test_logs(capsys: pytest.CaptureFixture[str]) -> None:
    log.say("node-ready", EVIL)
    log.say("zone-finding", EVIL)
    log.say("node-ready", "", cause=ValueError("a\x1b[31m\r\n"))
    first, second, *third = capsys.readouterr().err.splitlines()
    one_line = SHOWN.replace(r"\n", " ")
    assert first == f"dnsd: {one_line} [node-ready]"
    assert second == one_line
    assert all(line.isprintable() for line in third)


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table(EVIL, "other")
    table.add_row(EVIL, "[red]x[/green]")
    SafeConsole().print(table, EVIL)
    shown = capsys.readouterr().out
    assert "[red]x[/green]" in shown
    assert all(line.isprintable() for line in shown.split("\n"))
    assert r"\x1b" in shown


SINKS = {"echo", "secho", "print_exc", "print", "write", "Console", "StreamHandler", "basicConfig"}
ALLOWED = {
    # by file: what writes to the terminal or the log in it, all of it escaped
    "cli/output.py": {"echo", "write"},
    "cli/console.py": {"Console"},
    "process/log.py": {"write", "basicConfig"},
}
SAFE_OWNERS = {"console"}
"""``console.print`` is the one that escapes."""


def sinks(path: Path) -> set[str]:
    """Calls in ``path`` that write to standard output, standard error or a log."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in {"print", "Console"}:
                found.add(name)
            case ast.Attribute(attr="write", value=ast.Attribute(attr="stdout" | "stderr")):
                found.add("write")
            case ast.Attribute(attr=name, value=ast.Name(id=owner)) if name in SINKS - {"write"}:
                found |= set() if owner in SAFE_OWNERS else {name}
            case _:
                pass
    return found


def test_nothing_else_writes() -> None:
    """New output goes through dnsd.cli.output, dnsd.cli.console, or a log."""
    there = {str(path.relative_to(PACKAGE)): sinks(path) for path in PACKAGE.rglob("*.py")}
    assert {file: found for file, found in there.items() if found - ALLOWED.get(file, set())} == {}
    assert there["cli/output.py"] == {"echo"}  # the search finds what it looks for


# -- streams ----------------------------------------------------------------------------------


@contextmanager
def stdout(monkeypatch: pytest.MonkeyPatch, stream: TextIOWrapper) -> Iterator[None]:
    """Have ``stream`` be standard output; what is in it at the end is let go."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", sys.stderr)
        try:
            yield
        finally:
            if sys.stdout is not stream:
                sys.stdout.close()
            with suppress(OSError):
                stream.close()


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """A zone that gives many findings, with letters that ASCII lacks."""
    file = tmp_path / "example.com.zone"
    text = "$TTL 60\n@ SOA ns host 1 7200 3600 1209600 60\n@ NS ns\nns A 192.0.2.1\n"
    file.write_text(text + "".join(f"t{n} TXT “quoted”\n" for n in range(900)))
    return file


EXAMPLE = ("--config", str(PACKAGE.parent / "deploy" / "dnsd.example.toml"))


def runs(zone: Path) -> list[tuple[str, ...]]:
    return [
        ("check", str(zone)),
        ("check", "--json", str(zone)),
        ("explain", *EXAMPLE, "www.example.com", "A"),
        ("version",),
        ("rto", *EXAMPLE),
        ("--help",),
        *((command, "--help") for command in COMMANDS),
    ]


def test_a_reader_that_is_gone_changes_nothing(
    zone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    zone.write_text(zone.read_text() + "x A nonsense\n")
    for words in runs(zone):
        reading, writing = os.pipe()
        os.close(reading)
        with stdout(monkeypatch, os.fdopen(writing, "w")):
            assert run(*words) == (words[0] == "check" and "--help" not in words), words
    assert capsys.readouterr().err == ""


def test_a_full_disk_is_told(
    zone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in runs(zone):
        with stdout(monkeypatch, Path("/dev/full").open("w")):
            assert run(*words) == 1, words
        told = "dnsd: the output cannot be written: No space left on device\n"
        assert capsys.readouterr().err == told, words


def test_no_encoding_and_no_width_is_too_small(
    zone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    written = tmp_path / "written"
    for words in runs(zone):
        with stdout(monkeypatch, written.open("w", encoding="ascii")):
            assert run(*words) == 0, words
        assert written.read_bytes().isascii()
    with stdout(monkeypatch, written.open("w", encoding="ascii")):
        run("check", str(zone))
    assert rb"\u201cquoted" in written.read_bytes()


def test_no_standard_output_is_no_fault(zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    for words in runs(zone)[:5]:
        assert run(*words) == 0


def test_what_is_watched_ends_with_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    from dnsd.cli import output, watching

    monkeypatch.setattr(watching, "WATCH_S", 0)
    looks: Iterator[dict[str, Any]] = iter([{"pools": []}] * 3)
    reading, writing = os.pipe()
    os.close(reading)
    with stdout(monkeypatch, os.fdopen(writing, "w")):
        output.prepare()
        watching.watch(lambda: next(looks), as_json=True, picture=str)
    assert len(list(looks)) == 2


def test_an_error_that_cannot_be_written_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from dnsd.cli import output

    with stdout(monkeypatch, Path("/dev/full").open("w")):
        output.prepare()
        with pytest.raises(OutputError):
            output.echo("x")
        output.echo("y")
        output.finish()


def test_names_of_files_cannot_control_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = tmp_path / "a\x1b[31m\x07\nb.zone"
    zone.write_text("@ A nonsense\n")
    written = tmp_path / "written"
    with stdout(monkeypatch, written.open("w")):
        assert run("check", "--zone", f"example.com={zone}") == 1
        assert run("check", str(zone)) == 1
    text = written.read_text()
    assert r"a\x1b[31m\x07\nb.zone:1: error:" in text
    assert all(line.isprintable() for line in text.split("\n"))


@given(st.lists(st.text(min_size=1), max_size=9), st.integers(0, 9))
def test_a_short_list_names_the_first_and_counts_the_others(items: list[str], most: int) -> None:
    found = shortlist(items, most, "{} others")
    if len(items) <= most:
        assert found == tuple(items)
    else:
        assert found == (*items[:most], f"{len(items) - most} others")
