"""Requests of other servers that were refused, and why: for the log and ``dnsd zone status``.

Anybody may ask, and a secondary asks again and again. So the same refusal is logged once an hour,
and of all of them a few lines a minute.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from dnsd.process.log import say
from dnsd.transfer import tsig
from dnsd.wire import query
from dnsd.wire.name import lower, to_text
from dnsd.wire.query import Malformed
from dnsd.wire.rdata import AXFR, IXFR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dnsd.transfer.ipc import Judged, ZoneTold
    from dnsd.transfer.tsig import CheckedRequest, TsigKey
    from dnsd.xfrd.knowledge import Row

AGAIN_S = 3600.0
"""Seconds after which the same refusal is logged again."""
MINUTE_S = 60.0
MOST_A_MINUTE = 10
"""Lines of the log in a minute, at most."""
MOST_KNOWN = 1000
"""Refusals and zones that are remembered, at most; the oldest are forgotten."""

_OPCODES = {query.NOTIFY: "NOTIFY", query.UPDATE: "UPDATE"}
_TYPES = {AXFR: "AXFR", IXFR: "IXFR"}


class Refusal(NamedTuple):
    """The last refusal of a zone: a ``sentence``, and when it was, in POSIX seconds."""

    sentence: str
    at: float


class Refusals:
    """What was refused lately; a part of the process that only tells of it.

    ``clock`` returns POSIX seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._said: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._last: OrderedDict[str, Refusal] = OrderedDict()
        self._minute = 0.0
        self._lines = 0

    def note(self, message: bytes, source: str, why: str) -> None:
        """Note that the request ``message`` of a client at ``source`` is refused: ``why``."""
        kind, zone = _asked(message)
        now = self._clock()
        sentence = f"{kind} of {zone} by {source}: {why}"
        self._last[zone] = Refusal(sentence, now)
        self._last.move_to_end(zone)
        _shorten(self._last)
        if self._is_news((zone, source, why), now):
            told = f"transfers: refused {sentence}"
            say("transfer-refused", told, zone=zone, client=source, reason=why)

    def _is_news(self, refusal: tuple[str, str, str], now: float) -> bool:
        """Tell whether it is to be logged."""
        if 0 <= now - self._said.get(refusal, -AGAIN_S) < AGAIN_S:
            return False
        if not 0 <= now - self._minute < MINUTE_S:
            self._minute, self._lines = now, 0
        if self._lines >= MOST_A_MINUTE:
            return False
        self._lines += 1
        self._said[refusal] = now
        self._said.move_to_end(refusal)
        _shorten(self._said)
        return True

    # -- a part of the process -----------------------------------------------------------------

    def hear(self, told: ZoneTold) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.hear`."""

    def lose(self, zone: str) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.lose`."""
        self._last.pop(zone, None)

    def judge(self, judged: Judged) -> None:
        """See :meth:`dnsd.xfrd.knowledge.TransferPart.judge`."""

    def row(self, zone: str) -> Row:
        """Return the last refusal, if there is one."""
        found = self._last.get(zone)
        return {"refused": found.sentence, "refused_at": found.at} if found else {}

    def obey(self, _what: str, _zone: str) -> str | None:
        """Return None: no order is for this part."""
        return None

    async def run(self) -> None:
        """Return: there is nothing to do all the time."""


def of_signature(checked: CheckedRequest, keys: Mapping[str, TsigKey], now: float) -> str:
    """Return why a request with a wrong signature is refused, and what is to be done."""
    record = checked.record
    assert record is not None, "it has a signature"
    name, algorithm = to_text(record.owner), to_text(record.algorithm).removesuffix(".")
    if checked.error == tsig.BADTIME:
        away = record.time - int(now)
        way = "ahead of" if away > 0 else "behind"
        return (
            f"its clock is {abs(away)} s {way} the clock here, and {record.fudge} s are allowed: "
            "set both clocks (BADTIME)"
        )
    if checked.error == tsig.BADSIG:
        return f"the key {name} has another secret there than here (BADSIG)"
    if checked.error == tsig.BADTRUNC:
        return f"its signature with the key {name} is truncated too much (BADTRUNC)"
    ours = keys.get(name)
    if ours is None:
        return f"it is signed with the key {name}, and there is no such [[key]] here (BADKEY)"
    return f"the key {name} has {algorithm} there, and {ours.algorithm} here (BADKEY)"


def signed_with(key: str | None) -> str:
    """Return how a request was signed, as it stands in a sentence."""
    return f"with the key {key}" if key else "without a key"


def _asked(message: bytes) -> tuple[str, str]:
    """Return what a request is, and for which zone."""
    asked = query.begin(message)
    with suppress(Malformed):  # header and question were read
        query.parse(message, asked)
    kind = _OPCODES.get(asked.opcode) or _TYPES.get(asked.qtype, "a question")
    return kind, to_text(lower(asked.qname))


def _shorten(known: OrderedDict[str, Refusal] | OrderedDict[tuple[str, str, str], float]) -> None:
    if len(known) > MOST_KNOWN:
        known.popitem(last=False)
