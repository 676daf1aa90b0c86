"""Options that several commands have, declared once so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path

import click

from dnsd import config

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
) -> tuple[config.ZoneFile, ...]:
    try:
        return tuple(config.parse_zone_option(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


zone_option = click.option(
    "--zone",
    "zones",
    callback=_zones,
    multiple=True,
    metavar="ORIGIN=FILE",
    help="A zone and its file, such as example.com=new/example.com.zone; may be repeated.",
)
"""``--zone ORIGIN=FILE``…, passed as ``zones: tuple[ZoneFile, ...]``."""
