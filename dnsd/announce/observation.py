"""What was seen of a node: answers to the self-check, workers, zones, and what surrounds it.

Values only; :mod:`dnsd.announce.health` says what they mean for the route.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from dnsd.announce.wayback import Sent


class SelfCheckOutcome(StrEnum):
    """The outcome of one question to one VIP."""

    OK = "ok"
    WRONG = "wrong"
    """An answer, but not the right one."""
    SILENT = "silent"
    """No answer in time, or nothing listens there."""


class CheckResult(NamedTuple):
    """One question to one VIP over ``transport`` ("udp" or "tcp").

    ``detail`` follows the VIP in a sentence ("gave no answer over TCP to www.example.com A"),
    and is empty when all is well; ``latency`` is in seconds.
    """

    vip: str
    transport: str
    question: str
    outcome: SelfCheckOutcome
    detail: str
    latency: float


class WorkerView(NamedTuple):
    """One worker: whether it serves, and how its loop turns, in seconds.

    ``silent`` is for how long it has made no progress though it could have, ``lag`` how late its
    loop is, whatever the reason.
    """

    number: int
    serving: bool
    silent: float
    lag: float


class Observation(NamedTuple):
    """What was seen of the node at ``now`` (seconds).

    ``checks`` are the results that are new since the last observation. ``broken`` of the
    ``zones`` have nothing that could be served, and ``lost`` of these were served once: one that
    is new and faulty is so on every node. ``stale`` is for how long the zone that has been
    failing longest could not be loaded, 0 if none is. ``disk`` is a sentence about the state
    directory, empty if it is well. ``overloaded``: queries are lost for want of room while
    answers go out. ``cut_off`` is a sentence about members of pools that other nodes reach and
    this one does not, empty if there are none. ``repairing``: the VIPs were off their
    interface a moment ago, and have been put back. ``unserved`` are sentences about zones that a
    worker does not serve as it should. ``sent`` is what became of the answers to clients since the
    last observation, ``gateway`` a sentence about a router that does not answer, ``unreached``
    one about other nodes that do not reach this one, ``unasked`` one about why the node cannot ask
    itself.
    """

    now: float
    checks: tuple[CheckResult, ...]
    workers: tuple[WorkerView, ...]
    zones: int
    broken: int
    stale: float
    disk: str
    overloaded: bool
    cut_off: str = ""
    repairing: bool = False
    lost: int = 0
    unserved: tuple[str, ...] = ()
    sent: Sent = Sent()
    gateway: str = ""
    unreached: str = ""
    unasked: str = ""
