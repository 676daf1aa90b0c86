"""How a node is configured and asked, as the master and the commands do it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dnsd.config import Config, Options, resolve
from dnsd.control.failover.commands import commands as failover_commands
from dnsd.control.horizon.commands import commands as horizon_commands

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.control.admin import Command
    from dnsd.control.node import Node
    from tests.simulation.worlds.machine import Machine

HTTP_PORT = 9153


def address(index: int) -> str:
    """Return the address of a machine."""
    return f"198.51.100.{index + 1}"


def configuration(machine: Machine) -> Config:
    """Return the configuration of the node on ``machine``, which knows all others."""
    names = range(machine.world.size)
    peers = [f'"http://{address(one)}:{HTTP_PORT}"' for one in names if one != machine.index]
    shared = machine.world.need > 1
    text = (
        f'[server]\nserver_id = "{machine.name}"\nstate_directory = "{machine.state}"\n'
        f'workers = 2\nheartbeat = "1s"\n'
        f'[zones]\ndirectory = "{machine.zones}"\nwatch = false\npoll = "60s"\n'
        '[zones.limits]\nlongest_ttl = "45s"\n'
        f'[http]\nlisten = ["127.0.0.1:{HTTP_PORT}"]\n'
        f'[failover]\npeers = [{", ".join(peers)}]\npoll = "{1 if shared else 5}s"\n'
        'check_networks = ["192.0.2.0/24"]\n'
    )
    return _resolved(machine.home / f"{machine.world.size}-{shared:d}.toml", text)


@cache
def _resolved(path: Path, text: str) -> Config:
    path.write_text(text)
    return resolve(path, Options())


@cache
def again(path: Path, _options: Options) -> Config:
    """Return the configuration in ``path``, which no story changes."""
    return resolve(path, Options())


def of(node: Node) -> dict[str, Command]:
    """Return the admin commands of ``node``, as control's main program puts them together."""
    return {
        "status": node.command_status,
        "reload": node.command_reload,
        **failover_commands(node.engine),
        **horizon_commands(node.horizon),
    }


def stop(node: Node) -> None:
    """Do what control does before it ends at an order."""
    node.engine.stop()
    node.keeper.stop()
