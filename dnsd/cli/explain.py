"""``dnsd explain``: an answer, and why it is that one.

The answer comes from the road that every query takes: zone file, image, hot path. The reasons
come from the plain algorithm in :mod:`dnsd.zone.lookup`; should the two disagree, that is said.
Only zones that the name could be in are loaded. Pools are shown with all their members up.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import dns.exception
import dns.name
import dns.rdatatype

from dnsd import compile as compiler
from dnsd import config, hotpath
from dnsd.build import hints, images, policypools, resolved
from dnsd.build.policycheck import check_file
from dnsd.build.versions import of_catalog
from dnsd.cli import explanation
from dnsd.cli.explanation import ZoneSource
from dnsd.cli.options import config_option, json_option, say_examples, short, zone_option
from dnsd.cli.output import echo
from dnsd.config.policyfile import place_of
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.wire import name as names
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_zone
from dnsd.zone.lookup import Question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dnsd.build.resolved import AliasMeta

_NO_DATA_TYPES = frozenset(("AXFR", "IXFR", "MAILA", "MAILB", "OPT", "TKEY", "TSIG", "TYPE0"))


def _name(_ctx: click.Context, _param: click.Parameter, value: str) -> dns.name.Name:
    try:
        return dns.name.from_text(value)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise click.BadParameter(f"{value!r} is not a domain name: {error}") from error


def _rtype(_ctx: click.Context, _param: click.Parameter, value: str) -> dns.rdatatype.RdataType:
    try:
        rtype = dns.rdatatype.from_text(value)
    except (dns.exception.DNSException, ValueError) as error:
        raise click.BadParameter(
            f"{value!r} is not a type: write one such as A, MX, HTTPS, TYPE65280, or ANY"
        ) from error
    if dns.rdatatype.to_text(rtype) in _NO_DATA_TYPES:
        raise click.BadParameter(f"{value} asks for no data, so there is nothing to explain")
    return rtype


@click.command()
@click.argument("name", callback=_name)
@click.argument("rtype", metavar="[TYPE]", default="A", callback=_rtype)
@click.option("--do", is_flag=True, help="Ask for DNSSEC records (EDNS DO), as dig +dnssec.")
@zone_option
@config_option
@json_option
def explain(
    name: dns.name.Name,
    rtype: dns.rdatatype.RdataType,
    do: bool,
    zones: tuple[str, ...],
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Show the answer to NAME and TYPE (A if it is left out), and why it is that one.

    No server is asked: the zones are read and compiled as "dnsd serve" would do it, from
    --zone, from --config, or else the example zones.

    \b
    Answer   the response over TCP, in the manner of dig
    Why      zone, closest encloser, zone cut, wildcard, aliases, proofs
    Sizes    what doesn't fit into UDP: what is left out, or truncation (TC)
    """
    if not zones:
        say_examples(config_file)
    given = config.resolve(config_file, config.Options(zone=zones))
    settings = hotpath.Settings(udp_payload=given.server.udp_payload)
    question = Question(name, rtype, do)
    sources = _load(name, given)
    path = hotpath.make(settings, counters.fresh())
    for apex, source in sources.items():
        _put(path, apex, source)
    if as_json:
        echo(json.dumps(explanation.facts(path, question, sources, settings.udp_payload)))
    else:
        explanation.show(path, question, sources, settings.udp_payload)


def _load(name: dns.name.Name, given: config.Config) -> dict[bytes, ZoneSource]:
    """Load the zones that could hold ``name``, by apex (lower-case wire form)."""
    wanted = names.lower(names.from_text(name.to_text()))
    found = {}
    brought, terms = config.brought_zones(given), config.TransferTerms(given)
    for origin, file in config.zone_files(given).items():
        apex = names.from_text(origin)
        if names.is_subdomain(wanted, apex):
            member = brought.get(origin)
            if member is not None and member.file != file:
                member = None  # the configuration has it, too, and comes first
            said = terms.of(origin, member.template if member else None)
            found[apex] = _source(origin, file, given, said, member)
    return found


def _comes_from(said: config.ZoneTransfers, member: config.MemberZone | None) -> Iterator[str]:
    if member is not None:
        yield f"brought by the catalog {member.catalog}, with the template {member.template}"
    if said.primaries:
        yield f"fetched from {', '.join(map(str, said.primaries))}"
    if said.update:
        yield "the file with what updates have made of it (RFC 2136)"
    if said.is_catalog:
        yield "a catalog (RFC 9432): only its SOA and NS records are answered"


def _source(
    origin: str,
    file: Path,
    given: config.Config,
    said: config.ZoneTransfers,
    member: config.MemberZone | None,
) -> ZoneSource:
    """Load a zone with its policy; one with an error in either is not served."""
    limits = given.zones.limits
    result = load_zone(origin, short(file), limits, include=given.zones.include)
    beside = short(place_of(given, origin, file))
    policy, found, signer = check_file(origin, beside, result.zone, given.failover)
    if any(finding.severity is Severity.ERROR for finding in found):
        result = replace(result, zone=None, findings=(*result.findings, *found))
    if said.is_catalog and result.zone is not None:
        result = replace(result, zone=of_catalog(result.zone))
    aliases: dict[AliasMeta, bool] = {}
    if policy is not None and result.zone is not None:
        path = resolved.path_for(given.server.state_directory, images.stem(origin))
        filled = resolved.followed(result.zone, policy, signer, path)
        aliases = {
            one: (one.rule.name, one.type) in filled.sources
            for one in resolved.describe(policy, result.zone)
        }
        zone = hints.followed(filled.zone, policy, signer)
        result = replace(result, zone=zone, findings=(*result.findings, *filled.findings))
    described = policypools.describe(policy, result.zone) if policy and result.zone else ()
    comes_from = tuple(_comes_from(said, member))
    return ZoneSource(origin, short(file), result, described, signer, aliases, comes_from)


def _put(path: hotpath.HotPath, apex: bytes, source: ZoneSource) -> None:
    """Serve a zone on ``path``."""
    if source.result.zone is None:
        path.put_zone(apex, None)
        return
    compiled = tuple(policypools.compiled(source.pools, source.signer))
    image = Image(compiler.build(source.result.zone, pools=compiled))
    path.put_zone(apex, image, policypools.all_well(source.pools))
