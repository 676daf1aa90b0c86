"""A zone file as something to ask questions about: read by dnsd's own loader.

Says which questions have an answer of their own, which names a wildcard stands in for, and
which do not exist. Knows nothing of query files and of chance.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import dns.exception
import dns.name
from dns.rdatatype import CNAME, DNAME, NSEC, NSEC3, NSEC3PARAM, RRSIG, A, RdataType

from bench.study.errors import StudyError
from dnsd.errors import DnsdError
from dnsd.zone.findings import Severity
from dnsd.zone.load import load_zone
from dnsd.zone.lookup import Question, lookup
from dnsd.zone.structure import Structure
from dnsd.zone.view import from_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dns.name import Name

    from dnsd.zone.answer import Answer
    from dnsd.zone.records import Zone
    from dnsd.zone.view import View

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

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._structure = Structure(zone)
        self._answers: dict[Question, Answer] = {}
        self.apex = _name(zone.apex)
        self.data: list[tuple[Name, RdataType]] = []
        self.wilds: list[tuple[Name, RdataType]] = []
        for owner, rtype in self._authoritative():
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

    def has(self, name: Name) -> bool:
        """Tell whether ``name`` exists, be it as an empty non-terminal."""
        return self._structure.has(name.to_digestable())

    def denies(self, name: Name) -> bool:
        """Tell whether ``name``, next below the apex, does not exist: nor does a wildcard."""
        apex = self._zone.apex
        wild = self._structure.has(b"\1" + WILD + apex)
        return not self.has(name) and not wild and DNAME not in self._zone.at(apex)

    @cached_property
    def _view(self) -> View:
        """The zone for the plain algorithm: made only if somebody wants an answer."""
        return from_records(self._zone)

    def _authoritative(self) -> Iterator[tuple[Name, RdataType]]:
        """Yield owner and type of all the zone's own data, in a steady order."""
        owners = self._structure.names - self._structure.cuts - self._structure.ents
        for owner in sorted(owners):
            name = _name(owner)
            for rtype in map(RdataType.make, sorted(self._zone.at(owner))):
                if rtype == CNAME:
                    # Hardly anybody asks for an alias itself.
                    yield name, A
                if rtype not in UNASKED:
                    yield name, rtype


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
    return AskedZone(result.zone)


def _name(wire: bytes) -> Name:
    return dns.name.from_wire(wire, 0)[0]


def random_child(name: Name, label: str) -> Name | None:
    """Return ``label.name``, or None where that is too long for a name."""
    try:
        return dns.name.Name((label.encode("ascii"), *name.labels))
    except (dns.name.NameTooLong, dns.name.LabelTooLong):
        return None
