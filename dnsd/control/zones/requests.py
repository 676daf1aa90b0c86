"""Requests for reloads: one is planned at a time, and those that come meanwhile become one.

As soon as it is known what one is to do, the next may begin: it waits for nothing that is built.

A request may ask that the configuration be read again; how a reload is done is the business of
:mod:`dnsd.control.zones.reload`, and when the workers serve its result that of
:mod:`dnsd.control.delivery`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.control.zones.reload import CONFIGURATION, DIRECTORY, EVERYTHING
from dnsd.control.zones.report import GOOD, ReloadReport, events
from dnsd.errors import ConfigError
from dnsd.process import log

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Iterable, Sequence

    from dnsd.control.cookies import CookieSecrets
    from dnsd.control.delivery import Delivery
    from dnsd.control.effective import EffectiveConfig
    from dnsd.control.horizon.keeper import LedgerKeeper
    from dnsd.control.zones.reload import Reloader
    from dnsd.control.zones.watch import Watch


class ReloadRequest(NamedTuple):
    """What a reload is to do: the arguments of :meth:`Reloader.run`."""

    due: frozenset[str]
    named: frozenset[str] = frozenset()
    forced: frozenset[str] = frozenset()

    @classmethod
    def together(cls, requests: Iterable[ReloadRequest]) -> ReloadRequest:
        """Return one that asks for all that ``requests`` ask for."""
        return cls(*(frozenset().union(*each) for each in zip(*requests, strict=True)))


class _Asked(NamedTuple):
    """A request, its report, and whether it is known what is to be done."""

    request: ReloadRequest
    done: Future[ReloadReport]
    planned: asyncio.Event


class Requests:
    """The requests there are, and what the last one came to."""

    def __init__(
        self,
        effective: EffectiveConfig,
        reloader: Reloader,
        watch: Watch,
        delivery: Delivery,
        cookies: CookieSecrets,
        keeper: LedgerKeeper,
    ) -> None:
        self._effective = effective
        self._reloader = reloader
        self._watch = watch
        self._delivery = delivery
        self._cookies = cookies
        self._keeper = keeper
        self._troubles: dict[str, str] = {}
        self._ordered: list[_Asked] = []
        self._noticed: list[_Asked] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._problems: tuple[str, ...] = ()
        self._pending: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems of the last reload, and what of the configuration is not applied."""
        pending = (one for one in self._pending if one not in self._problems)
        return (*self._problems, *pending)

    def ask(self, request: ReloadRequest) -> Future[ReloadReport]:
        """Have a reload done; the result is its report."""
        return self._ask(request, self._ordered).done

    async def ask_planned(self, request: ReloadRequest) -> Future[ReloadReport]:
        """Have a reload done, and wait until it is known what it is to do: that shows in tables.

        No command waits for its end, so it is not done together with those for which one waits.
        """
        asked = self._ask(request, self._noticed)
        await asked.planned.wait()
        return asked.done

    def _ask(self, request: ReloadRequest, waiting: list[_Asked]) -> _Asked:
        done: Future[ReloadReport] = asyncio.get_running_loop().create_future()
        asked = _Asked(request, done, asyncio.Event())
        waiting.append(asked)
        self._wake.set()
        return asked

    async def first(self, planned: Callable[[], object]) -> None:
        """Do the reload of the start; ``planned`` is called when others may begin beside it."""
        report = await self._reload(ReloadRequest(frozenset({DIRECTORY, EVERYTHING})), planned)
        planned()
        # What is as it should be stands in the ready line, as a number.
        bad = tuple(zone for zone in report.zones if zone.outcome not in GOOD)
        self._tell(msgspec.structs.replace(report, zones=bad))

    async def run(self) -> None:
        """Do what is asked for, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for waiting in (self._ordered, self._noticed):
                asked = waiting.copy()
                waiting.clear()
                if asked:
                    await self._begin(asked)

    async def _begin(self, asked: Sequence[_Asked]) -> None:
        """Begin what was asked for together, and wait until it is known what is to be done."""
        planned = asyncio.Event()
        task = asyncio.create_task(self._serve(asked, planned))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await planned.wait()

    async def _serve(self, asked: Sequence[_Asked], planned: asyncio.Event) -> None:
        def tell() -> None:
            planned.set()
            for one in asked:
                one.planned.set()

        request = ReloadRequest.together(one.request for one in asked)
        report = await self._reload(request, tell)
        tell()
        self._tell(report)
        for one in asked:
            if not one.done.done():  # the client that asked may have gone
                one.done.set_result(report)

    async def _reload(self, request: ReloadRequest, planned: Callable[[], object]) -> ReloadReport:
        """Do a reload; whatever happens, there is a report."""
        try:
            report = await self._reload_as_configured(request, planned)
        except ConfigError as error:
            report = ReloadReport(ok=False, problems=error.problems)
        except Exception as error:
            problem = f"dnsd failed to reload: {type(error).__name__}: {error}"
            log.say("internal-error", problem, cause=error)
            report = ReloadReport(ok=False, problems=(problem,))
        self._problems = report.problems
        return report

    async def _reload_as_configured(
        self, request: ReloadRequest, planned: Callable[[], object]
    ) -> ReloadReport:
        waiting: tuple[str, ...] = ()
        pending: tuple[str, ...] = ()
        if CONFIGURATION in request.due:
            waiting, pending = self._reread()
            self._pending = pending
        report = await self._delivery.wait(await self._reloader.run(*request, planned))
        self._keeper.retire()
        notices = (self._keeper.fault,) if self._keeper.fault else ()
        problems = self._delivery.problems()
        return msgspec.structs.replace(
            report,
            ok=report.ok and not problems and not pending,
            problems=(*report.problems, *problems, *pending),
            notices=notices,
            waiting=waiting,
        )

    def _reread(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Read the configuration again; return what waits for a restart, and sentences about that.

        About secrets that cannot be handed out, too.
        """
        changed = self._effective.reread()
        config = self._effective.config
        self._reloader.config = config
        self._watch.settle = config.zones.settle
        restart = (
            f"restart needed: {key} has changed, and a running dnsd keeps the old value"
            for key in changed
        )
        return changed, (*restart, *self._cookies.hand_out(config))

    def _tell(self, report: ReloadReport) -> None:
        """Log what is new; a trouble that is there at each new attempt is logged once."""
        known = self._troubles
        self._troubles = known | {one.zone: one.trouble for one in report.zones}
        new = (one for one in report.zones if not one.trouble or one.trouble != known.get(one.zone))
        for one in events(msgspec.structs.replace(report, zones=tuple(new))):
            log.say(one.event, one.sentence, **one.about)
