"""What shows only when the zones of a check are looked at together.

Promises that are kept in one queue, TTLs that make one budget, cuts between zones. Each remembers
what it needs of a zone; what it compares with is imported when there is something to compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.wire import name as names
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from dnsd import config
    from dnsd.build.advised import ZoneAndPolicy
    from dnsd.build.promises import InZone
    from dnsd.config.policy import Policy
    from dnsd.zone.neighbours import Side
    from dnsd.zone.records import Zone


class PoolsTogether:
    """Remembers the pools of this check: all of a node's are checked in one queue."""

    def __init__(self, given: config.Config | None) -> None:
        self._failover = given.failover if given else None
        self._config = str(given.path) if given else ""
        self._zones: list[tuple[Policy, tuple[InZone, ...]]] = []
        self._policies: dict[bytes, Policy] = {}
        self._told: set[tuple[str, int]] = set()

    def note(self, policy: Policy, zone: Zone, found: Iterable[Finding]) -> None:
        """Keep the pools of ``zone``, and which promises do not even hold by themselves."""
        from dnsd.build.policycheck import promised

        self._zones.append((policy, promised(policy, zone)))
        self._policies[zone.apex] = policy
        self._told |= {(one.file, one.line) for one in found if one.code == "pool-rto"}

    def policy_of(self, zone: Zone) -> Policy | None:
        """Return the policy of ``zone``, if it has one that can be used."""
        return self._policies.get(zone.apex)

    def findings(self) -> list[Finding]:
        """Return the promises that do not hold because of other zones, or of this machine.

        A node that is started from here, as the service does that runs the check before, has the
        same limit of descriptors.
        """
        if not any(pools for _, pools in self._zones):
            return []
        from dnsd.build.policycheck import check_promises
        from dnsd.checks.limits import limits_of_a_node, shortfall
        from dnsd.config import Failover

        failover = self._failover or Failover()
        limits = limits_of_a_node(failover)
        found = check_promises(self._zones, failover, limits)
        found = [one for one in found if (one.file, one.line) not in self._told]
        if (short := shortfall(failover, limits)) and self._are_checked():
            found.append(Finding(self._place, 0, Severity.WARNING, short, "descriptors"))
        return found

    @property
    def _place(self) -> str:
        return self._config or self._zones[0][0].file

    def _are_checked(self) -> bool:
        return any(pool.policy.check != "none" for _, pools in self._zones for pool in pools)


class DemandTogether:
    """Remembers the zones of this check, to hold their TTLs against what caches look up."""

    def __init__(self, file: Path, budget: float | None) -> None:
        from dnsd.ttladvice.demand import read as read_demand

        self._known = read_demand(file)
        self._budget = budget
        self._zones: list[ZoneAndPolicy] = []

    def note(self, zone: Zone, policy: Policy | None) -> None:
        """Keep ``zone``."""
        from dnsd.build.advised import ZoneAndPolicy

        self._zones.append(ZoneAndPolicy(zone, policy))

    def findings(self, failover: config.Failover | None) -> list[Finding]:
        """Return the TTLs that do not do."""
        from dnsd.build.advised import check as check_ttls

        return check_ttls(self._zones, self._known, failover, self._budget)


class CutsTogether:
    """Remembers what the zones of this check say of the cuts between them."""

    def __init__(self, zones: Collection[str]) -> None:
        self._parents: dict[bytes, bytes | None] = {}
        self._children: dict[bytes, list[bytes]] = {}
        self._sides: dict[tuple[bytes, bytes], Side] = {}
        if len(zones) > 1:
            self._relate(zones)

    def _relate(self, zones: Iterable[str]) -> None:
        from dnsd.zone import neighbours

        apexes = {names.lower(names.from_text(zone)) for zone in zones}
        self._parents = {apex: neighbours.parent_of(apex, apexes) for apex in apexes}
        for apex, parent in self._parents.items():
            if parent is not None:
                self._children.setdefault(parent, []).append(apex)

    def note(self, zone: Zone) -> None:
        """Keep what ``zone`` says of its own apex and of each zone below it."""
        if not self._parents:
            return
        from dnsd.zone import neighbours

        for cut in (zone.apex, *self._children.get(zone.apex, ())):
            self._sides[zone.apex, cut] = neighbours.side(zone, cut)

    def compare(self) -> list[Finding]:
        """Return where two zones contradict each other."""
        if not self._parents:
            return []
        from dnsd.zone import neighbours

        found: list[Finding] = []
        for apex, parent in self._parents.items():
            above, own = self._sides.get((parent or b"", apex)), self._sides.get((apex, apex))
            if above and own:
                found += neighbours.compare(above, own)
        return sorted(found)
