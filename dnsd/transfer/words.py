"""What control and the process of transfers tell each other, a JSON object for each message.

Each of them may be replaced at any time, and the other goes on. So what they tell is what *is*:
the last word about each thing, told anew to whoever says Hello. A word that comes twice says
nothing new.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from dnsd.config import TransferKey, TransfersConfig, ZoneTransfers, sent
from dnsd.config.limits import Limits

# msgspec looks the types up when it decodes.


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Either: who says it has just started, and wants to hear everything."""


class TransferSettings(msgspec.Struct, frozen=True, kw_only=True, tag="settings"):
    """Control: what holds for all zones; ``include`` and ``limits`` for files that are updated."""

    transfers: TransfersConfig
    include: tuple[Path, ...] = ()
    limits: Limits = Limits()


class KeyTold(msgspec.Struct, frozen=True, kw_only=True, tag="key"):
    """Control: a TSIG key there is. ``stamp`` changes with the file of its secret."""

    key: TransferKey
    stamp: int = 0


class KeyGone(msgspec.Struct, frozen=True, tag="key-gone"):
    """Control: a key that is no more."""

    name: str


class ZoneTold(msgspec.Struct, frozen=True, kw_only=True, tag="zone"):
    """Control: a zone there is, and what the workers answer of it.

    ``records`` is a record file of just that, empty if there is none. ``serial`` is None while it
    is not served; it ``is_expired`` when it is not because of its age.
    """

    zone: str
    transfers: ZoneTransfers
    serial: int | None = None
    records: str = ""
    is_expired: bool = False


class ZoneGone(msgspec.Struct, frozen=True, tag="gone"):
    """Control: a zone that is no more."""

    zone: str


class AllTold(msgspec.Struct, frozen=True, tag="all"):
    """Control: what has not been told since Hello is not there."""


class TransferOrder(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """Control: what an operator wants, and is answered by :class:`OrderDone` with its ``number``.

    ``what`` is ``notify``, ``refresh``, ``retransfer`` or ``status``; no ``zone`` is all of them.
    """

    number: int
    what: str
    zone: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True, tag="judged"):
    """Control: what became of a :class:`Received` version; ``why`` it is not loaded, else empty."""

    zone: str
    serial: int
    why: str = ""


class Received(msgspec.Struct, frozen=True, kw_only=True, tag="received"):
    """Transfers: a version that was fetched, in the record file ``records``."""

    zone: str
    serial: int
    records: str


class Expired(msgspec.Struct, frozen=True, kw_only=True, tag="expired"):
    """Transfers: whether a zone's primaries have not been heard for too long (RFC 1035 §3.3.13)."""

    zone: str
    is_expired: bool


class OrderDone(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """Transfers: what an order came to; ``rows`` are what is known of zones, for ``status``.

    With ``more`` there are further rows in another message.
    """

    number: int
    fault: str = ""
    rows: tuple[dict[str, str | int | float | bool | None], ...] = ()
    more: bool = False


class TransferCounts(msgspec.Struct, frozen=True, tag="counts"):
    """Transfers: what has been counted since the process started, by name."""

    counts: dict[str, int]


FromControl = (
    Hello
    | TransferSettings
    | KeyTold
    | KeyGone
    | ZoneTold
    | ZoneGone
    | AllTold
    | TransferOrder
    | Judged
)
FromTransfers = Hello | Received | Expired | OrderDone | TransferCounts


def encode(word: FromControl | FromTransfers) -> bytes:
    """Return the message that says ``word``."""
    return sent.encode(word)


def from_control(message: bytes) -> FromControl:
    """Return the word in ``message``; msgspec.DecodeError if there is none."""
    return sent.decode(message, FromControl)  # type: ignore[arg-type]


def from_transfers(message: bytes) -> FromTransfers:
    """Return the word in ``message``; msgspec.DecodeError if there is none."""
    return sent.decode(message, FromTransfers)  # type: ignore[arg-type]
