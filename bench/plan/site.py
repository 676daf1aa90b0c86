"""The zones and policies that a plan is made for, read as ``dnsd check`` reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.queries.zone import origin_of
from bench.study.errors import StudyError
from dnsd import config
from dnsd.build import advised
from dnsd.build.advised import ZoneAndPolicy
from dnsd.build.policycheck import check_file
from dnsd.config.limits import Limits
from dnsd.config.policyfile import path_for, place_of
from dnsd.ttladvice.held import Holding
from dnsd.wire import name as names
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_zone

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.build.advised import Subjects
    from dnsd.config import Config
    from dnsd.ttladvice.advice import Goal
    from dnsd.ttladvice.demand import DemandFile
    from dnsd.ttladvice.held import GoverningRRset as Governing


class Site:
    """Zones with their policies, and what caches hold of them."""

    def __init__(self, zones: list[ZoneAndPolicy], given: Config | None) -> None:
        self._zones = zones
        self._given = given
        self._holding = {held.zone.apex: Holding(held.zone) for held in zones}

    def of(self, name: str, rtype: str) -> Governing | None:
        """Return what governs how long caches hold the response to this question, if it is ours."""
        try:
            owner = names.lower(names.from_text(name))
        except ValueError:
            return None
        apexes = [apex for apex in self._holding if names.is_subdomain(owner, apex)]
        if not apexes:
            return None
        return self._holding[max(apexes, key=len)].of(name, rtype)

    def subjects(self, demand: DemandFile) -> Subjects:
        """Return the RRsets that are asked for, with their TTLs of today."""
        return advised.subjects(self._zones, demand)

    def goals(self, objective: float | None) -> dict[tuple[str, str], Goal]:
        """Return the goals of all pools that have an objective, by name and type."""
        failover = self._given.failover if self._given else None
        return advised.goals(self._zones, failover, objective)


def of_config(path: Path) -> Site:
    """Read the zones of the configuration at ``path``, with their policies."""
    found, zones, problems = config.examine(path)
    if found is None or problems:
        raise StudyError("; ".join(map(str, problems)) or f"{path} cannot be used")
    return Site([_read(origin, file, found) for origin, file in zones.items()], found)


def of_zone(path: Path) -> Site:
    """Read the one zone at ``path``, which is named after it, with the policy beside it."""
    return Site([_read(origin_of(path), path, None)], None)


def _read(origin: str, file: Path, found: Config | None) -> ZoneAndPolicy:
    limits = found.zones.limits if found else Limits()
    include = found.zones.include if found else ()
    try:
        result = load_zone(origin, file, limits, include=include)
    except ValueError as error:
        raise StudyError(f"{file} is named after no domain name: {error}") from None
    beside = place_of(found, origin, file) if found else path_for(file)
    checked = check_file(origin, beside, result.zone, found.failover if found else None)
    findings = [*result.findings, *checked.findings]
    worst = next((one for one in findings if one.severity is Severity.ERROR), None)
    # An objective that is not kept is what a plan is there for.
    if result.zone is None or (worst is not None and worst.code != "pool-rto"):
        raise StudyError(f"{worst}: see dnsd check {file}")
    return ZoneAndPolicy(result.zone, checked.policy)
