"""What the oracle is asked and what it says: values, no algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dns.name import Name
    from dns.rcode import Rcode
    from dns.rdatatype import RdataType

    from dnsd.zone.view import ViewRRset


class Question(NamedTuple):
    """What is asked: ``do`` is EDNS's DNSSEC OK bit (RFC 3225)."""

    name: Name
    rtype: RdataType
    do: bool = False


class StepKind(StrEnum):
    """What a step of the explanation is about."""

    ZONE = "zone"
    ENCLOSER = "closest encloser"
    CUT = "zone cut"
    WILDCARD = "wildcard"
    LINK = "link"
    DATA = "data"
    NO_DATA = "no data"
    NO_NAME = "no name"
    END = "end"
    PROOF = "proof"
    ADDITIONAL = "additional"


class Step(NamedTuple):
    """One step of the way to an answer."""

    kind: StepKind
    name: Name
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes into the response.

    The first ``mandatory`` RRsets of ``additional`` are in-domain glue (RFC 9471): without
    them the response must be truncated. The others may be left out, the last ones first.
    """

    rcode: Rcode
    aa: bool
    answer: tuple[ViewRRset, ...]
    authority: tuple[ViewRRset, ...]
    additional: tuple[ViewRRset, ...]
    mandatory: int
    trace: tuple[Step, ...]
