"""The file of cookie secrets (RFC 9018): 16 octets each, in hexadecimal, one on each line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET_OCTETS = 16
MOST_SECRETS = 4
"""One secret makes cookies, older ones are still valid; each costs every check a hash."""

_OTHERS = 0o007
"""The mode bits of users who are neither the owner of a file nor in its group."""

_SECRET = re.compile(r"[0-9a-fA-F]{32}")


def advice(path: Path) -> str:
    """Return a warning if other users can read or change the file, else nothing."""
    try:
        is_open = path.stat().st_mode & _OTHERS
    except OSError:
        return ""  # reading it will report that
    if not is_open:
        return ""
    return (
        f"every user of this machine can read or change {path}, and so forge cookies: "
        f"chmod o= {path}"
    )


def read_secrets(path: Path) -> tuple[bytes, ...]:
    """Return the secrets in the file: the first one makes cookies, all of them verify.

    Empty lines, and lines that begin with ``#``, are ignored. ValueError is a sentence; it never
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
