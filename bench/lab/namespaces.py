"""Network namespaces: making them, running programs in them, ending all that runs in them.

Knows ``ip`` and /proc; knows nothing of DNS, of BGP or of what the namespaces are for.
A process belongs to a namespace by what the kernel says, not by a list that could be stale.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAMED = Path("/run/netns")
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
PATIENCE_S = 60.0
"""How long killed processes may take to be gone, and ``ip`` to do its work.

Namespaces that come and go hold up one another in the kernel.
"""


def batch(lines: Iterable[str], namespace: str | None = None) -> None:
    """Have one ``ip`` process do ``lines``; LabError says what it did not like."""
    command = ["ip", *(("-n", namespace) if namespace else ()), "-batch", "-"]
    found = subprocess.run(
        command,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if found.returncode:
        raise LabError(f"{' '.join(command)}: {found.stderr.strip()}")


def command(namespace: str, *arguments: str) -> list[str]:
    """Return the command that runs ``arguments`` in ``namespace``: exec keeps the process id."""
    return ["ip", "netns", "exec", namespace, *arguments]


def run(
    namespace: str, *arguments: str, timeout: float = PATIENCE_S
) -> subprocess.CompletedProcess[str]:
    """Run a program in ``namespace`` until it ends."""
    return subprocess.run(
        command(namespace, *arguments),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start(
    namespace: str, arguments: Sequence[str], log: Path, environ: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in ``namespace``, in a session of its own: it outlives this process."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command(namespace, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )


def udp_socket(namespace: str, family: socket.AddressFamily) -> socket.socket:
    """Return a UDP socket that is in ``namespace``, though this process is not."""
    return _socket(namespace, family, socket.SOCK_DGRAM)


def tcp_socket(namespace: str, family: socket.AddressFamily) -> socket.socket:
    """Return a TCP socket that is in ``namespace``, though this process is not."""
    return _socket(namespace, family, socket.SOCK_STREAM)


def _socket(namespace: str, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    with Path("/proc/thread-self/ns/net").open("rb") as own:
        with (NAMED / namespace).open("rb") as other:
            _enter(other.fileno())
        try:
            return socket.socket(family, kind)
        finally:
            _enter(own.fileno())


def _enter(descriptor: int) -> None:
    # os.setns() is younger than Python 3.11.
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise LabError(f"cannot enter a network namespace: {os.strerror(number)}")


def exists(namespace: str) -> bool:
    """Return whether a namespace of this name is there."""
    return (NAMED / namespace).exists()


def pids(namespace: str) -> list[int]:
    """Return the processes in ``namespace``; those that have ended but were not reaped don't count.

    Nothing if there is no such namespace.
    """
    try:
        wanted = (NAMED / namespace).stat().st_ino
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "ns/net").stat().st_ino == wanted:
                    found.append(int(entry.name))
    return found


def end(namespace: str) -> None:
    """End all that runs in ``namespace``; LabError if it stays."""
    _end([namespace])


def remove(namespaces: Iterable[str]) -> None:
    """End all that runs in ``namespaces`` and delete them; what is not there is no fault."""
    present = [name for name in namespaces if exists(name)]
    _end(present)
    if present:
        batch(f"netns delete {name}" for name in present)


def _end(present: Sequence[str]) -> None:
    until = time.monotonic() + PATIENCE_S
    # A process may have started another one after it was looked for.
    while running := [pid for name in present for pid in pids(name)]:
        if time.monotonic() > until:
            raise LabError(f"processes {running} do not end, so their namespaces stay")
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
