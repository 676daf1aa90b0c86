"""The configured receivers of changes, each with a queue of its own."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from dnsd.checks.command import run_program
from dnsd.checks.result import Blind, shown
from dnsd.config.hookkinds import parts_of, read_secret
from dnsd.control.hooks.news import encoded
from dnsd.control.hooks.outbox import Outbox, Undelivered
from dnsd.control.hooks.post import Post
from dnsd.process import log
from dnsd.process.exchange import within
from dnsd.process.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.config import Failover
    from dnsd.control.hooks.news import News
    from dnsd.process.durablefile import Durable

FILE = "hooks.undelivered"

KEEP_SHARE = 9
"""After undelivered changes were saved, they are not saved again for this many times as long as
that took: when a thousand wait, one more must not hold up the decision that it reports."""
RETRY_S = 1.0
"""Seconds to wait after an internal fault."""


class Command:
    """Runs the program ``line`` for each change, which it gets on standard input."""

    def __init__(self, line: tuple[str, ...], timeout: float) -> None:
        self._line, self._timeout = line, timeout

    async def __call__(self, change: bytes) -> None:
        """Run it; Undelivered unless its exit status is 0."""
        try:
            ended = await within(self._timeout, run_program([*self._line], change + b"\n"))
        except Blind as why:
            raise Undelivered(str(why)) from why
        if ended is None:
            raise Undelivered(f"it did not end within {self._timeout:g} s")
        status, output = ended
        if status:
            said = shown(output.decode("utf-8", "replace"))
            raise Undelivered(f"exit status {status}" + (f", output: {said}" if said else ""))


class _Left(msgspec.Struct, frozen=True):
    """What a process leaves to its successor: its last ``number``, and undelivered changes."""

    number: int
    undelivered: dict[str, tuple[bytes, ...]]


class Hooks:
    """Reports the changes on ``node``, numbered, to all receivers; there may be none.

    Undelivered changes are left to the next process in the keepsake of ``left``, and to a restarted
    node in its file. So each change is reported at least once, except those of the last
    milliseconds before control is killed, and those that wait when the whole node is killed.
    """

    def __init__(self, failover: Failover, node: str, left: Durable | None = None) -> None:
        self._node = node
        self._number = 0
        self._lasting = Supervisor("hooks")
        self._left = left
        self._keeping: asyncio.TimerHandle | None = None
        self._keep_from = 0.0
        self.outboxes = tuple(_outboxes(failover, self._keep))
        if left is not None:
            self._go_on(left)

    def _go_on(self, before: Durable) -> None:
        """Go on where an earlier process has ended; its file is of no use any more."""
        try:
            data = before.read()
            if data is None:
                return
            if before.path.exists():  # else it was in memory
                before.keep(data)
                with suppress(OSError):  # on a disk that is read-only it is told again
                    before.path.unlink()
            left = msgspec.msgpack.decode(data, type=_Left)
        except (OSError, msgspec.DecodeError) as error:
            told = f"hooks: {before.path} cannot be read ({error}): what it had is not told"
            log.say("hook-dropped", told, reason=str(error))
            return
        self._number = left.number
        for outbox in self.outboxes:
            outbox.restore(left.undelivered.get(outbox.name, ()))

    def _keep(self) -> None:
        """Save undelivered changes: once for all changes in a turn of the loop."""
        if self._left is not None and self._keeping is None:
            loop = asyncio.get_running_loop()
            self._keeping = loop.call_at(self._keep_from, self._put, self._left)

    def _put(self, left: Durable) -> None:
        self._keeping = None
        began = time.monotonic()
        left.keep(self._undelivered())
        pause = KEEP_SHARE * (time.monotonic() - began)
        self._keep_from = asyncio.get_running_loop().time() + pause

    def _undelivered(self) -> bytes:
        undelivered = {one.name: one.undelivered for one in self.outboxes}
        return msgspec.msgpack.encode(_Left(self._number, undelivered))

    def stop(self) -> None:
        """Write down what is not delivered: the node may be about to end."""
        if self._left is None or not self.outboxes:
            return
        try:
            self._left.write(self._undelivered())
        except OSError as error:
            if waiting := sum(len(one.undelivered) for one in self.outboxes):
                told = (
                    f"hooks: {self._left.path} cannot be written ({error.strerror}): "
                    f"{waiting} changes that wait are not told after a restart of the node"
                )
                log.say("hook-dropped", told, reason=error.strerror or "")

    @property
    def problems(self) -> tuple[str, ...]:
        """The receivers that do not accept changes, as sentences."""
        return tuple(
            f"hooks: {one.name} does not accept changes: {one.fault}; {one.waiting} wait, "
            f"{one.dropped} were dropped"
            for one in self.outboxes
            if one.fault
        )

    def tell(self, change: News) -> None:
        """Queue ``change`` for all receivers; never waits."""
        if not self.outboxes:
            return
        self._number += 1
        octets = encoded(change, self._node, self._number)
        for outbox in self.outboxes:
            outbox.put(octets)

    async def run(self) -> None:
        """Deliver for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                for outbox in self.outboxes:
                    group.create_task(self._lasting.go_on(outbox.run, RETRY_S))
        finally:
            if self._keeping is not None and self._left is not None:
                self._keeping.cancel()
                self._put(self._left)


def _outboxes(failover: Failover, changed: Callable[[], object]) -> list[Outbox]:
    hooks = failover.hooks
    found = []
    if hooks.url:
        try:
            secret = read_secret(hooks.secret_file) if hooks.secret_file else None
        except ValueError as error:
            told = f"hooks: cannot post to {hooks.url}: {error}"
            log.say("hook-unusable", told, url=hooks.url)
        else:
            post = Post(parts_of(hooks.url), secret, hooks.timeout)
            found.append(Outbox("url", post, changed))
    if hooks.command:
        line = failover.commands[hooks.command]
        found.append(Outbox("command", Command(line, hooks.timeout), changed))
    return found
