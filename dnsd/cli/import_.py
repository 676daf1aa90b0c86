"""``dnsd import``: takes over the configuration of NSD, BIND, Knot or gdnsd."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from dnsd.cli import exits
from dnsd.cli.options import json_option, short
from dnsd.cli.output import echo


@click.command()
@json_option
@click.option(
    "--from",
    "kind",
    type=click.Choice(["nsd", "bind", "knot", "gdnsd"]),
    help="The server that it is of, if its name does not say so.",
)
@click.option(
    "--to",
    "directory",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Where dnsd.toml and what belongs to it are written; nothing is overwritten.",
)
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE|DIR")
def import_(as_json: bool, kind: str | None, directory: Path, path: Path) -> None:
    """Take over nsd.conf, named.conf, knot.conf, or the directory of gdnsd.

    Writes dnsd.toml, with secrets of keys, policies, and (of gdnsd) zone files; other zone files
    stay where they are. Each line says what could not be taken over and what to do instead, or
    what is not needed. The files that are read are not changed.

    Exit status: 0 all was taken over, 4 something was not: read the lines.
    """
    from dnsd import importer  # for this command only

    outcome = importer.read(path, kind or importer.kind_of(path))
    files = importer.write(outcome, directory)
    notes = outcome.notes
    missing = sum(note.is_open for note in notes)
    if as_json:
        echo(
            json.dumps(
                {
                    "files": [str(file) for file in files],
                    "zones": sorted({*outcome.zones, *outcome.zone_texts}),
                    "notes": [{**note._asdict(), "place": str(note.place)} for note in notes],
                }
            )
        )
    else:
        for note in notes:
            echo(str(note))
        zones, policies = len({*outcome.zones, *outcome.zone_texts}), len(outcome.policies)
        echo(
            f"wrote {short(files[0])}: {zones} zones, {len(outcome.keys)} keys, {policies} "
            f"policies; not taken over: {missing}. Next: dnsd check --config {short(files[0])}"
        )
    if missing:
        sys.exit(exits.DEGRADED)
