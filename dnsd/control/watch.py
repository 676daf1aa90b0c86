"""When to load what has changed on disk: a pure decision about stamps and time.

Knows things to be remade (zones, by origin) and the stamps of the files each was made from.
Reads neither clock nor disk: ``now`` and the stamps are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.control.stamps import Stamp

PATIENCE = 10
"""Settle times that a settled change waits for others that are still going on."""


class Watch:
    """Tells which keys are due: a file of theirs has changed, and has settled since.

    A file has settled when it has been the same for ``settle`` seconds: half-written files
    and files that an editor has moved away for a moment are left alone. Changes come in
    batches: while another changed file is unsettled, nothing is due (within limits).
    """

    def __init__(self, settle: float) -> None:
        self.settle = settle
        self._made: dict[str, Mapping[str, Stamp | None]] = {}
        self._seen: dict[str, tuple[Stamp | None, float]] = {}

    def follow(self, key: str, stamps: Mapping[str, Stamp | None]) -> None:
        """Note that ``key`` has just been made (or tried) from files with these ``stamps``."""
        self._made[key] = stamps

    def forget(self, key: str) -> None:
        """Stop watching the files of ``key``."""
        self._made.pop(key, None)

    def paths(self) -> set[str]:
        """Return the files to look at."""
        return {path for stamps in self._made.values() for path in stamps}

    def look(self, now: float, stamps: Mapping[str, Stamp | None]) -> list[str]:
        """Return the keys that are due at ``now`` (seconds), the files having these ``stamps``.

        A path that ``stamps`` lacks is left alone. A key stays due until it is followed anew.
        """
        for path, stamp in stamps.items():
            if path not in self._seen or self._seen[path][0] != stamp:
                self._seen[path] = stamp, now
        for path in self._seen.keys() - stamps.keys():
            del self._seen[path]
        changed = {key: self._quiet(key, now) for key in self._made if self._differs(key)}
        settled = [key for key, quiet in changed.items() if quiet >= self.settle]
        limit = self.settle * (1 + PATIENCE)
        if len(settled) < len(changed) and not any(changed[key] >= limit for key in settled):
            return []
        return settled

    def _differs(self, key: str) -> bool:
        return any(
            path in self._seen and self._seen[path][0] != stamp
            for path, stamp in self._made[key].items()
        )

    def _quiet(self, key: str, now: float) -> float:
        """Return for how many seconds no file of ``key`` has changed."""
        return min(now - self._seen[path][1] for path in self._made[key] if path in self._seen)
