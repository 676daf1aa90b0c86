"""Default paths: the state directory, the configuration, the example zones."""

from __future__ import annotations

import os
from pathlib import Path

CONFIGURATION = Path("/etc/dnsd/dnsd.toml")
"""The configuration of this machine's node."""

_PACKAGE = Path(__file__).resolve().parent.parent

MAX_SOCKET_PATH = 107
"""Octets that the path of a unix socket may have (``sun_path`` without its final zero)."""


def state_directory() -> Path:
    """Return the default state directory.

    ``$STATE_DIRECTORY`` (systemd sets it; the first, if there are several), else
    ``/var/lib/dnsd`` for root, else ``dnsd`` under ``$XDG_STATE_HOME`` or ``~/.local/state``.
    """
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/dnsd")
    if home := os.environ.get("XDG_STATE_HOME"):
        return Path(home, "dnsd")
    return Path.home() / ".local/state/dnsd"


def configuration() -> Path | None:
    """Return the configuration of this machine's node, if there is one.

    One that this user may not read counts: using another one silently would be wrong.
    """
    try:
        CONFIGURATION.stat()
    except PermissionError:
        return CONFIGURATION
    except OSError:
        return None
    return CONFIGURATION


def example_zones() -> Path | None:
    """Return the directory of the example zones, if they are here.

    They lie inside an installed package, and beside it in a checkout.
    """
    places = (_PACKAGE / "_zones", _PACKAGE.parent / "zones")
    return next((place for place in places if place.is_dir()), None)
