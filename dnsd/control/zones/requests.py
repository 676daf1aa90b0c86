"""Requests for reloads: one is done at a time, and those that come meanwhile become one.

A request may ask that the configuration be read again; how a reload is done is the business of
:mod:`dnsd.control.zones.reload`, and when the workers serve its result that of
:mod:`dnsd.control.delivery`.
"""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.control.zones.reload import CONFIGURATION, DIRECTORY, EVERYTHING
from dnsd.control.zones.report import GOOD, ReloadReport, log_lines
from dnsd.errors import ConfigError
from dnsd.process import log

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Iterable

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
        self._waiting: list[tuple[ReloadRequest, Future[ReloadReport]]] = []
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
        done: Future[ReloadReport] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, done))
        self._wake.set()
        return done

    async def first(self) -> None:
        """Do the reload of the start."""
        report = await self._reload(ReloadRequest(frozenset({DIRECTORY, EVERYTHING})))
        # What is as it should be stands in the ready line, as a number.
        bad = tuple(zone for zone in report.zones if zone.outcome not in GOOD)
        self._tell(msgspec.structs.replace(report, zones=bad))

    async def run(self) -> None:
        """Do what is asked for, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            report = await self._reload(ReloadRequest.together(request for request, _ in waiting))
            self._tell(report)
            for _, done in waiting:
                if not done.done():  # the client that asked may have gone
                    done.set_result(report)

    async def _reload(self, request: ReloadRequest) -> ReloadReport:
        """Do a reload; whatever happens, there is a report."""
        try:
            report = await self._reload_as_configured(request)
        except ConfigError as error:
            report = ReloadReport(ok=False, problems=error.problems)
        except Exception as error:
            log.write(traceback.format_exc().rstrip())
            problem = f"dnsd failed to reload: {type(error).__name__}: {error}"
            report = ReloadReport(ok=False, problems=(problem,))
        self._problems = report.problems
        return report

    async def _reload_as_configured(self, request: ReloadRequest) -> ReloadReport:
        pending: tuple[str, ...] = ()
        if CONFIGURATION in request.due:
            pending = self._pending = self._reread()
        report = await self._delivery.wait(await self._reloader.run(*request))
        self._keeper.settle()
        notices = (self._keeper.fault,) if self._keeper.fault else ()
        problems = self._delivery.problems()
        return msgspec.structs.replace(
            report,
            ok=report.ok and not problems and not pending,
            problems=(*report.problems, *problems, *pending),
            notices=notices,
        )

    def _reread(self) -> tuple[str, ...]:
        """Read the configuration again; return what of it cannot be applied, as sentences."""
        changed = self._effective.reread()
        config = self._effective.config
        self._reloader.config = config
        self._watch.settle = config.zones.settle
        restart = (
            f"restart needed: {key} has changed, and a running dnsd keeps the old value"
            for key in changed
        )
        return (*restart, *self._cookies.hand_out(config))

    def _tell(self, report: ReloadReport) -> None:
        """Log what is new; a trouble that is there at each new attempt is logged once."""
        known = self._troubles
        self._troubles = known | {one.zone: one.trouble for one in report.zones}
        new = (one for one in report.zones if not one.trouble or one.trouble != known.get(one.zone))
        for line in log_lines(msgspec.structs.replace(report, zones=tuple(new))):
            log.line(line)
