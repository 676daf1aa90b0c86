"""Receivers of changes: ``[failover.hooks]``, with its URL and secret."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import msgspec

from dnsd.config import smallfile
from dnsd.config.commandkinds import CommandName
from dnsd.config.kinds import Duration, FilePath, wanted

LEAST_SECRET = 16
"""Octets of a secret; shorter ones can be guessed."""

_PORTS = {"http": 80, "https": 443}


class Where(NamedTuple):
    """A URL in parts: ``host`` is a name or an address, ``target`` the path and query."""

    is_secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The value of the Host field (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.is_secure else "http"]
        return host if self.port == usual else f"{host}:{self.port}"


def parts_of(url: str) -> Where:
    """Return the parts of ``url``; ValueError, a sentence, if it cannot be used."""
    example = "https://hooks.example.com/dnsd"
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError as error:
        raise ValueError(f'"{url}" is not a URL, such as {example}: {error}') from error
    if found.scheme not in _PORTS or not found.hostname:
        raise ValueError(f'"{url}" is not a URL that begins with http:// or https://: {example}')
    if found.username is not None or found.password is not None:
        raise ValueError("a URL here cannot have a user and a password: use secret_file")
    if not url.isascii() or any(character <= " " for character in url):
        raise ValueError(f"{url!r} has characters that must be escaped in a URL")
    target = (found.path or "/") + (f"?{found.query}" if found.query else "")
    return Where(found.scheme == "https", found.hostname, port or _PORTS[found.scheme], target)


class HookUrl(msgspec.Struct, frozen=True):
    """The URL of a receiver."""

    def read(self, value: object, _base: Path) -> str:
        """Return the URL."""
        if not isinstance(value, str):
            raise wanted("a URL in a string", value)
        parts_of(value)
        return value


class HooksConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[failover.hooks]``: the receivers of each change."""

    url: Annotated[str | None, HookUrl()] = None
    """It gets each change by POST, as JSON."""

    secret_file: Annotated[Path | None, FilePath()] = None
    """The file of a secret that signs requests, so that the receiver can verify their sender."""

    command: Annotated[str | None, CommandName()] = None
    """One of ``[failover.commands]``, which gets each change on standard input, as JSON."""

    timeout: Annotated[
        float, Duration("100ms", "5m", "a change that is not accepted in this time is sent again")
    ] = 5.0

    def __post_init__(self) -> None:
        """Refuse what has no effect; ValueError is "KEY: SENTENCE"."""
        if self.secret_file and not self.url:
            raise ValueError("secret_file: it signs requests to url, but url is missing")


def read_secret(path: Path) -> bytes:
    """Return the secret in the file ``path``; ValueError, a sentence, never quotes it."""
    try:
        secret = smallfile.read(path).strip()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    if len(secret) < LEAST_SECRET:
        raise ValueError(
            f"{path} holds {len(secret)} octets; a secret has at least {LEAST_SECRET}: "
            "openssl rand -hex 32 makes one"
        )
    return secret
