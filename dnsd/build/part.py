"""Of two versions of a zone and the image of the older one: the image of the newer one, patched.

Only the names that answer otherwise are compiled and checked, in an excerpt of the zone: so it
costs as much as what has changed, and a copy of the image. PatchError says why that is not done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd import compile as compiler
from dnsd.build.affected import REFUSED, Shape, affected
from dnsd.build.excerpt import excerpt, surroundings
from dnsd.compile.patch import patched
from dnsd.errors import PatchError
from dnsd.image.store import Image
from dnsd.versions import difference
from dnsd.versions._index import Index
from dnsd.versions._stored import records
from dnsd.versions.version import behind_soa
from dnsd.wire.name import lower
from dnsd.zone.check import check_zone
from dnsd.zone.gather import gatherer_for
from dnsd.zone.longest import too_long
from dnsd.zone.report import FindingsReport
from dnsd.zone.stored import RecordReader
from dnsd.zone.structure import Structure
from dnsd.zone.suspects import SomeSuspects

if TYPE_CHECKING:
    from collections.abc import Collection

    from dnsd.build.affected import Affected
    from dnsd.config import Limits
    from dnsd.image.changed import ChangedOctets
    from dnsd.versions.version import ZoneVersion
    from dnsd.zone.findings import Finding
    from dnsd.zone.records import Zone


class ChangedPart(NamedTuple):
    """What has changed from one version to another, as far as it is answered.

    ``zone`` is an excerpt of the new version, in which the ``names`` concerned are as they are in
    the whole zone. ``before`` and ``after`` are excerpts of both versions with the names of which
    some record is another one, and what was around them.
    """

    names: Affected
    zone: Zone
    findings: tuple[Finding, ...]
    before: Zone
    after: Zone

    def image(self, old: Image, meta: bytes) -> ChangedOctets:
        """Return ``old``, the image of the version before, with what has changed, and ``meta``."""
        compiled = Image(compiler.build(self.zone))
        return patched(old, compiled, self.names.renewed, self.names.gone, meta)


def part_of(
    image: Image, old: ZoneVersion, new: ZoneVersion, limits: Limits, file: str = ""
) -> ChangedPart:
    """Return what has changed from ``old``, which ``image`` was made of, to ``new``."""
    found = difference.compare(old, new)
    removed, added = behind_soa(found.removed), behind_soa(found.added)
    gone = {one.rtype for one in records(removed)}
    index = Index(new.octets)
    if refused := (index.types | gone) & REFUSED:
        raise PatchError(f"the zone has records of type {min(refused)}")
    changed = frozenset(lower(one.owner) for part in (removed, added) for one in records(part))
    shape = Shape(index, new.apex)
    names = affected(shape, image, changed)
    about = changed | names.renewed
    zone, findings = _checked(excerpt(shape, about), about, limits, file)
    earlier = Shape(Index(old.octets), old.apex)
    before, after = (
        _zone_of(surroundings(one, other, changed), limits, FindingsReport(limits.findings), file)
        for one, other in ((earlier, shape), (shape, earlier))
    )
    return ChangedPart(names, zone, findings, before, after)


def _zone_of(version: ZoneVersion, limits: Limits, report: FindingsReport, file: str) -> Zone:
    gatherer = gatherer_for(version.apex, limits, report)
    RecordReader(gatherer, limits, report).take(version, file)
    return gatherer.finish()


def _checked(
    version: ZoneVersion, about: Collection[bytes], limits: Limits, file: str
) -> tuple[Zone, tuple[Finding, ...]]:
    """Return the zone of ``version``, and what is wrong with it at the names ``about``."""
    report = FindingsReport(limits.findings)
    zone = _zone_of(version, limits, report, file)
    suspects = SomeSuspects(zone, about)
    for finding in too_long(suspects, limits):
        report.add(finding)
    for finding in check_zone(zone, Structure(zone), file, None, limits, suspects):
        report.add(finding)
    return zone, report.findings(file)
