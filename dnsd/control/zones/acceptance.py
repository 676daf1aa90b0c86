"""What becomes of builds: accepted, refused for what they lose, or replaced by what was good last.

An edit that would break a promise in seconds is refused, too. Knows what is served and what an
earlier run has left; how that is judged is the business of :mod:`dnsd.control.zones.guard` and
:mod:`dnsd.control.zones.commitments`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.build.pipeline import worst
from dnsd.checks.limits import limits_in_force
from dnsd.control.zones import guard
from dnsd.control.zones.commitments import Commitments
from dnsd.control.zones.grace import Grace
from dnsd.process import log
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from dnsd.build.pipeline import BuildResult
    from dnsd.config import Failover
    from dnsd.control.zones.commitments import Broken
    from dnsd.control.zones.earlier import Earlier
    from dnsd.control.zones.table import ZoneRow
    from dnsd.image.stock import Stock


class LossTerms(NamedTuple):
    """How results are judged: the ``shrink`` that is allowed, the ``grace`` of policies in seconds.

    What the zones ``forced`` lose is meant; None: so is what any of them loses.
    """

    shrink: float
    grace: float
    forced: Set[str] | None = frozenset()

    def is_meant(self, origin: str) -> bool:
        """Return whether what a zone loses is meant."""
        return self.forced is None or origin in self.forced

    def share(self, origin: str) -> float:
        """Return how much a zone may lose of what it has."""
        return 1.0 if self.is_meant(origin) else self.shrink


class Accepted(NamedTuple):
    """Results that may be published, and those that are to be judged again with others."""

    accepted: list[BuildResult]
    waiting: list[BuildResult]


class Acceptance:
    """Judges builds whose images are in ``stock`` by ``rows`` and, at a start, ``earlier``."""

    def __init__(
        self, stock: Stock, earlier: Earlier, rows: Mapping[str, ZoneRow], failover: Failover
    ) -> None:
        self._failover = failover
        self._stock = stock
        self._earlier = earlier
        self._rows = rows
        self.grace = Grace()

    def accept(
        self, results: Sequence[BuildResult], terms: LossTerms, *, may_wait: bool
    ) -> Accepted:
        """Return ``results`` as they are to be published.

        A zone whose policy is away goes on as it is for a while. One that would lose more than its
        share of records is broken, and so is one that is served already and would break a
        promise; if it ``may_wait``, it is judged together with the others, which may make room.
        A zone that is broken and not served gets its last good image.
        """
        guarded = [self._guarded(self._patient(one, terms), terms) for one in results]
        committed = self._committed(guarded, may_wait=may_wait)
        waiting = [one for one, end in zip(results, committed, strict=True) if end is None]
        accepted = []
        for one in committed:
            if one is None:
                continue
            row = self._rows.get(one.origin)
            is_served = one.image is not None or (row is not None and row.served is not None)
            accepted.append(one if is_served else self._earlier.in_place_of(one))
        return Accepted(accepted, waiting)

    def _patient(self, result: BuildResult, terms: LossTerms) -> BuildResult:
        """Return ``result``, to be tried again if its policy has been away for a moment only."""
        old = self._old(result.origin)
        policy = result.policy
        gone = result.sources.get(policy, policy) is None
        if result.image is None or old is None or not old.pools or not gone:
            if not gone:
                self.grace.forget(result.origin)
            return result
        count, now = len(old.pools), time.monotonic()
        seconds = 0.0 if terms.is_meant(result.origin) else terms.grace
        why = self.grace.missing(result.origin, policy, count, seconds, now)
        if why is None:
            told = f"zone {result.origin}: its policy {policy} is gone, and counts as removed"
            log.say("policy-removed", told, zone=result.origin, path=policy)
            return result
        self._stock.remove(result.image)
        return msgspec.structs.replace(result, image=None, trouble=why)

    def _old(self, origin: str) -> guard.Content | None:
        """Return what is served of a zone; after a start, what was."""
        row = self._rows.get(origin)
        return (row.served if row else None) or self._earlier.meta(origin)

    def _committed(
        self, results: Sequence[BuildResult], *, may_wait: bool
    ) -> list[BuildResult | None]:
        """Return ``results``; those that break promises are broken themselves, or say so.

        None stands for one that is to be judged later. A zone that is not served yet is not kept
        from its clients for what others promise.
        """
        if not any(one.pools or self._has_pools(one.origin) for one in results):
            return list(results)  # a hundred thousand zones have none
        served = {
            origin: row.served.pools
            for origin, row in self._rows.items()
            if row.served and row.served.pools
        }
        edits = {one.origin: one.pools for one in results if one.image is not None}
        commitments = Commitments(served, self._failover, limits_in_force(self._failover))
        if commitments.all_kept(edits):
            return list(results)
        return [self._judged(one, commitments, may_wait=may_wait) for one in results]

    def _has_pools(self, origin: str) -> bool:
        row = self._rows.get(origin)
        return row is not None and row.served is not None and bool(row.served.pools)

    def _judged(
        self, result: BuildResult, commitments: Commitments, *, may_wait: bool
    ) -> BuildResult | None:
        if result.image is None:
            return result
        row = self._rows.get(result.origin)
        is_served = row is not None and row.served is not None and not row.is_early
        broken = commitments.broken_by(result.origin, result.pools)
        is_refused = is_served and any(one.is_refusal for one in broken)
        if is_refused and may_wait:
            return None
        if is_refused:
            self._stock.remove(result.image)
            result = msgspec.structs.replace(result, image=None)
        else:
            commitments.take(result.origin, result.pools)
        found = [_finding(result, one, is_refused=is_refused) for one in broken]
        return msgspec.structs.replace(result, findings=worst((*found, *result.findings)))

    def _guarded(self, result: BuildResult, terms: LossTerms) -> BuildResult:
        """Return ``result``, broken if it loses more than its share of what there was."""
        old = self._old(result.origin)
        if result.image is None or old is None or result.is_catalog:
            return result  # what a catalog loses is judged by its members
        file = next(iter(result.sources))
        edit = guard.ZoneEdit(result.origin, file, old, result)
        refusal = guard.loss(edit, terms.share(result.origin))
        if refusal is not None:
            self._stock.remove(result.image)
            result = msgspec.structs.replace(result, image=None)
        told = refusal or guard.stagnation(edit)
        findings = worst((told, *result.findings)) if told else result.findings
        return msgspec.structs.replace(result, findings=findings)


def _finding(result: BuildResult, broken: Broken, *, is_refused: bool) -> Finding:
    severity = Severity.ERROR if is_refused and broken.is_refusal else Severity.WARNING
    return Finding(result.policy, 0, severity, broken.sentence(), "pool-rto")
