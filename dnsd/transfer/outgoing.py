"""Answers to AXFR and IXFR (RFC 5936, RFC 1995): from versions and differences to messages.

Messages are generated one at a time, so that a zone of a million records is never in memory twice.
They are not signed yet: ``limit`` leaves room for a TSIG.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.versions._packer import Packer
from dnsd.versions.serial import is_newer
from dnsd.versions.version import soa_octets
from dnsd.wire.rdata import name_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dnsd.versions.difference import ZoneDifference
    from dnsd.versions.journal import Journal
    from dnsd.versions.version import Octets, ZoneVersion

LIMIT = 0xFFFF
_HEADER = 12
_QUESTION_REST = 4
_RESPONSE = 0x8400
"""QR and AA."""
_ECHOED = 0x0100
"""RD is copied from the query (RFC 5936 §2.2.1)."""


def head_for(query: bytes) -> bytes:
    """Return the beginning of all messages that answer ``query``: header and question.

    The query was parsed before: it has one question, not compressed.
    """
    flags = int.from_bytes(query[2:4], "big") & _ECHOED | _RESPONSE
    question = query[_HEADER : name_end(query, _HEADER) + _QUESTION_REST]
    return query[:2] + flags.to_bytes(2, "big") + b"\x00\x01" + bytes(6) + question


def axfr(version: ZoneVersion, head: bytes, limit: int = LIMIT) -> Iterator[bytes]:
    """Yield the messages with all of ``version``, of up to ``limit`` octets each.

    ``head`` is made by :func:`head_for`.
    """
    return _messages((version.octets, soa_octets(version.octets)), head, limit)


def ixfr(
    version: ZoneVersion,
    serial: int,
    journal: Journal,
    head: bytes,
    limit: int = LIMIT,
) -> Iterator[bytes]:
    """Yield the messages that lead a client from ``serial`` to ``version``.

    A client that has this version, or a newer one, gets only the SOA (RFC 1995 §2). If the journal
    does not lead to the version, or its differences are larger, the whole zone is sent (§4).
    """
    if not is_newer(version.serial, serial):
        return only_soa(version, head)
    chain = journal.since(serial, version.serial)
    if chain is None or sum(one.size for one in chain) > len(version.octets):
        return axfr(version, head, limit)
    return _messages(_incremental(version, chain), head, limit)


def only_soa(version: ZoneVersion, head: bytes) -> Iterator[bytes]:
    """Yield the one message with the SOA of ``version``.

    This also answers an IXFR over UDP that would need several messages (RFC 1995 §2).
    """
    return _messages((soa_octets(version.octets),), head, LIMIT)


def _incremental(version: ZoneVersion, chain: Sequence[ZoneDifference]) -> Iterator[Octets]:
    yield soa_octets(version.octets)
    for difference in chain:
        yield difference.removed
        yield difference.added
    yield soa_octets(version.octets)


def _messages(parts: Iterable[Octets], head: bytes, limit: int) -> Iterator[bytes]:
    packer = Packer(head, limit)
    for part in parts:
        at = 0
        while (at := packer.add(part, at)) < len(part):
            yield packer.take()
    yield packer.take()
