"""``python -m dnsd.control``: control, started by the master and of no use without it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Protocol

import msgspec

from dnsd.control import spec
from dnsd.control.admin import AdminServer
from dnsd.control.anycast.commands import commands as anycast_commands
from dnsd.control.anycast.probes import commands as probe_commands
from dnsd.control.failover.commands import commands as failover_commands
from dnsd.control.faults import FaultTeller
from dnsd.control.horizon.commands import commands as horizon_commands
from dnsd.control.loglevel import LevelKeeper
from dnsd.control.node import Node
from dnsd.control.served import served_commands
from dnsd.errors import DnsdError
from dnsd.image.state import StateVector
from dnsd.process import descriptors, instructions, lease, log, stderr
from dnsd.process.logline import Speaker
from dnsd.process.recent import RecentEvents
from dnsd.process.users import group_of
from dnsd.rights import capabilities
from dnsd.rights.capabilities import LOWEST_FREE_PORT, Capability

if TYPE_CHECKING:
    from dnsd.control.admin import Command
    from dnsd.control.spec import ControlSpec
    from dnsd.control.web.overview import OverviewSource
    from dnsd.control.web.server import WebServer
    from dnsd.control.web.traffic import Traffic


def main() -> int:
    """Read the spec, work until told to stop, and return the exit status."""
    log.begin(Speaker("control"))
    try:
        control_spec = spec.decode(instructions.read())
    except msgspec.DecodeError as error:
        told = f"control: the master sent an invalid specification: {error}"
        log.say("start-failed", told, child="control")
        return 1
    waited = instructions.wait_for_word(control_spec.prepared)
    if not waited or not lease.take(control_spec.journal_fd):
        return 0
    descriptors.raise_limit()
    _give_up_rights(control_spec)
    stderr.detach(log.dropped)  # a thread: it has the rights that are left
    try:
        asyncio.run(_run(control_spec))
    except* DnsdError as errors:
        for fault in errors.exceptions:
            log.say("start-failed", f"control: {fault}", child="control")
    return 1


async def _run(control_spec: ControlSpec) -> None:
    vector = StateVector(control_spec.state_fd, control_spec.workers)
    log.follow(vector.log_level)
    config = control_spec.config
    role: Role = _director(control_spec, vector) or _Node(control_spec, vector)
    commands = role.commands()
    web = role.web() if config.http.listen else None
    fd = control_spec.spare_fd
    spare = None if fd is None else socket.socket(fileno=fd)
    admins = group_of(config.server.admin_group)
    admin = AdminServer(config.server.admin_socket, commands, spare, admins)

    def stop() -> None:
        # At once: a build that is under way is of no use to anybody.
        admin.close()
        role.stop()
        stderr.flush()
        os._exit(0)

    def on_terminate() -> None:
        role.leave()
        stop()

    def on_master() -> None:
        if not os.read(0, 4096):
            stop()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(FaultTeller(time.monotonic))
    loop.add_signal_handler(signal.SIGTERM, on_terminate)
    loop.add_signal_handler(signal.SIGHUP, role.on_hangup)
    loop.add_reader(0, on_master)
    # The master starts this process with SIGHUP blocked, so that none comes too early.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    await admin.start()
    async with asyncio.TaskGroup() as group:
        group.create_task(admin.run())
        if web is not None:
            group.create_task(web.run())
        group.create_task(role.run())


class Role(Protocol):
    """What this process does: the control of a DNS node, or of a director."""

    def commands(self) -> dict[str, Command]:
        """Return the admin commands."""

    def web(self) -> WebServer:
        """Return the server of what can be read over HTTP; only a node that has one loads it."""

    def on_hangup(self) -> None:
        """Reload."""

    async def run(self) -> None:
        """Work for ever."""

    def leave(self) -> None:
        """Take away what would outlive its purpose, as the end was ordered."""

    def stop(self) -> None:
        """Put down what a successor needs."""


class _Node(Node):
    """The control of a DNS node."""

    _traffic: Traffic | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(self.tap.run())
            if self._traffic is not None:
                group.create_task(self._traffic.run())

    def commands(self) -> dict[str, Command]:
        return {
            "status": self.command_status,
            "reload": self.command_reload,
            "zone": self.command_zone,
            **served_commands(self._reloader.rows, self._stock),
            **anycast_commands(self.plane),
            **probe_commands(self.probes),
            **failover_commands(self.engine),
            **self.demand.commands(),
            **self.tap.commands(),
            **self._effective.commands(),
            **LevelKeeper(self._vector.control, self._effective).commands(),
            **horizon_commands(self.horizon),
        }

    def web(self) -> WebServer:
        from dnsd.control.web.overview import overview_pages
        from dnsd.control.web.pages import pages
        from dnsd.control.web.push import Push
        from dnsd.control.web.server import WebServer

        config, board = self._spec.config, self.engine.checking.board
        commands = self.commands()
        made = {
            **overview_pages(self._overview(commands)),
            **pages(commands, self.metrics_source(), self.unwell, self.notices),
        }
        push = Push(config.http.token_file, board, self.engine.takes_no_state)
        if advice := push.advice():
            log.say("advice", f"http: {advice}")
        return WebServer(config.http.listen, made, config.failover.peers, push)

    def _overview(self, commands: dict[str, Command]) -> OverviewSource:
        from dnsd.control.failover.report import held
        from dnsd.control.web.overview import OverviewSource
        from dnsd.control.web.traffic import Traffic

        self._traffic = Traffic(self._vector)
        return OverviewSource(
            self._spec.config.server.server_id or socket.gethostname(),
            commands,
            self.unwell,
            self._traffic,
            RecentEvents(),
            lambda address: held(self.engine, address),
        )

    def leave(self) -> None:
        pass

    def stop(self) -> None:
        self.engine.stop()
        self.keeper.stop()
        self.hooks.stop()


def _director(control_spec: ControlSpec, vector: StateVector) -> Role | None:
    """Return the control of a director if this is one; only then is its code loaded."""
    if not control_spec.config.service:
        return None
    from dnsd.control.balance.director import Director

    return Director(control_spec, vector)


def _give_up_rights(control_spec: ControlSpec) -> None:
    """Keep what control needs; what it starts (builders, commands, the client of BIRD) gets none.

    As root it stays what it is: it may have to read what belongs to others.
    """
    capabilities.gain_no_more()
    if os.geteuid() == 0:
        return
    low = any(one.port < LOWEST_FREE_PORT for one in control_spec.config.http.listen)
    wanted = {Capability.NET_BIND_SERVICE} if low else set()
    if control_spec.doorbell is not None:
        wanted |= {Capability.NET_ADMIN, Capability.NET_RAW}
    capabilities.restrict(wanted)


if __name__ == "__main__":
    sys.exit(main())
