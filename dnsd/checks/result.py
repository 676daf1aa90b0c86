"""What came of a check, and the time it may take; what is asked is not its business."""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dnsd.config.units import format_duration
from dnsd.process import descriptors
from dnsd.process.exchange import Peer, within
from dnsd.text import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LONGEST_DETAIL = 200
"""Characters of what a server or a program has said that go into a sentence."""

_OWN_FAULTS = descriptors.WANT | {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class Result(NamedTuple):
    """Whether the service is well; if not, ``detail`` follows its address in a sentence.

    ``latency`` is in seconds.
    """

    ok: bool
    detail: str
    latency: float


class Check(Protocol):
    """What is asked, with all its parameters: equal checks ask the same. Hashable."""

    @property
    def timeout(self) -> float:
        """Seconds after which :meth:`run` gives up."""

    async def run(self, address: str) -> Result:
        """Ask the service at ``address``; Blind if that could not be done."""


class Blind(Exception):
    """This node could not check, which says nothing about the service; a sentence says why."""


class Fault(Exception):
    """What is wrong with the service, as it follows its address in a sentence."""


class Stage:
    """What a check waits for, as it follows the address when the time is over."""

    def __init__(self, waits_for: str) -> None:
        self.waits_for = waits_for


async def judged(limit: float, stage: Stage, asking: Callable[[], Awaitable[None]]) -> Result:
    """Return what came of ``asking``, which raises Fault or OSError, within ``limit`` seconds."""
    began = time.monotonic()

    async def fault() -> str:
        try:
            await asking()
        except Fault as found:
            return str(found)
        return ""

    detail = await within(limit, fault())
    if detail is None:
        detail = f"{stage.waits_for} within {format_duration(limit)}"
    return Result(not detail, detail, time.monotonic() - began)


def unreachable(error: OSError, peer: Peer, how: str) -> Fault:
    """Return the fault that ``error`` shows; Blind if it is this node's own."""
    if error.errno in _OWN_FAULTS:
        if error.errno == errno.EADDRNOTAVAIL and peer.source is not None:
            raise Blind(f"the source of its checks, {peer.source}, is no address of this node")
        raise Blind(f"it cannot be checked: {error.strerror or error}")
    if isinstance(error, ConnectionRefusedError):
        return Fault(f"has nothing that listens on {how} port {peer.port}")
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return Fault(f"closed the connection to {how} port {peer.port}")
    return Fault(f"could not be reached on {how} port {peer.port}: {error.strerror or error}")


def shown(text: str) -> str:
    """Return foreign ``text`` so that it can go into a sentence and onto a terminal."""
    text = " ".join(text[: 4 * LONGEST_DETAIL].split())
    clean = printable(text)
    return clean if len(clean) <= LONGEST_DETAIL else f"{clean[: LONGEST_DETAIL - 1]}…"
