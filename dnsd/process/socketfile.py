"""The file of the admin socket: who may connect is decided by its place and its mode.

Only its owner can. Knows nothing of what is said over the socket, and imports no event loop:
the master looks here, before it starts anything, whether another dnsd has the place.

Beside the file there is a *spare* socket in the abstract namespace. It needs no disk, and the
master holds it: it is there when the file could not be made, and when control, which both lead
to, is down. The kernel tells which user is at its other end: it must be the same one, or root.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import struct
import time
from typing import TYPE_CHECKING

from dnsd.errors import StateError
from dnsd.process.statedir import REFUSALS

if TYPE_CHECKING:
    from pathlib import Path

SPARE_S = 1.0
SPARE_PAUSE_S = 0.05
"""Between attempts to have the name of the spare socket, and for how long they go on."""
_CREDENTIALS = struct.Struct("3i")
"""Of SO_PEERCRED: process, user, group."""


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


def spare_name(path: Path) -> str:
    """Return the name of the spare socket beside the file ``path``."""
    return f"\0dnsd-{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]}"


def bind_spare(path: Path) -> socket.socket | None:
    """Return the spare socket beside ``path``, listening; None if another process has its name."""
    until = time.monotonic() + SPARE_S
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    while True:
        try:
            sock.bind(spare_name(path))
        except OSError as error:
            # A control whose master was killed a moment ago still has it.
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                sock.close()
                return None
            time.sleep(SPARE_PAUSE_S)
        else:
            sock.listen()
            return sock


def is_friend(sock: socket.socket, *others: int) -> bool:
    """Return whether at the other end is root, our own user, or one of ``others``."""
    found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(found)[1] in {0, os.geteuid(), *others}


def make_way(path: Path) -> None:
    """Make the directory of ``path``, and remove a socket there that no process listens on.

    StateError if that can never be, if it is no socket, or if one does listen. What a disk
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
        raise StateError(
            f"{path} is not a socket: remove it, or set [server] admin_socket to a path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return False
    return True
