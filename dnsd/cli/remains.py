"""A node of this machine that does not run: what its state directory and configuration say.

It may have given answers until a moment ago, so it is part of the site. Where a configuration is
named there is such a node; without one, if the default state directory has been used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd import config
from dnsd.caches.ledger import owner_of
from dnsd.caches.site import Sighting, Silent
from dnsd.cli.admin import server_of
from dnsd.cli.askers import Remote
from dnsd.control.horizon.ledgerfile import LedgerFile
from dnsd.errors import ConfigError, StateError

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.caches.acquainted import KnownPeer


class Remains(NamedTuple):
    """What is known of the node: as sightings, and the nodes that it knows."""

    sightings: tuple[Sighting, ...]
    peers: tuple[Remote, ...]


NOTHING = Remains((), ())
"""No node has run on this machine."""


def remains(config_file: Path | None) -> Remains:
    """Return what is left of the node of ``config_file``, which does not run."""
    server = server_of(config_file)
    directory = server.state_directory
    try:
        used = any(directory.iterdir())
    except FileNotFoundError:
        used = False
    except OSError as error:
        reason = f"{directory} cannot be read ({error.strerror})"
        return Remains((_silent(directory, reason, ""),), ())
    if not used and config_file is None:
        return NOTHING
    name, heard = _left_in(directory)
    known, faults = _configured(config_file)
    where = f"its state directory is {directory}" if used else f"it has no state in {directory}"
    here = _silent(directory, where, name or server.server_id or "")
    urls = {*known, *(peer.url for peer in heard)}
    return Remains((here, *faults), tuple(Remote(url) for url in sorted(urls)))


def _silent(directory: Path, reason: str, name: str) -> Sighting:
    return Sighting(str(directory), Silent(f"it does not run on this machine, and {reason}"), name)


def _left_in(directory: Path) -> tuple[str, tuple[KnownPeer, ...]]:
    """Return what the node was called, and which nodes it had heard, as far as its ledger says."""
    try:
        data = LedgerFile(directory).read()
        return ("", ()) if data is None else owner_of(data)
    except StateError:
        return "", ()  # it is missing in any case


def _configured(config_file: Path | None) -> tuple[list[str], list[Sighting]]:
    """Return the nodes of a configuration; a sighting says if they cannot be known."""
    if config_file is None:
        return [], []
    try:
        found = config.load(config_file)
    except ConfigError as error:
        reason = f"the nodes that it knows cannot be read: {error}"
        return [], [Sighting(str(config_file), Silent(reason))]
    return [f"http://{endpoint}" for endpoint in found.failover.peers], []
