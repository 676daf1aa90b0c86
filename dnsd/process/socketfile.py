"""The admin socket: its place and its mode decide who may connect.

Only its owner can. Knows nothing of the protocol on the socket, and imports no event loop: the
master checks here, before it starts anything, whether another dnsd has the place.

Beside the file there is a *spare* socket in the abstract namespace. It needs no disk, and the
master holds it: it exists even if the file could not be made, or control, to which both lead, is
down. The kernel tells which user connects: it must be our own, root, or in the group that may
administer the node. That group uses only this socket, so that no directory need be open to it.
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
"""Seconds between attempts to get the name of the spare socket, and for how long to try."""
_CREDENTIALS = struct.Struct("3i")
"""The struct of SO_PEERCRED: process, user, group."""
_SO_PEERGROUPS = 59
"""The other groups of the process at the other end, 32 bits each (Linux 4.13)."""
_GROUPS_SIZE = 1024
"""Octets of groups that are read: a process in more than 256 groups is not recognised."""

STRANGER = (
    "permission denied: be the user that dnsd runs as, root, or a member of the group that "
    "[server] admin_group names"
)
"""The answer to a client without the right to ask."""


def bind(path: Path) -> socket.socket:
    """Return a socket bound at ``path``, for its owner only; StateError if that fails."""
    make_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(0o600)  # no client can connect before it listens
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
            # The control process of a master that was just killed may still have it.
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                sock.close()
                return None
            time.sleep(SPARE_PAUSE_S)
        else:
            sock.listen()
            return sock


def is_friend(sock: socket.socket, *others: int) -> bool:
    """Return whether the client is root, our own user, or one of ``others``."""
    found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(found)[1] in {0, os.geteuid(), *others}


def may_ask(sock: socket.socket, admin_group: int | None) -> bool:
    """Return whether the client is a friend, or a member of the group, if there is one."""
    if is_friend(sock):
        return True
    if admin_group is None:
        return False
    found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    try:
        others = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_SIZE)
    except OSError:
        others = b""
    return admin_group in {_CREDENTIALS.unpack(found)[2], *memoryview(others).cast("I")}


def make_way(path: Path) -> None:
    """Make the directory of ``path``, and remove an old socket on which no process listens.

    StateError if it can never work, if ``path`` is not a socket, or if a process does listen. A
    refusal by the disk is no error: it may pass.
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
