"""Zone transfers: keys, primaries, servers to notify, and who may fetch or update zones.

``[[key]]``, ``[transfers]``, and the keys of a ``[[zone]]`` about transfers.
:mod:`dnsd.config.transferrules` checks combinations of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from dnsd.config import origins
from dnsd.config.endpoint import Endpoint
from dnsd.config.kinds import (
    Count,
    Duration,
    Endpoints,
    FilePath,
    Flag,
    OneOf,
    Size,
    Text,
    Texts,
    wanted,
)
from dnsd.config.netkinds import IpAddress, Networks

DNS_PORT = 53
TLS_PORT = 853
"""RFC 9103 §7: the port of DNS over TLS."""

ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
"""The algorithms of RFC 8945 §6, without old and truncated ones."""
_BROKEN = {
    "hmac-md5": "MD5 is broken",
    "hmac-md5.sig-alg.reg.int": "MD5 is broken",
    "hmac-sha1": "SHA-1 is broken",
    "gss-tsig": "GSS-TSIG needs Kerberos",
}

SERIALS = ("file", "increment", "unixtime", "dateserial")
"""How a zone's serial is made: from the file, or increased with each change."""

_PORT_WHY = "it is a port"


class Algorithm(msgspec.Struct, frozen=True):
    """The algorithm of a TSIG key."""

    def read(self, value: object, _base: Path) -> str:
        """Return its name, in lower case and without a final dot."""
        if not isinstance(value, str):
            raise wanted('the name of an algorithm, such as "hmac-sha256"', value)
        name = value.lower().removesuffix(".")
        if name in ALGORITHMS:
            return name
        why = _BROKEN.get(name, f"dnsd does not know {value!r}")
        raise ValueError(f"{why}: use {', '.join(ALGORITHMS)}, and make a new secret for it")


class KeyName(msgspec.Struct, frozen=True):
    """The name of a TSIG key, which is a domain name (RFC 8945 §4.2)."""

    def read(self, value: object, _base: Path) -> str:
        """Return it absolute and in lower case."""
        if not isinstance(value, str):
            raise wanted("the name of a key in a string", value)
        return origins.normal(value)


class TransferKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[key]]``: a secret shared with other servers (TSIG, RFC 8945)."""

    name: Annotated[str, KeyName()]
    algorithm: Annotated[str, Algorithm()] = ALGORITHMS[0]
    secret_file: Annotated[Path, FilePath()]
    line: int = 0


class PrimaryPeer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of a zone's ``primaries``: a server from which it is fetched."""

    address: Annotated[str, IpAddress()]
    port: Annotated[int, Count(1, 65535, _PORT_WHY)] = 0
    key: Annotated[str | None, KeyName()] = None
    tls: Annotated[bool, Flag()] = False
    tls_name: Annotated[str | None, Text(253, "it is a host's name")] = None
    """The name that its certificate must have; None: any certificate of the CA will do."""
    tls_ca: Annotated[Path | None, FilePath()] = None
    """Certificates to trust instead of the system's."""
    source: Annotated[str | None, IpAddress()] = None

    def __post_init__(self) -> None:
        """Fill in the port; ValueError is "KEY: SENTENCE"."""
        if not self.port:
            msgspec.structs.force_setattr(self, "port", TLS_PORT if self.tls else DNS_PORT)
        for key in ("tls_name", "tls_ca"):
            if getattr(self, key) is not None and not self.tls:
                raise ValueError(f"{key}: has no effect without TLS: write tls = true beside it")
        if self.source is not None and (":" in self.source) != (":" in self.address):
            raise ValueError(f"source: {self.source} cannot send to {self.address}")

    def __str__(self) -> str:
        return str(Endpoint(self.address, self.port))


class NotifyPeer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server that is notified of new versions (``notify``, RFC 1996)."""

    address: Annotated[str, IpAddress()]
    port: Annotated[int, Count(1, 65535, _PORT_WHY)] = DNS_PORT
    key: Annotated[str | None, KeyName()] = None
    source: Annotated[str | None, IpAddress()] = None

    def __post_init__(self) -> None:
        """Refuse a source of the other family; ValueError is "KEY: SENTENCE"."""
        if self.source is not None and (":" in self.source) != (":" in self.address):
            raise ValueError(f"source: {self.source} cannot send to {self.address}")

    def __str__(self) -> str:
        return str(Endpoint(self.address, self.port))


class AllowedPeer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client that may do something: from a ``network``, with a ``key``, or both."""

    network: Annotated[tuple[str, ...], Networks()] = ()
    key: Annotated[str | None, KeyName()] = None

    def __post_init__(self) -> None:
        """Refuse an entry that would allow every client; ValueError is "KEY: SENTENCE"."""
        if not self.network and self.key is None:
            raise ValueError(
                "network: name a network, a key, or both; a client then needs both "
                '(network = ["0.0.0.0/0", "::/0"] allows every client)'
            )


class RecordTypes(msgspec.Struct, frozen=True):
    """A list of record types, by their mnemonics."""

    def read(self, value: object, base: Path) -> tuple[str, ...]:
        """Return the types in capital letters."""
        from dns.rdatatype import UnknownRdatatype, from_text

        found = tuple(one.upper() for one in Texts().read(value, base))
        for one in found:
            try:
                from_text(one)
            except (UnknownRdatatype, ValueError):
                raise ValueError(f"{one!r} is not a record type, such as A or TXT") from None
        return found


class UpdateRight(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may change what of a zone (``update``, RFC 2136): a key, for names and types.

    Names are of the zone: ``@`` is its apex, and one that ends with a dot is absolute. ``below``
    are names with all that is below them. Without types all may be changed but SOA and NS.
    """

    key: Annotated[str, KeyName()]
    names: Annotated[tuple[str, ...], Texts()] = ()
    below: Annotated[tuple[str, ...], Texts()] = ()
    types: Annotated[tuple[str, ...], RecordTypes()] = ()

    def __post_init__(self) -> None:
        """Refuse what grants nothing; ValueError is "KEY: SENTENCE"."""
        if not self.names and not self.below:
            raise ValueError(
                'names: say which names may be changed: names = ["_acme-challenge"], or, with all '
                'that is below them, below = ["dyn"] (below = ["@"] is the whole zone)'
            )


def name_in_zone(text: str, origin: str) -> str:
    """Return a name of an :class:`UpdateRight`, absolute and in lower case; ValueError if wrong."""
    if text == "@":
        return origin
    absolute = text if text.endswith(".") else f"{text}.{origin.removeprefix('.')}"
    name = origins.normal(absolute)
    if name != origin and not name.endswith("." + origin.removeprefix(".")):
        raise ValueError(f"{text} is not in the zone {origin}")
    return name


class TransfersConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[transfers]``: defaults for zones, and limits for all of them together."""

    notify: tuple[NotifyPeer, ...] = ()
    notify_ns: Annotated[bool, Flag()] = False
    allow_notify: tuple[AllowedPeer, ...] = ()
    allow_transfer: tuple[AllowedPeer, ...] = ()
    serial: Annotated[str, OneOf(SERIALS)] = SERIALS[0]
    journal: Annotated[
        int, Size("0B", "64GiB", "it is kept on disk, and secondaries fetch the zone without it")
    ] = 64 << 20

    tls_listen: Annotated[tuple[Endpoint, ...], Endpoints()] = ()
    tls_certificate: Annotated[Path | None, FilePath()] = None

    requests_per_second: Annotated[
        int, Count(1, 100_000, "each source may ask so often, and checking a signature takes time")
    ] = 200
    outgoing: Annotated[int, Count(1, 10_000, "each one needs a file descriptor")] = 100
    outgoing_per_source: Annotated[int, Count(1, 10_000, "others need some, too")] = 32
    outgoing_stall: Annotated[
        float, Duration("100ms", "1h", "a client that does not read must not hold a place")
    ] = 10.0
    outgoing_time: Annotated[
        float, Duration("1s", "7d", "a client that reads slowly must not hold a place for ever")
    ] = 3600.0

    incoming: Annotated[int, Count(1, 10_000, "each one needs a file descriptor and memory")] = 32
    incoming_size: Annotated[
        int, Size("64KiB", "256GiB", "a primary must not fill memory and disk")
    ] = 4 << 30
    incoming_stall: Annotated[
        float, Duration("100ms", "1h", "a primary that has stopped must not hold a place")
    ] = 10.0
    incoming_time: Annotated[
        float, Duration("1s", "7d", "a primary that is slow must not hold a place for ever")
    ] = 3600.0
