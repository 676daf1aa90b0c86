"""What goes wrong in a study, as a sentence for whoever started it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


class StudyError(Exception):
    """The study cannot do what was asked; the text is a sentence."""


def sentences(command: Callable[..., None]) -> Callable[..., None]:
    """Have StudyError end a click command with its sentence."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except StudyError as error:
            raise click.ClickException(str(error)) from error

    return run
