"""A connection to a service, in clear text or with TLS, for as long as a check takes.

Whatever goes wrong becomes a Fault of the service, or Blind if this node is to blame.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dnsd.checks.certificate import not_after
from dnsd.checks.result import Blind, FailureKind, ServiceFault, Stage, broken_off, shown
from dnsd.checks.tcp import connected
from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dnsd.process.exchange import ServerAddress

_DAY_S = 86400


@dataclass(frozen=True)
class Tls:
    """How to speak TLS, with ``name`` in the handshake.

    With ``verify`` the certificate must be valid for that name. ``authority`` is a file of
    certificates to trust instead of the system's. ``client`` is a file with a certificate and its
    key to show. The server's certificate must be valid for at least ``expiry`` seconds; None: any
    time will do. ``protocol`` is asked for by ALPN (RFC 7301).
    """

    name: str
    verify: bool = True
    expiry: float | None = None
    authority: str | None = None
    client: str | None = None
    protocol: str | None = None


class Stream(NamedTuple):
    """The two directions, and what is worth knowing about the server's certificate."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    note: str = ""


@asynccontextmanager
async def opened(
    peer: ServerAddress, tls: Tls | None, stage: Stage, timeout: float
) -> AsyncIterator[Stream]:
    """Connect to ``peer``, and close the connection in the end, whatever happens."""
    context = None if tls is None else _usable(tls)
    try:
        reader, writer = await _open(peer, tls, context, stage, timeout)
        try:
            yield Stream(reader, writer, _examined(tls, writer) if tls else "")
        finally:
            writer.transport.abort()
    except ssl.SSLError as error:
        raise ServiceFault(_refused(error), FailureKind.TLS) from error
    except OSError as error:
        raise broken_off(error, peer) from error


async def _open(
    peer: ServerAddress,
    tls: Tls | None,
    context: ssl.SSLContext | None,
    stage: Stage,
    timeout: float,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = await connected(peer)
    if tls is None:
        return await asyncio.open_connection(sock=sock)
    stage.waits_for = "TLS handshake not finished"
    return await asyncio.open_connection(
        sock=sock,
        ssl=context,
        server_hostname=tls.name,
        ssl_handshake_timeout=_longer(timeout),
    )


def _usable(tls: Tls) -> ssl.SSLContext:
    """Return how to speak TLS; Blind if this node can't.

    The name is tried out now: later, asyncio would leave a socket open.
    """
    context = context_of(tls)
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=tls.name)
    except ValueError as error:
        raise Blind(f'"{tls.name}" cannot be a name in a TLS handshake: {error}') from error
    return context


def context_of(tls: Tls) -> ssl.SSLContext:
    """Return how to speak TLS; Blind if a file that it needs can't be used."""
    return _context(
        tls.verify, _stamped(tls.authority), _stamped(tls.client), tls.protocol, _today()
    )


def fault_of_authority(path: str) -> str:
    """Return why the certificates in the file ``path`` can't be trusted; empty if they can."""
    return _fault(Tls("", authority=path))


def fault_of_client(path: str) -> str:
    """Return why the file ``path`` is no certificate with its key; empty if it is."""
    return _fault(Tls("", client=path))


def _fault(tls: Tls) -> str:
    try:
        context_of(tls)
    except Blind as why:
        return str(why)
    return ""


class _File(NamedTuple):
    """A file, and what changes when it is written again."""

    path: str
    stamp: tuple[int, int, int]


def _stamped(path: str | None) -> _File | None:
    if path is None:
        return None
    try:
        found = Path(path).stat()
    except OSError as error:
        raise Blind(f"cannot read {path}: {error.strerror or error}") from error
    return _File(path, (found.st_mtime_ns, found.st_size, found.st_ino))


@functools.lru_cache(maxsize=64)
def _context(
    verify: bool, authority: _File | None, client: _File | None, protocol: str | None, _day: int
) -> ssl.SSLContext:
    """Return a context; the authorities of the system are read again each day."""
    context = ssl.create_default_context() if authority is None else _trusting(authority.path)
    if client is not None:
        _show(context, client.path)
    if protocol is not None:
        context.set_alpn_protocols([protocol])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(path: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise Blind(f"{path} contains no certificate in PEM: {_reason(error)}") from error
    except OSError as error:
        raise Blind(f"cannot read {path}: {error.strerror or error}") from error


def _show(context: ssl.SSLContext, path: str) -> None:
    def no_password() -> str:
        raise ValueError("its key is encrypted, and dnsd has no password for it")

    try:
        context.load_cert_chain(path, password=no_password)
    except ssl.SSLError as error:
        reason = _reason(error)
        raise Blind(f"{path} contains no certificate with its key in PEM: {reason}") from error
    except ValueError as error:
        raise Blind(f"cannot use {path}: {error}") from error
    except OSError as error:
        raise Blind(f"cannot read {path}: {error.strerror or error}") from error


def _today() -> int:
    return int(time.time()) // _DAY_S


def _longer(timeout: float) -> float:
    """Return a time-out that never comes first: asyncio's counts time in which it slept."""
    return 10 * timeout + 60


def _examined(tls: Tls, writer: asyncio.StreamWriter) -> str:
    """Return until when the server's certificate is valid; Fault if that is too soon."""
    peer: ssl.SSLObject = writer.get_extra_info("ssl_object")
    try:
        end = not_after(peer.getpeercert(binary_form=True) or b"")
    except ValueError as error:
        raise ServiceFault(f"certificate cannot be read: {error}", FailureKind.TLS) from error
    until = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if tls.expiry is not None and end - time.time() < tls.expiry:
        least = format_duration(tls.expiry)
        raise ServiceFault(f"certificate expires on {until}, in less than {least}", FailureKind.TLS)
    return f"certificate valid until {until}"


def _refused(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate is not valid: {shown(error.verify_message)}"
    return f"TLS failed: {_reason(error)}"


def _reason(error: ssl.SSLError) -> str:
    """Return what OpenSSL says, such as "wrong version number"."""
    return shown((error.reason or str(error)).replace("_", " ").lower())
