"""NOTIFY to secondaries (RFC 1996), purely: what is sent, to whom, when again.

A secondary that has been told of a version, and has not said so, is told again a few times, each
time later. A newer version takes the place of the one before.
"""

from __future__ import annotations

from typing import NamedTuple

from dnsd.wire import query
from dnsd.wire.name import from_text
from dnsd.wire.rdata import SOA

WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds that an answer is waited for; behind the last one the secondary's own refresh helps."""
_IN = 1


class NotifyState(NamedTuple):
    """How far a secondary has been told: ``tries`` of ``serial``; what came last, and when.

    Only what answers ``ident``, the ID of the last message, says that it knows of this serial.
    """

    serial: int
    tries: int = 0
    ident: int | None = None
    rcode: int | None = None
    due: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.rcode is not None or self.tries >= len(WAITS_S)

    def sent(self, ident: int, now: float) -> NotifyState:
        """Return the state after one more has been sent ``now``."""
        due = now + WAITS_S[self.tries]
        return self._replace(tries=self.tries + 1, ident=ident, due=due)

    def answered(self, rcode: int) -> NotifyState:
        """Return the state after the secondary has answered."""
        return self._replace(rcode=rcode)

    def words(self) -> str:
        """Return it as ``dnsd zone status`` says it."""
        if self.rcode is None:
            how = "no answer" if self.is_done else "waiting for an answer"
        else:
            how = "told" if self.rcode == query.NOERROR else f"refused with rcode {self.rcode}"
        return f"{how} ({self.serial})"


def message(zone: str, soa_rdata: bytes, ident: int) -> bytes:
    """Return the message that tells of the SOA record (its data uncompressed) of ``zone``."""
    flags = query.NOTIFY << 11 | query.AA
    question = from_text(zone) + query.QUESTION.pack(SOA, _IN)
    answer = b"\xc0\x0c" + query.QUESTION.pack(SOA, _IN) + bytes(4)
    answer += len(soa_rdata).to_bytes(2, "big") + soa_rdata
    return query.HEADER.pack(ident, flags, 1, 1, 0, 0) + question + answer
