"""The file of the admin socket: who may connect is decided by its place and its mode.

Only its owner can. Knows nothing of what is said over the socket, and imports no event loop:
the master looks here, before it starts anything, whether another dnsd has the place.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from dnsd.control.statedir import REFUSALS
from dnsd.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path


def bind(path: Path) -> socket.socket:
    """Return a socket bound at ``path``, for its owner only; StateError if that cannot be."""
    make_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(0o600)  # nobody can connect before it listens
    except OSError as error:
        sock.close()
        raise StateError(f"cannot make the admin socket {path}: {error.strerror}") from error
    return sock


def make_way(path: Path) -> None:
    """Make the directory of ``path``, and remove a socket there that nobody listens on.

    StateError if that can never be, if it is no socket, or if somebody does listen. What a disk
    refuses now, it may take later.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = path.exists() and _is_taken(path)
    except OSError as error:
        if error.errno in REFUSALS:
            return
        raise StateError(f"cannot make the admin socket {path}: {error.strerror}") from error
    if taken:
        raise StateError(
            f"another dnsd answers on {path}: give this one its own [server] admin_socket"
        )


def _is_taken(path: Path) -> bool:
    if not path.is_socket():
        raise StateError(f"{path} is no socket: remove it, or set [server] admin_socket to a path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return False
    return True
