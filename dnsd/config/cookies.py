"""The file of cookie secrets (RFC 9018): 16 octets each, in hexadecimal, one on each line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET_OCTETS = 16
MOST_SECRETS = 4
"""One that makes cookies, and older ones that are still good; each costs every check a hash."""

_OTHERS = 0o007
"""What those may do with a file who are neither its owner nor of its group."""

_SECRET = re.compile(r"[0-9a-fA-F]{32}")


def advice(path: Path) -> str:
    """Return what is to be said of the file's mode, empty if nobody else can read or change it."""
    try:
        is_open = path.stat().st_mode & _OTHERS
    except OSError:
        return ""  # who reads it says so
    if not is_open:
        return ""
    return (
        f"every user of this machine can read or change {path}, and so forge cookies: "
        f"chmod o= {path}"
    )


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """Return the secrets in the file, the first one makes cookies, all of them check.

    Empty lines and those that begin with ``#`` don't count. ValueError is a sentence; it never
    quotes the file's content.
    """
    try:
        lines = path.read_text("ascii").splitlines()
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        lines = ["not ASCII"]
    secrets = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            if not _SECRET.fullmatch(line):
                raise ValueError(
                    f"{path}:{number} is not a cookie secret: write {2 * SECRET_OCTETS} "
                    "hexadecimal digits"
                )
            secrets.append(bytes.fromhex(line))
    if not 0 < len(secrets) <= MOST_SECRETS:
        raise ValueError(f"{path} holds {len(secrets)} secrets; 1 to {MOST_SECRETS} are needed")
    return tuple(secrets)
