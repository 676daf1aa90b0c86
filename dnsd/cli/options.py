"""Options that several commands have, declared once so that they mean the same everywhere."""

from __future__ import annotations

import os
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from dnsd import config
from dnsd.cli import jsonoption
from dnsd.cli.output import echo
from dnsd.config import paths
from dnsd.config.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    envvar="DNSD_CONFIG",
    default=paths.configuration,
    metavar="FILE",
    help=f"The configuration (TOML); by default $DNSD_CONFIG, or {paths.CONFIGURATION} if there.",
)
"""``--config FILE``, passed as ``config_file: Path | None``."""

json_option = jsonoption.json_option


def when_named(ctx: click.Context, config_file: Path | None) -> Path | None:
    """Return the configuration if it was named, None if it is this machine's."""
    named = ctx.get_parameter_source("config_file") is not ParameterSource.DEFAULT
    return config_file if named else None


def say_examples(config_file: Path | None) -> None:
    """Tell that there is no configuration, so that what follows is about the example zones."""
    if config_file is None:
        echo(
            f"dnsd: no configuration: this is about the example zones in {paths.example_zones()} "
            f"(there is no {paths.CONFIGURATION}; name another file with --config or $DNSD_CONFIG)",
            err=True,
        )


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


def reading(of: Callable[[str], Any]) -> Callable[..., Any]:
    """Return a callback for an option whose texts ``of`` reads; its ValueError is a sentence."""

    def read(_ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
        try:
            return tuple(map(of, value)) if isinstance(value, tuple) else of(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return read


def seconds_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Return the seconds of an option that is a duration."""
    if value is None:
        return None
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def moment_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Return the POSIX seconds of an option that is a moment, in the local time zone."""
    if value is None:
        return None
    try:
        return moment(value, datetime.now().astimezone())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def moment(text: str, now: datetime) -> float:
    """Return the POSIX seconds of ``text``; ValueError is a sentence.

    A time of the day is the next one; without an offset it is in the local time zone.
    """
    if text.startswith("+"):
        return now.timestamp() + parse_duration(text[1:])
    try:
        if len(text) <= len("22:00:00"):
            found = datetime.combine(now.date(), time.fromisoformat(text)).astimezone()
            if found <= now:
                tomorrow = now.date() + timedelta(days=1)
                found = datetime.combine(tomorrow, time.fromisoformat(text)).astimezone()
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo else found.astimezone()
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time: write one such as 22:00, a date and a time such as "
            '"2026-12-01 22:00" or 2026-12-01T22:00+01:00, or +2h'
        ) from None
    if found <= now:
        raise ValueError(f"{text!r} is in the past")
    return found.timestamp()


for_option = click.option(
    "--for",
    "seconds",
    callback=seconds_of,
    metavar="TIME",
    help='How long, such as "1h30m"; by default, until you undo it.',
)
at_option = click.option(
    "--at",
    callback=moment_of,
    metavar="WHEN",
    help='When, such as "22:00" (the next time it is), "2026-12-01 22:00" or "+2h".',
)
"""``--at WHEN``, passed as ``at: float | None``, POSIX seconds."""
reason_option = click.option("--reason", default="", metavar="TEXT", help="Why; reports show it.")
"""``--for TIME``, passed as ``seconds: float | None``; ``--reason TEXT`` as ``reason: str``."""

last_option = click.option(
    "--force", is_flag=True, help="Even if no other node is known to announce the VIPs."
)


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
