"""One fault of a configuration: where it is, which key it is about, and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dnsd.text import printable

if TYPE_CHECKING:
    from dnsd.config import locate


class Problem(msgspec.Struct, frozen=True):
    """A fault; ``str()`` is fit to print.

    ``file`` may be empty (a command-line option), ``line`` 0 (unknown), ``key`` empty
    (the file as a whole).
    """

    file: str
    line: int
    key: str
    message: str

    @property
    def sentence(self) -> str:
        """The key and what is wrong with it."""
        return f"{self.key}: {self.message}" if self.key else self.message

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return printable(f"{where}: {self.sentence}" if where else self.sentence)


def show_key(path: locate.KeyPath) -> str:
    """Return a key path for messages: ``[server] listen``, ``[[zone]] #2 name``."""
    *tables, last = path
    table = ".".join(str(part) for part in tables if isinstance(part, str))
    numbers = [f" #{part}" for part in tables if isinstance(part, int)]
    number = numbers[-1] if numbers else ""
    if isinstance(last, int):
        return f"[[{table}]] #{last}"
    if not tables:
        return last
    return f"[[{table}]]{number} {last}" if number else f"[{table}] {last}"
