"""What another program has said of a service last, over HTTP: believed until it said it would end.

Silence is never health: without such a word, or when its time is over, nothing is known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NamedTuple

from dnsd.checks.result import Blind, Result


class PushTarget(NamedTuple):
    """The member ``address`` of the pool of this name and type."""

    name: str
    type: str
    address: str


class PushedState(NamedTuple):
    """What was said, and until when it is believed (monotonic seconds)."""

    ok: bool
    detail: str
    until: float


class Board:
    """The last word on each member."""

    def __init__(self) -> None:
        self._words: dict[PushTarget, PushedState] = {}

    def put(self, place: PushTarget, word: PushedState, now: float) -> None:
        """Take in what is said of a member; it replaces what was said before."""
        self._words = {at: one for at, one in self._words.items() if now < one.until}
        self._words[place] = word

    def word(self, place: PushTarget) -> PushedState | None:
        """Return what was said last, None if nothing was, or long ago."""
        return self._words.get(place)


@dataclass(frozen=True)
class PushedCheck:
    """What the ``board`` says of the members of a pool."""

    name: str
    type: str
    timeout: float
    board: Board | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return "a pushed state"

    def endpoint(self, _address: str) -> None:
        """It connects to nothing."""

    async def run(self, address: str) -> Result:
        """Look; Blind if nothing is said, or it is over."""
        word = self.board.word(PushTarget(self.name, self.type, address)) if self.board else None
        if word is None:
            raise Blind("no state has been pushed (PUT /members/NAME/TYPE/ADDRESS)")
        if time.monotonic() >= word.until:
            raise Blind("the last pushed state has expired")
        return Result(word.ok, word.detail, 0.0)
