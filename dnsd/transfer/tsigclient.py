"""Signatures of messages (TSIG, RFC 8945 §5.3): the client's side, for transfers.

The messages of an answer are one chain: each signature covers all messages since the previous one,
so none can be removed, added or reordered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.exception
import dns.rdata
import dns.tsig
import dns.wire
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TSIG import TSIG as TsigRdata

from dnsd.transfer.incoming import TransferFault, answered
from dnsd.versions._wire import skip
from dnsd.wire.query import HEADER, QUESTION

if TYPE_CHECKING:
    from dns.name import Name

FUDGE_S = 300
"""Seconds by which two clocks may differ (RFC 8945 §10)."""
MOST_UNSIGNED = 99
"""Messages in a row that may come without a signature (RFC 8945 §5.3.1)."""

_FIXED = 10
_RCODE = 0x000F
_ERRORS = {
    dns.tsig.PeerBadKey: "the primary does not have the key {}, or with another algorithm (BADKEY)",
    dns.tsig.PeerBadSignature: "the primary has another secret for the key {} (BADSIG)",
    dns.tsig.PeerBadTime: "the clocks, the primary's and ours, differ by over 5 minutes (BADTIME)",
    dns.tsig.PeerBadTruncation: "the primary wants longer signatures with the key {} (BADTRUNC)",
    dns.tsig.BadSignature: "an answer is signed with another secret for the key {}",
    dns.tsig.BadTime: "an answer was signed at another time: the clocks differ by over 5 minutes",
    dns.tsig.BadKey: "an answer is signed with another key than {}",
    dns.tsig.BadAlgorithm: "an answer is signed with another algorithm than that of the key {}",
}


class SignedExchange:
    """One request signed with a key, and the check of its answer.

    ``key`` is the key in dnspython's form.
    """

    def __init__(self, key: dns.tsig.Key) -> None:
        self._key = key
        self._request_mac = b""
        self._context: dns.tsig.HMACTSig | None = None
        self._unsigned = 0
        self._is_begun = False

    def sign(self, request: bytes, now: int) -> bytes:
        """Return ``request`` with a signature; ``now`` in POSIX seconds."""
        ident = int.from_bytes(request[:2], "big")
        blank = TsigRdata(  # type: ignore[no-untyped-call]
            RdataClass.ANY, RdataType.TSIG, self._key.algorithm, now, FUDGE_S, b"", ident, 0, b""
        )
        signed, _ = dns.tsig.sign(request, self._key, blank, now)  # type: ignore[no-untyped-call]
        self._request_mac = signed.mac
        rdata = signed.to_wire() or b""
        fixed = b"\x00\xfa\x00\xff\x00\x00\x00\x00" + len(rdata).to_bytes(2, "big")
        count = int.from_bytes(request[10:12], "big") + 1
        owner = self._key.name.to_wire() or b""
        return request[:10] + count.to_bytes(2, "big") + request[12:] + owner + fixed + rdata

    def check(self, message: bytes, now: int) -> None:
        """Check the next message of the answer; TransferFault if the key did not sign it."""
        try:
            found = _tsig_of(message)
        except (ValueError, dns.exception.DNSException) as error:
            raise TransferFault(f"a message cannot be read: {error}") from None
        if found is None:
            self._pass_over(message)
            return
        start, owner, rdata = found
        try:
            self._context = dns.tsig.validate(  # type: ignore[no-untyped-call]
                message,
                self._key,
                owner,
                rdata,
                now,
                self._request_mac,
                start,
                self._context,
                multi=True,
            )
        except tuple(_ERRORS) as error:
            raise TransferFault(_ERRORS[type(error)].format(self._key.name)) from None
        except dns.exception.DNSException as error:
            raise TransferFault(f"an answer's signature is wrong: {error}") from None
        self._is_begun, self._unsigned = True, 0

    def _pass_over(self, message: bytes) -> None:
        """Take in a message without a signature; a later signature must cover it."""
        self._unsigned += 1
        if not self._is_begun or self._unsigned > MOST_UNSIGNED or self._context is None:
            raise TransferFault(self._why_unsigned(message))
        self._context.update(message)  # type: ignore[no-untyped-call]

    def _why_unsigned(self, message: bytes) -> str:
        """Return what is to be said of an answer that is not signed: nothing in it is certain."""
        if rcode := HEADER.unpack_from(message)[1] & _RCODE:
            return f"the primary answers, unsigned, {answered(rcode)}"
        return f"an answer is not signed, though it has to be with {self._key.name}"

    def end(self) -> None:
        """Check that the last message was signed; TransferFault if not."""
        if self._unsigned or not self._is_begun:
            raise TransferFault(f"the last message is not signed with {self._key.name}")


def _tsig_of(message: bytes) -> tuple[int, Name, TsigRdata] | None:
    """Return the offset of the TSIG record of ``message``, its owner and data; None without one."""
    _, _, questions, answers, authority, additional = HEADER.unpack_from(message)
    if not additional:
        return None
    parser = dns.wire.Parser(message, HEADER.size)
    for _ in range(questions):
        parser.get_name(decompress=True)
        parser.get_bytes(QUESTION.size)
    start = skip(message, parser.current, answers + authority + additional - 1)
    parser.seek(start)
    owner = parser.get_name(decompress=True)
    rtype, _, _, length = parser.get_struct("!HHIH")
    if rtype != RdataType.TSIG:
        return None
    with parser.restrict_to(length):
        rdata = dns.rdata.from_wire_parser(RdataClass.ANY, RdataType.TSIG, parser)
    assert isinstance(rdata, TsigRdata), "it was read as one"
    return start, owner, rdata
