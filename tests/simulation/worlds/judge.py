"""What the world knows of horizons: how a site is asked, and what a ledger on disk says.

Everything that depends on the judge's interface stands here. The survey is the real one; what its
nodes answer is fetched before, over the world's net, and handed to it with the times of that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dnsd.caches.inquiry import Inquiry
from dnsd.caches.judge import MARGIN_S, Safety, judge
from dnsd.caches.report import Use
from dnsd.caches.site import census
from dnsd.caches.version import VersionKind, about_name, about_target
from dnsd.cli.survey import Survey
from dnsd.control.horizon import ledgerfile
from dnsd.errors import AdminError, NotRunning, StateError
from dnsd.wire.delivery import STOPPED_S
from tests.ledgers import restored
from tests.simulation.worlds import commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dnsd.caches.judge import Verdict
    from dnsd.caches.site import Site
    from dnsd.caches.version import CacheQuestion
    from tests.simulation.worlds.machine import Machine
    from tests.simulation.worlds.world import World

ANSWER_S = 5.0
DELIVERY_S = MARGIN_S - STOPPED_S - 0.6
"""How much later than it is composed an answer may come; workers' stops and quick ways apart."""


class Asked(NamedTuple):
    """A verdict, as far as the world judges it."""

    safe: bool
    floored: float | None
    now: float
    verdict: Verdict
    given: frozenset[frozenset[str]]
    """What the nodes say that they answer now: of each answer, what it leads to."""


class _Answer(NamedTuple):
    """What came of asking a node, and when, by the asker's clock."""

    body: bytes | Exception
    received: float


class Fetching:
    """Stands for time, threads and HTTP while a survey reads what has been fetched."""

    def __init__(self) -> None:
        self.clock: float | None = None
        """What the asker's clock says; None: no survey is at work."""
        self.began = 0.0
        self.answers: dict[str, _Answer] = {}

    def pool(self, _threads: int) -> _Inline:
        """Stand for the threads of a survey."""
        return _Inline(self)

    def remote(self, url: str) -> _Node:
        """Stand for :class:`dnsd.cli.askers.Remote`."""
        return _Node(self, url)


class _Inline:
    """Threads, each of which begins at the same time."""

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching

    def __enter__(self) -> _Inline:
        return self

    def __exit__(self, *_: object) -> None:
        self._fetching.clock = self._fetching.began

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._fetching.clock = self._fetching.began
            yield work(item)


class _Node:
    """A node that has been asked."""

    def __init__(self, fetching: Fetching, address: str) -> None:
        self.address = address
        self._fetching = fetching

    def get(self, _page: str, _arguments: Mapping[str, str]) -> Any:
        """Return what it has answered."""
        answer = self._fetching.answers.get(self.address)
        if answer is None:
            raise AdminError(f"{self.address}: cannot connect: No route to host")
        self._fetching.clock = answer.received
        if isinstance(answer.body, Exception):
            raise answer.body
        return msgspec.json.decode(answer.body)


class Asker:
    """One run of ``dnsd horizon`` on the machine ``at``."""

    def __init__(self, world: World, at: Machine) -> None:
        self._world = world
        self._at = at
        self._fetching = world.fetching
        self._fetching.clock = at.clock
        self._survey = Survey([_Node(self._fetching, "this machine")])
        self._fetching.clock = None

    async def ask(self, question: CacheQuestion, floor: float) -> Asked | None:
        """Ask all nodes; None: none runs on this machine."""
        began = self._at.clock
        answers: dict[str, _Answer] = {}
        others = [one for one in self._world.machines if one is not self._at]
        asked = {f"http://{one.address}:{commands.HTTP_PORT}": one for one in others}
        asked["this machine"] = self._at
        tasks = {
            self._world.loop.create_task(self._fetch(answers, address, machine, question)): address
            for address, machine in asked.items()
        }
        _, late = await asyncio.wait(tasks, timeout=ANSWER_S)
        for task in late:
            task.cancel()
            answers[tasks[task]] = _Answer(AdminError("no answer: TimeoutError"), self._at.clock)
        self._fetching.began = self._fetching.clock = began
        self._fetching.answers = answers
        try:
            site = self._survey.ask(question)
        except NotRunning:
            return None
        finally:
            self._fetching.clock = None
        inquiry = Inquiry(question=question, site=site, since=self._survey.began, floor=floor)
        now = self._at.clock
        verdict = judge(inquiry, now)
        is_safe = verdict.safety == Safety.SAFE
        return Asked(is_safe, verdict.floored, now, verdict, _given(site, question))

    async def _fetch(
        self, answers: dict[str, _Answer], address: str, machine: Machine, question: CacheQuestion
    ) -> None:
        body: bytes | Exception
        try:
            body = msgspec.json.encode(
                await self._world.net.ask(self._at, machine, "horizon", **_arguments(question))
            )
        except ConnectionRefusedError:
            here = machine is self._at
            body = NotRunning() if here else AdminError("cannot connect: Connection refused")
        except OSError as error:
            body = AdminError(f"no answer: {type(error).__name__}")
        except AdminError as error:
            body = error
        answers[address] = _Answer(body, self._at.clock)


def _arguments(question: CacheQuestion) -> dict[str, str]:
    if question.target:
        return {"target": question.target}
    return {"name": question.name, "type": question.type}


def about(target: str = "", name: str = "") -> CacheQuestion:
    """Return the question about an address, or about the addresses of a name."""
    return about_target(target) if target else about_name(name, "A")


def _given(site: Site, question: CacheQuestion) -> frozenset[frozenset[str]]:
    lines = [line for one in census(site, ()).latest.values() for line in one.report.lines]
    served = [
        line.version for line in lines if line.use == Use.SERVED and question.concerns(line.version)
    ]
    positive = {frozenset(one.targets) for one in served if one.kind == VersionKind.RRSET}
    return (
        frozenset(positive)
        if len(positive) == len(served) > 0
        else frozenset({*positive, frozenset()})
    )


def durable_left(machine: Machine, target: str) -> float | None:
    """Return for how long ``target`` is held by what the disk of ``machine`` says now.

    With the margin; None: there is no account, and so nothing is safe.
    """
    path = machine.state / ledgerfile.NAME
    if not path.exists():
        return None
    try:
        ledger = restored(path.read_bytes(), machine.clock)
    except StateError:
        return None
    report = ledger.report(machine.clock, about_target(target))
    return max((line.left for line in report.lines), default=float("-inf")) + MARGIN_S
