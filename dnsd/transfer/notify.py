"""NOTIFY to secondaries (RFC 1996), pure: what to send, and when to repeat it.

Until a secondary acknowledges a version, the message is repeated a few times, at growing intervals.
A newer version replaces the one before.
"""

from __future__ import annotations

from typing import NamedTuple

from dnsd.wire import query
from dnsd.wire.name import from_text
from dnsd.wire.rdata import SOA

WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds to wait for each answer; after the last one, the secondary's own refresh must do."""
_IN = 1


class NotifyState(NamedTuple):
    """How far a secondary was notified: ``tries`` for ``serial``; the last answer, and when.

    Only an answer to ``ident``, the ID of the last message, acknowledges this serial.
    """

    serial: int
    tries: int = 0
    ident: int | None = None
    rcode: int | None = None
    due: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to send."""
        return self.rcode is not None or self.tries >= len(WAITS_S)

    def sent(self, ident: int, now: float) -> NotifyState:
        """Return the state after one more message, sent ``now``."""
        due = now + WAITS_S[self.tries]
        return self._replace(tries=self.tries + 1, ident=ident, due=due)

    def answered(self, rcode: int) -> NotifyState:
        """Return the state after an answer of the secondary."""
        return self._replace(rcode=rcode)

    def words(self) -> str:
        """Return the state as ``dnsd zone status`` shows it."""
        if self.rcode is None:
            how = "no answer" if self.is_done else "waiting for an answer"
        else:
            how = "told" if self.rcode == query.NOERROR else f"refused with rcode {self.rcode}"
        return f"{how} ({self.serial})"


def message(zone: str, soa_rdata: bytes, ident: int) -> bytes:
    """Return a NOTIFY message with the SOA record (its data uncompressed) of ``zone``."""
    flags = query.NOTIFY << 11 | query.AA
    question = from_text(zone) + query.QUESTION.pack(SOA, _IN)
    answer = b"\xc0\x0c" + query.QUESTION.pack(SOA, _IN) + bytes(4)
    answer += len(soa_rdata).to_bytes(2, "big") + soa_rdata
    return query.HEADER.pack(ident, flags, 1, 1, 0, 0) + question + answer
