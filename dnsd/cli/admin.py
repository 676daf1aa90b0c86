"""Asks a running node: the client's side of the admin socket (see dnsd.control.admin)."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dnsd import config
from dnsd.config import paths
from dnsd.config.tables import kinds_of
from dnsd.errors import AdminError, ConfigError, ControlDown, NotRunning
from dnsd.process.socketfile import is_friend, spare_name

if TYPE_CHECKING:
    from pathlib import Path

_PLACES = ("state_directory", "admin_socket")

ANSWER_S = 10.0
"""Seconds that a node may take to answer what needs no work."""


def socket_path(config_file: Path | None) -> Path:
    """Return where the node with the configuration ``config_file`` listens."""
    return server_of(config_file).admin_socket


def server_of(config_file: Path | None) -> config.Server:
    """Return the places of the node with the configuration ``config_file``."""
    if config_file is None:
        return _default()
    try:
        return config.load(config_file).server
    except ConfigError:
        # A node that runs is not to be out of reach because a key elsewhere is wrong.
        server = _salvage(config_file)
        if server is None:
            raise
        return server


def _default() -> config.Server:
    try:
        return config.Server()
    except ValueError as error:
        raise ConfigError([str(error)]) from error


def _salvage(config_file: Path) -> config.Server | None:
    """Return the places, if the file says so much; None if it doesn't."""
    import tomllib

    try:
        server = tomllib.loads(config_file.read_text())["server"]
        kinds = kinds_of(config.Server)
        base = config_file.parent.absolute()
        fields = {key: kinds[key].read(server[key], base) for key in _PLACES if key in server}
        return config.Server(**fields)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def ask(path: Path, command: str, patience: float | None = ANSWER_S, **arguments: Any) -> Any:
    """Return the node's answer to ``command``.

    NotRunning if no node listens at ``path``, ControlDown if only its workers are there, AdminError
    if it refuses, or takes longer than ``patience`` seconds (None: as long as it takes).
    """
    request = json.dumps({"command": command, **arguments}).encode() + b"\n"
    try:
        # Control may end while it is asked. Then who is there now answers, if it is only the
        # master; each command can be given twice.
        line = _exchange(path, request, patience) or _exchange(path, request, patience)
    except TimeoutError as error:
        raise AdminError(f"the node behind {path} does not answer") from error
    except PermissionError as error:
        raise AdminError(
            f"permission denied on {path}: be the user that dnsd runs as, root, or a member of the "
            "group that [server] admin_group names"
        ) from error
    except OSError as error:
        raise AdminError(f"cannot talk to the node behind {path}: {error.strerror}") from error
    return _result(line, path)


def runs(path: Path) -> bool:
    """Return whether a node listens at ``path``; one that cannot be reached may run."""
    try:
        _connected(path).close()
    except NotRunning:
        return False
    except OSError:
        return True
    return True


def _exchange(path: Path, request: bytes, patience: float | None) -> bytes:
    """Return the line that answers ``request``; empty if the node ended before it was whole."""
    with _connected(path) as sock:
        with suppress(BrokenPipeError, ConnectionResetError):  # what it says lies there already
            sock.sendall(request)
        sock.settimeout(patience)
        try:
            line = sock.makefile("rb").readline()
        except ConnectionResetError:
            return b""
    return line if line.endswith(b"\n") else b""


def _connected(path: Path) -> socket.socket:
    """Return a socket that is connected to the node, by its file or else by its spare socket."""
    try:
        return _connect(str(path))
    except PermissionError:
        # Members of [server] admin_group come by the other one.
        if (sock := _spare(path)) is None:
            raise
        return sock
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        if (sock := _spare(path)) is None:
            raise NotRunning(
                f"dnsd is not running: nothing listens on {path}{_unnamed(path)}"
            ) from error
        return sock


def _spare(path: Path) -> socket.socket | None:
    """Return a socket that is connected to the spare one beside ``path``; None if it is not ours.

    Any process could have taken its name.
    """
    try:
        sock = _connect(spare_name(path))
    except OSError:
        return None
    try:
        owner = [path.parent.stat().st_uid]
    except OSError:
        owner = []
    if is_friend(sock, *owner):
        return sock
    sock.close()
    return None


def _unnamed(path: Path) -> str:
    """Return that no configuration says that the node is at ``path``, if that is so."""
    if os.environ.get("DNSD_CONFIG") or paths.configuration() or path != _default().admin_socket:
        return ""
    return (
        f" (there is no {paths.CONFIGURATION}; --config FILE or $DNSD_CONFIG names the "
        "configuration of another node)"
    )


def _connect(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(ANSWER_S)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def _result(line: bytes, path: Path) -> Any:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise AdminError(f"the node behind {path} ended before it answered") from error
    if "down" in answer:
        raise ControlDown(answer["error"], answer["down"])
    if not answer["ok"]:
        raise AdminError(answer["error"])
    return answer["result"]
