"""What a sample of queries shows: who asks for what, and the last that were odd."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from dnsd.control.tap.heavy import HeavyHitters
from dnsd.image.tap import TapFlag, is_below
from dnsd.metrics.mnemonics import rcode_name
from dnsd.recorder.asked import asked

if TYPE_CHECKING:
    from dnsd.image.tap import Tapped

SHOWN = 10
"""Names and clients that come most often, and the last queries of each odd kind."""
_KINDS = {"slow": TapFlag.SLOW, "refused": TapFlag.REFUSED, "limited": TapFlag.LIMITED}


class Findings:
    """Takes in queries, and tells what there is to be seen of them."""

    def __init__(self) -> None:
        self._names, self._clients = HeavyHitters(), HeavyHitters()
        self._odd = {kind: deque[dict[str, Any]](maxlen=SHOWN) for kind in _KINDS}
        self._seen = 0

    def take(self, one: Tapped, threshold: int, offset: int) -> None:
        """Take in ``one``, which counts for the sample if it is below its ``threshold``.

        ``offset`` (ns) makes its time that of the day.
        """
        question = asked(one.query)
        if is_below(one.number, threshold):
            self._seen += 1
            self._names.add(question.name.lower())
            self._clients.add(one.address)
        for kind, flag in _KINDS.items():
            if one.flags & flag:
                self._odd[kind].appendleft(
                    {
                        "time": (one.at + offset) / 1e9,
                        "client": one.address,
                        "protocol": "tcp" if one.is_tcp else "udp",
                        "name": question.name,
                        "type": question.rtype,
                        "rcode": rcode_name(one.rcode),
                        "microseconds": one.took / 1000,
                    }
                )

    def fade(self, factor: float) -> None:
        """Have names and clients of earlier weigh so much less."""
        self._names.fade(factor)
        self._clients.fade(factor)

    def told(self) -> dict[str, Any]:
        """Return what was found, as plain values."""
        return {
            "seen": self._seen,
            "names": [one._asdict() for one in self._names.most(SHOWN)],
            "clients": [one._asdict() for one in self._clients.most(SHOWN)],
            **{kind: list(found) for kind, found in self._odd.items()},
        }
