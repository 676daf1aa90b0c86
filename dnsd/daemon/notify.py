"""Reports the node's state to the service manager: sd_notify(3), as far as dnsd needs it.

Without a service manager (no ``$NOTIFY_SOCKET``) it does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_MOMENTARY = ("WATCHDOG=", "EXTEND_TIMEOUT_USEC=")
"""Assignments that are only true at the moment when they are sent."""


class Notifier:
    """Sends assignments to the socket that ``environ`` names, and takes it from there.

    ``watchdog`` is how often, in seconds, the manager wants a sign of life; None: never.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        address = environ.pop("NOTIFY_SOCKET", "")
        # A name that begins with @ is in the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._environ = {"NOTIFY_SOCKET": address} if address else {}
        if usec := environ.get("WATCHDOG_USEC"):
            self._environ["WATCHDOG_USEC"] = usec
        self.watchdog = _watchdog(environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", ""))
        self._status = ""
        self._unsent: list[str] = []

    def ready(self) -> None:
        """The node serves (again)."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; it ends with :meth:`ready`."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The node stops."""
        self._send("STOPPING=1")

    @property
    def is_heard(self) -> bool:
        """Whether there is a service manager."""
        return bool(self._address)

    def hand_over(self, pid: int) -> None:
        """Tell the manager that the process ``pid`` goes on in place of this one."""
        self._send(f"MAINPID={pid}")

    def handed_on(self) -> dict[str, str]:
        """Return the part of the environment by which another process finds the manager."""
        return dict(self._environ)

    def alive(self) -> None:
        """Send a sign of life."""
        self._send("WATCHDOG=1")

    def wait(self, seconds: float) -> None:
        """Ask for so many more seconds: the start takes longer."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def status(self, text: str) -> None:
        """Show ``text`` as the status; it is sent once while it stays the same.

        What the manager had no room for is sent again first: this is called regularly.
        """
        self._send_what_waits()
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def _send_what_waits(self) -> None:
        unsent, self._unsent = self._unsent, []
        for text in unsent:
            self._send(text)

    def _send(self, text: str) -> None:
        """Send ``text`` without waiting; a manager that does not listen must not stop the server.

        A state that it has no room for waits; a sign of life is of no use later.
        """
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(text.encode(), self._address)
        except BlockingIOError:
            if not text.startswith(_MOMENTARY):
                kind = text.partition("=")[0]
                self._unsent = [old for old in self._unsent if not old.startswith(f"{kind}=")]
                self._unsent.append(text)
        except OSError:
            return


def _watchdog(usec: str, pid: str) -> float | None:
    """Return half the watchdog's time, so that a late sign of life still counts."""
    if not usec.isdigit() or int(usec) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(usec) / 2e6
