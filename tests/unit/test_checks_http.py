"""Checks over HTTP and HTTPS, against servers that do as they are told, on loopback."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dnsd.checks import search, stream
from dnsd.checks.certificate import not_after
from dnsd.checks.http import HttpCheck
from dnsd.checks.httpclient import MOST_BODY, MOST_HEAD, MOST_INTERIM
from dnsd.checks.result import Blind, Result
from dnsd.checks.stream import Tls
from dnsd.config.pattern import Pattern
from tests.certificates import NAME, Authority
from tests.checked import Serve, result_of

NEVER = 60.0
"""A time-out that does not happen."""
SOON = 0.1

PLAIN = HttpCheck(port=0, path="/health", host=NAME, timeout=NEVER)


def sending(*parts: bytes, then: float | None = None) -> Serve:
    """Read a request, send ``parts``, and close; or first wait for so many seconds."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then is not None:
            await asyncio.sleep(then)

    return serve


def check(
    serve: Serve,
    asked: HttpCheck = PLAIN,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Result:
    """Return what ``asked`` says of a server; its port is filled in."""
    return result_of(asked, serve, tls, host)


def fault(serve: Serve, asked: HttpCheck = PLAIN) -> str:
    result = check(serve, asked)
    assert not result.ok
    return result.detail


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_status_that_is_expected_is_ok(host: str) -> None:
    result = check(sending(OK), host=host)
    assert (result.ok, result.detail) == (True, "")
    assert 0 < result.latency < NEVER


def test_what_is_asked() -> None:
    requests: list[bytes] = []
    sources: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        sources.append(writer.get_extra_info("peername")[0])
        writer.write(OK)

    assert check(serve, replace(PLAIN, source="127.0.0.7")).ok
    assert requests[0].startswith(b"GET /health HTTP/1.1\r\nHost: www.example.com\r\n")
    assert b"Connection: close\r\n" in requests[0]
    assert sources == ["127.0.0.7"]


def test_another_status_is_told_and_a_redirection_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    told = "GET /health: status 302, expected 200 or 204"
    assert fault(sending(moved), replace(PLAIN, status=(200, 204))) == told
    assert check(sending(moved), replace(PLAIN, status=(302,))).ok


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", b"all is ", b"well"),
        (b"HTTP/1.0 200 OK\r\n\r\nall is well",),
        (b"HTTP/1.1 200\nServer: lax\n\nall is well",),
        (CHUNKED, b"7;x=y\r\nall is \r\n", b"4\r\nwell\r\n0\r\n\r\n"),
        (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", CHUNKED, b"b\r\nall is well\r\n0\r\n\r\n"),
    ],
)
def test_a_body_is_searched_however_it_comes(parts: tuple[bytes, ...]) -> None:
    assert check(sending(*parts), replace(PLAIN, body="is w.ll$")).ok
    told = fault(sending(*parts), replace(PLAIN, body="is ill"))
    assert told == 'GET /health: "is ill" not found in its body'


def test_a_body_that_may_not_be_there_is_empty() -> None:
    asked = replace(PLAIN, status=(204,), body="^$")
    assert check(sending(b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n", then=NEVER), asked).ok


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", CHUNKED + b"ffffffffff\r\n"])
def test_of_a_huge_body_only_the_beginning_counts(head: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + b"early" + b"x" * (MOST_BODY - 5) + b"late")
        while True:  # it never ends
            writer.write(b"x" * 65536)
            await writer.drain()

    assert check(serve, replace(PLAIN, body="early")).ok
    told = fault(serve, replace(PLAIN, body="late"))
    assert told == f'GET /health: "late" not found in the first {MOST_BODY} octets of its body'


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"\x00\xff\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"1\r\nxyz\r\n",
    ],
)
def test_garbage_is_told(garbage: bytes) -> None:
    told = fault(sending(garbage), replace(PLAIN, body="x"))
    assert told.startswith("response is not HTTP/1.1: ")


@pytest.mark.parametrize(
    "short",
    [
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\nServ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno",
        CHUNKED + b"5\r\nno",
        CHUNKED + b"1\nn\n0\n\n",  # RFC 9112 §7.1: no bare LF there
    ],
)
def test_a_response_that_is_cut_off_is_told(short: bytes) -> None:
    told = fault(sending(short), replace(PLAIN, body="n"))
    assert told == "connection closed in the middle of the response"


def test_a_connection_that_is_closed_at_once_is_told() -> None:
    assert fault(sending()) == "connection closed without a response"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 " + b"x" * 2 * MOST_HEAD,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * MOST_HEAD,
    ],
)
def test_a_head_without_an_end_is_given_up(head: bytes) -> None:
    assert fault(sending(head)) == f"response header section of more than {MOST_HEAD} octets"


def test_interim_responses_without_an_end_are_given_up() -> None:
    told = fault(sending(b"HTTP/1.1 100 Continue\r\n\r\n" * 100))
    assert told == f"more than {MOST_INTERIM} interim responses"


def test_a_body_in_tiny_pieces_is_given_up() -> None:
    """Each of them costs more than its octets."""
    chunks = b"1\r\nx\r\n" * 60_000
    told = fault(sending(CHUNKED + chunks, then=NEVER), replace(PLAIN, body="y"))
    assert told == "body comes in too many small pieces"
    few = b"1\r\nx\r\n" * 900 + b"0\r\n\r\n"
    assert check(sending(CHUNKED + few), replace(PLAIN, body="x{900}")).ok


def test_silence_and_a_slow_trickle_end_with_the_time() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"a: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    hasty = replace(PLAIN, timeout=SOON)
    assert fault(sending(then=NEVER), hasty) == "no response to GET /health within 100ms"
    assert fault(trickle, hasty) == "no response to GET /health within 100ms"
    endless = sending(b"HTTP/1.1 200 OK\r\n\r\nx", then=NEVER)
    told = fault(endless, replace(hasty, body="y"))
    assert told == "body of GET /health not complete within 100ms"


def test_a_stalled_loop_is_not_the_service_s_silence() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        time.sleep(3 * SOON)
        writer.write(OK)

    assert check(serve, replace(PLAIN, timeout=SOON)).ok


def test_a_pattern_that_would_backtrack_keeps_nothing_waiting() -> None:
    body = b"x" * MOST_BODY
    told = fault(sending(b"HTTP/1.1 200 OK\r\n\r\n" + body), replace(PLAIN, body="(x+x+)+y"))
    assert told.startswith('GET /health: "(x+x+)+y" not found in the first ')


def test_a_search_that_takes_long_says_nothing_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is made beside the loop, and what it costs is the policy's fault."""
    over = threading.Event()
    monkeypatch.setattr(search, "LONGEST_S", 0.05)
    monkeypatch.setattr(Pattern, "found_in", lambda *_: over.wait(NEVER))
    asked = replace(PLAIN, body="slow")
    try:
        with pytest.raises(Blind, match="expect_body takes longer than 50ms: simplify it"):
            check(sending(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2 * search.SMALL), asked)
    finally:
        over.set()


# -- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    found = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(found.file))
    stream._context.cache_clear()
    yield found
    stream._context.cache_clear()


SECURE = replace(PLAIN, tls=Tls(NAME))


def test_a_certificate_that_is_valid_is_ok(authority: Authority) -> None:
    result = check(sending(OK), SECURE, tls=authority.issue())
    assert result.ok
    assert result.detail.startswith("certificate valid until 20")
    by_address = replace(PLAIN, tls=Tls("127.0.0.1"))
    assert check(sending(OK), by_address, tls=authority.issue()).ok


def test_the_name_goes_into_the_handshake(authority: Authority) -> None:
    names: list[str | None] = []
    context = authority.issue()
    context.sni_callback = lambda _object, name, _context: names.append(name)
    assert check(sending(OK), SECURE, tls=context).ok
    assert names == [NAME]


def test_a_certificate_for_another_name_is_not_valid(authority: Authority) -> None:
    asked = replace(PLAIN, tls=Tls("other.example.com"))
    result = check(sending(OK), asked, tls=authority.issue())
    assert not result.ok
    assert result.detail.startswith("certificate is not valid: Hostname mismatch")
    unverified = replace(PLAIN, tls=Tls("other.example.com", verify=False))
    assert check(sending(OK), unverified, tls=authority.issue()).ok


def test_an_expired_certificate_is_not_valid(authority: Authority) -> None:
    expired = authority.issue(begin=-5, end=-1)
    told = "certificate is not valid: certificate has expired"
    assert check(sending(OK), SECURE, tls=expired)[:2] == (False, told)
    unverified = replace(PLAIN, tls=Tls(NAME, verify=False))
    assert check(sending(OK), unverified, tls=expired).ok


def test_nobody_s_certificate_is_not_valid(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").issue()
    result = check(sending(OK), SECURE, tls=other)
    assert result.detail.startswith("certificate is not valid: ")
    assert authority.file.exists()


@pytest.mark.parametrize("verify", [True, False])
def test_a_certificate_that_ends_soon_is_told(authority: Authority, verify: bool) -> None:
    context = authority.issue(end=3)
    day = 86400.0
    asked = replace(PLAIN, tls=Tls(NAME, verify, expiry=7 * day))
    result = check(sending(OK), asked, tls=context)
    assert not result.ok
    assert result.detail.startswith("certificate expires on 20")
    assert result.detail.endswith(" UTC, in less than 7d")
    assert check(sending(OK), replace(PLAIN, tls=Tls(NAME, verify, expiry=2 * day)), tls=context).ok


def test_a_server_without_tls_is_told(authority: Authority) -> None:
    async def clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert fault(clear, SECURE).startswith("TLS failed: ")
    assert authority.file.exists()


def test_a_handshake_that_hangs_ends_with_the_time(authority: Authority) -> None:
    async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    told = fault(hang, replace(SECURE, timeout=SOON))
    assert told == "TLS handshake not finished within 100ms"
    assert authority.file.exists()


@pytest.mark.parametrize("name", ["." + NAME, "x" * 64 + ".example"])
def test_a_name_that_cannot_be_sent_says_nothing_of_the_service(
    authority: Authority, name: str
) -> None:
    asked = replace(SECURE, tls=Tls(name))
    with pytest.raises(Blind, match=f'"{name}" cannot be a name in a TLS handshake: '):
        check(sending(OK), asked, tls=authority.issue())


def test_the_end_of_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    der = authority.own.public_bytes(serialization.Encoding.DER)
    assert not_after(der) == authority.own.not_valid_after_utc.timestamp()
    for size in range(len(der) // 2):
        with pytest.raises(ValueError, match=r"\w"):
            not_after(der[:size])


def test_a_certificate_for_ever(tmp_path: Path) -> None:
    """From 2050 on its end has another form."""
    authority = Authority(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    late = authority.builder(authority.name, key, -1, 365 * 60).sign(key, hashes.SHA256())
    end = not_after(late.public_bytes(serialization.Encoding.DER))
    assert end == late.not_valid_after_utc.timestamp()


def test_a_source_that_is_not_here_says_nothing_of_the_service() -> None:
    with pytest.raises(Blind, match=r"source 192\.0\.2\.53 is not an address of this node"):
        check(sending(OK), replace(PLAIN, source="192.0.2.53"))
