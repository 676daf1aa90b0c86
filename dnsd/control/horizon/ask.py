"""Answers questions from the node's ledger: reports for others, and this node's own verdict.

Before each answer, the workers' notes are read: ``sweep`` passes them to the keeper.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from dnsd.caches.inquiry import Inquiry
from dnsd.caches.judge import Safety, Verdict, judge
from dnsd.caches.site import alone
from dnsd.caches.version import about_name, about_target, canonical_name
from dnsd.control.nothing import no_reason
from dnsd.errors import AdminError, StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dnsd.caches.ledger import Ledger
    from dnsd.caches.report import LedgerLine, NodeReport
    from dnsd.caches.version import CacheQuestion, Version
    from dnsd.control.horizon.keeper import LedgerKeeper
    from dnsd.control.horizon.outside import Outside

    Stamp = Callable[[NodeReport, Ledger, float], NodeReport]

NOT_YET = "the zones are being loaded: ask again in a moment"
CHANGING = "not every worker has loaded the latest edit of the zone: ask again in a moment"
SEARCHING = "the zones are being searched for it"


class Horizon:
    """Answers from ``keeper``; ``sweep`` reads the notes of the workers.

    ``unwritten`` returns which orders are in force but not on disk: after a restart, what they hold
    back may be given out again. ``stamp`` adds what the node says of itself
    (:meth:`dnsd.control.horizon.identity.Identity.stamp`); a report without it proves nothing SAFE.
    """

    def __init__(
        self,
        keeper: LedgerKeeper,
        sweep: Callable[[], object],
        unwritten: Callable[[], str] = no_reason,
        stamp: Stamp | None = None,
    ) -> None:
        self._keeper = keeper
        self._stamp = stamp or _unstamped
        self._sweep = sweep
        self._unwritten = unwritten
        self.outside: Outside | None = None
        """Finds secondaries."""
        self._searches: set[asyncio.Task[None]] = set()
        self._searched: set[CacheQuestion] = set()

    async def report(self, question: CacheQuestion | None = None) -> NodeReport:
        """Return this node's report; without a question, on its pools and the time before.

        AdminError until the earlier account has been read.
        """
        if not self._keeper.ready:
            raise AdminError(NOT_YET)
        served = None
        if question is not None:
            while (served := self._keeper.served.known(question)) is None:
                await asyncio.to_thread(self._keeper.served.search, question)
        self._sweep()
        report = self._report(self._keeper.clock(), question, served)
        if question is None or self.outside is None:
            return report
        told = await self.outside.concerned(question, report.lines)
        return msgspec.structs.replace(report, secondaries=told)

    def judge(self, question: CacheQuestion, since: float, now: float) -> Verdict:
        """Return whether caches have forgotten what left this node's answers at ``since``.

        Never waits: until a search is done, the verdict is UNKNOWN.
        """
        served = self._keeper.served.known(question)
        if served is None or not self._keeper.ready:
            reason = SEARCHING if self._keeper.ready else NOT_YET
            self._search(question)
            return Verdict(Safety.UNKNOWN, None, None, (reason,), ())
        self._sweep()
        inquiry = Inquiry(
            question=question,
            site=alone(self._report(now, question, served), now),
            since=since,
        )
        return judge(inquiry, now)

    def _report(
        self, now: float, question: CacheQuestion | None, served: Mapping[Version, int] | None
    ) -> NodeReport:
        ledger = self._keeper.ledger
        report = self._stamp(ledger.report(now, question, served), ledger, now)
        sent = self._keeper.leaving.sent
        lines = tuple(_raised(line, now, sent) for line in report.lines)
        doubt = self._keeper.fault or self._unwritten() or self._changing(question)
        if not doubt and question is not None and self.outside is not None:
            doubt = self.outside.lapsed(question, lines)
        return msgspec.structs.replace(report, lines=lines, doubt=doubt)

    def _changing(self, question: CacheQuestion | None) -> str:
        """Return why the name has several answers at the moment; empty if it has one."""
        if question is None or question.target or not self._keeper.is_changing(question):
            return ""
        return CHANGING

    async def declare_past(self, ttl: int) -> None:
        """Note that nothing with a TTL above ``ttl`` was given out before the account began.

        AdminError if the node knows better.
        """
        try:
            self._keeper.ledger.declare_past(ttl)
        except StateError as error:
            raise AdminError(str(error)) from error
        await self._keeper.save_declared()

    async def declare_dead(self, node: str, ago: float) -> None:
        """Note that another node has given no answer for ``ago`` seconds, and never will again."""
        if node == self._keeper.ledger.node:
            raise AdminError(f"{node} is this node, and it runs: declare it dead on another one")
        self._keeper.ledger.retire_node(node, self._keeper.clock() - ago)
        await self._keeper.save_declared()

    async def declare_alive(self, node: str) -> None:
        """Undo the declaration that a node is dead; AdminError if there is none."""
        try:
            self._keeper.ledger.revive_node(node)
        except StateError as error:
            raise AdminError(str(error)) from error
        await self._keeper.save_declared()

    def latest(self, name: str, rtype: str, address: str) -> float:
        """Return when caches will have forgotten the answers with ``address`` given so far.

        Of the pool ``name`` and ``rtype``, by the monotonic clock; -inf if there were none.
        """
        self._sweep()
        return self._keeper.ledger.latest(canonical_name(name), rtype, address)

    def _search(self, question: CacheQuestion) -> None:
        if question not in self._searched:
            self._searched.add(question)
            task = asyncio.get_running_loop().create_task(self._searching(question))
            self._searches.add(task)
            task.add_done_callback(self._searches.discard)

    async def _searching(self, question: CacheQuestion) -> None:
        try:
            await asyncio.to_thread(self._keeper.served.search, question)
        finally:
            self._searched.discard(question)


def question_of(target: str, name: str, rtype: str) -> CacheQuestion | None:
    """Return the question in the three fields of a request; None if all are empty.

    AdminError if a field is invalid.
    """
    try:
        if target:
            return about_target(target)
        if name or rtype:
            return about_name(name, rtype or "A")
    except ValueError as error:
        raise AdminError(f"{name or target!r} cannot be asked about: {error}") from error
    return None


def _raised(line: LedgerLine, now: float, sent: float) -> LedgerLine:
    """Return ``line``, raised if answers composed after ``sent`` may not have left yet."""
    if line.ago is None or now - line.ago <= sent:
        return line
    return msgspec.structs.replace(line, left=max(0.0, line.left))


def _unstamped(report: NodeReport, _ledger: Ledger, _now: float) -> NodeReport:
    return report
