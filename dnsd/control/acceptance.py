"""What becomes of builds: accepted, refused for what they lose, or replaced by what was good last.

Knows what is served and what an earlier run has left; how that is judged is
:mod:`dnsd.control.guard`'s business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from dnsd.control import guard
from dnsd.control.build import worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

    def accept(
        self, results: Iterable[BuildResult], shares: Mapping[str, float]
    ) -> list[BuildResult]:
        """Return ``results`` as they are to be published.

        A zone that would lose more than its share of what it has is broken. What is broken and
        not served is what it was last.
        """
        accepted = []
        for result in results:
            one = self._guarded(result, shares[result.origin])
            row = self._rows.get(result.origin)
            is_served = one.image is not None or (row is not None and row.served is not None)
            accepted.append(one if is_served else self._earlier.in_place_of(one))
        return accepted

    def _guarded(self, result: BuildResult, share: float) -> BuildResult:
        """Return ``result``, broken if it loses more than ``share`` of what there was."""
        row = self._rows.get(result.origin)
        old: guard.Content | None = row.served if row else None
        old = old or self._earlier.meta(result.origin)
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
