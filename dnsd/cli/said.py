"""What commands say when they are done: a sentence for people, an object for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dnsd.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Iterable


def say_done(as_json: bool, sentence: str, **facts: Any) -> None:
    """Print ``sentence``, or as JSON that and ``facts``."""
    echo(json.dumps({"said": sentence, **facts}) if as_json else sentence)


def say_lines(as_json: bool, lines: Iterable[str]) -> None:
    """Print ``lines`` as they come, or all of them as one list in JSON."""
    if as_json:
        echo(json.dumps({"lines": [*lines]}))
        return
    for line in lines:
        echo(line)
