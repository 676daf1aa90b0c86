"""Progress of a study: a bar with what is being done on a terminal, lines with times elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator


class Steps:
    """The steps of a study, of which the caller says which one begins and how far it is."""

    def __init__(self, bars: Progress, console: Console) -> None:
        self._bars = bars
        self._console = console
        self._task = bars.add_task("", total=None)

    def begin(self, what: str, total: float | None = None) -> None:
        """Begin a step; ``total`` is in units of :meth:`reach`."""
        if self._console.is_terminal:
            self._bars.reset(self._task, description=what, total=total)
        else:
            self.say(what)

    def reach(self, amount: float) -> None:
        """Say how far the step is."""
        self._bars.update(self._task, completed=amount)

    def say(self, sentence: str) -> None:
        """Print a line that stays, such as what a step has found."""
        self._console.print(
            f"{time.strftime('%H:%M:%S')} {sentence}", highlight=False, markup=False
        )


@contextmanager
def steps() -> Iterator[Steps]:
    """Show steps on standard error while the body runs."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
    )
    bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bars:
        yield Steps(bars, console)
