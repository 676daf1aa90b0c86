"""BIRD, asked and told from the event loop.

All commands go through one client in one thread, one after the other, each call with a time
of its own. Whatever BIRD does, a call ends in that time, with a value or with a BirdError that
is one sentence. Knows the commands; how they get to BIRD is :mod:`birdcl`, what comes back
:mod:`replies`.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dnsd.control.anycast import replies
from dnsd.control.anycast.birdcl import BirdClient
from dnsd.control.anycast.replies import BgpSession, BirdRoute, Protocol, Reply, Status
from dnsd.errors import BirdError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from dnsd.config import anycast

    _T = TypeVar("_T")

__all__ = ["BgpSession", "Bird", "BirdRoute", "Protocol", "Status"]

TRIES = 3
"""How often to ask for routes when a reconfiguration breaks off the reply."""

_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTABLE = re.compile(r"[A-Za-z0-9_.:-]+")


class _Due(NamedTuple):
    """A ``configure``; until it has begun, it serves all that want one."""

    begun: threading.Event
    done: Future[None]

    @property
    def lies_ahead(self) -> bool:
        return not self.begun.is_set() and not self.done.done()  # it may end in the queue


class Bird:
    """The BIRD behind a control socket; every method may raise BirdError."""

    def __init__(self, config: anycast.BirdConfig) -> None:
        self._timeout = config.timeout
        self._ctl = config.ctl
        self._client = BirdClient(config.client, config.ctl)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bird")
        self._configuring: _Due | None = None
        self._seen: tuple[Status, Status] | None = None
        """The status as it was read last, and as it was told."""
        self._closed = False

    async def status(self) -> Status:
        """Return the version, and since when BIRD runs with its configuration."""
        return await self._run(self._status)

    async def protocol(self, name: str) -> Protocol:
        """Return the protocol ``name``."""
        return await self._run(lambda deadline: self._protocol(name, deadline))

    async def sessions(self) -> tuple[BgpSession, ...]:
        """Return the BGP sessions, each with the BFD session beside it."""
        return await self._run(self._sessions)

    async def exported(self, session: str) -> tuple[BirdRoute, ...]:
        """Return the routes as the neighbor of ``session`` gets them; none if it is down."""
        return await self._run(lambda deadline: self._exported(session, deadline))

    async def routes_for(self, vip: str) -> tuple[BirdRoute, ...]:
        """Return every route to exactly this address that is in any table."""
        prefix = f"{vip}/{128 if ':' in vip else 32}"
        command = f"show route table all {prefix} all"
        return await self._run(
            lambda deadline: replies.read_routes(self._routes(command, deadline))
        )

    async def enable(self, name: str) -> None:
        """Enable the protocol ``name``, if it is not."""
        await self._run(lambda deadline: self._switch("enable", name, deadline))

    async def disable(self, name: str) -> None:
        """Disable the protocol ``name``, if it is not; a ``configure`` enables it again."""
        await self._run(lambda deadline: self._switch("disable", name, deadline))

    async def configure(self) -> None:
        """Have BIRD read its configuration again, as it is now, unless it is wrong.

        BIRD may take some time after that to make it true.
        """
        due = self._configuring
        if due is None or not due.lies_ahead:
            begun = threading.Event()
            due = _Due(begun, self._submit(partial(self._configure, begun)))
            self._configuring = due
        await _result(due.done)

    async def close(self) -> None:
        """End the client; every call fails from now on."""
        if self._closed:
            return
        self._closed = True
        self._client.give_up()
        ended = self._thread.submit(self._client.hang_up)
        self._thread.shutdown(wait=False)
        await _result(ended)

    # -- from the loop to the thread ------------------------------------------------------------

    async def _run(self, job: Callable[[float], _T]) -> _T:
        return await _result(self._submit(job))

    def _submit(self, job: Callable[[float], _T]) -> Future[_T]:
        """Have the thread do ``job`` by its deadline, which ``job`` gets."""
        self._refuse_if_closed()
        return self._thread.submit(self._do, job, time.monotonic() + self._timeout)

    def _do(self, job: Callable[[float], _T], deadline: float) -> _T:
        self._refuse_if_closed()
        if time.monotonic() > deadline:
            raise BirdError(
                f"BIRD at {self._ctl} has not answered an earlier command in time: is it stopped, "
                f"or overloaded?"
            )
        return job(deadline)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise BirdError(f"BIRD at {self._ctl} gets no more commands: dnsd is stopping")

    # -- in the thread ----------------------------------------------------------------------------

    def _status(self, deadline: float) -> Status:
        told = read = replies.read_status(self._client.ask("show status", deadline))
        if self._seen is not None:
            told = replies.steady(read, *self._seen)
        self._seen = read, told
        return told

    def _protocol(self, name: str, deadline: float) -> Protocol:
        reply = self._client.ask(f'show protocols "{_symbol(name)}"', deadline)
        found = replies.read_protocols(reply)
        if len(found) != 1:
            raise reply.garbled(f"{len(found)} protocols")
        return found[0]

    def _sessions(self, deadline: float) -> tuple[BgpSession, ...]:
        reply = self._client.ask("show protocols all", deadline)
        bfd: dict[str, str] = {}
        for protocol in replies.read_protocols(reply):
            if protocol.kind == "BFD":
                command = f"show bfd sessions {_quoted(protocol.name)}"
                bfd |= replies.read_bfd(self._client.ask(command, deadline))
        return replies.read_sessions(reply, bfd)

    def _exported(self, session: str, deadline: float) -> tuple[BirdRoute, ...]:
        reply = self._routes(f"show route export {_quoted(session)} all", deadline)
        if reply.refusal is None or reply.no_routes:
            return replies.read_routes(reply)
        # What is only a syntax error there may be an unknown protocol, or one that is down.
        if self._protocol(session, deadline).state == "up":
            reply.check()
        return ()

    def _routes(self, command: str, deadline: float) -> Reply:
        for _ in range(TRIES):
            reply = self._client.ask(command, deadline)
            if reply.refusal is None or reply.refusal.code != replies.INTERRUPTED:
                break
        return reply

    def _switch(self, verb: str, name: str, deadline: float) -> None:
        reply = self._client.ask(f'{verb} "{_symbol(name)}"', deadline)
        reply.expect(replies.ENABLED if verb == "enable" else replies.DISABLED)

    def _configure(self, begun: threading.Event, deadline: float) -> None:
        begun.set()  # what changes from now on is for the next one
        check = self._client.ask("configure check", deadline)
        check.expect(replies.CONFIGURATION_OK)
        self._client.ask("configure", deadline).expect(replies.RECONFIGURED)


async def _result(future: Future[_T]) -> _T:
    """Wait for ``future``; cancelling one waiter leaves it to the others."""
    return await asyncio.shield(asyncio.wrap_future(future))


def _symbol(name: str) -> str:
    """Return ``name`` if BIRD takes it for itself in a pattern, too."""
    if not _QUOTABLE.fullmatch(name):
        raise BirdError(f"{name!r} cannot be the name of a protocol of BIRD")
    return name


def _quoted(name: str) -> str:
    """Return ``name`` as BIRD's configuration language writes it."""
    return name if _SYMBOL.fullmatch(name) else f"'{_symbol(name)}'"
