"""Which names of a zone answer otherwise after some names have changed.

They are those names, the empty non-terminals above them that come and go, the names whose answers
hold records of one of them (as a target's addresses, as the end of an alias, as glue), and the
names above wildcards, whose entries say where the wildcard's is. Zones without signatures only.

Whatever changes what many names are is refused (PatchError): a cut that comes where names are, or
that goes and leaves names; DNAMEs anywhere; more names than a build of the whole zone is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import PatchError
from dnsd.image import layout, reader
from dnsd.versions._stored import records
from dnsd.wire import name as names
from dnsd.wire.rdata import DNAME, DNSKEY, NS, NSEC, NSEC3, NSEC3PARAM, RRSIG, ZONEMD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dnsd.image.store import Image
    from dnsd.versions._index import Index
    from dnsd.wire.records import Record

MOST = 2000
"""Names that change, or are affected, with which an image is still made of an earlier one."""

REFUSED = frozenset((DNAME, RRSIG, NSEC, NSEC3, NSEC3PARAM, DNSKEY, ZONEMD))
"""Types that a zone, before and after the change, must not have."""


class Affected(NamedTuple):
    """Names that are to be ``renewed``, and those that are ``gone``; both in lower case."""

    renewed: frozenset[bytes]
    gone: frozenset[bytes]


class Shape:
    """What names are in the version that ``index`` is of; see :class:`dnsd.zone.structure`."""

    def __init__(self, index: Index, apex: bytes) -> None:
        self.index = index
        self.apex = apex
        self._records: dict[bytes, list[Record]] = {}

    def records(self, name: bytes) -> list[Record]:
        """Return the records of ``name``."""
        found = self._records.get(name)
        if found is None:
            found = self._records[name] = list(records(self.index.at(name)))
        return found

    def has(self, name: bytes, rtype: int) -> bool:
        """Tell whether ``name`` has a record of ``rtype``."""
        return any(one.rtype == rtype for one in self.records(name))

    def above(self, name: bytes) -> Iterator[bytes]:
        """Yield ``name``, which is in the zone, and what is above it, below the apex."""
        while name != self.apex:
            yield name
            name = names.parent(name)

    def cut_of(self, name: bytes) -> bytes | None:
        """Return the cut that ``name`` is at or below, None if there is none."""
        found = None
        for one in self.above(name):
            if self.has(one, NS):
                found = one
        return found

    def exists(self, name: bytes) -> bool:
        """Tell whether ``name`` exists for queries: it has data, is a cut, or is above those."""
        if self.cut_of(name) not in (None, name):
            return False
        return bool(self.records(name)) or self.index.has_below(name)


def affected(shape: Shape, image: Image, changed: Collection[bytes]) -> Affected:
    """Return what answers otherwise than in ``image`` after ``changed`` have changed.

    ``shape`` is of the version after that; all names of which any record but the SOA came, went,
    or got another TTL are among ``changed``, in lower case.
    """
    return _Search(shape, image).run(changed)


class _Search:
    """Collects names, and what has changed that other names may lead to."""

    def __init__(self, shape: Shape, image: Image) -> None:
        self._shape, self._image = shape, image
        self._renewed = {shape.apex}
        self._gone: set[bytes] = set()
        self._exactly: set[bytes] = set()
        # the SOA is part of what aliases that lead to it are answered with
        self._by_alias = {shape.apex}
        self._or_below: set[bytes] = set()

    def run(self, changed: Collection[bytes]) -> Affected:
        if len(changed) > MOST:
            raise PatchError("more names have changed than one part of a build is worth")
        for name in changed:
            self._change(name)
        self._follow_back()
        self._renew_above_wildcards()
        return Affected(frozenset(self._renewed), frozenset(self._gone))

    # -- the names themselves -----------------------------------------------------------------

    def _change(self, name: bytes) -> None:
        self._exactly.add(name)
        self._check_cut(name)
        cut = self._shape.cut_of(name)
        if cut is not None:
            # what leads to, or below, a cut is answered with its servers and their glue
            self._renewed.add(cut)
            self._or_below.add(cut)
        if cut is not None and cut != name:
            return
        for one in self._shape.above(name):
            was, exists = self._was(one), self._shape.exists(one)
            if one == name and was and exists:
                self._renewed.add(one)
                self._touch_wildcard(one)
            if was == exists:
                break
            (self._renewed if exists else self._gone).add(one)
            self._or_below.add(one)
            self._touch_wildcard(one)

    def _touch_wildcard(self, name: bytes) -> None:
        """Note that what a wildcard stands for is answered otherwise."""
        if names.is_wildcard(name):
            self._or_below.add(names.parent(name))

    def _was(self, name: bytes) -> bool:
        return reader.find(self._image, name) != 0

    def _was_cut(self, name: bytes) -> bool:
        entry = reader.find(self._image, name)
        return entry != 0 and reader.flags_of(self._image, entry) & layout.CUT != 0

    def _check_cut(self, name: bytes) -> None:
        """Refuse cuts that come or go while there are other names at or below them."""
        shape = self._shape
        is_cut, was_cut = shape.cut_of(name) == name, self._was_cut(name)
        if is_cut and not was_cut and self._was(name):
            raise PatchError("a delegation has come where names were")
        if was_cut and not is_cut and (shape.records(name) or shape.index.has_below(name)):
            raise PatchError("a delegation has gone, and names at or below it are still there")

    # -- what leads to them -------------------------------------------------------------------

    def _follow_back(self) -> None:
        """Renew whatever leads to what has changed, over any number of aliases."""
        shape = self._shape
        while self._exactly or self._by_alias or self._or_below:
            found = shape.index.leading_to(self._exactly, self._by_alias, self._or_below, MOST)
            if found is None:
                raise PatchError("too many records lead to what has changed")
            self._exactly, self._by_alias, self._or_below = set(), set(), set()
            for one in found - self._renewed:
                cut = shape.cut_of(one)
                if cut not in (None, one):
                    continue  # it is occluded: no query is answered this
                self._renewed.add(one)
                if cut == one:
                    self._or_below.add(one)
                else:
                    self._by_alias.add(one)
                    self._touch_wildcard(one)
            if len(self._renewed) > MOST:
                raise PatchError("too many names lead to what has changed")

    def _renew_above_wildcards(self) -> None:
        """Renew the names above wildcards: their entries say where those of the wildcards are."""
        moved = [one for one in self._renewed | self._gone if names.is_wildcard(one)]
        while moved:
            above = names.parent(moved.pop())
            if above in self._renewed or not self._shape.exists(above):
                continue
            self._renewed.add(above)
            if names.is_wildcard(above):
                moved.append(above)
