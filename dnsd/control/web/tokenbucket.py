"""How often something may be done: a bucket of tokens, which fills with time. Pure."""

from __future__ import annotations


class Gate:
    """Lets ``per_second`` through, and at most ``burst`` at once."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._rate, self._burst = per_second, burst
        self._left, self._at = burst, 0.0

    def opens(self, now: float) -> bool:
        """Return whether there is a token left at ``now`` (seconds), and take it."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
