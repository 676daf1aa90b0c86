"""What lies between machines: ways that are cut, slow or lossy; and services that are checked."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.checks.result import Result
from tests.simulation import processes
from tests.simulation.worlds import commands, zones

if TYPE_CHECKING:
    from random import Random

    from dnsd.checks.tcp import TcpCheck
    from dnsd.config import Endpoint
    from tests.simulation.worlds.machine import Machine
    from tests.simulation.worlds.world import World

FOR_EVER_S = 1e6


class Net:
    """Carries questions and answers between machines, and connections to members."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self.cut: dict[int, float] = {}
        """Until when a machine reaches no other."""
        self.blind: dict[int, float] = {}
        """Until when a machine reaches no member."""
        self.lossy_until = 0.0
        self.ill: dict[str, str] = {}
        """Members that are not well, and how."""

    def heal(self) -> None:
        """End all that is wrong."""
        self.cut.clear()
        self.blind.clear()
        self.lossy_until = 0.0
        self.ill.clear()

    async def ask(self, source: Machine, target: Machine, command: str, /, **request: Any) -> Any:
        """Return what the node on ``target`` answers; OSError, or nothing for ever."""
        await self._way(source, target)
        control, life = target.control, target.life
        if control is None or life is None or command not in life.commands:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        answer = await control.asked(life.commands[command](request))  # type: ignore[arg-type]
        await self._way(target, source)
        return answer

    async def _way(self, source: Machine, target: Machine) -> None:
        if source is target:
            return
        now, random = self._world.loop.now, self._random
        if any(now < self.cut.get(one.index, 0.0) for one in (source, target)):
            await asyncio.sleep(FOR_EVER_S)
        seconds = random.uniform(0.001, 0.03)
        if now < self.lossy_until and random.random() < 0.3:
            seconds += random.choice((0.2, 0.6, 1.4, 3.0, 7.0))  # so late comes a lost segment
        await asyncio.sleep(seconds)

    async def votes(self, endpoint: Endpoint) -> bytes:
        """Stand for :func:`dnsd.control.failover.peers.get_votes`."""
        source = _here()
        target = next(
            one for one in self._world.machines if commands.address(one.index) == endpoint.address
        )
        return msgspec.json.encode(await self.ask(source, target, "votes"))

    async def check(self, check: TcpCheck, address: str) -> Result:
        """Stand for :meth:`dnsd.checks.tcp.TcpCheck.run`."""
        here, began = _here(), self._world.loop.now
        address = zones.member_at(address, self._world.members)
        if began < self.blind.get(here.index, 0.0):
            how = "hangs"
        else:
            how = self.ill.get(address, "")  # who dies later has answered
        self._world.laws.checked(here.index, address, ok=not how)
        seconds = check.timeout if how == "hangs" else self._random.uniform(0.001, 0.05)
        await asyncio.sleep(seconds)
        return Result(not how, how and f"is {how}", self._world.loop.now - began)


def _here() -> Machine:
    process = processes.current()
    assert process is not None
    return process.machine  # type: ignore[attr-defined, no-any-return]
