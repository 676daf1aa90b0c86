"""``dnsd version``: what a report of a fault should begin with."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

import dnsd
from dnsd import hotpath
from dnsd.cli.jsonoption import json_option
from dnsd.cli.output import echo
from dnsd.errors import ConfigError

LIBRARIES = ("dnspython", "uvloop", "msgspec", "click", "rich", "pyroute2", "pexpect")


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Show the version, the hot path in use, Python, and the libraries."""
    if as_json:
        echo(json.dumps({"dnsd": dnsd.__version__, **_details()}))
        return
    echo(f"dnsd {dnsd.__version__}")
    for name, value in _details().items():
        echo(f"  {name + ':':<11} {value}")


def _details() -> dict[str, str]:
    return {
        "hot path": _hot_path(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **{name: _version_of(name) for name in LIBRARIES},
    }


def _hot_path() -> str:
    """Return the implementation in use; a wrong DNSD_HOTPATH must not hide all the rest."""
    try:
        return hotpath.implementation()
    except ConfigError as error:
        return f"none ({error})"


def _version_of(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"
