"""What control and the transfer process tell each other: a JSON object for each message.

Either process may be replaced at any time while the other goes on. So messages state what *is*:
the latest message about each thing, sent again to a process that says Hello. A message that
arrives twice changes nothing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from dnsd.config import TransferKey, TransfersConfig, ZoneTransfers, sent
from dnsd.config.limits import Limits

# msgspec looks the types up when it decodes.


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """From either: it has just started, and asks for everything."""


class TransferSettings(msgspec.Struct, frozen=True, kw_only=True, tag="settings"):
    """Control: the settings for all zones; ``include`` and ``limits`` apply to updated files."""

    transfers: TransfersConfig
    include: tuple[Path, ...] = ()
    limits: Limits = Limits()


class KeyTold(msgspec.Struct, frozen=True, kw_only=True, tag="key"):
    """Control: a TSIG key exists. ``stamp`` changes when the file of its secret does."""

    key: TransferKey
    stamp: int = 0


class KeyGone(msgspec.Struct, frozen=True, tag="key-gone"):
    """Control: a TSIG key was removed."""

    name: str


class ZoneTold(msgspec.Struct, frozen=True, kw_only=True, tag="zone"):
    """Control: a zone exists, and which version of it the workers answer from.

    ``records`` is a record file of that version, or empty. ``serial`` is None while the zone is
    not served; ``is_expired`` if it is not served because of its age. ``kept`` is the name of the
    record file of what is fetched, if it has one of its own; with another one it begins again.
    """

    zone: str
    transfers: ZoneTransfers
    serial: int | None = None
    records: str = ""
    is_expired: bool = False
    kept: str = ""


class ZoneGone(msgspec.Struct, frozen=True, tag="gone"):
    """Control: a zone was removed."""

    zone: str


class AllTold(msgspec.Struct, frozen=True, tag="all"):
    """Control: everything was sent since Hello; what was not mentioned does not exist."""


class TransferOrder(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """Control: an operator's order; :class:`OrderDone` with the same ``number`` answers it.

    ``what`` is ``notify``, ``refresh``, ``retransfer`` or ``status``; no ``zone``: all of them.
    """

    number: int
    what: str
    zone: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True, tag="judged"):
    """Control: a :class:`Received` version is loaded, or ``why`` it is not (empty: it is)."""

    zone: str
    serial: int
    why: str = ""


class Received(msgspec.Struct, frozen=True, kw_only=True, tag="received"):
    """Transfers: a version was fetched or updated; it is in the record file ``records``."""

    zone: str
    serial: int
    records: str


class Expired(msgspec.Struct, frozen=True, kw_only=True, tag="expired"):
    """Transfers: whether a zone has expired (RFC 1035 §3.3.13)."""

    zone: str
    is_expired: bool


class FileFault(msgspec.Struct, frozen=True, kw_only=True, tag="file"):
    """Transfers: why a zone's file is not laid under its updates (RFC 2136); empty if it is."""

    zone: str
    why: str


class OrderDone(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """Transfers: an order was carried out, or ``fault`` says why not; ``rows`` are for ``status``.

    With ``more``, another message with further rows follows.
    """

    number: int
    fault: str = ""
    rows: tuple[dict[str, str | int | float | bool | None], ...] = ()
    more: bool = False


class TransferCounts(msgspec.Struct, frozen=True, tag="counts"):
    """Transfers: the counters since the process started, by name."""

    counts: dict[str, int]


class ZoneAge(msgspec.Struct, frozen=True, kw_only=True):
    """A zone that is fetched: when a primary confirmed it last, and when it expires (POSIX s)."""

    zone: str
    confirmed_at: float
    expires_at: float


class TransferSummary(msgspec.Struct, frozen=True, kw_only=True, tag="summary"):
    """Transfers: how many of the fetched zones are well; ``soonest`` are those that expire first.

    Those ``failing`` could not be asked for last time, those ``missing`` were never fetched.
    """

    current: int = 0
    failing: int = 0
    expired: int = 0
    missing: int = 0
    soonest: tuple[ZoneAge, ...] = ()

    def states(self) -> dict[str, int]:
        """Return how many zones are in which state."""
        return {name: getattr(self, name) for name in ("current", "failing", "expired", "missing")}


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
FromTransfers = (
    Hello | Received | Expired | FileFault | OrderDone | TransferCounts | TransferSummary
)


def encode(message: FromControl | FromTransfers) -> bytes:
    """Return ``message`` as octets."""
    return sent.encode(message)


def from_control(octets: bytes) -> FromControl:
    """Return the message in ``octets``; msgspec.DecodeError if they are none."""
    return sent.decode(octets, FromControl)  # type: ignore[arg-type]


def from_transfers(octets: bytes) -> FromTransfers:
    """Return the message in ``octets``; msgspec.DecodeError if they are none."""
    return sent.decode(octets, FromTransfers)  # type: ignore[arg-type]
