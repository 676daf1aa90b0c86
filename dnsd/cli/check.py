"""``dnsd check``: every finding about zones, their policies and the configuration.

Knows what was asked for and how findings are shown, to people and programs; what is a finding
is decided by :mod:`dnsd.config`, :mod:`dnsd.zone.load` and :mod:`dnsd.build.policycheck`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from dnsd import config
from dnsd.build.advised import ZoneAndPolicy
from dnsd.build.advised import check as check_ttls
from dnsd.build.policycheck import check_file, check_promises, promised
from dnsd.cli.options import config_option, json_option, short, zone_option
from dnsd.cli.output import echo_styled
from dnsd.cli.selfquestions import SelfQuestions
from dnsd.config import balancerules, origins, policyfile
from dnsd.control.balance import targets
from dnsd.routerconf import faults
from dnsd.ttl.demand import DemandError
from dnsd.ttl.demand import read as read_demand
from dnsd.wire import name as names
from dnsd.zone import neighbours
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.limits import Limits
from dnsd.zone.load import load_text, load_zone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from dnsd.build.promises import InZone
    from dnsd.config.balance import Service
    from dnsd.config.policy import Policy
    from dnsd.ttl.demand import DemandFile
    from dnsd.zone.load import LoadResult
    from dnsd.zone.neighbours import Side
    from dnsd.zone.records import Zone

STDIN = "-"
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


@dataclass(frozen=True, slots=True)
class CheckedZone:
    """What is said of one zone.

    ``serial`` is None when the zone can't be served, ``policy`` the file beside it, if there is
    one; ``pools`` counts what it has if it can be used.
    """

    origin: str
    file: str
    records: int
    serial: int | None
    policy: str | None = None
    pools: int = 0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a whole check has found."""

    zones: tuple[CheckedZone, ...]
    findings: tuple[Finding, ...]
    services: tuple[Service, ...] = ()
    """Those of a director."""

    def count(self, severity: Severity) -> int:
        """Return how many findings are of ``severity``."""
        return sum(finding.severity is severity for finding in self.findings)


@click.command()
@config_option
@json_option
@zone_option
@click.option(
    "--demand",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Compare TTLs with what caches look up (python -m bench plan --summary writes it).",
)
@click.option(
    "--qps-budget",
    "budget",
    type=click.FloatRange(min=0, min_open=True),
    help="Budget of queries/s at the daily peak; needs --demand.",
)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.pass_context
def check(
    ctx: click.Context,
    config_file: Path | None,
    as_json: bool,
    zones: tuple[str, ...],
    demand: Path | None,
    budget: float | None,
    files: tuple[Path, ...],
) -> None:
    """Check zone files, their policies and the configuration; nothing is served or changed.

    A FILE is named after its zone (example.com.zone); for another name, or for "-", which is
    standard input, say which zone it is: --zone example.com=FILE. With --config the
    configuration and all of its zones are checked. With nothing at all, the example zones.

    With --demand, or [demand] file in the configuration, TTLs are warned of with which a pool
    misses its objective, or queries at the daily peak are over the budget; the warning says which
    TTL would do, and what it costs.

    A zone is checked with the policy beside it (example.com.toml), which may be the FILE, too.

    Each finding is a line "FILE:LINE: error|warning: message [code]". A zone with an error
    would not be served, nor a policy with one used; with warnings they are. Exit status: 0
    without errors, 1 with errors.
    """
    told = _Demand(read_demand(demand), budget) if demand else None
    report = _check(config_file, zones, files, told, budget)
    echo_styled(_as_json(report) if as_json else _as_text(report))
    ctx.exit(1 if report.count(Severity.ERROR) else 0)


def _check(
    config_file: Path | None,
    zones: tuple[str, ...],
    files: tuple[Path, ...],
    demand: _Demand | None,
    budget: float | None,
) -> CheckReport:
    findings: list[Finding] = []
    wanted: list[tuple[str, Path]] = []
    given: config.Config | None = None
    if config_file is not None or not (zones or files):
        given = _from_config(config_file, wanted, findings)
    if demand is None and given:
        demand = _configured(given, budget, findings)
    if demand is None and budget is not None:
        raise click.UsageError("--qps-budget needs --demand: what caches look up")
    limits = Limits(**msgspec.structs.asdict(given.zones.limits)) if given else Limits()
    wanted += [(zone.name, zone.file) for zone in map(config.parse_zone_option, zones)]
    wanted += _from_names(files, findings)
    reports = []
    named = [origin for origin, _ in wanted]
    cuts = _Cuts(named)
    asked = SelfQuestions(str(config_file), given.anycast.query if given else (), named)
    together = _Together(given.failover if given else None)
    for origin, file in wanted:
        result = _load(origin, file, limits, given.zones.include if given else ())
        reports.append(_report(origin, result, findings, given, together, file=file))
        if result.zone and demand:
            demand.note(result.zone, together.policy_of(result.zone))
        if result.zone:
            cuts.note(result.zone)
            asked.note(result.zone)
    return CheckReport(
        tuple(reports),
        (
            *findings,
            *cuts.compare(),
            *asked.findings,
            *together.findings(),
            *(demand.findings(given.failover if given else None) if demand else ()),
        ),
        given.service if given else (),
    )


def _report(
    origin: str,
    result: LoadResult,
    findings: list[Finding],
    given: config.Config | None,
    together: _Together,
    *,
    file: Path,
) -> CheckedZone:
    """Add what is found about a zone and its policy; return what is said of both."""
    serial = result.zone.serial if result.zone else None
    findings += result.findings
    if str(file) == STDIN:
        return CheckedZone(origin, STDIN, result.records, serial)
    failover = given.failover if given else None
    policy, found, _ = check_file(origin, file, result.zone, failover)
    findings += found
    if policy and result.zone:
        together.note(policy, result.zone, found)
    there = str(policyfile.path_for(file)) if policy or found else None
    pools = len(policy.pools) if policy else 0
    return CheckedZone(origin, str(file), result.records, serial, there, pools)


class _Together:
    """Remembers the pools of this check: all of a node's are checked in one queue."""

    def __init__(self, failover: config.Failover | None) -> None:
        self._failover = failover
        self._zones: list[tuple[Policy, tuple[InZone, ...]]] = []
        self._policies: dict[bytes, Policy] = {}
        self._told: set[tuple[str, int]] = set()

    def note(self, policy: Policy, zone: Zone, found: Iterable[Finding]) -> None:
        """Keep the pools of ``zone``, and which promises do not even hold by themselves."""
        self._zones.append((policy, promised(policy, zone)))
        self._policies[zone.apex] = policy
        self._told |= {(one.file, one.line) for one in found if one.code == "pool-rto"}

    def policy_of(self, zone: Zone) -> Policy | None:
        """Return the policy of ``zone``, if it has one that can be used."""
        return self._policies.get(zone.apex)

    def findings(self) -> list[Finding]:
        """Return the promises that do not hold because of other zones."""
        if len(self._zones) < 2:
            return []
        found = check_promises(self._zones, self._failover)
        return [one for one in found if (one.file, one.line) not in self._told]


class _Demand:
    """Remembers the zones of this check, to hold their TTLs against what caches look up."""

    def __init__(self, known: DemandFile, budget: float | None) -> None:
        self._known = known
        self._budget = budget
        self._zones: list[ZoneAndPolicy] = []

    def note(self, zone: Zone, policy: Policy | None) -> None:
        """Keep ``zone``."""
        self._zones.append(ZoneAndPolicy(zone, policy))

    def findings(self, failover: config.Failover | None) -> list[Finding]:
        """Return the TTLs that do not do."""
        return check_ttls(self._zones, self._known, failover, self._budget)


def _configured(
    given: config.Config, budget: float | None, findings: list[Finding]
) -> _Demand | None:
    """Return the demand that the configuration names; one that cannot be read is a warning."""
    if given.demand.file is None:
        return None
    try:
        return _Demand(read_demand(given.demand.file), budget or given.demand.qps_budget)
    except DemandError as error:
        findings.append(Finding(str(given.path), 0, Severity.WARNING, str(error), "demand"))
        return None


class _Cuts:
    """Remembers what the zones of this check say of the cuts between them."""

    def __init__(self, zones: Iterable[str]) -> None:
        apexes = {names.lower(names.from_text(zone)) for zone in zones}
        self._parents = {apex: neighbours.parent_of(apex, apexes) for apex in apexes}
        self._children: dict[bytes, list[bytes]] = {}
        for apex, parent in self._parents.items():
            if parent is not None:
                self._children.setdefault(parent, []).append(apex)
        self._sides: dict[tuple[bytes, bytes], Side] = {}

    def note(self, zone: Zone) -> None:
        """Keep what ``zone`` says of its own apex and of each zone below it."""
        for cut in (zone.apex, *self._children.get(zone.apex, ())):
            self._sides[zone.apex, cut] = neighbours.side(zone, cut)

    def compare(self) -> list[Finding]:
        """Return where two zones contradict each other."""
        found: list[Finding] = []
        for apex, parent in self._parents.items():
            above, own = self._sides.get((parent or b"", apex)), self._sides.get((apex, apex))
            if above and own:
                found += neighbours.compare(above, own)
        return sorted(found)


def _from_config(
    config_file: Path | None, wanted: list[tuple[str, Path]], findings: list[Finding]
) -> config.Config | None:
    """Add the zones and problems of the configuration; return it if it can be used."""
    found, zones, problems = config.examine(config_file)
    for problem in problems:
        file, line = problem.file or str(config_file), problem.line
        findings.append(Finding(file, line, Severity.ERROR, problem.sentence, "config"))
    if found is None:
        return None
    if found.anycast.bgp:
        for fault in faults(balancerules.announced(found)):
            findings.append(Finding(str(config_file), 0, Severity.ERROR, fault, "bird-config"))
    for service in found.service:
        for fault in targets.faults(service, found.failover):
            place = str(config_file), service.line, Severity.ERROR
            findings.append(Finding(*place, fault, "service"))
    if advice := config.cookie_advice(found):
        findings.append(Finding(str(config_file), 0, Severity.WARNING, advice, "cookie-secrets"))
    if found.zones.directory:
        findings += _strays(found, zones.values())
    wanted += [(origin, short(path)) for origin, path in zones.items()]
    return found


def _strays(found: config.Config, files: Collection[Path]) -> Iterator[Finding]:
    """Return a warning for each policy in the directory of zones that no zone there has."""
    directory = found.zones.directory
    for path in policyfile.strays(directory, files) if directory else ():
        if found.path is None or not path.samefile(found.path):
            message = (
                "does not belong to a zone: name a policy like its zone file, such as "
                "example.com.toml beside example.com.zone"
            )
            yield Finding(str(short(path)), 0, Severity.WARNING, message, "policy-stray")


def _from_names(files: Iterable[Path], findings: list[Finding]) -> list[tuple[str, Path]]:
    """Return the zones of files that are named after them."""
    found = []
    for file in files:
        try:
            if str(file) == STDIN:
                raise ValueError("cannot tell the zone from standard input")
            zone_file = _zone_file(file)
            found.append((config.origin_of(zone_file), zone_file))
        except ValueError as error:
            message = f"{error}; say which one it is with --zone ORIGIN={file}"
            findings.append(Finding(str(file), 0, Severity.ERROR, message, "no-origin"))
    return found


def _zone_file(file: Path) -> Path:
    """Return the zone file that ``file`` is, or whose policy it is."""
    if file.suffix == policyfile.SUFFIX:
        beside = file.with_suffix(origins.SUFFIX)
        return beside if beside.exists() else file
    return file


def _load(origin: str, file: Path, limits: Limits, include: Sequence[Path]) -> LoadResult:
    if str(file) == STDIN:
        return load_text(origin, sys.stdin.buffer.read(), limits=limits)
    return load_zone(origin, file, limits, include=include)


def _as_json(report: CheckReport) -> str:
    data: dict[str, Any] = {
        "zones": [asdict(zone) for zone in report.zones],
        "findings": [asdict(finding) for finding in report.findings],
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
    }
    return json.dumps(data, indent=2)


def _as_text(report: CheckReport) -> str:
    return "\n".join([*map(_show, report.findings), _summary(report)])


def _show(finding: Finding) -> str:
    """Return the line of ``finding``; the severity has a colour where there are colours."""
    word = click.style(str(finding.severity), fg=_COLOURS[finding.severity], bold=True)
    return str(finding).replace(f": {finding.severity}: ", f": {word}: ", 1)


def _summary(report: CheckReport) -> str:
    counts = [
        _plural(number, str(severity))
        for severity in Severity
        if (number := report.count(severity))
    ]
    what = _plural(len(report.zones), "zone")
    records = _plural(sum(zone.records for zone in report.zones), "record")
    pools = sum(zone.pools for zone in report.zones)
    held = f"{records} and {_plural(pools, 'pool')}" if pools else records
    if report.services:
        backends = sum(len(service.backend) for service in report.services)
        served = f"{_plural(len(report.services), 'service')} with {_plural(backends, 'backend')}"
    else:
        served = ""
    held = f"{what} with {held}" if report.zones or not served else ""
    return f"{' and '.join(counts) or 'no findings'} in {', '.join(filter(None, (served, held)))}"


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
