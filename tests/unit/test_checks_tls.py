"""Handshakes: private authorities, client certificates, when a certificate ends."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dnsd.checks import stream
from dnsd.checks.http import HttpCheck
from dnsd.checks.result import Blind, Result
from dnsd.checks.stream import Tls, fault_of_authority, fault_of_client
from dnsd.checks.tls import TlsCheck
from tests.certificates import NAME, Authority
from tests.checked import result_of

if TYPE_CHECKING:
    from pathlib import Path

NEVER = 60.0
DAY_S = 86400.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def ask(asked: TlsCheck | HttpCheck, tls: ssl.SSLContext, host: str = "127.0.0.1") -> Result:
    """Return what ``asked`` says of a server that answers every request with status 200."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    return result_of(asked, serve, tls, host)


def trusting(authority: Authority, **more: object) -> Tls:
    return replace(Tls(NAME, authority=str(authority.file)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_private_authority_is_trusted_if_it_is_named(authority: Authority, host: str) -> None:
    context = authority.issue()
    result = ask(TlsCheck(0, NEVER, trusting(authority)), context, host)
    assert result.ok, result.detail
    assert result.detail.startswith("certificate valid until 20")
    assert result.detail.endswith(" UTC")
    unnamed = ask(TlsCheck(0, NEVER, Tls(NAME)), context, host)
    assert unnamed.detail.startswith("certificate is not valid: ")
    assert not unnamed.ok


def test_the_system_s_authorities_are_not_trusted_then(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    system = Authority(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(system.file))
    stream._context.cache_clear()
    assert ask(TlsCheck(0, NEVER, Tls(NAME)), system.issue()).ok
    assert not ask(TlsCheck(0, NEVER, trusting(authority)), system.issue()).ok
    stream._context.cache_clear()


def test_an_authority_that_is_replaced_is_read_again(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    new = Authority(tmp_path / "new")
    asked = TlsCheck(0, NEVER, trusting(authority))
    assert not ask(asked, new.issue()).ok
    new.file.replace(authority.file)
    assert ask(asked, new.issue()).ok


def test_the_end_is_near(authority: Authority) -> None:
    context = authority.issue(end=3)
    late = ask(TlsCheck(0, NEVER, trusting(authority, expiry=7 * DAY_S)), context)
    assert not late.ok
    assert late.detail.startswith("certificate expires on 20")
    assert late.detail.endswith(" UTC, in less than 7d")
    assert ask(TlsCheck(0, NEVER, trusting(authority, expiry=2 * DAY_S)), context).ok


def test_another_name(authority: Authority) -> None:
    tls = trusting(authority, name="other.example.com")
    result = ask(TlsCheck(0, NEVER, tls), authority.issue())
    assert result.detail.startswith("certificate is not valid: Hostname mismatch")


@pytest.mark.parametrize("kind", [TlsCheck, HttpCheck])
def test_a_certificate_is_shown_to_who_asks_for_one(authority: Authority, kind: type) -> None:
    context = authority.issue()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.file)
    client = str(authority.pair())

    def asked(tls: Tls) -> TlsCheck | HttpCheck:
        if kind is TlsCheck:
            return TlsCheck(0, NEVER, tls)
        return HttpCheck(0, "/", NAME, NEVER, tls=tls)

    assert ask(asked(trusting(authority, client=client)), context).ok
    if kind is HttpCheck:  # in TLS 1.3 a client learns only later that it is refused
        assert not ask(asked(trusting(authority)), context).ok


def test_a_file_that_cannot_be_used_says_nothing_of_the_service(
    authority: Authority, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    missing = str(tmp_path / "missing.pem")
    for tls, why in (
        (Tls(NAME, authority=missing), "cannot read .*: No such file"),
        (Tls(NAME, authority=str(empty)), "contains no certificate in PEM"),
        (Tls(NAME, client=missing), "cannot read .*: No such file"),
        (Tls(NAME, client=str(empty)), "contains no certificate with its key"),
        (Tls(NAME, client=str(authority.file)), "contains no certificate with its key"),
    ):
        with pytest.raises(Blind, match=why):
            ask(TlsCheck(0, NEVER, tls), authority.issue())


def test_faults_of_files(authority: Authority, tmp_path: Path) -> None:
    assert fault_of_authority(str(authority.file)) == ""
    assert fault_of_client(str(authority.pair())) == ""
    assert "No such file" in fault_of_authority(str(tmp_path / "x"))
    assert "with its key" in fault_of_client(str(authority.file))


@pytest.mark.parametrize(
    ("sent", "ok"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nall is well", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nall is well", False),
        (b"", False),
    ],
)
def test_a_connection_that_is_closed_without_close_notify(
    authority: Authority, sent: bytes, ok: bool
) -> None:
    """Many servers end so; whether the response is whole is seen by its own framing."""
    context = authority.issue()
    asked = HttpCheck(0, "/", NAME, NEVER, body="well$", tls=trusting(authority))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock = context.wrap_socket(listener.accept()[0], server_side=True)
            sock.recv(1024)
            if sent:
                sock.sendall(sent)
            with socket.socket(fileno=sock.detach()) as plain:
                plain.shutdown(socket.SHUT_WR)
                with suppress(OSError):
                    plain.recv(1024)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        result = asyncio.run(replace(asked, port=port).run("127.0.0.1"))
        thread.join()
    assert result.ok == ok, result.detail
