"""A director's control: its parts, what asks for reloads, and the signs of life."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import msgspec

import dnsd
from dnsd.control.balance.commands import Desk
from dnsd.control.balance.drains import Drains
from dnsd.control.balance.engine import BalanceEngine
from dnsd.control.balance.metrics import families
from dnsd.control.balance.routes import Routes
from dnsd.control.balance.targets import faults
from dnsd.control.effective import EffectiveConfig
from dnsd.control.loglevel import LevelKeeper
from dnsd.control.nothing import may_leave
from dnsd.control.web.directorpage import director_pages
from dnsd.control.web.healthpages import health_pages
from dnsd.control.web.server import WebServer
from dnsd.control.web.talk import Page
from dnsd.control.zones.report import ReloadReport
from dnsd.errors import ConfigError
from dnsd.image.keepsake import Keepsakes
from dnsd.image.state import ControlCells
from dnsd.metrics.prometheus import CONTENT_TYPE, text_of
from dnsd.process import log
from dnsd.process.recent import RecentEvents

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.announce.health import NodeHealth
    from dnsd.config import Config
    from dnsd.control.admin import Command
    from dnsd.control.balance.live import LiveService
    from dnsd.control.spec import ControlSpec
    from dnsd.control.web.server import Arguments, Pages
    from dnsd.image.state import StateVector

APPLIED = ("service", "path")
"""What a reload applies; all else wants a restart."""

FIXED = ("name", "vips", "slots")
"""What of a service wants a restart: its interface and its slots are made at the start."""


class Director:
    """Everything the control of a director does, as tasks of one event loop."""

    def __init__(self, spec: ControlSpec, vector: StateVector) -> None:
        assert spec.doorbell is not None
        self._spec = spec
        self._cells = vector.control
        kept = Keepsakes(spec.kept_fd, vector)
        self._effective = EffectiveConfig(
            spec.config, spec.options, kept.config, self._cells, APPLIED
        )
        if self._cells[ControlCells.EPOCH]:
            self._effective.recover()
        else:
            self._effective.keep()
        self._cells[ControlCells.EPOCH] = 1
        self._cells[ControlCells.PID] = os.getpid()
        config = self._effective.config
        drains = Drains(config.server.state_directory, kept.pools)
        self.engine = BalanceEngine(config, drains, self._is_unused)
        self.routes = Routes(config, vector, spec.doorbell, self._judge, self._unready, kept)
        self._desk = Desk(self.engine, self.routes)

    async def run(self) -> None:
        """Balance and announce for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self.engine.run())
            group.create_task(self.routes.run())

    def leave(self) -> None:
        """Take away the rules of nftables; slots and routes stay, as flows may still arrive."""
        self.engine.host.leave()

    def stop(self) -> None:
        """End: the kernel forwards on."""

    def commands(self) -> dict[str, Command]:
        """Return the admin commands."""
        own = {
            "status": self.command_status,
            "reload": self.command_reload,
            "leave": may_leave,
        }
        level = LevelKeeper(self._cells, self._effective)
        return {**own, **level.commands(), **self._desk.commands()}

    def web(self) -> WebServer:
        """Return the server of what can be read over HTTP."""
        return WebServer(self._effective.config.http.listen, self._pages())

    def _pages(self) -> Pages:
        async def balance(arguments: Arguments) -> Page:
            found = await self._desk.balance(dict(arguments))
            return Page("application/json", msgspec.json.encode(found) + b"\n")

        async def measured(_arguments: Arguments) -> Page:
            return Page(CONTENT_TYPE, text_of(families(self.engine, self.routes)).encode())

        node = self._effective.config.server.server_id or socket.gethostname()
        return {
            **director_pages(node, self.command_status, RecentEvents()),
            "/balance": balance,
            "/metrics": measured,
            **health_pages(self._unwell, self._desk.problems),
        }

    def _unwell(self) -> list[str]:
        return [self.engine.fault] if self.engine.fault else []

    # -- what the parts ask of each other -------------------------------------------------------

    def _is_unused(self, service: LiveService) -> bool:
        return not self.routes.is_on(service.config.name)

    def _judge(self, name: str, now: float) -> NodeHealth | None:
        return self.engine.services[name].verdict(now)

    def _unready(self, name: str) -> str:
        """Return why a service must not be announced yet; empty if it may."""
        if not self.engine.writer.is_made(name):
            return self.engine.fault or "its slots are not in the kernel yet"
        converged = self.engine.services[name].is_converged(time.monotonic())
        return "" if converged else "its slots do not lead to the right backends yet"

    # -- what others ask ------------------------------------------------------------------------

    async def command_status(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``dnsd status`` shows of a director."""
        config = self._effective.config
        return {
            "version": dnsd.__version__,
            "role": "director",
            "pid": self._spec.master,
            "uptime": (time.monotonic_ns() - self._spec.started) / 1e9,
            "config": str(config.path) if config.path else None,
            "state_directory": str(config.server.state_directory),
            "control": {"pid": self._cells[ControlCells.PID]},
            **(await self._desk.balance({})),
        }

    def on_hangup(self) -> None:
        """Reload for a SIGHUP, and let the master know when it is done."""
        asked = time.monotonic_ns()
        report = self._reload()
        for sentence in report.problems:
            log.say("reload-problem", f"reload: {sentence}")
        for sentence in report.notices:
            log.say("reload-notice", f"reload: {sentence}")
        if report.ok:
            log.say("reload-done", "reload: the configuration is in force")
        self._enforcing = asyncio.ensure_future(self._enforce())
        self._enforcing.add_done_callback(lambda _: self._reloaded(asked))

    def _reloaded(self, asked: int) -> None:
        self._cells[ControlCells.RELOADED] = asked

    async def command_reload(self, _request: Mapping[str, Any]) -> ReloadReport:
        """Read the configuration again, and wait until it is in force."""
        report = self._reload()
        await self._enforce()
        return report

    async def _enforce(self) -> None:
        await self.engine.look()
        await self.engine.turned()

    def _reload(self) -> ReloadReport:
        """Put the file's backends and checks in force; what was, stays if they cannot be."""
        began = time.monotonic()
        try:
            notices = self._effective.reread(self._check)
        except ConfigError as error:
            return ReloadReport(ok=False, problems=error.problems)
        self.engine.take(self._effective.config)
        restart = tuple(f"{key} has changed: restart dnsd to apply it" for key in notices)
        return ReloadReport(ok=not notices, problems=restart, seconds=time.monotonic() - began)

    def _check(self, fresh: Config) -> None:
        """Raise ConfigError if ``fresh`` cannot be put in force while this process runs."""
        problems = [fault for one in fresh.service for fault in faults(one, fresh.failover)]
        before = {one.name: one for one in self._effective.config.service}
        if [*before] != [one.name for one in fresh.service]:
            problems.append("services were added, removed, or reordered: restart dnsd to apply it")
        for one in fresh.service:
            old = before.get(one.name)
            problems += [
                f"[[service]] {one.name}: {key} has changed: restart dnsd to apply it"
                for key in FIXED
                if old is not None and getattr(old, key) != getattr(one, key)
            ]
        if problems:
            raise ConfigError(problems)

    async def _beat(self) -> None:
        """Show the master that the loop turns."""
        while True:
            self._cells[ControlCells.HEARTBEAT] = time.monotonic_ns()
            await asyncio.sleep(self._effective.config.server.heartbeat)
