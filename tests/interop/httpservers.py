"""Servers that each send one response of ``httpresponses``; what curl and HAProxy say of them."""

from __future__ import annotations

import asyncio
import csv
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from tests.interop.httpresponses import Response

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HOST = "127.0.0.1"
PATIENCE_S = 60.0
_LOOK_S = 0.1
_LOOKS = 30

_HAPROXY = """
global
    stats socket {socket}
    maxconn 1000
defaults
    mode http
    timeout connect 10s
    timeout client 10s
    timeout server 10s
    timeout check 10s
"""
_BACKEND = """
backend {name}
    option httpchk
    http-check send meth GET uri / ver HTTP/1.1 hdr Host x
    http-check expect status 200
    server one {host}:{port} check inter 200ms fall 1 rise 1
"""
_UNDECIDED = ("", "INI")
_UNDER_WAY = "* "
"""Before the status of the last check while the next one is made."""


@contextmanager
def served(responses: Mapping[str, Response]) -> Iterator[dict[str, int]]:
    """The port of a server on 127.0.0.1 for each of ``responses``, by name."""
    ready = threading.Event()
    ports: dict[str, int] = {}
    ends: list[Callable[[], object]] = []

    async def serve() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(over.set))
        servers = []
        for name, response in responses.items():
            server = await asyncio.start_server(_sending(response, over), HOST, 0, backlog=50)
            servers.append(server)
            ports[name] = server.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        for server in servers:
            server.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield ports
    finally:
        ends[0]()
        thread.join()


def _sending(response: Response, over: asyncio.Event) -> Serve:
    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response.octets)
            await writer.drain()
            if response.stays:
                await over.wait()
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    return handled


def by_curl(ports: Mapping[str, int]) -> dict[str, bool]:
    """Whether curl sees status 200 and no error, by name."""
    options = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", str(PATIENCE_S)]
    running = {
        name: subprocess.Popen(
            ["curl", *options, f"http://{HOST}:{port}/"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for name, port in ports.items()
    }
    return {
        name: process.communicate()[0] == b"200" and process.returncode == 0
        for name, process in running.items()
    }


def by_haproxy(ports: Mapping[str, int], directory: Path) -> dict[str, bool]:
    """Whether a check of HAProxy's passes, by name."""
    control = directory / "socket"
    names = {name: f"b{number}" for number, name in enumerate(ports)}
    config = _HAPROXY.format(socket=control)
    config += "".join(
        _BACKEND.format(name=names[name], host=HOST, port=port) for name, port in ports.items()
    )
    (directory / "haproxy.cfg").write_text(config)
    process = subprocess.Popen(
        ["haproxy", "-db", "-q", "-f", directory / "haproxy.cfg"], stderr=subprocess.DEVNULL
    )
    try:
        passed = _passed(control, names.values())
    finally:
        process.terminate()
        process.wait()
    return {name: backend in passed for name, backend in names.items()}


def _passed(control: Path, backends: Collection[str]) -> set[str]:
    """Return the backends of which a check has passed, once all have been checked often enough.

    Whether HAProxy minds a fault of the body depends on whether it comes with the head.
    """
    end = time.monotonic() + PATIENCE_S
    passed: set[str] = set()
    looks = 0
    while looks < _LOOKS:
        assert time.monotonic() < end, "HAProxy has not checked every server"
        time.sleep(_LOOK_S)
        found = _statuses(control) if control.exists() else {}
        passed |= {name for name, status in found.items() if status == "L7OK"}
        looks += set(found) == set(backends) and not any(
            status in _UNDECIDED for status in found.values()
        )
    return passed


def _statuses(control: Path) -> dict[str, str]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(control))
        sock.sendall(b"show stat\n")
        with sock.makefile() as answer:
            rows = csv.DictReader(answer)
            return {
                row["# pxname"]: row["check_status"].removeprefix(_UNDER_WAY)
                for row in rows
                if row["svname"] == "one"
            }
