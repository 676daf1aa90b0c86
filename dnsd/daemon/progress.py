"""The line on a terminal that shows the progress of a start, until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CLEAR = "\r\x1b[K"


class ProgressLine:
    """One line that is overwritten; nothing if ``stream`` is not a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None
        self._text = ""

    def show(self, text: str) -> None:
        """Write ``text`` in place of what was there."""
        if self._stream is not None and text != self._text:
            self._text = text
            self._stream.write(f"{_CLEAR}dnsd: {text}" if text else _CLEAR)
            self._stream.flush()

    def clear(self) -> None:
        """Remove the line."""
        self.show("")
