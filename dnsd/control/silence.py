"""For how long another process has shown no sign of life: pure."""

from __future__ import annotations


class Silence:
    """Measures the silence of another process by its heartbeat.

    What is measured is time in which the watcher itself was awake: after a pause of the whole
    machine nobody has been silent. ``tick`` is how often it looks, in seconds.
    """

    def __init__(self, tick: float) -> None:
        self._longest_step = 2 * tick
        self._beat = 0
        self._looked = 0.0
        self._silent = 0.0

    def look(self, now: float, beat: int) -> float:
        """Return for how long there has been no new ``beat``, at ``now``; in seconds."""
        step = min(now - self._looked, self._longest_step)
        self._looked = now
        if beat != self._beat:
            self._beat = beat
            self._silent = 0.0
        else:
            self._silent += step
        return self._silent

    def forget(self) -> None:
        """Measure from now on."""
        self._silent = 0.0
