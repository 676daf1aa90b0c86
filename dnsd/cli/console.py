"""The console for tables and colours; only commands that show some load rich."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment

from dnsd.text import printable_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType


UNBOUNDED = 10_000
"""Columns of a line that is not for a terminal."""


class SafeConsole(Console):
    """A console in which foreign text is escaped: what controls the terminal is rich's own.

    Text is never markup: a name may have brackets in it.
    """

    def __init__(self, *, soft_wrap: bool = False) -> None:
        super().__init__(highlight=False, markup=False, soft_wrap=soft_wrap)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = UNBOUNDED  # a program reads it: no name is split

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render ``renderable`` piece by piece."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable_lines(segment.text), segment.style)
