"""Requests for reloads: what is noticed and what is ordered, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Set
from types import SimpleNamespace
from typing import Any, cast

from dnsd.control.zones.report import ReloadReport, ZoneOutcome, ZoneReport
from dnsd.control.zones.requests import ReloadRequest, Requests

LOADED = ZoneOutcome.LOADED


class Reloads:
    """Stands in for who reloads: a reload is planned at once, and ends when the test says so."""

    def __init__(self) -> None:
        self.begun: list[set[str]] = []
        self.may_end = asyncio.Event()

    async def run(
        self,
        due: Collection[str],
        _named: Set[str],
        _forced: Set[str],
        planned: Callable[[], object],
    ) -> ReloadReport:
        self.begun.append({*due})
        planned()
        await self.may_end.wait()
        return ReloadReport(
            ok=True, zones=tuple(ZoneReport(zone=one, outcome=LOADED) for one in sorted(due))
        )


async def _same(report: ReloadReport) -> ReloadReport:
    return report


def play(scene: Callable[[Requests, Reloads], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        reloads = Reloads()
        delivery = SimpleNamespace(wait=_same, problems=tuple)
        keeper = SimpleNamespace(retire=lambda: None, fault="")
        others: Any = None
        requests = Requests(
            others, cast("Any", reloads), others, cast("Any", delivery), others, cast("Any", keeper)
        )
        running = asyncio.create_task(requests.run())
        async with asyncio.timeout(20):
            await scene(requests, reloads)
        running.cancel()

    asyncio.run(all_of_it())


def test_what_is_noticed_is_not_done_together_with_what_is_ordered() -> None:
    async def scene(requests: Requests, reloads: Reloads) -> None:
        noticed = asyncio.create_task(requests.ask_planned(ReloadRequest(frozenset({"large."}))))
        await asyncio.sleep(0)
        ordered = requests.ask(ReloadRequest(frozenset({"small."})))
        later = await noticed
        assert reloads.begun == [{"small."}, {"large."}], "whoever waits comes first"
        reloads.may_end.set()
        assert [one.zone for one in (await ordered).zones] == ["small."]
        assert [one.zone for one in (await later).zones] == ["large."]

    play(scene)


def test_orders_that_come_together_are_one_and_a_later_one_waits_for_no_build() -> None:
    async def scene(requests: Requests, reloads: Reloads) -> None:
        first = [requests.ask(ReloadRequest(frozenset({name}))) for name in ("a.", "b.")]
        while not reloads.begun:
            await asyncio.sleep(0)
        second = requests.ask(ReloadRequest(frozenset({"a."})))
        while len(reloads.begun) < 2:
            await asyncio.sleep(0)
        assert reloads.begun == [{"a.", "b."}, {"a."}]
        first[0].cancel()  # its client has gone
        reloads.may_end.set()
        assert [one.zone for one in (await first[1]).zones] == ["a.", "b."]
        assert [one.zone for one in (await second).zones] == ["a."]

    play(scene)
