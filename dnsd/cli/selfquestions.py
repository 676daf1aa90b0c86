"""Whether ``[[anycast.query]]`` asks what the node can answer as expected, for ``dnsd check``.

A self-check that cannot be met keeps a node off the route for good, and looks like an outage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.name
import dns.rcode

from dnsd.control.anycast import questions
from dnsd.errors import ConfigError
from dnsd.wire import name as names
from dnsd.zone import lookup as oracle
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.view import from_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnsd.checks.question import DnsQuestion
    from dnsd.config.anycast import SelfCheckQuery
    from dnsd.zone.records import Zone

CODE = "self-check"


class SelfQuestions:
    """The questions of a configuration ``file``, held against the zones ``origins``."""

    def __init__(
        self, file: str, queries: Iterable[SelfCheckQuery], origins: Sequence[str]
    ) -> None:
        self.findings: list[Finding] = []
        self._file = file
        self._asked: dict[bytes, list[tuple[SelfCheckQuery, DnsQuestion]]] = {}
        apexes = [dns.name.from_text(origin) for origin in origins]
        for query in queries:
            self._take(query, apexes)

    def note(self, zone: Zone) -> None:
        """Answer from ``zone`` what is asked of it."""
        asked = self._asked.get(zone.apex, [])
        if not asked:
            return
        view = from_records(zone)
        for query, question in asked:
            answer = oracle.lookup(view, oracle.Question(question.name, question.rdtype))
            if fault := _fault(question, answer):
                self._say(query, Severity.WARNING, f"{question} {fault}")

    def _take(self, query: SelfCheckQuery, apexes: list[dns.name.Name]) -> None:
        try:
            (question,) = questions.read([query])
        except ConfigError as error:
            for problem in error.problems:
                self._say(query, Severity.ERROR, problem)
            return
        asked = oracle.Question(question.name, question.rdtype)
        apex = oracle.zone_for(apexes, asked)
        if apex is None:
            self._say(query, Severity.WARNING, f"{question} is asked for, but no zone here has it")
            return
        key = names.lower(names.from_text(apex.to_text()))
        self._asked.setdefault(key, []).append((query, question))

    def _say(self, query: SelfCheckQuery, severity: Severity, message: str) -> None:
        text = f"[[anycast.query]] {message}: the node would never count as healthy"
        self.findings.append(Finding(self._file, query.line, severity, text, CODE))


def _fault(question: DnsQuestion, answer: oracle.Answer) -> str:
    """Return in which way ``answer`` is not the expected one; empty if it is."""
    if answer.rcode != dns.rcode.NOERROR:
        return f"is answered with {dns.rcode.to_text(answer.rcode)}"
    if not answer.aa:
        return "is answered without authority: it lies below a zone cut"
    if not question.expect:
        return ""
    found = [one for one in answer.answer if one.rtype == question.rdtype]
    rdatas = {rdata.to_digestable() for one in found for rdata in one.rdatas}
    if rdatas == question.expect:
        return ""
    texts = sorted(str(rdata) for one in found for rdata in one.rdatas)
    return f"is answered with {', '.join(texts) or 'no record'}, which is not what it expects"
