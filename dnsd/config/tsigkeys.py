"""The files of TSIG secrets: base64 on one line, as ``openssl rand -base64 32`` makes one."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from dnsd.config import smallfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dnsd.config.transfers import TransferKey

LEAST_OCTETS = 16
"""The shortest secret, in octets; shorter ones can be guessed."""
_OTHERS = 0o007


def read(path: Path) -> bytes:
    """Return the secret in the file ``path``; ValueError, a sentence, never quotes it."""
    try:
        text = b"".join(smallfile.read(path).split())
        secret = base64.b64decode(text, validate=True)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    except binascii.Error:
        raise ValueError(
            f"{path} does not hold a secret in base64: openssl rand -base64 32 makes one"
        ) from None
    if len(secret) < LEAST_OCTETS:
        raise ValueError(
            f"{path} holds {len(secret)} octets; a secret has at least {LEAST_OCTETS}: "
            "openssl rand -base64 32 makes one"
        )
    return secret


def advice(keys: Iterable[TransferKey]) -> Iterator[str]:
    """Yield a warning for each file that other users can read or change."""
    for path in sorted({key.secret_file for key in keys}):
        try:
            is_open = path.stat().st_mode & _OTHERS
        except OSError:
            continue  # reading it will report that
        if is_open:
            yield (
                f"every user of this machine can read or change {path}, and so fetch and forge "
                f"zones: chmod o= {path}"
            )
