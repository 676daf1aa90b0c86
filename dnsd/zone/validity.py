"""How long the signatures of a zone hold, and what an operator should know of that.

When they have ended, every validating resolver refuses the whole zone, although dnsd answers.
Pure: it is told the time.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from dnsd.text import duration

WEEK_S = 7 * 86400
LASTING_S = 4 * WEEK_S
"""Signatures that hold for so long are warned of a week before they end."""
SHARE = 0.1
"""Of others in the last tenth of their time: signers that renew them regularly do it before."""


class SigningState(StrEnum):
    """How the signatures of a zone are."""

    GOOD = "good"
    SOON = "soon"
    """They end soon."""
    ENDED = "ended"
    """Of some RRset none is valid any more."""
    EARLY = "early"
    """Of some RRset none is valid yet."""


class Validity(msgspec.Struct, frozen=True):
    """From when until when each RRset of a zone has a valid signature (POSIX seconds).

    The signature that ends first is that of ``first``, and was made for so many seconds.
    """

    begins: int
    ends: int
    lifetime: int
    first: str

    def state(self, now: float) -> SigningState:
        """Return how the signatures are at ``now``."""
        if now > self.ends:
            return SigningState.ENDED
        if now < self.begins:
            return SigningState.EARLY
        return SigningState.SOON if self.ends - now < self.warned_s else SigningState.GOOD

    def is_good(self, now: float) -> bool:
        """Return whether there is nothing to say of them."""
        return self.state(now) is SigningState.GOOD

    @property
    def warned_s(self) -> float:
        """How long before their end they are warned of."""
        return WEEK_S if self.lifetime >= LASTING_S else SHARE * self.lifetime

    def phrase(self, now: float) -> str:
        """Return when they end, or began to be wrong, in a few words."""
        match self.state(now):
            case SigningState.ENDED:
                return f"ended {duration(now - self.ends)} ago"
            case SigningState.EARLY:
                return f"are not valid for another {duration(self.begins - now)}"
            case _:
                return f"end in {duration(self.ends - now)}"

    def sentence(self, zone: str, now: float) -> str:
        """Return what is wrong with the signatures of ``zone``; empty if nothing is."""
        said = f"the signatures of {zone} {self.phrase(now)}"
        match self.state(now):
            case SigningState.ENDED:
                return (
                    f"{said} ({self.first}): resolvers that validate answer SERVFAIL; sign the zone"
                    " now"
                )
            case SigningState.EARLY:
                return f"{said}: check the clock here and where the zone was signed"
            case SigningState.SOON:
                return f"{said} ({self.first}): sign the zone again"
        return ""
