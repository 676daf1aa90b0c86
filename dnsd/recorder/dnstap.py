"""Messages of dnstap (dnstap.proto), written by hand: a dozen fields of one schema that is fixed.

The library for protocol buffers would be four times as slow, and a compiled part more in a process
that handles what strangers send.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.image.tap import Tapped

_FIXED = Struct("<I").pack
_VARINT_FIELD, _FIXED_FIELD, _OCTETS_FIELD = 0, 5, 2
_SECOND = 1_000_000_000


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _tag(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _octets(field: int, octets: bytes) -> bytes:
    return _tag(field, _OCTETS_FIELD) + _varint(len(octets)) + octets


def _number(field: int, number: int) -> bytes:
    return _tag(field, _VARINT_FIELD) + _varint(number)


# of Dnstap
_IDENTITY, _VERSION, _MESSAGE, _TYPE = 1, 2, 14, 15
_IS_MESSAGE = _number(_TYPE, 1)
# of Message
_FAMILY, _PROTOCOL, _CLIENT, _PORT = 2, 3, 4, 6
_QUERY, _RESPONSE = 10, 14
_AUTH_QUERY, _AUTH_RESPONSE = _number(1, 1), _number(1, 2)
_QUERY_S, _QUERY_NS = _tag(8, _VARINT_FIELD), _tag(9, _FIXED_FIELD)
_RESPONSE_S, _RESPONSE_NS = _tag(12, _VARINT_FIELD), _tag(13, _FIXED_FIELD)
_SOCKETS = {
    (family, is_tcp): _number(_FAMILY, 1 if family == 4 else 2) + _number(_PROTOCOL, 1 + is_tcp)
    for family in (4, 6)
    for is_tcp in (False, True)
}


class DnstapWriter:
    """Makes messages as ``identity`` (empty: it is not said), of the ``version``."""

    def __init__(self, identity: str, version: str, queries: bool, responses: bool) -> None:
        self._queries, self._responses = queries, responses
        named = ((_IDENTITY, identity), (_VERSION, version))
        self._head = b"".join(_octets(field, text.encode()) for field, text in named if text)
        self._head += _IS_MESSAGE

    def messages(self, one: Tapped, offset: int) -> Iterator[bytes]:
        """Yield the messages about ``one``; ``offset`` (ns) makes its times those of the day.

        A message that was too long for the tap is left out of them.
        """
        answered = one.at + offset
        began = answered - one.took
        about = (
            _SOCKETS[one.family, one.is_tcp]
            + _octets(_CLIENT, one.packed)
            + (_number(_PORT, one.port) if one.port else b"")
            + _QUERY_S
            + _varint(began // _SECOND)
            + _QUERY_NS
            + _FIXED(began % _SECOND)
        )
        if self._queries:
            query = _octets(_QUERY, one.query) if len(one.query) == one.query_size else b""
            yield self._head + _octets(_MESSAGE, _AUTH_QUERY + about + query)
        if self._responses and one.response:
            when = _RESPONSE_S + _varint(answered // _SECOND) + _RESPONSE_NS
            is_whole = len(one.response) == one.response_size
            response = _octets(_RESPONSE, one.response) if is_whole else b""
            about += when + _FIXED(answered % _SECOND) + response
            yield self._head + _octets(_MESSAGE, _AUTH_RESPONSE + about)
