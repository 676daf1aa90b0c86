"""One worker as a process, for tests that are its master, its control and its clients."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dns.message
import dns.query
import dns.rcode

from dnsd import compile as compiler
from dnsd.hotpath.api import Settings
from dnsd.image import memory, store
from dnsd.image.journal import JournalWriter, Placed, State
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.metrics import counters
from dnsd.process.statedir import IMAGES
from dnsd.serve import spec
from dnsd.serve.spec import TcpLimits, WorkerSpec
from dnsd.wire import name
from dnsd.zone.load import load_text
from tests.serving import PATIENCE, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from dnsd.image.journal import Entry
    from dnsd.zone.records import Zone

ROOT = Path(__file__).parents[1]
ZONE = name.from_text("one.example.")


class WorkerNode:
    """A state vector, a journal, and one worker that this test is the master of."""

    def __init__(
        self,
        directory: Path,
        *addresses: str,
        settings: Settings = Settings(server_id=b"worker-test"),  # noqa: B008 - it is frozen
    ) -> None:
        self.directory = directory
        (directory / IMAGES).mkdir()
        self.state = StateVector.create(1)
        self.head = self.state.worker(0)
        self.port = free_port()
        self.addresses = addresses or ("127.0.0.1",)
        self.spec = WorkerSpec(
            index=0,
            workers=1,
            state_fd=self.state.fd,
            journal_fd=memory.create("journal"),
            images_fd=memory.create("images"),
            images=str(directory / IMAGES),
            listen=tuple((address, self.port) for address in self.addresses),
            settings=settings,
            tcp=TcpLimits(connections=100, per_source=100),
            udp_receive_buffer=1 << 16,
        )
        self.process: subprocess.Popen[bytes] | None = None

    # -- the master's part --

    def start(self, *how: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *(how or ("-m", "dnsd.serve"))],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[self.state.fd, self.spec.journal_fd, self.spec.images_fd],
            cwd=ROOT,
        )
        assert self.process.stdin
        self.process.stdin.write(spec.encode(self.spec))
        self.process.stdin.flush()

    def begin(self, serial: int = 1) -> None:
        """Start the worker and have it serve ZONE."""
        self.publish_epoch({ZONE: self.image(ZONE, serial)})
        self.start()
        self.until(lambda: self.generation == 1)

    @property
    def pid(self) -> int:
        """The worker's own word for its process."""
        return int(self.head[WorkerCells.PID])

    @property
    def generation(self) -> int:
        """The generation that the worker serves."""
        return int(self.head[WorkerCells.GENERATION])

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for the worker's end; return its status and what it has said."""
        assert self.process
        assert self.process.stdin
        assert self.process.stderr
        # Not communicate(): it closes standard input, which alone would end the worker.
        status = self.process.wait(PATIENCE)
        said = self.process.stderr.read().decode()
        self.process.stdin.close()
        self.process.stderr.close()
        return status, said

    def until(self, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def close(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()
            self.end()

    # -- control's part --

    def image(self, apex: bytes, serial: int) -> Placed:
        """Save an image of a small zone; return it."""
        text = f"@ 300 IN SOA ns host {serial} 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.1\n"
        zone = load_text(name.to_text(apex), text).zone
        assert zone
        return self.save(zone, f"{apex.hex()}-{serial}")

    def save(self, zone: Zone, file_name: str) -> Placed:
        """Save an image of ``zone`` that is large enough to be mapped, and return it."""
        image = compiler.build(zone, meta=bytes(store.MAPPED_FROM))
        store.save(self.directory / IMAGES / file_name, image)
        return Placed(file_name)

    def publish_epoch(self, state: State) -> None:
        self.writer = JournalWriter(self.spec.journal_fd, state)
        self.state.control[ControlCells.EPOCH] = self.writer.epoch
        self.state.control[ControlCells.GENERATION] = 1

    def publish(self, *entries: Entry) -> None:
        """Publish ``entries``, and wait until the worker has got to them."""
        self.writer.append(entries)
        generation = self.state.control[ControlCells.GENERATION] + 1
        self.state.control[ControlCells.GENERATION] = generation
        self.until(lambda: self.head[WorkerCells.READ] == generation)

    # -- the client's part --

    def serial(self, apex: bytes = ZONE, address: str | None = None) -> int | str:
        """The serial that is answered for ``apex``, or the response code."""
        query = dns.message.make_query(name.to_text(apex), "SOA")
        where = address or self.addresses[0]
        answer = dns.query.udp(query, where, port=self.port, timeout=PATIENCE)
        if answer.answer:
            return int(answer.answer[0][0].serial)
        return dns.rcode.to_text(answer.rcode())

    def count(self, counter: str) -> int:
        return int(self.state.counters(0)[counters.INDEX[counter]])
