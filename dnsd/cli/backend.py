"""``dnsd backend``: a machine behind a director is made ready, looked at, and given back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dnsd.cli import exits
from dnsd.cli.options import json_option
from dnsd.cli.output import echo
from dnsd.cli.said import say_lines
from dnsd.config import paths
from dnsd.config.balance import VXLAN_DEVICE, VXLAN_PORT, VXLAN_VNI, DevicePrefix
from dnsd.config.netkinds import HostAddresses, VipList
from dnsd.control.balance import backendhost
from dnsd.control.balance.backendhost import Way

if TYPE_CHECKING:
    from collections.abc import Callable


def _vips(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return VipList().read(list(values), Path())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_vips_argument = click.argument("vips", nargs=-1, required=True, metavar="VIP...", callback=_vips)
_record_option = click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Directory for the record of changes; the state directory by default.",
)


def _addresses(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    try:
        return HostAddresses().read(list(values), Path()) if values else ()
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _device(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    try:
        return DevicePrefix().read(value, Path())
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _way_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how directors reach this machine."""
    options = (
        click.option(
            "--vxlan",
            multiple=True,
            metavar="ADDRESS",
            callback=_addresses,
            help="The address of this machine that directors send to by VXLAN; one for each "
            "family.",
        ),
        click.option(
            "--vni",
            type=click.IntRange(1, 0xFFFFFF),
            default=VXLAN_VNI,
            show_default=True,
            help="The VNI: [balance] vxlan_vni of the directors.",
        ),
        click.option(
            "--port",
            type=click.IntRange(1, 0xFFFF),
            default=VXLAN_PORT,
            show_default=True,
            help="The UDP port: [balance] vxlan_port of the directors.",
        ),
        click.option(
            "--device",
            default=VXLAN_DEVICE,
            show_default=True,
            metavar="NAME",
            callback=_device,
            help="The name of the VXLAN device, without the 4 or 6 at its end.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def backend() -> None:
    """Prepare a machine that serves behind a director, and answers clients directly.

    It may run any service, dnsd or another, that listens on the VIP (or on all addresses). What
    setup does ends with a restart of the machine: have it run at each start.
    """


@backend.command()
@json_option
@_record_option
@_way_options
@_vips_argument
def setup(
    as_json: bool,
    record: Path | None,
    vxlan: tuple[str, ...],
    vni: int,
    port: int,
    device: str,
    vips: tuple[str, ...],
) -> None:
    """Put each VIP on the loopback interface, hide it from links (ARP), probe for MTUs.

    With --vxlan, packets from directors that are not on a link of this machine are taken in, too.
    Any sender's are: have a firewall let that UDP port through from directors only.
    """
    way = Way(vxlan, vni, port, device)
    say_lines(as_json, backendhost.setup(vips, record or paths.state_directory(), way=way))


@backend.command()
@json_option
@_way_options
@_vips_argument
def check(
    as_json: bool,
    vxlan: tuple[str, ...],
    vni: int,
    port: int,
    device: str,
    vips: tuple[str, ...],
) -> None:
    """Say what keeps this machine from serving each VIP. Exit status: 0 if nothing does, else 1."""
    problems = backendhost.check(vips, way=Way(vxlan, vni, port, device))
    if as_json:
        echo(json.dumps({"ok": not problems, "problems": problems}))
    else:
        for line in problems:
            echo(line)
    sys.exit(exits.FAILED if problems else 0)


@backend.command()
@json_option
@_record_option
def undo(as_json: bool, record: Path | None) -> None:
    """Take back what setup has changed here, and nothing else."""
    say_lines(as_json, backendhost.undo(record or paths.state_directory()))
