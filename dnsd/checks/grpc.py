"""Does a gRPC service say that it serves? The standard health check, over HTTP/2 (RFC 9113).

One call of ``grpc.health.v1.Health/Check``. h2 knows the protocol; the two messages have one field
each, so they are read and written here (https://protobuf.dev/programming-guides/encoding).
The server may be hostile: all that it sends is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from dnsd.checks.result import Result, ServiceEndpoint, ServiceFault, Stage, judged, shown
from dnsd.checks.stream import Tls, opened
from dnsd.checks.tcp import connecting
from dnsd.process.exchange import ServerAddress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.checks.stream import Stream

PATH = "/grpc.health.v1.Health/Check"

MOST_OCTETS = 65536
"""Octets that are read of all that the server sends."""

SERVING = 1
_STATES = {0: "UNKNOWN", SERVING: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_CODES = {
    "1": "CANCELLED",
    "2": "UNKNOWN",
    "3": "INVALID_ARGUMENT",
    "4": "DEADLINE_EXCEEDED",
    "5": "NOT_FOUND: there is no such service",
    "7": "PERMISSION_DENIED",
    "8": "RESOURCE_EXHAUSTED",
    "12": "UNIMPLEMENTED: the server has no health service",
    "13": "INTERNAL",
    "14": "UNAVAILABLE",
    "16": "UNAUTHENTICATED",
}
_PREFIX = 5
"""Octets before a message: whether it is compressed, and its length."""
_TYPE, _SETTINGS = 3, b"\x04"
"""Where the type of a frame stands, and that of the first one (RFC 9113 §3.4)."""
_QUOTED = 60
"""Octets of an unexpected response that a message repeats."""
_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_FIELD = 1


@dataclass(frozen=True)
class GrpcCheck:
    """A call for the health of ``service``, of the whole server if that is empty.

    ``host`` is the authority, as in HTTP.
    """

    port: int
    host: str
    timeout: float
    service: str = ""
    tls: Tls | None = None
    source: str | None = None

    def __str__(self) -> str:
        of = f" of {self.service}" if self.service else ""
        return f"gRPC health{of} on port {self.port}"

    def endpoint(self, address: str) -> ServiceEndpoint:
        """Return where it connects to."""
        return ServiceEndpoint(address, self.port, self.source)

    async def run(self, address: str) -> Result:
        """Call."""
        peer = ServerAddress(address, self.port, self.source)
        stage = connecting(peer)

        async def asking() -> str:
            async with opened(peer, self.tls, stage, self.timeout) as stream:
                await self._call(stream, stage)
                return stream.note

        return await judged(self.timeout, stage, asking)

    async def _call(self, stream: Stream, stage: Stage) -> None:
        stage.waits_for = "no response to the gRPC health check"
        call = _Call()
        stream.writer.write(call.begin(self._fields(), request(self.service)))
        read = 0
        while not call.over:
            data = await stream.reader.read(MOST_OCTETS)
            read += len(data)
            if not data:
                raise ServiceFault("connection closed without a response to the gRPC health check")
            if read > MOST_OCTETS:
                raise ServiceFault(
                    f"response to the gRPC health check of more than {MOST_OCTETS} octets"
                )
            stream.writer.write(call.receive(data))
        state = call.state()
        if state != SERVING:
            name = _STATES.get(state, str(state))
            of = f' of "{self.service}"' if self.service else ""
            raise ServiceFault(f"gRPC health{of} is {name}, expected SERVING")

    def _fields(self) -> list[tuple[str, str]]:
        return [
            (":method", "POST"),
            (":scheme", "https" if self.tls else "http"),
            (":path", PATH),
            (":authority", self.host),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "dnsd"),
            ("grpc-timeout", f"{max(1, round(self.timeout * 1000))}m"),
        ]


class _Call:
    """One call on a connection of its own: octets in, octets out; Fault says what is wrong."""

    def __init__(self) -> None:
        self._connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        )
        self._begin = b""
        self._body = b""
        self._fields: dict[str, str] = {}
        self.over = False

    def begin(self, fields: list[tuple[str, str]], message: bytes) -> bytes:
        """Return what is sent first."""
        self._connection.initiate_connection()
        stream = self._connection.get_next_available_stream_id()
        self._connection.send_headers(stream, fields)
        self._connection.send_data(stream, _framed(message), end_stream=True)
        return self._connection.data_to_send()

    def receive(self, data: bytes) -> bytes:
        """Take in ``data``; return what to send."""
        self._begin = (self._begin + data)[:_QUOTED]
        if self._begin[_TYPE : _TYPE + 1] not in (b"", _SETTINGS):
            begin = shown(self._begin.decode("utf-8", "replace"))
            raise ServiceFault(f'response is not HTTP/2: it begins with "{begin}"')
        try:
            for event in self._connection.receive_data(data):
                self._note(event)
        except h2.exceptions.ProtocolError as error:
            raise ServiceFault(f"response is not HTTP/2: {shown(str(error))}") from error
        except UnicodeDecodeError as error:
            raise ServiceFault("response is not HTTP/2: a field is not UTF-8") from error
        return self._connection.data_to_send()

    def _note(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            self._fields |= {str(name): str(value) for name, value in event.headers or ()}
        elif isinstance(event, h2.events.DataReceived):
            self._body += event.data or b""
        elif isinstance(event, h2.events.StreamEnded):
            self.over = True
        elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
            raise ServiceFault(
                f"gRPC health check refused: HTTP/2 error {_named(event.error_code)}"
            )

    def state(self) -> int:
        """Return the state in the response, which is whole."""
        fields = self._fields
        if (status := fields.get(":status")) != "200":
            raise ServiceFault(f"gRPC health check: HTTP status {shown(str(status))}, expected 200")
        code = fields.get("grpc-status", "missing")
        if code != "0":
            what = shown(_CODES.get(code, code))
            said = shown(unquote(fields.get("grpc-message", "")))
            raise ServiceFault(
                f"gRPC health check failed with {what}" + (f" ({said})" if said else "")
            )
        try:
            return response(_unframed(self._body))
        except ValueError as error:
            raise ServiceFault(
                f"gRPC health check: response is not a HealthCheckResponse: {error}"
            ) from None


def _named(code: object) -> str:
    return code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)


def request(service: str) -> bytes:
    """Return the HealthCheckRequest for ``service``: field 1 is a string."""
    name = service.encode()
    return bytes((_FIELD << 3 | _LEN, *_varint(len(name)))) + name if name else b""


def response(message: bytes) -> int:
    """Return the state in a HealthCheckResponse: field 1 is an enum, and 0 if it is missing."""
    state = 0
    while message:
        key, message = _read_varint(message)
        value, message = _read_value(key & 7, message)
        if key == _FIELD << 3 | _VARINT:
            state = value
    return state


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(_PREFIX - 1, "big") + message


def _unframed(body: bytes) -> bytes:
    """Return the only message in ``body``."""
    if len(body) < _PREFIX or len(body) != _PREFIX + int.from_bytes(body[1:_PREFIX], "big"):
        raise ValueError("its length is wrong")
    if body[0]:
        raise ValueError("it is compressed")
    return body[_PREFIX:]


def _varint(value: int) -> Iterable[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value


def _read_varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for at, octet in enumerate(data[:10]):
        value |= (octet & 0x7F) << 7 * at
        if not octet & 0x80:
            return value, data[at + 1 :]
    raise ValueError("a number has no end")


def _read_value(kind: int, data: bytes) -> tuple[int, bytes]:
    """Return the value of a field, as far as it is a number, and what is behind it."""
    if kind == _VARINT:
        return _read_varint(data)
    size = {_I64: 8, _I32: 4}.get(kind)
    if kind == _LEN:
        size, data = _read_varint(data)
    if size is None or size > len(data):
        raise ValueError("a field is cut off, or of an unknown kind")
    return 0, data[size:]
