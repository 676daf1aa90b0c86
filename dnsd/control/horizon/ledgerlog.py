"""Log messages about the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.process import log

if TYPE_CHECKING:
    from dnsd.errors import StateError


def distrusted(error: StateError) -> None:
    """Log that the content of caches is unknown, and what follows."""
    log.say(
        "ledger-distrusted",
        f"horizon: {error}: what caches hold from this node is unknown, and nothing is "
        f"SAFE until the largest TTL ([zones.limits] longest_ttl) has passed",
    )


def waits(left: float) -> None:
    """Log for how many seconds new answers wait for the disk."""
    log.say(
        "answers-wait",
        f"horizon: new answers wait {left:.0f} s, or until the disk can be written: a "
        "restart before that would trust the ledger on disk, which lacks them; until then zones "
        "answer as an earlier run has left them",
    )


def written(fault: str) -> None:
    """Log why the ledger cannot be written, or that it is written again."""
    if fault:
        log.say("ledger-unwritten", f"horizon: {fault}")
    else:
        log.say("ledger-written", "horizon: the account is on disk again")
