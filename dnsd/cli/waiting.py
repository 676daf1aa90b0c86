"""Commands that wait: one that is interrupted says what goes on without it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dnsd.cli import exits
from dnsd.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def goes_on(sentence: str) -> Iterator[None]:
    """End with ``sentence`` on Ctrl-C: what goes on, and how to take it back or look at it."""
    try:
        yield
    except KeyboardInterrupt:
        echo(f"dnsd: interrupted: {sentence}", err=True)
        raise SystemExit(exits.FAILED) from None
