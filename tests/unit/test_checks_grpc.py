"""gRPC's health check against a server of h2 that does as it is told, and against nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.checks import grpc
from dnsd.checks.grpc import GrpcCheck
from dnsd.checks.stream import Tls
from tests.certificates import NAME, Authority
from tests.checked import Serve, result_of

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from dnsd.checks.result import Result

NEVER = 60.0
PLAIN = GrpcCheck(0, NAME, NEVER)
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
WELL = b"\0\0\0\0\x02\x08\x01"

Respond = Callable[[h2.connection.H2Connection, int], object]


def check(
    serve: Serve,
    asked: GrpcCheck = PLAIN,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Result:
    return result_of(asked, serve, tls, host)


def server(respond: Respond, seen: list[object] | None = None) -> Serve:
    """Speak HTTP/2, and answer the call with ``respond``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if seen is not None:
                    seen.append(event)
                if isinstance(event, h2.events.StreamEnded):
                    assert event.stream_id
                    respond(connection, event.stream_id)
            writer.write(connection.data_to_send())
            await writer.drain()

    return serve


def answering(body: bytes, status: str = "0", message: str = "") -> Respond:
    def respond(connection: h2.connection.H2Connection, stream: int) -> None:
        connection.send_headers(stream, HEAD)
        connection.send_data(stream, body)
        trailers = [("grpc-status", status)] + ([("grpc-message", message)] if message else [])
        connection.send_headers(stream, trailers, end_stream=True)

    return respond


def refusing(fields: list[tuple[str, str]]) -> Respond:
    """Answer with nothing but fields."""
    return lambda connection, stream: connection.send_headers(stream, fields, end_stream=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_serving(host: str) -> None:
    seen: list[object] = []
    asked = replace(PLAIN, service="my.Service")
    assert check(server(answering(WELL), seen), asked, host=host)[:2] == (True, "")
    (headers,) = (
        {str(name): str(value) for name, value in one.headers}
        for one in seen
        if isinstance(one, h2.events.RequestReceived)
    )
    assert headers[":path"] == "/grpc.health.v1.Health/Check"
    assert (headers[":authority"], headers["te"]) == (NAME, "trailers")
    (data,) = (one.data for one in seen if isinstance(one, h2.events.DataReceived))
    assert data == b"\0\0\0\0\x0c\x0a\x0amy.Service"


@pytest.mark.parametrize(
    ("respond", "told"),
    [
        (answering(b"\0\0\0\0\x02\x08\x02"), "gRPC health is NOT_SERVING, expected SERVING"),
        (answering(b"\0\0\0\0\0"), "gRPC health is UNKNOWN, expected SERVING"),
        (answering(b"\0\0\0\0\x02\x08\x09"), "gRPC health is 9, expected SERVING"),
        (answering(b""), "response is not a HealthCheckResponse: its length is wrong"),
        (answering(b"\1\0\0\0\x02\x08\x01"), "not a HealthCheckResponse: it is compressed"),
        (answering(b"\0\0\0\0\x01\x08"), "not a HealthCheckResponse: a number has no end"),
        (answering(b"\0\0\0\0\x02\x0a\x05"), "a field is cut off, or of an unknown kind"),
        (
            refusing([*HEAD, ("grpc-status", "12"), ("grpc-message", "no%20such")]),
            "failed with UNIMPLEMENTED: the server has no health service (no such)",
        ),
        (refusing([*HEAD, ("grpc-status", "5")]), "NOT_FOUND: there is no such service"),
        (refusing(HEAD), "failed with missing"),
        (refusing([(":status", "503")]), "HTTP status 503, expected 200"),
        (
            lambda connection, stream: connection.reset_stream(stream, 7),
            "refused: HTTP/2 error REFUSED_STREAM",
        ),
        (lambda connection, _: connection.close_connection(2), "HTTP/2 error INTERNAL_ERROR"),
    ],
)
def test_what_is_wrong_is_told(respond: Respond, told: str) -> None:
    result = check(server(respond))
    assert not result.ok
    assert told in result.detail


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "response is not HTTP/2: "),
        (b"", "connection closed without a response"),
        (SETTINGS, "connection closed without a response"),
        (
            b"\0\0\0\x04\0\0\0\0\0" + b"\0\0\x08\x06\0\0\0\0\0abcdefgh" * 10_000,
            "of more than 65536",
        ),
    ],
)
def test_nonsense_is_told(octets: bytes, told: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(24)
        writer.write(octets)
        await writer.drain()

    result = check(serve)
    assert not result.ok
    assert told in result.detail


def test_silence_ends_with_the_time() -> None:
    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            pass

    told = "no response to the gRPC health check within 100ms"
    assert check(serve, replace(PLAIN, timeout=0.1))[:2] == (False, told)


def test_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.issue()
    context.set_alpn_protocols(["h2"])
    tls = Tls(NAME, authority=str(authority.file), protocol="h2")
    result = check(server(answering(WELL)), replace(PLAIN, tls=tls), context)
    assert result.ok, result.detail
    assert result.detail.startswith("certificate valid until 20")
    assert not check(server(answering(WELL)), replace(PLAIN, tls=Tls(NAME)), context).ok


@given(st.text(max_size=300))
def test_a_service_s_name_is_whole(name: str) -> None:
    message = grpc.request(name)
    if name:
        assert message[0] == 0x0A
        size, rest = grpc._read_varint(message[1:])
        assert (size, rest.decode()) == (len(name.encode()), name)
    else:
        assert message == b""


@given(st.binary(max_size=40))
def test_any_octets_are_a_state_or_a_sentence(message: bytes) -> None:
    state = -1
    with suppress(ValueError):
        state = grpc.response(message)
    assert isinstance(state, int)


@given(st.integers(0, 3), st.binary(max_size=20))
def test_unknown_fields_are_skipped(state: int, other: bytes) -> None:
    message = bytes((0x12, len(other))) + other + bytes((0x08, state)) + b"\x1d1234"
    assert grpc.response(message) == state
