"""What came of a check, and the time it may take; what is asked is not its business."""

from __future__ import annotations

import errno
import time
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dnsd.config.units import format_duration
from dnsd.process import descriptors
from dnsd.process.exchange import ServerAddress, within
from dnsd.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LONGEST_DETAIL = 200
"""Characters of what a server or a program has said that go into a sentence."""

_OWN_FAULTS = descriptors.WANT | {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class FailureKind(StrEnum):
    """Which kind of failure it was: few, so that they can be counted."""

    NONE = ""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_CONNECTION = "connect_timeout"
    RESET = "reset"
    TIMEOUT = "timeout"
    TLS = "tls"
    ANSWER = "answer"
    """It answered, but not as expected."""
    COMMAND = "command"
    STUCK = "stuck"
    """The check did not end although it was told to."""


UNCONNECTED = frozenset({FailureKind.REFUSED, FailureKind.UNREACHABLE, FailureKind.NO_CONNECTION})
"""No connection came about: the same holds for whatever is asked there."""


class ServiceEndpoint(NamedTuple):
    """Where checks connect to over TCP: no connection there is none for any of them."""

    address: str
    port: int
    source: str | None


class PartResult(NamedTuple):
    """The result of one of the checks of a member; None for ``ok``: it could not be made."""

    check: str
    ok: bool | None
    detail: str
    latency: float


class Result(NamedTuple):
    """Whether the service is well, and why: "status 503, expected 200".

    The ``detail`` of a service that is well may be empty, or tell something worth knowing.
    ``latency`` is in seconds. ``parts`` are the results of the single checks, if there are several.
    ``reason`` is the kind of a failure.
    """

    ok: bool
    detail: str
    latency: float
    parts: tuple[PartResult, ...] = ()
    reason: FailureKind = FailureKind.NONE


class Check(Protocol):
    """What is asked, with all its parameters: equal checks ask the same. Hashable.

    Its text says what is asked: "TCP port 443".
    """

    @property
    def timeout(self) -> float:
        """Seconds after which :meth:`run` gives up."""

    def endpoint(self, address: str, /) -> ServiceEndpoint | None:
        """Return where it connects to over TCP, and to nothing else; None if it does not."""

    async def run(self, address: str, /) -> Result:
        """Ask the service at ``address``; Blind if that could not be done."""


class Blind(Exception):
    """This node could not check, which says nothing about the service; a sentence says why."""


class ServiceFault(Exception):
    """What is wrong with the service, as it follows its address and a colon."""

    def __init__(self, sentence: str, reason: FailureKind = FailureKind.ANSWER) -> None:
        super().__init__(sentence)
        self.reason = reason


class Stage:
    """What has not happened yet, as a time-out reports it: "no response".

    ``reason`` is the kind of failure if it does not happen; that of a later stage is TIMEOUT.
    """

    def __init__(self, waits_for: str, reason: FailureKind = FailureKind.TIMEOUT) -> None:
        self._waits_for = waits_for
        self.reason = reason

    @property
    def waits_for(self) -> str:
        """What is waited for now."""
        return self._waits_for

    @waits_for.setter
    def waits_for(self, what: str) -> None:
        self._waits_for = what
        self.reason = FailureKind.TIMEOUT


async def judged(limit: float, stage: Stage, asking: Callable[[], Awaitable[str | None]]) -> Result:
    """Return what came of ``asking`` within ``limit`` seconds.

    It raises Fault if the service is not well, and else returns what is worth knowing, if anything.
    """
    began = time.monotonic()

    async def answer() -> tuple[bool, str, FailureKind]:
        try:
            return True, await asking() or "", FailureKind.NONE
        except ServiceFault as found:
            return False, str(found), found.reason

    found = await within(limit, answer())
    if found is None:
        found = False, f"{stage.waits_for} within {format_duration(limit)}", stage.reason
    ok, detail, reason = found
    return Result(ok, detail, time.monotonic() - began, reason=reason)


def unreachable(error: OSError, peer: ServerAddress, how: str) -> ServiceFault:
    """Return the fault that ``error`` shows; Blind if it is this node's own."""
    port = f"{how} port {peer.port}"
    if error.errno in _OWN_FAULTS:
        if error.errno == errno.EADDRNOTAVAIL and peer.source is not None:
            raise Blind(f"source {peer.source} is not an address of this node")
        raise Blind(f"this node cannot connect to {port}: {error.strerror or error}")
    if isinstance(error, ConnectionRefusedError):
        return ServiceFault(f"connection refused on {port}", FailureKind.REFUSED)
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return ServiceFault(f"connection reset on {port}", FailureKind.RESET)
    return ServiceFault(
        f"cannot connect to {port}: {error.strerror or error}", FailureKind.UNREACHABLE
    )


def broken_off(error: OSError, peer: ServerAddress) -> ServiceFault:
    """Return the fault that ``error`` shows on a connection over TCP that had come about."""
    return ServiceFault(str(unreachable(error, peer, "TCP")), FailureKind.RESET)


def shown(text: str) -> str:
    """Return foreign ``text`` so that it can go into a sentence and onto a terminal."""
    text = " ".join(text[: 4 * LONGEST_DETAIL].split())
    clean = printable(text)
    return clean if len(clean) <= LONGEST_DETAIL else f"{clean[: LONGEST_DETAIL - 1]}…"
