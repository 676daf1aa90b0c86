"""Where queries are written, and how: what a spec asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dnsd.recorder.boundedfile import BoundedFile
from dnsd.recorder.dnstap import DnstapWriter
from dnsd.recorder.frames import DNSTAP, Control, control, frame
from dnsd.recorder.framesocket import FrameSocket
from dnsd.recorder.lines import as_json, text
from dnsd.recorder.spec import DnstapSink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.image.tap import Tapped
    from dnsd.recorder.spec import LineSink

    Encode = Callable[[Tapped, int], bytes]
    """Makes what is written of a query; its times are so many nanoseconds off."""


class Destination(Protocol):
    """What octets are written to: a file, or a socket."""

    def write(self, octets: bytes) -> None:
        """Write ``octets``, as a whole; OSError if that is not possible now."""
        ...

    def look(self) -> None:
        """See, once a second, whether it is what it should be."""
        ...

    def close(self) -> None:
        """End it, so that it can be read."""
        ...


class Sink:
    """Writes queries to an ``outlet`` as ``encode`` has them."""

    def __init__(self, outlet: Destination, encode: Encode) -> None:
        self._outlet = outlet
        self._encode = encode
        self.fault = ""
        """Why nothing can be written now; empty if something can."""

    def write(self, entries: Sequence[Tapped], offset: int) -> bool:
        """Write ``entries``, of which the times are ``offset`` (ns) off; return whether it did."""
        try:
            self._outlet.write(b"".join(self._encode(one, offset) for one in entries))
        except OSError as error:
            where = "" if error.filename is None else f"to {error.filename} "
            self.fault = f"queries cannot be written {where}({error.strerror or error})"
            return False
        self.fault = ""
        return True

    def look(self) -> None:
        """See, once a second, whether all is as it should be."""
        self._outlet.look()

    def close(self) -> None:
        """End what is written."""
        self._outlet.close()


def sink_of(told: LineSink | DnstapSink) -> Sink:
    """Return the place that a spec asks for."""
    if not isinstance(told, DnstapSink):
        return Sink(BoundedFile(Path(told.file), told.size), _encoded_as(told.format))
    if told.socket:
        outlet: Destination = FrameSocket(told.socket)
    else:
        ends = control(Control.START, DNSTAP), control(Control.STOP)
        outlet = BoundedFile(Path(told.file), told.size, *ends)
    writer = DnstapWriter(told.identity, told.version, told.queries, told.responses)
    return Sink(outlet, lambda one, offset: b"".join(map(frame, writer.messages(one, offset))))


def _encoded_as(form: str) -> Encode:
    line = as_json if form == "json" else text
    return lambda one, offset: line(one, one.at + offset)
