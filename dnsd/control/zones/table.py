"""The zones this node has, each with what is served of it and how its last load went.

Plain data and what follows from it; knows neither files nor workers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from dnsd.caches.listing import UNKNOWN, Contents
from dnsd.control.zones.terms import AS_IN_FILE, BuildTerms
from dnsd.wire.name import from_text, lower
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from dnsd.build.images import Meta
    from dnsd.build.pipeline import BuildResult
    from dnsd.build.poolmeta import PoolMeta
    from dnsd.build.resolved import AliasMeta
    from dnsd.build.stamps import Stamp
    from dnsd.config import Limits
    from dnsd.zone.validity import Validity


class ZoneState(StrEnum):
    """What a zone's clients get."""

    SERVED = "served"
    """What is in the file."""
    STALE = "stale"
    """What was in the file before it was broken."""
    BROKEN = "broken"
    """SERVFAIL: it has not been loaded since the start."""
    EXPIRED = "expired"
    """SERVFAIL: it is fetched, and no primary has confirmed it for too long (RFC 1035 §3.3.13)."""
    LOADING = "loading"
    """It is loaded for the first time."""


EXPIRED = "it has expired: no primary has confirmed it within the EXPIRE time of its SOA"
"""Why dnsd no longer answers from a zone that was fetched."""


def apex_of(origin: str) -> bytes:
    """Return the lower-case wire form of a zone's name."""
    return lower(from_text(origin))


@dataclass(frozen=True, slots=True)
class ServedImage:
    """The image that the workers answer from; the cells of its ``pools`` begin at ``cell``.

    ``text`` is the digest of what it was made from (see :class:`dnsd.build.images.Meta`).
    """

    image: str
    serial: int
    records: int
    pools: tuple[PoolMeta, ...] = ()
    aliases: tuple[AliasMeta, ...] = ()
    cell: int = 0
    contents: Contents = UNKNOWN
    text: str = ""
    version: str = ""
    """The name of its record file, if others may have it."""
    validity: Validity | None = None

    @classmethod
    def of(cls, made: BuildResult | Meta, image: str, cell: int = 0) -> Self:
        """Return what is served of a zone that was ``made`` into ``image``."""
        return cls(
            image,
            made.serial,
            made.records,
            made.pools,
            made.aliases,
            cell,
            made.contents,
            made.text,
            made.version,
            made.validity,
        )


@dataclass(slots=True)
class ZoneRow:
    """One zone. ``since`` (POSIX seconds) is when its data or its state changed last.

    ``findings`` are those of the last load, ``limits``, ``include``, ``terms``, ``stamps`` and
    ``digests`` what it went by; it is ``trouble`` that has kept it from its end through no fault of
    the zone, and it is tried again. It ``was_served`` by an earlier run of dnsd, if that has left
    an image of it; ``is_early``: that is what is served until the zone has been loaded once.
    ``building``: a build of it is under way; the last one took so many ``seconds``. It
    ``is_expired`` when it is not served because of its age.
    """

    origin: str
    file: Path
    since: float
    limits: Limits | None = None
    served: ServedImage | None = None
    findings: tuple[Finding, ...] = ()
    loaded: bool = False
    trouble: str = ""
    was_served: bool = False
    is_early: bool = False
    building: bool = False
    is_expired: bool = False
    seconds: float = 0.0
    include: tuple[str, ...] = ()
    terms: BuildTerms = AS_IN_FILE
    stamps: Mapping[str, Stamp | None] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def image(self) -> str:
        """The image that is served; empty if there is none."""
        return self.served.image if self.served else ""

    @property
    def state(self) -> ZoneState:
        """What clients get."""
        if self.is_expired:
            return ZoneState.EXPIRED
        if self.served is None:
            return ZoneState.LOADING if self.building and not self.stamps else ZoneState.BROKEN
        return ZoneState.SERVED if self.loaded else ZoneState.STALE

    @property
    def validity(self) -> Validity | None:
        """From when until when what is served has valid signatures; None if it has none."""
        return None if self.served is None else self.served.validity

    @property
    def aliases(self) -> tuple[AliasMeta, ...]:
        """What of it follows names, as it is served."""
        return self.served.aliases if self.served else ()

    @property
    def is_lost(self) -> bool:
        """Whether clients got answers once, and get none now."""
        return self.is_expired or (self.was_served and self.state == ZoneState.BROKEN)

    @property
    def error(self) -> str | None:
        """Why the last load failed: its first error; None if it has not failed."""
        if self.loaded or self.state == ZoneState.LOADING:
            return None
        if self.trouble or self.is_expired:
            return self.trouble or EXPIRED
        errors = (str(one) for one in self.findings if one.severity == Severity.ERROR)
        return next(errors, "its file is being loaded" if self.building else "it is not loaded")


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """What a reload has to do, as origins: ``load`` with the file of each.

    What is to ``expire`` is ours and gets no answers; it is no more loaded.
    """

    load: dict[str, Path]
    drop: tuple[str, ...]
    expire: dict[str, Path]
    unchanged: tuple[str, ...]
    unknown: tuple[str, ...]


def make_plan(
    rows: Mapping[str, ZoneRow],
    wanted: Mapping[str, Path],
    scope: Iterable[str],
    changed: Iterable[str],
    expired: Collection[str] = (),
) -> ReloadPlan:
    """Return how to get from ``rows`` to the zones ``wanted`` (their files by origin).

    Only zones in ``scope`` are touched. ``changed`` are origins whose files or limits are not
    what they were; what is broken is tried again in any case. None of the ``expired`` is loaded.
    """
    again = set(changed)
    load: dict[str, Path] = {}
    drop: list[str] = []
    expire: dict[str, Path] = {}
    unchanged: list[str] = []
    unknown: list[str] = []
    for origin in sorted(scope):
        row = rows.get(origin)
        if origin not in wanted:
            (unknown if row is None else drop).append(origin)
        elif origin in expired:
            expire[origin] = wanted[origin]
        elif row is None or not row.loaded or row.file != wanted[origin] or origin in again:
            load[origin] = wanted[origin]
        else:
            unchanged.append(origin)
    return ReloadPlan(load, tuple(drop), expire, tuple(unchanged), tuple(unknown))
