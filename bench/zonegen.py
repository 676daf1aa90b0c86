"""The zone and the queries of a measurement, and the right answer to each query.

Everything follows from the number of names and a seed; the same numbers give the same bytes.
The right answers come from the generator's own knowledge of the zone, not from any server.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

ORIGIN = "bench.example."
SERIAL = 2024010101
NAMES_PER_CUT = 50
NAMES_PER_WILDCARD = 100


class Mix(StrEnum):
    """A kind of load: which sort of name is asked."""

    EXACT = "exact"
    NXDOMAIN = "nxdomain"
    WILDCARD = "wildcard"
    REFERRAL = "referral"
    MIXED = "mixed"
    SIGNED = "exact-signed"
    NSEC = "nxdomain-nsec"
    NSEC3 = "nxdomain-nsec3"


PROOFS = {Mix.SIGNED: ("RRSIG",), Mix.NSEC: ("RRSIG", "NSEC"), Mix.NSEC3: ("RRSIG", "NSEC3")}
"""The types that must stand in answers to the kinds of load that set the DO bit."""

MIXED_WEIGHTS = {Mix.EXACT: 70, Mix.NXDOMAIN: 15, Mix.REFERRAL: 10, Mix.WILDCARD: 5}
"""Percent of each kind in the mixed load: most queries of an authoritative server hit."""

DENIALS = {Mix.NXDOMAIN, Mix.NSEC, Mix.NSEC3}
RCODES = {mix: {"NXDOMAIN"} if mix in DENIALS else {"NOERROR"} for mix in Mix}
RCODES[Mix.MIXED] = {"NOERROR", "NXDOMAIN"}
"""The rcodes that right answers to each kind of load have."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a right answer to one query says.

    ``answer`` is the address in the answer section or None; ``authority`` the owner and type
    of the RRset that must stand in the authority section, or None when that is the server's
    choice. ``proof``: the DNSSEC types that must be there; with any, DO is set in the query.
    """

    rcode: str
    authoritative: bool
    answer: str | None = None
    authority: tuple[str, str] | None = None
    proof: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One query: an absolute name, a type, and what the right answer is."""

    name: str
    type: str
    expect: Expectation


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """A zone of ``names`` host names with one address each, its wildcards and its cuts."""

    names: int
    seed: int = 1

    @property
    def cuts(self) -> int:
        """How many delegations the zone has; each brings an NS record and a glue address."""
        return max(1, self.names // NAMES_PER_CUT)

    @classmethod
    def of_records(cls, records: int) -> ZonePlan:
        """Return the plan of a zone of about so many records."""
        share = 1 + 2 / NAMES_PER_CUT + 1 / NAMES_PER_WILDCARD
        return cls(max(1, round(records / share)))

    @property
    def wildcards(self) -> int:
        """How many wildcards the zone has."""
        return max(1, self.names // NAMES_PER_WILDCARD)

    @property
    def records(self) -> int:
        """How many records stand in the zone file."""
        return 3 + self.names + 2 * self.cuts + self.wildcards

    def write(self, path: Path) -> None:
        """Write the zone file; its names are shuffled, as in a file that has grown."""
        with path.open("w", encoding="ascii") as file:
            file.writelines(line + "\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"$ORIGIN {ORIGIN}"
        yield "$TTL 3600"
        yield f"@ SOA ns1 hostmaster {SERIAL} 7200 900 1209600 300"
        yield "@ NS ns1"
        yield "ns1 A 192.0.2.1"
        order = list(range(self.names))
        random.Random(self.seed).shuffle(order)
        yield from (f"{host(i)} A {address(i)}" for i in order)
        for i in range(self.cuts):
            yield f"{cut(i)} NS ns.{cut(i)}"
            yield f"ns.{cut(i)} A {address(i)}"
        yield from (f"*.{wild(i)} A {address(i)}" for i in range(self.wildcards))

    def proof(self) -> Query:
        """Return the query by which a server shows that it has the zone."""
        return _exact(self, random.Random(self.seed))

    def queries(self, mix: Mix, count: int) -> Iterator[Query]:
        """Yield ``count`` queries of the kind ``mix``, spread evenly over the zone.

        A shorter sequence is the beginning of a longer one.
        """
        rng = random.Random(f"{self.seed} {mix}")
        kinds = list(MIXED_WEIGHTS) if mix is Mix.MIXED else [mix]
        weights = list(MIXED_WEIGHTS.values()) if mix is Mix.MIXED else [1]
        for _ in range(count):
            kind = rng.choices(kinds, weights)[0]
            query = _MAKERS[kind](self, rng)
            proof = PROOFS.get(kind, ())
            yield replace(query, expect=replace(query.expect, proof=proof)) if proof else query


def changed(zone: bytes, times: int) -> bytes:
    """Return the zone file with one other address and a serial that is ``times`` higher."""
    line, serial = f"{host(0)} A ".encode(), str(SERIAL).encode()
    return zone.replace(serial, str(SERIAL + times).encode(), 1).replace(
        line + address(0).encode(), line + address(times).encode(), 1
    )


def host(index: int) -> str:
    """The relative owner name of host ``index``."""
    return f"h{index:07d}"


def cut(index: int) -> str:
    """The relative owner name of delegation ``index``."""
    return f"d{index:06d}"


def wild(index: int) -> str:
    """The relative name that wildcard ``index`` stands under."""
    return f"w{index:06d}"


def address(index: int) -> str:
    """The address of host, glue or wildcard ``index``."""
    return f"10.{index >> 16 & 255}.{index >> 8 & 255}.{index & 255}"


def write_queries(path: Path, queries: Iterable[Query]) -> None:
    """Write ``queries`` in dnsperf's format: a name and a type on each line."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{query.name} {query.type}\n" for query in queries)


def _exact(plan: ZonePlan, rng: random.Random) -> Query:
    index = rng.randrange(plan.names)
    expect = Expectation("NOERROR", authoritative=True, answer=address(index))
    return Query(f"{host(index)}.{ORIGIN}", "A", expect)


def _nxdomain(_: ZonePlan, rng: random.Random) -> Query:
    expect = Expectation("NXDOMAIN", authoritative=True, authority=(ORIGIN, "SOA"))
    return Query(f"x{rng.getrandbits(40):010x}.{ORIGIN}", "A", expect)


def _wildcard(plan: ZonePlan, rng: random.Random) -> Query:
    index = rng.randrange(plan.wildcards)
    expect = Expectation("NOERROR", authoritative=True, answer=address(index))
    return Query(f"x{rng.getrandbits(40):010x}.{wild(index)}.{ORIGIN}", "A", expect)


def _referral(plan: ZonePlan, rng: random.Random) -> Query:
    zone = f"{cut(rng.randrange(plan.cuts))}.{ORIGIN}"
    expect = Expectation("NOERROR", authoritative=False, authority=(zone, "NS"))
    return Query(f"x{rng.getrandbits(40):010x}.{zone}", "A", expect)


_MAKERS: dict[Mix, Callable[[ZonePlan, random.Random], Query]] = {
    Mix.EXACT: _exact,
    Mix.NXDOMAIN: _nxdomain,
    Mix.WILDCARD: _wildcard,
    Mix.REFERRAL: _referral,
    Mix.SIGNED: _exact,
    Mix.NSEC: _nxdomain,
    Mix.NSEC3: _nxdomain,
}
