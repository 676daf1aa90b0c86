"""What the self-check asks, and in which order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import dns.name
import dns.rdatatype

from dnsd.checks.question import DnsQuestion, question_of
from dnsd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from dnsd.config.anycast import SelfCheckQuery

    Served = Callable[[], Collection[str]]


def read(queries: Iterable[SelfCheckQuery]) -> tuple[DnsQuestion, ...]:
    """Return what ``[[anycast.query]]`` asks; ConfigError says what cannot be asked, and why."""
    problems: list[str] = []
    found = []
    for query in queries:
        try:
            found.append(question_of(query))
        except ValueError as error:
            problems.append(f"anycast.query {query.name}: {error}")
    if problems:
        raise ConfigError(problems)
    return tuple(found)


def soa_of(origin: str) -> DnsQuestion:
    """Return the question for the SOA record of a zone that is served."""
    return DnsQuestion(dns.name.from_text(origin), dns.rdatatype.SOA, zone=origin)


class Turn:
    """Which question comes next: the same until it is answered well, then another.

    So one question of many that is answered badly is noticed by counting failures in a row.
    Without configured questions the zones that ``served`` returns have their turn, each once.
    """

    def __init__(self, configured: tuple[DnsQuestion, ...], served: Served) -> None:
        self._configured = configured
        self._served = served
        self._waiting: list[DnsQuestion] = []

    def next(self) -> DnsQuestion | None:
        """Return the question to ask now; None if there is nothing to ask."""
        while self._waiting and not self.counts(self._waiting[-1]):
            self._waiting.pop()
        if not self._waiting:
            self._waiting = [*self._configured] or [soa_of(zone) for zone in self._served()]
            random.shuffle(self._waiting)
        return self._waiting[-1] if self._waiting else None

    def answered(self, question: DnsQuestion) -> None:
        """Note that ``question`` has been answered well."""
        if self._waiting and self._waiting[-1] == question:
            self._waiting.pop()

    def counts(self, question: DnsQuestion) -> bool:
        """Return whether the node still has to know the answer to ``question``."""
        return question.zone is None or question.zone in self._served()
