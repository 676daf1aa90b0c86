"""The check: queries and watched names are asked, then all answers are judged."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import dns.exception

from bench.dig import asking, judge
from bench.dig.load import Loaded
from bench.dig.output import Failure, Response
from bench.dig.study import FAULTS_KEPT, MISSING, UNLIKE, Answers, Fault, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dns.name import Name

    from bench.dig.asking import Bounds, Outcome, Target
    from bench.dig.load import Load
    from bench.queries.draw import Query
    from bench.queries.zone import AskedZone
    from bench.study.progress import Steps


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask whom, and what to compare the answers with.

    ``queries`` are asked by dig over each of ``transports`` in turn, within ``bounds`` together;
    then comes the ``load``. The ``watched`` are asked every ``interval`` seconds for ``seconds``.
    ``zone`` or ``other``, or neither, says what is right; ``pools`` may be answered in part.
    """

    program: str
    target: Target
    transports: tuple[str, ...]
    queries: Sequence[Query]
    bounds: Bounds
    load: Load | None = None
    watched: Sequence[Query] = ()
    interval: float = 1.0
    seconds: float = 0.0
    zone: AskedZone | None = None
    other: Target | None = None
    pools: frozenset[Name] = frozenset()


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a check has found."""

    answers: list[Answers]
    faults: list[Fault]
    samples: list[Sample]
    loaded: Loaded


def run(plan: Plan, steps: Steps) -> Findings:
    """Do what ``plan`` says; StudyError when the program cannot be used."""
    asking.check_programs(plan.program)
    try:
        asked, samples, loaded = asyncio.run(_run(plan, steps))
    except ExceptionGroup as group:
        # Each client is a task in a group; what one cannot do none can.
        error: Exception = group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        raise error from None
    steps.begin("the answers are judged")
    found = [judged(plan, each.transport, each.outcomes, each.rights) for each in asked]
    faults = [fault for _, theirs in found for fault in theirs]
    return Findings([answers for answers, _ in found], faults, samples, loaded)


@dataclass(slots=True)
class _Asked:
    """What came of one transport; ``rights``: the other server's answers, by the query's number."""

    transport: str
    outcomes: list[Outcome] = field(default_factory=list)
    rights: dict[int, Response] = field(default_factory=dict)


async def _run(plan: Plan, steps: Steps) -> tuple[list[_Asked], list[Sample], Loaded]:
    loaded = Loaded()
    samples: list[Sample] = []
    asked: list[_Asked] = []
    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(_watch(plan, samples)) if plan.watched else None
        shared = replace(plan.bounds, seconds=plan.bounds.seconds / max(1, len(plan.transports)))
        for transport in plan.transports if plan.queries else ():
            asked.append(await _transport(plan, transport, shared, steps))
        if plan.load:
            await plan.load.run(plan.target, loaded, steps)
        if watcher:
            steps.begin(f"watching the TTLs of {len(plan.watched)} names", plan.seconds)
            await _until_done(watcher, samples, steps)
    return asked, samples, loaded


async def _until_done(watcher: asyncio.Task[None], samples: list[Sample], steps: Steps) -> None:
    while not watcher.done():
        steps.reach(samples[-1].at if samples else 0)
        await asyncio.wait([watcher], timeout=0.5)


async def _watch(plan: Plan, samples: list[Sample]) -> None:
    """Ask the watched names every interval until the time is up."""
    start = time.monotonic()
    for tick in range(int(plan.seconds / plan.interval) + 1):
        await asyncio.sleep(max(0.0, start + tick * plan.interval - time.monotonic()))
        at = time.monotonic() - start
        if at > plan.seconds + plan.interval:
            return
        target = replace(plan.target, transport=plan.transports[0])
        outcomes = await asking.once(plan.program, target, plan.watched)
        for query, outcome in zip(plan.watched, outcomes, strict=True):
            samples.append(_sample(query, at + outcome.at, outcome.result))


def _sample(query: Query, at: float, result: Response | Failure) -> Sample:
    name, rtype = query.name.to_text(), query.rtype.name
    if isinstance(result, Failure):
        return Sample(name, rtype, at, None, result.reason, "")
    asked = [record for record in result.answer if record.rtype == rtype]
    if not asked:
        return Sample(name, rtype, at, None, f"{result.status}, no data", "")
    data = ", ".join(sorted(record.rdata for record in asked))
    return Sample(name, rtype, at, max(record.ttl for record in asked), result.status, data)


async def _transport(plan: Plan, transport: str, bounds: Bounds, steps: Steps) -> _Asked:
    """Ask all queries over one transport; judging waits, lest it should delay other answers."""
    asked = _Asked(transport)
    steps.begin(f"{plan.target} is asked over {transport}", len(plan.queries))

    def told(outcome: Outcome) -> None:
        asked.outcomes.append(outcome)
        steps.reach(len(asked.outcomes))

    target = replace(plan.target, transport=transport)
    await asking.ask(plan.program, target, plan.queries, bounds, told)
    if plan.other:
        asked.rights = await _others(plan, plan.other, asked.outcomes, bounds, steps)
    return asked


async def _others(
    plan: Plan, other: Target, outcomes: Sequence[Outcome], bounds: Bounds, steps: Steps
) -> dict[int, Response]:
    """Ask the other server what was answered; return its answers by the query's number."""
    asked = [outcome.index for outcome in outcomes if isinstance(outcome.result, Response)]
    found: dict[int, Response] = {}
    steps.begin(f"{other} is asked the same", len(asked))

    def told(outcome: Outcome) -> None:
        if isinstance(outcome.result, Response):
            found[asked[outcome.index]] = outcome.result
        steps.reach(len(found))

    queries = [plan.queries[index] for index in asked]
    await asking.ask(plan.program, other, queries, bounds, told)
    return found


def judged(
    plan: Plan, transport: str, outcomes: Sequence[Outcome], rights: dict[int, Response]
) -> tuple[Answers, list[Fault]]:
    """Judge ``outcomes``; ``rights`` are the other server's answers, if one was asked."""
    counts: Counter[str] = Counter()
    faults: list[Fault] = []
    for outcome in outcomes:
        query = plan.queries[outcome.index]
        kind, why = _fault(plan, query, outcome, rights.get(outcome.index), counts)
        if kind:
            counts[kind] += 1
            if counts[kind] <= FAULTS_KEPT:
                faults.append(Fault(kind, transport, _text(query), why))
    answers = Answers(
        transport=transport,
        seconds=max((outcome.at for outcome in outcomes), default=0.0),
        asked=len(outcomes),
        answered=sum(isinstance(each.result, Response) for each in outcomes),
        missing=counts[MISSING],
        wrong=counts[UNLIKE],
        unjudged=counts["unjudged"],
        shorter=counts["shorter"],
    )
    return answers, faults


def _fault(
    plan: Plan, query: Query, outcome: Outcome, right: Response | None, counts: Counter[str]
) -> tuple[str, str]:
    """Return the kind of fault and why, or "" twice; count what is no fault."""
    if isinstance(outcome.result, Failure):
        return MISSING, outcome.result.reason
    verdict = judge.UNJUDGED
    try:
        if plan.zone:
            verdict = judge.by_zone(plan.zone, query, outcome.result, plan.pools)
        elif right:
            verdict = judge.by_other(query, outcome.result, right)
    except (dns.exception.DNSException, ValueError) as error:
        return UNLIKE, f"it cannot be read: {error}"
    counts["unjudged"] += not verdict.judged
    counts["shorter"] += verdict.shorter
    return (UNLIKE, verdict.wrong) if verdict.wrong else ("", "")


def _text(query: Query) -> str:
    return f"{query.name} {query.rtype.name}" + (" +dnssec" if query.do else "")
