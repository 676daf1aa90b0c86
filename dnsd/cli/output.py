"""What commands print: it never fails for the locale, a reader that is gone, or a name.

Nothing else in :mod:`dnsd.cli` writes to standard output or standard error, but for tables and
colours (:mod:`dnsd.cli.console`), which end up here, too. Characters that the
encoding lacks, and control characters, are escaped. A reader that has gone (``| head``) ends
nothing: the command goes on to its end and its exit status. A full disk is an error.
"""

from __future__ import annotations

import io
import sys
from typing import BinaryIO, TextIO, cast

import click

from dnsd.errors import OutputError
from dnsd.text import printable_lines


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print ``text``, whose lines stay lines; everything else that is no text is escaped."""
    _write(printable_lines(text), sys.stderr if err else sys.stdout, nl)


def echo_styled(text: str) -> None:
    """Print ``text`` with its colours, where there are any: it was escaped before it got them."""
    _write(text, sys.stdout, nl=True)


def prepare() -> None:
    """Have standard output and standard error keep what this module promises."""
    sys.stdout = _prepared(sys.stdout, _Output)
    sys.stderr = _prepared(sys.stderr, _Errors)


def finish() -> None:
    """Write what is still to be written; OutputError when that fails."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def is_read() -> bool:
    """Tell whether there is still a reader of standard output, as far as writing has shown."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return not (isinstance(raw, _Output) and raw.lost)


def _write(text: str, stream: TextIO | None, nl: bool) -> None:
    # click writes UTF-8 where the locale says ASCII, unless it is given the stream
    if stream is not None:
        click.echo(text, file=stream, nl=nl)


class _Output(io.RawIOBase):
    """Standard output, which may lose its reader, and tells once that it cannot be written."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__()
        self._raw = raw
        self.lost = False
        """Whether writing has failed: nothing more is written then."""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, octets: bytes) -> int:  # type: ignore[override]
        """Write, or let the octets go when that has failed before."""
        if not self.lost:
            try:
                return self._raw.write(octets)
            except OSError as error:
                self.lost = True
                self._lose(error)
        return len(octets)

    def _lose(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            raise OutputError(f"the output cannot be written: {error.strerror}") from error


class _Errors(_Output):
    """Standard error: there is nowhere to tell that it cannot be written."""

    def _lose(self, error: OSError) -> None:
        pass


def _prepared(stream: TextIO | None, kind: type[_Output]) -> TextIO | None:
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # with PYTHONUNBUFFERED there is no buffer between
    if stream is None or not isinstance(raw, io.FileIO):
        return stream  # there is none, its reader is in this process, or it is prepared already
    stream.flush()
    return io.TextIOWrapper(
        cast("BinaryIO", io.BufferedWriter(cast("io.FileIO", kind(raw)))),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.isatty() or raw is buffer or kind is _Errors,
    )
