"""Many cells, several at once: most of a cell is waiting."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from bench.failover import cell
from bench.failover.cell import Interrupted
from bench.failover.stories import CITIES
from bench.lab.errors import LabError
from bench.peers.base import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.failover.cell import Order
    from bench.failover.results import Cell
    from bench.study.progress import Steps

HEAVY = 4
"""How much room a cell takes that has routes: a BIRD that waits for the processor says "down"."""


class Outcome(NamedTuple):
    """The cells that were measured, in the order in which they were asked for; what failed."""

    cells: list[Cell]
    problems: list[str]


def room(order: Order) -> int:
    """Return how much room a cell takes: most take one."""
    anycast = order.stack.name.startswith(("anycast", "dnsd"))
    directors = order.stack.name == "farm-directors"
    return HEAVY if directors or (order.story.ground == CITIES and anycast) else 1


class Fleet:
    """Runs cells with so much room."""

    def __init__(self, places: int, steps: Steps) -> None:
        self._places = max(places, HEAVY)
        self._steps = steps
        self._free = threading.Condition()
        self._taken = 0
        self._done = 0
        self._stop = threading.Event()
        self._cells: dict[str, Cell] = {}
        self._problems: list[str] = []

    def run(self, orders: Sequence[Order]) -> Outcome:
        """Measure all: what needs room first, then what takes longest."""
        queue = sorted(orders, key=lambda order: (-room(order), -order.seconds))
        self._steps.begin(f"{len(orders)} cells", total=len(orders))
        with ThreadPoolExecutor(max_workers=self._places) as pool:
            try:
                for order in queue:
                    self._take(room(order))
                    pool.submit(self._one, order)
                with self._free:
                    self._free.wait_for(lambda: self._taken == 0)
            except BaseException:
                self._stop.set()
                raise
        done = [self._cells[order.name] for order in orders if order.name in self._cells]
        return Outcome(done, self._problems)

    def _take(self, wanted: int) -> None:
        with self._free:
            self._free.wait_for(lambda: self._taken + wanted <= self._places)
            self._taken += wanted

    def _one(self, order: Order) -> None:
        began = time.monotonic()
        try:
            found = cell.run(order, self._stop)
        except Interrupted:
            pass
        except (LabError, Unavailable, OSError) as error:
            self._problems.append(f"{order}: {error}")
            self._steps.say(self._problems[-1])
        else:
            self._cells[order.name] = found
            self._steps.say(f"{order}: {_sentence(found)}, {time.monotonic() - began:.0f} s")
        finally:
            with self._free:
                self._taken -= room(order)
                self._done += 1
                self._steps.reach(self._done)
                self._free.notify_all()


def _sentence(found: Cell) -> str:
    if not found.lost:
        return f"none of {found.sent} failed"
    return f"{found.lost} of {found.sent} failed, the last one after {found.last_s:.1f} s"
