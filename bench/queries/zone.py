"""A zone file as something to ask questions about: read by dnsd's own loader.

Says which questions have an answer of their own, which names a wildcard stands in for, and
which do not exist. Knows nothing of query files and of chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.exception
import dns.name
from dns.rcode import NXDOMAIN
from dns.rdatatype import CNAME, NSEC, NSEC3, NSEC3PARAM, RRSIG, A, RdataType

from bench.study.errors import StudyError
from dnsd.errors import DnsdError
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_zone
from dnsd.zone.lookup import Question, StepKind, lookup
from dnsd.zone.records import Zone
from dnsd.zone.view import View, from_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dns.name import Name

    from dnsd.zone.answer import Answer

WILD = b"*"
UNASKED = frozenset((RRSIG, NSEC, NSEC3, NSEC3PARAM))
"""Types that nobody's program asks for by name."""


def origin_of(path: Path) -> str:
    """Return the zone that a file is named after: ``example.com.zone`` holds example.com."""
    return path.name.removesuffix(".zone") if path.name.endswith(".zone") else path.name


class AskedZone:
    """One zone, with what can be asked about it.

    ``data``   (owner, type) of everything that is answered under its own name
    ``wilds``  (name that a wildcard stands under, type)
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._answers: dict[Question, Answer] = {}
        self.apex: Name = view.apex
        self.data: list[tuple[Name, RdataType]] = []
        self.wilds: list[tuple[Name, RdataType]] = []
        for owner, rtype in _authoritative(view):
            if owner.labels[0] == WILD:
                self.wilds.append((owner.parent(), rtype))
            else:
                self.data.append((owner, rtype))

    @property
    def signed(self) -> bool:
        """Tell whether the zone has signatures."""
        return self._view.signed

    def answer(self, name: Name, rtype: RdataType, *, do: bool = False) -> Answer:
        """Return the right answer, by the plain algorithm; ValueError if it is another zone's."""
        question = Question(name, rtype, do)
        if question not in self._answers:
            self._answers[question] = lookup(self._view, question)
        return self._answers[question]

    def stands_in(self, name: Name, rtype: RdataType) -> bool:
        """Tell whether ``name`` is answered with data of a wildcard."""
        found = self.answer(name, rtype)
        kinds = {step.kind for step in found.trace}
        return bool(found.answer) and StepKind.WILDCARD in kinds

    def denies(self, name: Name) -> bool:
        """Tell whether ``name`` does not exist."""
        return self.answer(name, A).rcode == NXDOMAIN


def read(path: Path, origin: str | None = None) -> AskedZone:
    """Read the zone ``origin`` (by default the one the file is named after) from ``path``."""
    name = origin or origin_of(path)
    try:
        result = load_zone(name, path)
    except (DnsdError, ValueError, dns.exception.DNSException) as error:
        raise StudyError(f"{name!r} is no domain name ({error}); give --origin") from error
    if result.zone is None:
        worst = next(f for f in result.findings if f.severity is Severity.ERROR)
        raise StudyError(
            f"{worst} - `dnsd check {path}` shows all that is wrong; if the zone is not {name},"
            " say which it is with --origin"
        )
    return AskedZone(from_records(_whole(result.zone)))


def _whole(zone: Zone) -> Zone:
    """Return ``zone`` with what stands in its table of plain names as objects, too."""
    if zone.bulk is None:
        return zone
    plain = {name: found for name in zone.bulk if (found := zone.bulk.get(name))}
    return Zone(zone.apex, plain | zone.nodes, zone.signatures)


def _authoritative(view: View) -> Iterator[tuple[Name, RdataType]]:
    """Yield owner and type of all the zone's own data, in the order of names."""
    for owner in sorted(view.nodes):
        if view.authoritative(owner):
            for rtype, _covers in sorted(view.node(owner)):
                if rtype == CNAME:
                    # Hardly anybody asks for an alias itself.
                    yield owner, A
                if rtype not in UNASKED:
                    yield owner, rtype


def random_child(name: Name, label: str) -> Name | None:
    """Return ``label.name``, or None where that is too long for a name."""
    try:
        return dns.name.Name((label.encode("ascii"), *name.labels))
    except (dns.name.NameTooLong, dns.name.LabelTooLong):
        return None
