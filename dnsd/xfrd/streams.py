"""Clients' connections: requests in, transfers out, and the limits that protect other clients.

A connection is reset when its client reads nothing for ``outgoing_stall``, or has not read all
within ``outgoing_time``. Between the two a client may read as slowly as it likes; its answer may be
in the kernel long before it arrives.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import socket
import struct
import sys
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from dnsd.wire.delivery import DELIVERED_WITHIN_S, USER_TIMEOUT_S
from dnsd.xfrd.requests import is_transfer

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Awaitable, Callable, Coroutine

    from dnsd.wire.handed import HandedStream
    from dnsd.xfrd.knowledge import Knowledge
    from dnsd.xfrd.requests import Respond, TransferRequests

HIGH_WATER = 256 << 10
"""Octets of answers that wait in this process for one client, at most: four messages."""
UNSENT = 1 << 20
"""Octets of a zone that wait in the kernel for the network, at most."""
IDLE_S = 10.0
"""Seconds that a client may take for its next request."""
LOOK_S = 1.0
"""Seconds between two looks whether a client reads."""
ACKNOWLEDGED_S = 0.01
"""Seconds between two looks whether a client has acknowledged all that it was sent."""
_HEADER = 12
_LINGER_RESET = struct.pack("ii", 1, 0)
_LINGER_NOT = struct.pack("ii", 0, 0)

Result = TypeVar("Result")


class Stalled(Exception):
    """The client reads nothing, or too slowly: its connection is to be reset."""


class Streams:
    """All open connections."""

    def __init__(self, known: Knowledge, requests: TransferRequests) -> None:
        self._known = known
        self._requests = requests
        self._open: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def take(self, handed: HandedStream, sock: socket.socket, ask: Respond) -> None:
        """Serve a connection that a worker has handed over."""
        self._begin(self._adopt(handed, sock, ask), handed.source, sock.close)

    def accept(self, reader: StreamReader, writer: StreamWriter, source: str, ask: Respond) -> None:
        """Serve a connection over TLS."""
        if not self._requests.admits(source, time.monotonic()):
            writer.transport.abort()
            return
        self._begin(self._guarded(reader, writer, source, ask), source, writer.transport.abort)

    def _begin(
        self, work: Coroutine[None, None, None], source: str, refuse: Callable[[], None]
    ) -> None:
        settings = self._known.settings
        count = self._open.get(source, 0)
        if len(self._tasks) >= settings.outgoing or count >= settings.outgoing_per_source:
            self._requests.count("full")
            work.close()
            refuse()
            return
        self._open[source] = count + 1
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end(done, source))

    def _end(self, task: asyncio.Task[None], source: str) -> None:
        self._tasks.discard(task)
        self._open[source] -= 1
        if not self._open[source]:
            del self._open[source]

    async def _adopt(self, handed: HandedStream, sock: socket.socket, ask: Respond) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        if not await _delivered(handed, sock):
            sock.close()
            return
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        reader.feed_data(handed.received)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
        except OSError:
            sock.close()
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        await self._guarded(reader, writer, handed.source, ask)

    async def _guarded(
        self, reader: StreamReader, writer: StreamWriter, source: str, ask: Respond
    ) -> None:
        """Serve a connection to its end, and close it, whatever happens."""
        writer.transport.set_write_buffer_limits(HIGH_WATER, HIGH_WATER // 2)
        try:
            await self._serve(reader, writer, source, ask)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        except (Stalled, OSError, TimeoutError):
            writer.transport.abort()
        except Exception:
            # uvloop's error for a connection that the client has reset is no fault of dnsd.
            is_ours = not writer.transport.is_closing()
            writer.transport.abort()
            if is_ours:
                raise
        else:
            writer.close()

    async def _serve(
        self, reader: StreamReader, writer: StreamWriter, source: str, ask: Respond
    ) -> None:
        """Answer requests until the client sends no more and all answers are in the kernel."""
        settings = self._known.settings
        written = _Written(writer)
        until = time.monotonic() + settings.outgoing_time
        while message := await self._patiently(_message(reader), writer, IDLE_S, until):
            until = time.monotonic() + settings.outgoing_time
            is_prompt = not is_transfer(message)
            if is_prompt and written.is_patient:
                # An answer must arrive soon, so no transfer may be queued before it.
                work = _acknowledged(writer)
                await self._patiently(work, writer, settings.outgoing_stall, until)
            written.wait_for(USER_TIMEOUT_S if is_prompt else settings.outgoing_stall)
            async for response in self._requests.answer(message, source, ask):
                written.add(response)
                if writer.transport.get_write_buffer_size() > HIGH_WATER // 2:
                    await self._drain(writer, until)
                # Let other clients have their turn: one that reads fast gets no more than they.
                await asyncio.sleep(0)
            if is_prompt:
                written.expect(DELIVERED_WITHIN_S)
        writer.transport.set_write_buffer_limits(0)
        await self._drain(writer, until)

    async def _drain(self, writer: StreamWriter, until: float) -> None:
        """Wait until there is room for more; Stalled if the client does not read."""
        await self._patiently(writer.drain(), writer, self._known.settings.outgoing_stall, until)

    async def _patiently(
        self, work: Awaitable[Result], writer: StreamWriter, patience: float, until: float
    ) -> Result:
        """Return the result of ``work``, which waits for the client.

        Stalled if the client has read nothing for so many seconds, or if it still has something to
        read at ``until``.
        """
        waiting = asyncio.ensure_future(work)
        moved, left = time.monotonic(), _unread(writer)
        try:
            while not (await asyncio.wait((waiting,), timeout=min(LOOK_S, patience)))[0]:
                now, still = time.monotonic(), _unread(writer)
                if still < left:
                    moved, left = now, still
                if now - moved >= patience or (still and now >= until):
                    if still:
                        self._requests.count("stalled")
                    raise Stalled
            return waiting.result()
        finally:
            waiting.cancel()


async def _message(reader: StreamReader) -> bytes:
    """Return the next request; empty at the end of the stream, or if it cannot be one."""
    try:
        message = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    except asyncio.IncompleteReadError:
        return b""
    return b"" if len(message) < _HEADER or message[2] & 0x80 else message


class _Written:
    """What is written to a client, and how long that may take to arrive."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self._octets = 0
        self.is_patient = False
        """Whether the kernel waits for the client longer than for an answer to a question."""

    def wait_for(self, seconds: float) -> None:
        """Have the kernel wait so long for a stalled client.

        The worker had set USER_TIMEOUT_S, because its answers must not arrive late.
        """
        if not self.is_patient and seconds == USER_TIMEOUT_S:
            return
        self.is_patient = seconds != USER_TIMEOUT_S
        with suppress(OSError):
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))
            if self.is_patient:  # the worker leaves room for an answer, and a zone would wait
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)

    def add(self, message: bytes) -> None:
        """Write a message."""
        self._octets += 2 + len(message)
        self._writer.write(len(message).to_bytes(2, "big") + message)

    def expect(self, seconds: float) -> None:
        """Reset the connection unless the client acknowledges all of this in so many seconds."""
        loop, due = asyncio.get_running_loop(), self._octets
        loop.call_later(seconds, self._look, due)

    def _look(self, due: int) -> None:
        transport = self._writer.transport
        if not transport.is_closing() and self._octets - _unread(self._writer) < due:
            transport.abort()


async def _acknowledged(writer: StreamWriter) -> None:
    """Wait until the client has acknowledged all that was written."""
    while _unread(writer):
        await asyncio.sleep(ACKNOWLEDGED_S)


async def _delivered(handed: HandedStream, sock: socket.socket) -> bool:
    """Send what the worker still owed to the client; False if it is too late for that."""
    if handed.composed is None:
        return True
    until = handed.composed + DELIVERED_WITHIN_S
    unsent = handed.unsent
    while time.clock_gettime(time.CLOCK_BOOTTIME) < until:
        try:
            unsent = unsent[sock.send(unsent) :] if unsent else unsent
        except BlockingIOError:
            pass
        except OSError:
            return False
        if not unsent and not _in_kernel(sock):
            return True
        await asyncio.sleep(0.01)
    return False


def _in_kernel(sock: socket.socket) -> int:
    """Return how many octets in the kernel the client has not acknowledged."""
    if sock.fileno() < 0:
        return 0  # closed: there is no client any more
    try:
        return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError as error:
        return 0 if error.errno == errno.ENOTTY else 1


def _unread(writer: StreamWriter) -> int:
    """Return how many octets wait for the client, in this process and in the kernel."""
    sock = writer.get_extra_info("socket")
    return writer.transport.get_write_buffer_size() + _in_kernel(sock)
