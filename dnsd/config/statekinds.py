"""Kinds of values about states from outside: the files that the configuration allows, by name.

A policy lies beside its zone file, and who writes zone files need not be who runs the node. So the
configuration lists each file under a name, ``[failover.state_files]``, and a policy gives the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.config.kinds import FilePath, wanted

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class StateFiles:
    """A table of files by name."""

    def read(self, value: object, base: Path) -> dict[str, str]:
        """Return their paths; one that is relative begins at the directory of the file."""
        if not isinstance(value, dict):
            raise wanted("a table of files by name", value)
        faults = []
        found = {}
        for name, path in value.items():
            try:
                found[_name(name)] = str(FilePath().read(path, base))
            except ValueError as error:
                faults.append(f"{name}: {error}")
        if faults:
            raise ValueError("\n".join(faults))
        return found


@dataclass(frozen=True)
class StateFileName:
    """The name of a file that the configuration lists."""

    def read(self, value: object, _base: Path) -> str:
        """Return the name."""
        if not isinstance(value, str):
            what = "the name of a file that [failover.state_files] of the configuration lists"
            raise wanted(what, value)
        return _name(value)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text!r} is no name here: up to 64 small letters, digits, _ and -, a letter first"
        )
    return text
