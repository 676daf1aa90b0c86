"""The admin socket: one JSON object a line asks, one a line answers.

    {"command": "reload", "zones": ["example.com"]}
    {"ok": true, "result": …}   or   {"ok": false, "error": "a sentence"}

Knows the protocol and its limits; what the commands do is given to it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.errors import AdminError, StateError
from dnsd.process import log
from dnsd.process.socketfile import STRANGER, bind, may_ask

if TYPE_CHECKING:
    import socket
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    Command = Callable[[Mapping[str, Any]], Awaitable[object]]

LONGEST_REQUEST = 1 << 20
"""Octets of a line: a reload that names ten thousand zones."""
MOST_CLIENTS = 64
"""Connections at once; each may wait for a reload."""
IDLE = 60.0
"""Seconds that a client may be connected without asking anything."""
AGAIN = 2.0
"""Seconds between two looks whether the socket is where it should be."""
STALL = 10.0
"""Seconds that a client may take to read what it has asked for."""

_Request = msgspec.json.Decoder(dict[str, Any])


class AdminServer:
    """Listens at ``path`` and runs ``commands`` by name; AdminError is their way to refuse.

    It listens on the ``spare`` socket, too, if there is one. Members of the ``admin_group`` may ask
    there.
    """

    def __init__(
        self,
        path: Path,
        commands: Mapping[str, Command],
        spare: socket.socket | None = None,
        admin_group: int | None = None,
    ) -> None:
        self.fault = ""
        """Why no client can connect at ``path``; empty if one can."""
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._spare = spare
        self._admin_group = admin_group
        self._spare_server: asyncio.Server | None = None
        self._clients = 0

    async def run(self) -> None:
        """Listen for ever; where the disk has no room for the socket, as soon as it has."""
        while True:
            if self._server is None or not self._path.is_socket():
                await self.start()
            await asyncio.sleep(AGAIN)

    async def start(self) -> None:
        """Bind and listen, if that can be now; what keeps it from that is told once."""
        self._leave()
        if self._spare is not None and self._spare_server is None:
            self._spare_server = await asyncio.start_unix_server(
                self._serve_friend, sock=self._spare, limit=LONGEST_REQUEST
            )
        try:
            sock = bind(self._path)
        except StateError as error:
            if str(error) != self.fault:
                log.say("admin-socket-fault", f"control: {error}; trying again")
            self.fault = str(error)
            return
        self.fault = ""
        self._server = await asyncio.start_unix_server(
            self._serve, sock=sock, limit=LONGEST_REQUEST
        )

    def _leave(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._leave()
        with suppress(OSError):
            self._path.unlink()

    async def _serve_friend(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve a client whom no file's mode has kept away, if it may connect."""
        if may_ask(writer.get_extra_info("socket"), self._admin_group):
            await self._serve(reader, writer)
            return
        writer.write(_refusal(STRANGER))  # the buffer of a new connection has room for it
        writer.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._clients += 1
        # drain() then waits until all is sent.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            if self._clients > MOST_CLIENTS:
                await self._send(writer, _refusal("too many clients: try again later"))
            else:
                await self._talk(reader, writer)
        except (OSError, TimeoutError):
            pass  # the client is gone, or asleep
        finally:
            self._clients -= 1
            writer.transport.abort()

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer line after line until the client has no more."""
        while True:
            try:
                async with asyncio.timeout(IDLE):
                    line = await reader.readline()
            except ValueError:
                sentence = f"a request may have at most {LONGEST_REQUEST} octets"
                await self._send(writer, _refusal(sentence))
                return
            if not line.endswith(b"\n"):
                return
            await self._send(writer, await self._answer(line))

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = _Request.decode(line)
        except (msgspec.DecodeError, RecursionError):
            return _refusal('a request is a JSON object on one line, with a "command"')
        command = self._commands.get(str(request.get("command")))
        if command is None:
            names = ", ".join(sorted(self._commands))
            return _refusal(f"there is no such command; the commands are {names}")
        log.say("admin-command", f"control: asked for {request.get('command')}")
        try:
            return _line({"ok": True, "result": await command(request)})
        except AdminError as error:
            return _refusal(str(error))
        except Exception as error:
            why = f"dnsd failed: {type(error).__name__}: {error}"
            log.say("internal-error", f"control: {why}", cause=error)
            return _refusal(why)

    async def _send(self, writer: StreamWriter, line: bytes) -> None:
        writer.write(line)
        async with asyncio.timeout(STALL):
            await writer.drain()


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _refusal(sentence: str) -> bytes:
    return _line({"ok": False, "error": sentence})
