"""Do clients elsewhere reach this node? Other nodes query it and publish the results.

Each node queries the servers of the others regularly, and publishes the results (:class:`Reach`);
each reads the others' pages about itself (:class:`Hearing`). That covers a way in and a way back
that the node's own checks never take.

A single node is not enough. This one is unreachable, in one address family, if at least two others
say so and none says the opposite. Another node counts only while it reaches any other: one that
reaches none is cut off itself. So a fault of one place, or of one link between two, is no reason;
nor is silence.

An answer on a VIP counts for the node that gave it: nodes give their names. A node that has a VIP
can ask no other node for it, because its own kernel answers; only one without can.

Pure: it is given the time (monotonic seconds).
"""

from __future__ import annotations

import ipaddress
from collections import deque
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WINDOW = 5
"""How many of the last questions to a server count; with fewer there is no result."""

FRESH_S = 5.0
"""Seconds for which the statement of another node counts."""

ENOUGH = 2
"""How many nodes at least must say that they do not reach this one."""

MOST_SERVERS = 256
LONGEST_NAME = 255

_Count = Annotated[int, msgspec.Meta(ge=0, le=WINDOW)]


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of the last questions to ``server`` (``ADDRESS:PORT``).

    ``by`` is the name of the node that answered last, empty if none is known.
    """

    server: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    asked: _Count
    answered: _Count
    by: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] = ""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What ``node`` reaches, and which VIPs it ``announces``.

    Not while it is drained, or about to leave.
    """

    node: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    servers: Annotated[tuple[ProbeResult, ...], msgspec.Meta(max_length=MOST_SERVERS)] = ()
    announces: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_SERVERS)] = ()


class Tally:
    """The last questions to one server."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._answers: deque[bool] = deque(maxlen=WINDOW)
        self._by = ""

    def note(self, by: str | None) -> None:
        """Note that ``by`` has answered ("": without a name), or that none has (None)."""
        self._answers.append(by is not None)
        self._by = by or self._by

    def asked(self) -> ProbeResult:
        """Return the result."""
        answers = self._answers
        return ProbeResult(
            server=self._server, asked=len(answers), answered=sum(answers), by=self._by
        )


class Self(NamedTuple):
    """This node: its ``name``, its ``vips``, and whether an address is on this machine."""

    name: str
    vips: frozenset[str]
    has: Callable[[str], bool]


class ReachStatement(NamedTuple):
    """What another node said at ``at``, by family (is it IPv6?): whether it reaches this one.

    A family without a statement is missing.
    """

    at: float
    reaches: dict[bool, bool]


class Hearing:
    """What other nodes say of the node ``me``."""

    def __init__(self, me: Self) -> None:
        self._me = me
        self._said: dict[str, ReachStatement] = {}

    def hear(self, url: str, reach: Reach, now: float) -> None:
        """Take in the page of the node at ``url``."""
        self._said[url] = ReachStatement(now, _said_of(self._me, reach))

    def said_by(self, url: str, now: float) -> dict[bool, bool]:
        """Return what the node at ``url`` says at ``now``, by family; nothing if it is silent."""
        said = self._said.get(url)
        return said.reaches if said is not None and now < said.at + FRESH_S else {}

    def fault(self, now: float) -> str:
        """Return why this node is not reached, a sentence; empty if it is, or that is unknown."""
        return "; ".join(filter(None, (self._fault_of(is_6, now) for is_6 in (False, True))))

    def remark(self, known: int, now: float) -> str:
        """Return why what others say cannot count, with ``known`` others; empty if it can."""
        heard = sum(bool(self.said_by(url, now)) for url in self._said)
        if not known or heard >= ENOUGH:
            return ""
        return (
            f"{heard} of {known} other nodes in [[anycast.probe]] report whether they reach "
            f"this one ({ENOUGH} needed)"
        )

    def _fault_of(self, is_6: bool, now: float) -> str:
        said = {url: self.said_by(url, now).get(is_6) for url in sorted(self._said)}
        deaf = [url for url, reaches in said.items() if reaches is False]
        if len(deaf) < ENOUGH or any(said.values()):
            return ""
        family = "IPv6" if is_6 else "IPv4"
        return (
            f"no other node gets answers from this one over {family}, say {', '.join(deaf)}: a "
            f"route to them is missing, or a filter drops the packets"
        )


def _said_of(me: Self, reach: Reach) -> dict[bool, bool]:
    """Return whether ``reach`` says that its node reaches ``me``, by family."""
    found = {}
    for is_6 in (False, True):
        mine, reaches_others = _of_family(me, reach.servers, is_6)
        if any(reaches for reaches in mine):
            found[is_6] = True
        elif mine and reaches_others:
            found[is_6] = False
    return found


def _of_family(me: Self, servers: Iterable[ProbeResult], is_6: bool) -> tuple[list[bool], bool]:
    """Return for each server of ``me`` whether it is reached, and whether any other server is."""
    mine: list[bool] = []
    reaches_others = False
    for one in servers:
        address = _address(one.server)
        if not address or (":" in address) != is_6:
            continue
        # Another machine that has a VIP may have been asked instead, and be the silent one.
        is_mine = me.has(address) and (address not in me.vips or one.by == me.name)
        if not is_mine:
            reaches_others |= one.answered > 0
        elif one.asked >= WINDOW:
            mine.append(one.answered > 0)
    return mine, reaches_others


def _address(server: str) -> str:
    """Return the address in ``ADDRESS:PORT`` in its usual form; "" if it is none."""
    try:
        return str(ipaddress.ip_address(server.rpartition(":")[0].strip("[]")))
    except ValueError:
        return ""
