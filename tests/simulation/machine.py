"""One node: the real carrier, vigil and plane, workers in a few words, one life after the other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from dnsd.config import Config
from dnsd.control.anycast.plane import Plane
from dnsd.control.anycast.probes import Probes
from dnsd.daemon.carrier import Carrier, any_worker
from dnsd.daemon.vigil import Vigil
from dnsd.image import memory
from dnsd.image.keepsake import Keepsakes
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from tests.simulation.kernel import Kernel
from tests.simulation.processes import Process

TICK_S = 0.05
WORKERS = 2
WORKER_START_S = 0.3
CONTROL_START_S = 0.2


class Worker:
    """Answers while it serves and does not hang."""

    def __init__(self, cells: memoryview) -> None:
        self._cells = cells
        self.hangs_until = 0.0
        self._due = 0.0
        self.serving = False

    def kill(self, now: float) -> None:
        self.serving = False
        self.hangs_until, self._due = 0.0, now + WORKER_START_S
        self._cells[WorkerCells.LISTENING] = self._cells[WorkerCells.READ] = 0

    def gets_on(self, now: float) -> bool:
        return self.serving and now >= self.hangs_until

    def turn(self, now: float) -> bool:
        """Live for a moment; return whether it gets on."""
        if not self.serving and now >= self._due:
            self.serving = True
            self._cells[WorkerCells.LISTENING] = self._cells[WorkerCells.READ] = 1
            return True  # that it says so is a sign of life
        if not self.gets_on(now):
            return False
        self._cells[WorkerCells.HEARTBEAT] = round(now * 1e9)
        return True


class Node:
    """One life of the master, with all that ends with it."""

    def __init__(
        self, config: Config, kernel: Kernel, phase: float, probes: Callable[[], Probes]
    ) -> None:
        loop = asyncio.get_running_loop()
        self._config = config
        self._probes = probes
        self._loop = loop
        self.vector = StateVector.create(WORKERS)
        self.vector.control[ControlCells.ZONES] = 1
        self._memory = memory.create("kept")
        self._doorbell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        miss = config.anycast.heartbeat_miss
        self.carrier = Carrier(kernel.make, self.vector, any_worker(self.vector, miss))
        self._vigil = Vigil(self.vector, miss, TICK_S, lambda _pid: lambda step: step)
        self.workers = [Worker(self.vector.worker(index)) for index in range(WORKERS)]
        self.progressed = float("-inf")
        self.control: Process | None = None
        self.plane: Plane | None = None
        self._control_due = 0.0
        loop.add_reader(self._doorbell, self._on_ring)
        self._work = [loop.create_task(self._watch()), loop.create_task(self._serve(phase))]

    @property
    def healthy(self) -> bool:
        """Whether what must run does."""
        serving = all(worker.serving for worker in self.workers)
        return serving and self.control is not None and not self.control.dead

    def kill_control(self) -> None:
        if self.control is not None:
            self.control.kill()

    def kill(self) -> None:
        self.kill_control()
        self._loop.remove_reader(self._doorbell)
        for task in self._work:
            task.cancel()
        os.close(self._doorbell)  # what is shared memory is closed after each story

    def _on_ring(self) -> None:
        os.eventfd_read(self._doorbell)
        self.carrier.turn()

    async def _watch(self) -> None:
        while True:
            now = self._loop.time()
            chosen = self._vigil.look(now)
            if chosen is not None:
                self.workers[chosen].kill(now)
            self.carrier.turn()
            if self.control is not None and self.control.dead:
                self.control, self.plane, self._control_due = None, None, now + CONTROL_START_S
            if self.control is None and now >= self._control_due:
                self._start_control()
            await asyncio.sleep(TICK_S)

    async def _serve(self, phase: float) -> None:
        await asyncio.sleep(phase * TICK_S)
        while True:
            now = self._loop.time()
            for worker in self.workers:
                if worker.turn(now):
                    self.progressed = now
            await asyncio.sleep(TICK_S)

    def _start_control(self) -> None:
        process = self.control = Process()
        self.plane = process.run(self._plane)
        process.begin(self.plane.run())
        process.begin(self.plane.probes.run())

    def _plane(self) -> Plane:
        keepsake = Keepsakes(self._memory, self.vector).orders
        return Plane(
            self._config,
            self.vector,
            self._doorbell,
            tuple,
            probes=self._probes(),
            keepsake=keepsake,
        )
