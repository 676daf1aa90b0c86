"""What control tells a recorder, one line of JSON on its standard input, and what it reports."""

from __future__ import annotations

from typing import Literal

import msgspec


class LineSink(msgspec.Struct, frozen=True, tag="lines"):
    """A file with a line for each query; see :mod:`dnsd.recorder.lines`."""

    file: str
    format: Literal["text", "json"]
    size: int


class DnstapSink(msgspec.Struct, frozen=True, tag="dnstap"):
    """A ``socket``, or a ``file`` of about ``size`` octets, for messages of dnstap.

    The other one is empty, and so is what is not to be said of ``identity`` and ``version``.
    """

    socket: str
    file: str
    size: int
    identity: str
    version: str
    queries: bool
    responses: bool


class RecorderSpec(msgspec.Struct, frozen=True):
    """Everything that a recorder needs to know.

    ``state_fd`` is the inherited descriptor of the state vector, which has ``seats`` for workers.
    One query in ``one_in`` is written.
    """

    state_fd: int
    seats: int
    one_in: int
    sink: LineSink | DnstapSink


class RecorderReport(msgspec.Struct, frozen=True):
    """How many queries were written, how many were not, and why nothing can be written now."""

    written: int
    lost: int
    fault: str = ""


def encode(spec: RecorderSpec) -> bytes:
    """Return the line that :func:`decode` reads, with its newline."""
    return msgspec.json.encode(spec) + b"\n"


def decode(line: bytes) -> RecorderSpec:
    """Return the spec in ``line``; msgspec.DecodeError when it holds none."""
    return msgspec.json.decode(line, type=RecorderSpec)


def encode_report(report: RecorderReport) -> bytes:
    """Return the line that :func:`decode_report` reads, with its newline."""
    return msgspec.json.encode(report) + b"\n"


def decode_report(line: bytes) -> RecorderReport:
    """Return the report in ``line``; msgspec.DecodeError when it holds none."""
    return msgspec.json.decode(line, type=RecorderReport)
