"""The last state that another program has pushed over HTTP: believed until the end that it gave.

Silence is never health: without a pushed state, or after its end, nothing is known.
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
    """A pushed state, and until when it is believed (monotonic seconds)."""

    ok: bool
    detail: str
    until: float


class Board:
    """The last pushed state of each member."""

    def __init__(self) -> None:
        self._words: dict[PushTarget, PushedState] = {}

    def put(self, place: PushTarget, word: PushedState, now: float) -> None:
        """Take in the pushed state of a member; it replaces the last one."""
        self._words = {at: one for at, one in self._words.items() if now < one.until}
        self._words[place] = word

    def word(self, place: PushTarget) -> PushedState | None:
        """Return the last pushed state; None if there is none, or its time is over."""
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
        """Look at the board; Blind if nothing was pushed, or its time is over."""
        word = self.board.word(PushTarget(self.name, self.type, address)) if self.board else None
        if word is None:
            raise Blind("no state has been pushed (PUT /members/NAME/TYPE/ADDRESS)")
        if time.monotonic() >= word.until:
            raise Blind("the last pushed state has expired")
        return Result(word.ok, word.detail, 0.0)
