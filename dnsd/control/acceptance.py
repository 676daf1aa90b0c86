"""What becomes of builds: accepted, refused for what they lose, or replaced by what was good last.

Knows what is served and what an earlier run has left; how that is judged is
:mod:`dnsd.control.guard`'s business.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.config.policyfile import path_for
from dnsd.control import guard, log
from dnsd.control.build import worst
from dnsd.control.grace import Grace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from dnsd.control.build import BuildResult
    from dnsd.control.earlier import Earlier
    from dnsd.control.table import Row
    from dnsd.image.stock import Stock


class Acceptance:
    """Judges builds whose images are in ``stock`` by ``rows`` and, at a start, ``earlier``."""

    def __init__(self, stock: Stock, earlier: Earlier, rows: Mapping[str, Row]) -> None:
        self._stock = stock
        self._earlier = earlier
        self._rows = rows
        self.grace = Grace()

    def accept(
        self,
        results: Iterable[BuildResult],
        shares: Mapping[str, float],
        forced: Set[str],
        grace: float,
    ) -> list[BuildResult]:
        """Return ``results`` as they are to be published.

        A zone whose policy is away goes on as it is for ``grace`` seconds, unless it is ``forced``.
        One that would lose more than its share of what it has is broken. What is broken and not
        served is what it was last.
        """
        accepted = []
        for result in results:
            one = self._patient(result, 0.0 if result.origin in forced else grace)
            one = self._guarded(one, shares[result.origin])
            row = self._rows.get(result.origin)
            is_served = one.image is not None or (row is not None and row.served is not None)
            accepted.append(one if is_served else self._earlier.in_place_of(one))
        return accepted

    def _patient(self, result: BuildResult, seconds: float) -> BuildResult:
        """Return ``result``, to be tried again if its policy has been away for a moment only."""
        old = self._old(result.origin)
        policy = str(path_for(Path(next(iter(result.sources)))))
        gone = result.sources.get(policy, policy) is None
        if result.image is None or old is None or not old.pools or not gone:
            if not gone:
                self.grace.forget(result.origin)
            return result
        count, now = len(old.pools), time.monotonic()
        why = self.grace.missing(result.origin, policy, count, seconds, now)
        if why is None:
            log.say(f"zone {result.origin}: its policy {policy} is gone, and counts as taken away")
            return result
        self._stock.remove(result.image)
        return msgspec.structs.replace(result, image=None, trouble=why)

    def _old(self, origin: str) -> guard.Content | None:
        """Return what is served of a zone; after a start, what was."""
        row = self._rows.get(origin)
        return (row.served if row else None) or self._earlier.meta(origin)

    def _guarded(self, result: BuildResult, share: float) -> BuildResult:
        """Return ``result``, broken if it loses more than ``share`` of what there was."""
        old = self._old(result.origin)
        if result.image is None or old is None:
            return result
        file = next(iter(result.sources))
        edit = guard.Edit(result.origin, file, old, result)
        refusal = guard.loss(edit, share)
        if refusal is not None:
            self._stock.remove(result.image)
            result = msgspec.structs.replace(result, image=None)
        told = refusal or guard.stagnation(edit)
        findings = worst((told, *result.findings)) if told else result.findings
        return msgspec.structs.replace(result, findings=findings)
