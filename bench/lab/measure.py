"""``lab measure``: events, again and again, and what each has cost the clients."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from bench.lab import trace
from bench.lab.errors import LabError
from bench.lab.results import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.lab.events import Event
    from bench.lab.lab import Lab
    from bench.lab.stacks import Stack

CALM_S = 0.3
"""How long it is watched before anything happens: losses then are somebody else's."""
SETTLED_S = 0.5
"""How long the routes have been as they should before the next event."""


def once(lab: Lab, event: Event) -> tuple[float, float]:
    """Have ``event`` happen and return from when until when its losses are to be counted."""
    event.before(lab)
    time.sleep(SETTLED_S)
    since = time.monotonic() - CALM_S
    event.happen(lab)
    lab.wait(event.expected)
    time.sleep(event.seconds)
    until = time.monotonic()
    lab.check(event.expected)
    return since, until


def repeat(
    lab: Lab, stack: Stack, chosen: dict[str, Event], repeats: int, say: Callable[[str], None]
) -> tuple[list[Run], list[str]]:
    """Have each of ``chosen`` happen ``repeats`` times; return the runs, and what failed."""
    runs: list[Run] = []
    failures: list[str] = []
    lab.probe()
    for number in range(1, repeats + 1):
        for name, event in chosen.items():
            # At any moment between two looks of whatever looks after the server.
            time.sleep(random.uniform(0, stack.period))
            try:
                since, until = once(lab, event)
                event.undo(lab)
                lab.converge()
                found = _runs(lab, (stack.name, name, number), since, until)
            except LabError as error:
                failures.append(f"{stack.name}, {event.title}, repeat {number}: {error}")
                say(failures[-1])
                lab.rebuild()
                lab.probe()
                continue
            runs += found
            say(f"{number}/{repeats} {stack.name}, {event.title}: {_sentence(found)}")
    return runs, failures


def _runs(lab: Lab, key: tuple[str, str, int], since: float, until: float) -> list[Run]:
    found = []
    for client in lab.cities:
        queries = lab.seen(client, since, until)
        loss = trace.loss(queries)
        by = trace.courses(queries)
        window, watched = round(loss.window_ms, 1), round((until - since) * 1e3, 1)
        found.append(Run(*key, client, loss.sent, loss.lost, window, by, watched))
    return found


def _sentence(runs: Iterable[Run]) -> str:
    return ", ".join(
        f"{run.client} {run.lost} lost"
        + (f" in {run.window_ms:.0f} ms" if run.lost else "")
        + f" ({' and '.join(run.answered_by)})"
        for run in runs
    )


def versions(programs: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return what each program says its version is; what is not installed is left out."""
    found = {}
    for name, command in programs.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            found[name] = (done.stdout + done.stderr).strip().split("\n")[0].split()[-1]
    return found
