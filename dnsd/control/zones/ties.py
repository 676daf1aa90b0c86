"""Which zones of one reload come together: a zone, and what is cut out of it or goes back into it.

A zone that is new answers for names that were its parent's before. If the parent changes in the
same reload, it would answer for them itself until the new one is there; so both are published at
once. The same holds for a zone that is dropped. All others come as soon as they are built. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.control.zones.table import apex_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dnsd.build.pipeline import BuildResult


class _Family:
    """Zones that come together."""

    def __init__(self) -> None:
        self.awaited: set[str] = set()
        self.drop: list[str] = []
        self.results: list[BuildResult] = []


class Ties:
    """Holds results of the zones ``load`` back until those that belong to them are there.

    ``fresh`` are those of them that are not published in any form yet, ``drop`` what is dropped.
    """

    def __init__(
        self, load: Collection[str], fresh: Collection[str], drop: Collection[str]
    ) -> None:
        self._families: dict[str, _Family] = {}
        self._free_drop: list[str] = []
        by_apex = {apex_of(one): one for one in load} if fresh or drop else {}
        above = {one: _above(one, by_apex) for one in fresh}
        for origin in fresh:
            if parent := above[origin]:
                self._join(origin, parent, above)
        for origin in drop:
            if parent := _above(origin, by_apex):
                self._join(parent, parent, above).drop.append(origin)
            else:
                self._free_drop.append(origin)

    def _join(self, one: str, parent: str, above: Mapping[str, str | None]) -> _Family:
        """Have ``one`` come with its ``parent``, and with the zones that come with that."""
        top = parent
        while further := above.get(top):
            top = further
        family = self._families.setdefault(top, _Family())
        for member in (one, parent, top):
            family.awaited.add(member)
            self._families[member] = family
        return family

    def ready(self, results: Iterable[BuildResult]) -> tuple[list[BuildResult], list[str]]:
        """Return what is to be published now that these ``results`` are there, and dropped."""
        now: list[BuildResult] = []
        drop, self._free_drop = self._free_drop, []
        for result in results:
            family = self._families.get(result.origin)
            if family is None:
                now.append(result)
                continue
            family.results.append(result)
            family.awaited.discard(result.origin)
            if not family.awaited:
                now += family.results
                drop += family.drop
        return now, drop


def _above(origin: str, by_apex: Mapping[bytes, str]) -> str | None:
    """Return the zone in ``by_apex`` that ``origin`` is in, the nearest one; not itself."""
    apex = apex_of(origin)
    while len(apex) > 1:
        apex = apex[apex[0] + 1 :]
        if apex in by_apex:
            return by_apex[apex]
    return None
