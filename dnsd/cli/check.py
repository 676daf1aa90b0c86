"""``dnsd check``: every finding about zones, their policies and the configuration.

Knows what was asked for and how findings are shown, to people and programs; what is a finding
is decided by :mod:`dnsd.config`, :mod:`dnsd.zone.load` and :mod:`dnsd.build.policycheck`. What
only some checks need (policies, demand, questions of a node to itself) is imported for them.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dnsd import config
from dnsd.cli.options import (
    config_option,
    json_option,
    say_examples,
    short,
    when_named,
    zone_option,
)
from dnsd.cli.output import echo_styled
from dnsd.cli.together import CutsTogether, DemandTogether, PoolsTogether
from dnsd.config import balancerules, origins, policyfile
from dnsd.config.limits import Limits
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.load import load_text, load_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dnsd.cli.selfquestions import SelfQuestions
    from dnsd.config.balance import Service
    from dnsd.zone.load import LoadResult
    from dnsd.zone.records import Zone

STDIN = "-"
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


@dataclass(frozen=True, slots=True)
class CheckedZone:
    """The findings and figures of one zone.

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
@click.argument("files", nargs=-1, metavar="[FILE|DIR]...", type=click.Path(path_type=Path))
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
    standard input, say which zone it is: --zone example.com=FILE. Of a DIR all *.zone files are
    checked. With --config the configuration and all of its zones are checked. With nothing at
    all, the example zones.

    With --demand, or [demand] file in the configuration, it warns of TTLs with which a pool misses
    its objective, or queries at the daily peak exceed the budget; the warning says which TTL would
    do, and what it costs.

    A zone is checked with the policy beside it (example.com.toml), which may be the FILE, too.

    Each finding is a line "FILE:LINE: error|warning: message [code]". A zone with an error
    would not be served, nor a policy with one used; with warnings they are. Exit status: 0
    without errors, 1 with errors.
    """
    if files or zones:
        config_file = when_named(ctx, config_file)
    told = DemandTogether(demand, budget) if demand else None
    report = _check(config_file, zones, files, told, budget)
    echo_styled(_as_json(report) if as_json else _as_text(report))
    ctx.exit(1 if report.count(Severity.ERROR) else 0)


def _check(
    config_file: Path | None,
    zones: tuple[str, ...],
    files: tuple[Path, ...],
    demand: DemandTogether | None,
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
    limits = given.zones.limits if given else Limits()
    wanted += [(zone.name, zone.file) for zone in map(config.parse_zone_option, zones) if zone.file]
    wanted += _from_names(files, findings)
    reports = []
    named = [origin for origin, _ in wanted]
    cuts = CutsTogether(named)
    asked = _questions(given, named)
    together = PoolsTogether(given)
    for origin, file in wanted:
        result = _load(origin, file, limits, given.zones.include if given else ())
        reports.append(_report(origin, result, findings, given, together, file=file))
        if result.zone and result.zone.signatures:
            findings += _edited(result.zone)
        if result.zone and demand:
            demand.note(result.zone, together.policy_of(result.zone))
        if result.zone:
            cuts.note(result.zone)
        if result.zone and asked:
            asked.note(result.zone)
    return CheckReport(
        tuple(reports),
        (
            *findings,
            *cuts.compare(),
            *(asked.findings if asked else ()),
            *together.findings(),
            *(demand.findings(given.failover if given else None) if demand else ()),
        ),
        given.service if given else (),
    )


def _questions(given: config.Config | None, zones: Sequence[str]) -> SelfQuestions | None:
    """Return what a node asks itself, held against ``zones``; None if it asks nothing."""
    if given is None or not given.anycast.query:
        return None
    from dnsd.cli.selfquestions import SelfQuestions

    return SelfQuestions(str(given.path), given.anycast.query, zones)


def _report(
    origin: str,
    result: LoadResult,
    findings: list[Finding],
    given: config.Config | None,
    together: PoolsTogether,
    *,
    file: Path,
) -> CheckedZone:
    """Add what is found about a zone and its policy; return what is said of both."""
    serial = result.zone.serial if result.zone else None
    findings += result.findings
    if str(file) == STDIN:
        return CheckedZone(origin, STDIN, result.records, serial)
    failover = given.failover if given else None
    path = policyfile.path_for(file)
    beside = short(policyfile.place_of(given, origin, file.absolute())) if given else path
    if not os.path.lexists(beside):
        return CheckedZone(origin, str(file), result.records, serial)
    from dnsd.build.policycheck import check_file

    policy, found, _ = check_file(origin, beside, result.zone, failover)
    findings += found
    if policy and result.zone:
        together.note(policy, result.zone, found)
    there = str(beside) if policy or found else None
    pools = len(policy.pools) if policy else 0
    return CheckedZone(origin, str(file), result.records, serial, there, pools)


def _edited(zone: Zone) -> Iterator[Finding]:
    """Return what was edited after ``zone`` was signed."""
    from dnsd.build import verified

    return verified.edited(zone, verified.MOST_CHECKED)


def _configured(
    given: config.Config, budget: float | None, findings: list[Finding]
) -> DemandTogether | None:
    """Return the demand that the configuration names; one that cannot be read is a warning."""
    if given.demand.file is None:
        return None
    from dnsd.ttladvice.demand import DemandError

    try:
        return DemandTogether(given.demand.file, budget or given.demand.qps_budget)
    except DemandError as error:
        findings.append(Finding(str(given.path), 0, Severity.WARNING, str(error), "demand"))
        return None


def _from_config(
    config_file: Path | None, wanted: list[tuple[str, Path]], findings: list[Finding]
) -> config.Config | None:
    """Add the zones and problems of the configuration; return it if it can be used."""
    say_examples(config_file)
    found, zones, problems = config.examine(config_file)
    for problem in problems:
        file, line = problem.file or str(config_file), problem.line
        findings.append(Finding(file, line, Severity.ERROR, problem.sentence, "config"))
    if found is None:
        return None
    if found.anycast.bgp:
        from dnsd.routerconf import faults

        for fault in faults(balancerules.announced(found)):
            findings.append(Finding(str(config_file), 0, Severity.ERROR, fault, "bird-config"))
    findings += _unmade(found)
    for advice in config.secret_advice(found):
        findings.append(Finding(str(config_file), 0, Severity.WARNING, advice, "open-secrets"))
    if found.zones.directory:
        findings += _strays(found, zones)
    # What has not been fetched or made yet cannot be checked.
    unmade = {zone.name for zone in found.zone if zone.primaries}
    unmade |= {catalog.name for catalog in found.catalog}
    wanted += [
        (origin, short(path))
        for origin, path in zones.items()
        if origin not in unmade or path.exists()
    ]
    return found


def _unmade(found: config.Config) -> Iterator[Finding]:
    """Return what is wrong with the checks of a director's services."""
    if found.service:
        from dnsd.control.balance import targets

        for service in found.service:
            place = str(found.path), service.line, Severity.ERROR
            for fault in targets.faults(service, found.failover):
                yield Finding(*place, fault, "service")


def _strays(found: config.Config, zones: Mapping[str, Path]) -> Iterator[Finding]:
    """Return a warning for each policy in the directory of zones that no zone there has."""
    directory = found.zones.directory
    known = {policyfile.place_of(found, origin, file) for origin, file in zones.items()}
    for path in policyfile.strays(directory, known) if directory else ():
        if found.path is None or not path.samefile(found.path):
            message = (
                "does not belong to a zone: name a policy like its zone file, such as "
                "example.com.toml beside example.com.zone"
            )
            yield Finding(str(short(path)), 0, Severity.WARNING, message, "policy-stray")


def _from_names(files: Iterable[Path], findings: list[Finding]) -> list[tuple[str, Path]]:
    """Return the zones of files that are named after them."""
    found = []
    for file in _spread(files, findings):
        try:
            if str(file) == STDIN:
                raise ValueError("cannot tell the zone from standard input")
            zone_file = _zone_file(file)
            found.append((config.origin_of(zone_file), zone_file))
        except ValueError as error:
            message = f"{error}; say which one it is with --zone ORIGIN={file}"
            findings.append(Finding(str(file), 0, Severity.ERROR, message, "no-origin"))
    return found


def _spread(files: Iterable[Path], findings: list[Finding]) -> Iterator[Path]:
    """Yield ``files``, in the place of a directory the zone files in it."""
    for file in files:
        if not file.is_dir():
            yield file
            continue
        inside = sorted(file.glob(f"*{origins.SUFFIX}"))
        if not inside:
            message = f"has no files *{origins.SUFFIX}"
            findings.append(Finding(str(file), 0, Severity.ERROR, message, "no-zones"))
        yield from inside


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
