"""What the world knows of horizons: how a site is asked, and what a ledger on disk says.

Everything that depends on the judge's interface stands here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.horizon import ledgerfile
from dnsd.errors import AdminError, StateError
from dnsd.failover.horizon import MARGIN_S, Heard, Inquiry, Safety, judge
from dnsd.failover.ledger import restore
from dnsd.failover.version import about_name, about_target

if TYPE_CHECKING:
    from dnsd.failover.horizon import Verdict
    from dnsd.failover.version import Question
    from tests.simulation.worlds.machine import Machine
    from tests.simulation.worlds.world import World

ANSWER_S = 5.0
DELIVERY_S = MARGIN_S - 0.6
"""How much later than it is composed an answer may come; workers' stops and quick ways apart."""


class Asked(NamedTuple):
    """A verdict, as far as the world judges it."""

    safe: bool
    floored: float | None
    now: float
    verdict: Verdict


async def ask(world: World, at: Machine, question: Question, floor: float) -> Asked | None:
    """Ask from ``at`` as ``dnsd horizon`` does there; None: no node runs there."""
    began = at.clock
    arguments = (
        {"target": question.target}
        if question.target
        else {"name": question.name, "type": question.type}
    )
    try:
        async with asyncio.timeout(ANSWER_S):
            known = (await world.net.ask(at, at, "failover"))["peers"]
    except (OSError, TimeoutError, AdminError):
        known = []
    peers = {one["url"]: one["node"] or one["url"] for one in known}
    targets = {at.name: at} | {node: _named(world, url) for url, node in peers.items()}
    heard: list[Heard] = []

    async def hear(machine: Machine) -> None:
        asked = at.clock
        try:
            async with asyncio.timeout(ANSWER_S):
                report = await world.net.ask(at, machine, "horizon", **arguments)
        except (OSError, TimeoutError, AdminError):
            return
        heard.append(Heard(report, asked, at.clock))

    await asyncio.gather(*map(hear, targets.values()))
    if at.control is None:
        return None
    inquiry = Inquiry(
        question=question, nodes=tuple(targets), heard=tuple(heard), since=began, floor=floor
    )
    now = at.clock
    verdict = judge(inquiry, now)
    return Asked(verdict.safety == Safety.SAFE, verdict.floored, now, verdict)


def _named(world: World, url: str) -> Machine:
    host = url.removeprefix("http://").rpartition(":")[0]
    return next(one for one in world.machines if one.address == host)


def about(target: str = "", name: str = "") -> Question:
    """Return the question about an address, or about the addresses of a name."""
    return about_target(target) if target else about_name(name, "A")


def durable_left(machine: Machine, target: str) -> float | None:
    """Return for how long ``target`` is held by what the disk of ``machine`` says now.

    With the margin; None: there is no account, and so nothing is safe.
    """
    path = machine.state / ledgerfile.NAME
    if not path.exists():
        return None
    try:
        ledger = restore(path.read_bytes(), machine.clock)
    except StateError:
        return None
    report = ledger.report(machine.clock, about_target(target))
    return max((line.left for line in report.lines), default=float("-inf")) + MARGIN_S
