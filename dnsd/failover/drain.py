"""The drain of a member: out of the answer, and gone only when the last cache has forgotten it.

    LOWERING ──→ WAITING ⇄ SAFE

LOWERING  The member is still answered, with a TTL of ``T_DRAIN``, until answers with a longer
          TTL have expired. That makes the switch sharp and the way back quick; it shortens nothing,
          so a direct drain leaves it out.
WAITING   It is out of the answers; caches, or clients, still hold it.
SAFE      None does.

Pure: it is given the time (seconds, monotonic), and what :mod:`horizon` says.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.caches.judge import Safety

if TYPE_CHECKING:
    from dnsd.caches.judge import Verdict

T_DRAIN = 5

MARGIN_S = 1.0
"""Workers hear of a lower TTL within milliseconds, and whole seconds are rounded once."""


class Phase(StrEnum):
    """How far a drain has come."""

    LOWERING = "lowering"
    WAITING = "waiting"
    SAFE = "safe"


class Progress(NamedTuple):
    """Where a drain is: in ``phase`` since ``since``; ``reasons`` say what is missing.

    ``until`` is when the next phase begins, or began; None: unknown.
    """

    phase: Phase
    since: float
    until: float | None
    reasons: tuple[str, ...]


class StoredDrain(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What of a drain survives a restart: ``left`` is how long the lowering still had to run.

    What was SAFE is found to be so again, from what is known then.
    """

    address: str
    left: float
    age: float
    gate: None = None
    """Earlier versions have written it, always empty: what they stored must not be lost."""

    def aged(self, seconds: float) -> StoredDrain:
        """Return it as it is ``seconds`` later."""
        return msgspec.structs.replace(self, left=self.left - seconds, age=self.age + seconds)


class Drain:
    """One drain. ``switch_at`` is when the member leaves the answer."""

    def __init__(self, now: float, switch_at: float) -> None:
        self.phase = Phase.LOWERING
        self.since = now
        self.switch_at = switch_at
        self._verdict: Verdict | None = None
        self.tick(now)

    @property
    def switched(self) -> bool:
        """Whether the member has been taken out of the answer."""
        return self.phase != Phase.LOWERING

    @property
    def progress(self) -> Progress:
        """Where it is."""
        if self.phase == Phase.LOWERING:
            reason = f"answers with a longer TTL than {T_DRAIN} s are still in caches"
            return Progress(self.phase, self.since, self.switch_at, (reason,))
        if self._verdict is None:
            reason = "the ledger has not been consulted yet"
            return Progress(self.phase, self.since, None, (reason,))
        return Progress(self.phase, self.since, self._verdict.until, self._verdict.reasons)

    def tick(self, now: float) -> None:
        """Switch, when it is time."""
        if self.phase == Phase.LOWERING and now >= self.switch_at:
            self.phase, self.since = Phase.WAITING, now

    def switch(self, now: float) -> None:
        """End the lowering of the TTL at once."""
        self.switch_at = min(self.switch_at, now)
        self.tick(now)

    def judge(self, now: float, verdict: Verdict) -> None:
        """Take in what the horizon says of the member."""
        self.tick(now)
        if not self.switched:
            return
        self._verdict = verdict
        phase = Phase.SAFE if verdict.safety == Safety.SAFE else Phase.WAITING
        if phase != self.phase:
            self.phase, self.since = phase, now

    def to_stored(self, address: str, now: float) -> StoredDrain:
        """Return what is to survive a restart."""
        left = self.switch_at - now
        return StoredDrain(address=address, left=left, age=now - self.since)

    @classmethod
    def restored(cls, stored: StoredDrain, ago: float, now: float) -> Drain:
        """Return the drain that was stored ``ago`` seconds ago."""
        drain = cls(now, now + stored.left - ago)
        if stored.left <= 0:
            drain.since = drain.switch_at
        elif not drain.switched:
            drain.since = now - ago - stored.age
        return drain


def lowered(now: float, horizon: float) -> Drain:
    """Return a drain that lowers the TTL first.

    ``horizon`` is when the last cache forgets what has been answered up to now; where no
    ledger knows it, that is now + the TTL in the zone file.
    """
    return Drain(now, max(now, horizon) + MARGIN_S)


def direct(now: float) -> Drain:
    """Return a drain that switches at once."""
    return Drain(now, now)
