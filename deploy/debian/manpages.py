"""Writes the manual pages below the directory that is named: man1 of commands, man5 of files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click_man.core import generate_man_page

import dnsd
from dnsd.cli import main
from dnsd.config.reference import manual

if TYPE_CHECKING:
    from collections.abc import Iterator


def contexts(ctx: click.Context) -> Iterator[click.Context]:
    """Yield ``ctx`` and those of all commands below it."""
    yield ctx
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            assert command
            yield from contexts(click.Context(command, info_name=name, parent=ctx))


def write(directory: Path) -> None:
    """Write the pages."""
    commands, files = directory / "man1", directory / "man5"
    for place in (commands, files):
        place.mkdir(parents=True, exist_ok=True)
    for ctx in contexts(click.Context(main, info_name="dnsd")):
        page = generate_man_page(ctx, version=dnsd.__version__)
        (commands / f"{ctx.command_path.replace(' ', '-')}.1").write_text(page)
    for name, page in manual().items():
        (files / f"{name}.5").write_text(page)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
