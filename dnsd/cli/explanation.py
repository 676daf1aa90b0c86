"""What ``dnsd explain`` prints: the answer, why it is that one, and what its size does to it.

Knows words and layout. Works without colours: the layout carries the meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import dns.name
import dns.rcode
import dns.rdatatype
from rich.text import Text

from dnsd.cli import ask, dig
from dnsd.cli.console import SafeConsole
from dnsd.zone import view
from dnsd.zone.findings import Severity
from dnsd.zone.lookup import Answer, StepKind, lookup, zone_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dns.rdatatype import RdataType

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.build.resolved import AliasMeta
    from dnsd.build.signing import Signer
    from dnsd.cli.ask import Response
    from dnsd.hotpath import HotPath
    from dnsd.zone.load import LoadResult
    from dnsd.zone.lookup import Question, Step

_LABEL_COLUMNS = 18
_ERRORS_SHOWN = 5
_SENTENCES = frozenset((StepKind.WILDCARD, StepKind.DATA, StepKind.NO_DATA, StepKind.NO_NAME))
"""Steps whose text makes a sentence with the name before it."""


@dataclass(frozen=True, slots=True)
class ZoneSource:
    """A zone that could hold the name: its origin, its file, what loading it gave, its pools.

    ``signer`` signs what pools answer, if the zone is signed. ``aliases`` are RRsets that follow
    names, and whether addresses of those names are known. ``comes_from`` are sentences about how it
    has come here, if that is not just its file.
    """

    origin: str
    file: Path
    result: LoadResult
    pools: tuple[PoolMeta, ...] = ()
    signer: Signer | None = None
    aliases: Mapping[AliasMeta, bool] = field(default_factory=dict)
    comes_from: tuple[str, ...] = ()

    def pool(self, owner: dns.name.Name, rtype: int) -> PoolMeta | None:
        """Return the pool that an RRset is, if it is one."""
        key = str(owner.canonicalize()), dns.rdatatype.to_text(dns.rdatatype.RdataType(rtype))
        matching = (one for one in self.pools if (one.policy.name, one.policy.type) == key)
        return next(matching, None)


class ExplanationLine(NamedTuple):
    """One line of an explanation: what it is about, and a sentence."""

    label: str
    text: str


def show(
    path: HotPath, question: Question, sources: dict[bytes, ZoneSource], udp_payload: int
) -> None:
    """Print the explanation to standard output."""
    console = SafeConsole(soft_wrap=True)
    whole = ask.over_tcp(path, question)
    _print_answer(console, whole)
    _print_reasons(console, "Why", why(question, sources, whole))
    _print_reasons(console, "Sizes", sizes(path, question, whole, udp_payload))


def facts(
    path: HotPath, question: Question, sources: dict[bytes, ZoneSource], udp_payload: int
) -> dict[str, Any]:
    """Return the explanation as plain values; records are texts, as in a zone file."""
    whole = ask.over_tcp(path, question)
    message = whole.message
    sections = {
        "answer": message.answer,
        "authority": message.authority,
        "additional": message.additional,
    }
    return {
        "name": str(question.name),
        "type": dns.rdatatype.to_text(question.rtype),
        "rcode": dns.rcode.to_text(message.rcode()),
        "authoritative": bool(message.flags & dns.flags.AA),
        **{
            title: [line for rrset in rrsets for line in rrset.to_text().splitlines()]
            for title, rrsets in sections.items()
        },
        "why": [one._asdict() for one in why(question, sources, whole)],
        "sizes": [one._asdict() for one in sizes(path, question, whole, udp_payload)],
    }


def _print_answer(console: SafeConsole, response: Response) -> None:
    for line in dig.lines(response):
        console.print(Text(line, style="dim" if line.startswith(";") else ""))


def _print_reasons(console: SafeConsole, title: str, reasons: Iterator[ExplanationLine]) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    for label, group in groupby(reasons, key=lambda reason: reason.label):
        for number, reason in enumerate(group):
            shown = f"  {label if number == 0 else '':<{_LABEL_COLUMNS}} "
            console.print(Text.assemble((shown, "cyan"), reason.text))


def why(
    question: Question, sources: dict[bytes, ZoneSource], whole: Response
) -> Iterator[ExplanationLine]:
    """Return the reasons for the answer ``whole``."""
    apexes = {dns.name.from_wire(apex, 0)[0]: source for apex, source in sources.items()}
    apex = zone_for(apexes, question)
    if apex is None:
        yield ExplanationLine(
            "zone", f"no zone here contains {question.name}, so the query is refused"
        )
        return
    source = apexes[apex]
    if source.result.zone is None:
        yield from _not_loaded(source)
        return
    seen = view.from_records(source.result.zone)
    answer = lookup(seen, question)
    yield ExplanationLine(
        "zone", f"{source.origin}, serial {source.result.zone.serial}, from {source.file}"
    )
    yield from (ExplanationLine("", one) for one in source.comes_from)
    if apex != max(apexes, key=lambda name: len(name.labels)):
        yield ExplanationLine("", "the zone above the cut: only DS records are there")
    yield from _steps(question, seen, answer)
    yield from _followed(source, answer)
    yield from _pools(source, answer)
    answer = _without_pools(source, answer)
    yield from _additional(answer)
    yield from _remarks(question, seen, answer)
    if _outline(whole) != _outline_of(answer):
        yield ExplanationLine(
            "DISAGREEMENT", "RFC 1034's plain algorithm gives another answer than the one"
        )
        yield ExplanationLine("DISAGREEMENT", "above: this is a fault of dnsd, please report it")


def _not_loaded(source: ZoneSource) -> Iterator[ExplanationLine]:
    yield ExplanationLine("zone", f"{source.origin} is ours, but {source.file} cannot be served:")
    yield from (ExplanationLine("", one) for one in source.comes_from)
    errors = [f for f in source.result.findings if f.severity is Severity.ERROR]
    yield from (ExplanationLine("", str(error)) for error in errors[:_ERRORS_SHOWN])
    if len(errors) > _ERRORS_SHOWN:
        yield ExplanationLine("", f'and {len(errors) - _ERRORS_SHOWN} more: "dnsd check" shows all')


def _steps(question: Question, seen: view.View, answer: Answer) -> Iterator[ExplanationLine]:
    """Return the way to the answer: neither the zone nor the additional data, told apart."""
    hashed = seen.rrset(seen.apex, dns.rdatatype.NSEC3PARAM) is not None
    labels = {StepKind.LINK: "alias", StepKind.PROOF: "NSEC3 proof" if hashed else "NSEC proof"}
    for step in answer.trace:
        if step.kind not in {StepKind.ZONE, StepKind.ADDITIONAL}:
            separator = " " if step.kind in _SENTENCES else ": "
            label = labels.get(step.kind, str(step.kind))
            text = step.text
            if step.kind is StepKind.NO_DATA:
                text = _no_data(question, seen, step)
            yield ExplanationLine(label, f"{step.name}{separator}{text}")


def _no_data(question: Question, seen: view.View, step: Step) -> str:
    if seen.node(step.name):
        return f"exists, but has no {dns.rdatatype.to_text(question.rtype)}"
    return "is an empty non-terminal: it exists because names below it do, and owns nothing"


def _followed(source: ZoneSource, answer: Answer) -> Iterator[ExplanationLine]:
    """Return what follows the addresses of another name."""
    rrsets = {(str(one.owner.canonicalize()), _type(one.rtype)): one for one in answer.answer}
    for alias, known in source.aliases.items():
        if rrset := rrsets.get((alias.rule.name, alias.type)):
            what = _type_text(rrset.owner, rrset.rtype, rrset.covers)
            yield ExplanationLine("follows", f"{what}: the addresses of {alias.rule.target}")
            those = "as the node resolved them last" if known else "not resolved: the zone file's"
            yield ExplanationLine("follows", f"{those}; for at most {alias.ttl} s")


def _type(rtype: int) -> str:
    return dns.rdatatype.to_text(dns.rdatatype.RdataType(rtype))


def _pools(source: ZoneSource, answer: Answer) -> Iterator[ExplanationLine]:
    """Return what follows the health of its members."""
    for rrset in answer.answer:
        if pool := source.pool(rrset.owner, rrset.rtype):
            what = _type_text(rrset.owner, rrset.rtype, rrset.covers)
            least = min(pool.policy.ttl_min, pool.ttl)
            shown, those = "all shown as up", "those that are"
            if pool.policy.is_alias:
                shown, those = "shown with that of the zone file", "one that is up"
            yield ExplanationLine("pool", f"{what}: {_members(pool)}, {shown}; a running node")
            yield ExplanationLine("pool", f"answers {those}, for {least} to {pool.ttl} s")
    for rrset in answer.additional:
        if source.pool(rrset.owner, rrset.rtype):
            what = _type_text(rrset.owner, rrset.rtype, rrset.covers)
            yield ExplanationLine(
                "pool", f"{what} is left out, because its answer may change: clients ask for it"
            )


def _members(pool: PoolMeta) -> str:
    return "1 member" if len(pool.members) == 1 else f"{len(pool.members)} members"


def _without_pools(source: ZoneSource, answer: Answer) -> Answer:
    """Return ``answer`` without additional data that is chosen for each query."""
    left = tuple(
        rrset
        for rrset in answer.additional
        if not source.pool(rrset.owner, rrset.covers or rrset.rtype)
    )
    return replace(answer, additional=left)


def _additional(answer: Answer) -> Iterator[ExplanationLine]:
    for number, rrset in enumerate(answer.additional):
        label = "glue, must fit" if number < answer.mandatory else "additional"
        yield ExplanationLine(label, _type_text(rrset.owner, rrset.rtype, rrset.covers))


def _remarks(question: Question, seen: view.View, answer: Answer) -> Iterator[ExplanationLine]:
    """Return what is worth knowing and not part of the algorithm."""
    kinds = {step.kind for step in answer.trace}
    negative = kinds & {StepKind.NO_DATA, StepKind.NO_NAME}
    soas = [rrset for rrset in answer.authority if rrset.rtype == dns.rdatatype.SOA]
    if negative and soas:
        yield ExplanationLine(
            "cached for", f"{soas[0].ttl} s: the smaller of the SOA's TTL and its MINIMUM"
        )
    if question.rtype == dns.rdatatype.ANY and not negative:
        yield ExplanationLine("ANY", "is answered with one RRset of the name (RFC 8482)")
    signed = seen.rrset(seen.apex, dns.rdatatype.DNSKEY) is not None
    if signed and question.do and StepKind.CUT in kinds:
        yield _security(answer)
    if question.do and not signed:
        yield ExplanationLine("signatures", "the zone is not signed")
    elif signed and not question.do:
        yield ExplanationLine("signatures", "the zone is signed; --do shows signatures and proofs")


def _security(answer: Answer) -> ExplanationLine:
    if any(rrset.rtype == dns.rdatatype.DS for rrset in answer.authority):
        return ExplanationLine("signatures", "the zone below is signed, by the keys that DS names")
    return ExplanationLine(
        "signatures", "the zone below is not signed: that it has no DS is proved"
    )


def sizes(
    path: HotPath, question: Question, whole: Response, udp_payload: int
) -> Iterator[ExplanationLine]:
    """Return what clients get that take less than TCP carries, from large to small."""
    yield ExplanationLine("TCP", f"{whole.size} octets")
    wanted = {udp_payload, min(ask.EDNS_SIZE, udp_payload), ask.PLAIN_SIZE}
    for size in sorted(wanted, reverse=True):
        response = ask.over_udp(path, question, size)
        yield ExplanationLine(f"UDP, at most {size}", _size(response, whole))


def _size(response: Response, whole: Response) -> str:
    edns = "" if response.message.edns >= 0 else ", without EDNS"
    if response.truncated:
        return f"truncated{edns}: the client is told (TC) to ask again over TCP"
    missing = response.lacks(whole)
    if not missing:
        return f"{response.size} octets{edns}, nothing is left out"
    shown = ", ".join(_type_text(rrset.name, rrset.rdtype, rrset.covers) for rrset in missing)
    return f"{response.size} octets{edns}, left out: {shown}"


def _type_text(owner: dns.name.Name, rtype: RdataType, covers: RdataType) -> str:
    of = f" of {dns.rdatatype.to_text(covers)}" if covers else ""
    return f"{owner} {dns.rdatatype.to_text(rtype)}{of}"


def _outline(response: Response) -> tuple[object, ...]:
    """Return what the two roads must agree on: rcode, AA, and which RRsets in which section."""
    message = response.message
    sections = (message.answer, message.authority, message.additional)
    keys = ({(r.name, r.rdtype, r.covers) for r in section} for section in sections)
    return (message.rcode(), bool(message.flags & dns.flags.AA), *keys)


def _outline_of(answer: Answer) -> tuple[object, ...]:
    sections = (answer.answer, answer.authority, answer.additional)
    return (answer.rcode, answer.aa, *({rrset.key for rrset in section} for section in sections))
