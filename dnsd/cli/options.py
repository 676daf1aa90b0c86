"""Options that several commands have, declared once so that they mean the same everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dnsd import config
from dnsd.config.units import parse_duration

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    envvar="DNSD_CONFIG",
    metavar="FILE",
    help="The configuration (TOML); $DNSD_CONFIG if the option is not given.",
)
"""``--config FILE``, passed as ``config_file: Path | None``."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
"""``--json``, passed as ``as_json: bool``."""


def _zones(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse what :func:`dnsd.config.parse_zone_option` would, but keep the texts."""
    try:
        for value in values:
            config.parse_zone_option(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return values


zone_option = click.option(
    "--zone",
    "zones",
    callback=_zones,
    multiple=True,
    metavar="ORIGIN=FILE",
    help="A zone and its file, such as example.com=new/example.com.zone; may be repeated.",
)
"""``--zone ORIGIN=FILE``…, passed as ``zones: tuple[str, ...]``, texts as Options wants."""


def seconds_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Return the seconds of an option that is a duration."""
    if value is None:
        return None
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


for_option = click.option(
    "--for",
    "seconds",
    callback=seconds_of,
    metavar="TIME",
    help='How long, such as "1h30m"; without it, until it is taken back.',
)
reason_option = click.option(
    "--reason", default="", metavar="TEXT", help="Why; everybody who looks will see it."
)
"""``--for TIME``, passed as ``seconds: float | None``; ``--reason TEXT`` as ``reason: str``."""


def short(path: Path) -> Path:
    """Return ``path`` as people write it: from the working directory, if it lies below."""
    relative = Path(os.path.relpath(path))
    if relative.parts[:1] == ("..",) or not _same(relative, path):
        return path
    return relative


def _same(one: Path, other: Path) -> bool:
    """Tell whether both are one file, which only the file system knows (``..``, links)."""
    try:
        return one.samefile(other)
    except OSError:
        return False
