"""A response after its question, as the hot path hands it about."""

from __future__ import annotations

from dataclasses import dataclass, field

from dnsd.hotpath.limiter import OTHER, Admission, BucketKey


@dataclass(slots=True)
class Body:
    """Counts and octets of a response after the question, and where it may end instead.

    ``optional`` holds (octets, arcount) pairs, shortest first, down to the mandatory part;
    ``octets`` and ``arcount`` are those of the longest form. ``flags`` is AA or 0. ``truncated``
    says that not even the mandatory part fits: then there are no octets. ``account`` is what rate
    limits count it as, ``verdict`` what they say.
    """

    rcode: int
    flags: int = 0
    octets: bytes = b""
    ancount: int = 0
    nscount: int = 0
    arcount: int = 0
    optional: list[tuple[int, int]] = field(default_factory=list)
    truncated: bool = False
    account: BucketKey = OTHER
    verdict: Admission = Admission.SEND
