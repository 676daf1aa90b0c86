"""The users' caching resolvers: several Unbound, each with a cache of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.failover import files
from bench.failover.programs import Program
from bench.peers.base import program

if TYPE_CHECKING:
    from pathlib import Path

    from bench.failover.ground import Ground


def resolvers(ground: Ground, directory: Path) -> list[Program]:
    """Write their files and return them."""
    found = []
    for number, host in enumerate(ground.resolvers):
        path = directory / f"unbound{number}.conf"
        authority = ground.authority.address
        outgoing = host.address if ground.outgoing.startswith("127.") else ground.outgoing
        path.write_text(files.unbound(directory, host.address, outgoing, authority))
        command = (program("unbound"), "-d", "-c", str(path))
        found.append(Program(f"unbound{number}", host.namespace, command))
    return found
