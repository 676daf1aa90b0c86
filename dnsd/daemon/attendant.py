"""Answers on the admin socket while control is down: that it is down, and what still works.

This is the master's part of the spare socket (see :mod:`dnsd.process.socketfile`). It reads
nothing, and never blocks: its answer fits into a socket's buffer.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.control import status
from dnsd.daemon.children import is_serving
from dnsd.image.state import ControlCells
from dnsd.process import socketfile
from dnsd.process.socketfile import STRANGER
from dnsd.process.users import group_of

if TYPE_CHECKING:
    import socket

    from dnsd.control.spec import ControlSpec
    from dnsd.image.state import StateVector

MOST_AT_ONCE = 16
"""Clients answered in one turn of the master's loop."""


class Attendant:
    """Answers on the listening socket ``sock`` for the control process of ``spec``."""

    def __init__(self, sock: socket.socket, spec: ControlSpec, vector: StateVector) -> None:
        self._sock = sock
        self._spec = spec
        self._vector = vector
        self._admin_group = group_of(spec.config.server.admin_group)
        sock.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that is readable when a client asks."""
        return self._sock.fileno()

    def answer(self) -> None:
        """Answer waiting clients, up to a limit."""
        for _ in range(MOST_AT_ONCE):
            try:
                client, _ = self._sock.accept()
            except OSError:
                return
            with client, suppress(OSError):  # it is gone
                client.setblocking(False)
                may_ask = socketfile.may_ask(client, self._admin_group)
                said = self._absence() if may_ask else {"ok": False, "error": STRANGER}
                client.sendall(msgspec.json.encode(said) + b"\n")

    def _absence(self) -> dict[str, Any]:
        """Return the answer to a command; ``down`` is what ``dnsd status`` shows."""
        vector = self._vector
        serving = sum(map(is_serving, map(vector.worker, vector.serving)))
        cells = vector.control
        zones = f"{cells[ControlCells.ZONES]} zones, {cells[ControlCells.BROKEN]} of them broken"
        sentence = (
            f"control is down and is being restarted; {serving} of {len(vector.serving)} workers "
            f"answer from the last published data ({zones}); nothing is reloaded, ordered or "
            f"checked"
        )
        found = status.snapshot(self._spec, self._spec.config, vector, ())
        return {"ok": False, "error": sentence, "down": {**found, "problems": [sentence]}}
