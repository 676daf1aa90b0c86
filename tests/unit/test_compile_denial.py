"""Denial chains: which one a zone has, what it matches and covers, what is left when broken."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dnsd.compile.denial import DenialChain, Nsec3Chain, NsecChain, chain_of
from dnsd.image import layout
from dnsd.image.reader import hash_name
from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.zone.records import RRset, Zone
from dnsd.zone.structure import Structure
from tests.signing import Nsec3
from tests.unit.corezones import signed, wire, zone

TEXT = """
    a A 192.0.2.1
    *.w A 192.0.2.1
    x.ent A 192.0.2.1
    secure NS ns.secure
    secure DS 4711 13 2 abababababababababababababababababababababababababababababababab
    ns.secure A 192.0.2.1
    insecure NS ns.other.
    insecure.deep NS ns.other.
"""


def chain(data: Zone) -> DenialChain:
    return chain_of(data, Structure(data))


def owner(record: RRset | None) -> str:
    assert record is not None
    return names.to_text(record.owner)


def owners(proof: list[RRset | None]) -> list[str]:
    return [owner(record) for record in proof]


def hashed(denial: DenialChain, text: str) -> str:
    """The owner of the NSEC3 record that matches ``text``."""
    assert isinstance(denial, Nsec3Chain)
    return owner(denial.match(wire(text)))


# -- which chain -----------------------------------------------------------------------------


def test_an_unsigned_zone_proves_nothing() -> None:
    denial = chain(zone(TEXT))
    assert denial.kind == layout.NO_DENIAL
    assert (denial.keys, denial.records) == ([], [])
    name, encloser = wire("q.example."), wire("example.")
    assert denial.match(encloser) is None
    assert denial.cover(name) is None
    assert denial.nodata(encloser) == []
    for proof in (denial.nxdomain, denial.expanded, denial.expanded_nodata):
        assert proof(name, encloser) == []


@pytest.mark.parametrize("params", [None, Nsec3(), Nsec3("abcd", 2, True)])
def test_chains_are_in_order(params: Nsec3 | None) -> None:
    denial = chain(signed(TEXT, nsec3=params))
    assert denial.kind == (layout.NSEC3_CHAIN if params else layout.NSEC_CHAIN)
    assert all(one < other for one, other in pairwise(denial.keys))
    assert len(denial.records) == len(denial.keys)
    assert {record.rtype for record in denial.records} == {rr.NSEC3 if params else rr.NSEC}


def test_nsec_wins_over_nsec3() -> None:
    """A zone on its way from one to the other (RFC 5155 §10.4)."""
    data = signed(TEXT)
    for name, rrsets in signed(TEXT, nsec3=Nsec3()).nodes.items():
        data.nodes.setdefault(name, {}).update(rrsets)
    assert isinstance(chain(data), NsecChain)


def with_parameters(data: Zone, *rdatas: bytes) -> Zone:
    apex = data.nodes[data.apex]
    apex[rr.NSEC3PARAM] = RRset(data.apex, rr.NSEC3PARAM, 0, rdatas)
    return data


def test_nsec3_parameters_that_cannot_be_used() -> None:
    good, flags, algorithm, other = (
        b"\x01\x00\x00\x00\x02\xab\xcd",
        b"\x01\x01\x00\x00\x02\xab\xcd",
        b"\x02\x00\x00\x00\x02\xab\xcd",
        b"\x01\x00\x00\x00\x01\xab",
    )
    params = Nsec3("abcd")
    denial = chain(with_parameters(signed(TEXT, nsec3=params), flags, algorithm, other, good))
    assert isinstance(denial, Nsec3Chain)
    assert (denial.iterations, denial.salt) == (0, b"\xab\xcd")
    for useless in (flags, algorithm, other):
        data = with_parameters(signed(TEXT, nsec3=params), useless)
        assert chain(data).kind == layout.NO_DENIAL


def test_only_records_of_the_chain_are_used() -> None:
    """Another salt's, below the apex, with owners that are no hashes."""
    data = signed("a A 192.0.2.1", nsec3=Nsec3("abcd"))
    expected = chain(data).keys
    real = next(rrsets[rr.NSEC3] for rrsets in data.nodes.values() if rr.NSEC3 in rrsets)
    other_salt = real.rdatas[0].replace(b"\xab\xcd", b"\xab\xce", 1)
    label = "0" * 32
    for text, rdata in (
        (f"{label}.example.", other_salt),
        (f"{label}.a.example.", real.rdatas[0]),
        (f"{label[1:]}.example.", real.rdatas[0]),
        (f"{label[1:]}w.example.", real.rdatas[0]),
        (f"{label[1:]}_.example.", real.rdatas[0]),
    ):
        data.nodes[wire(text)] = {rr.NSEC3: RRset(wire(text), rr.NSEC3, 0, (rdata,))}
    assert chain(data).keys == expected


def test_occluded_nsec_records_are_not_used() -> None:
    data = signed("sub NS ns.sub\nns.sub A 192.0.2.1")
    expected = chain(data).keys
    inside = wire("ns.sub.example.")
    data.nodes[inside][rr.NSEC] = RRset(inside, rr.NSEC, 0, (wire("example.") + b"\x00\x01\x40",))
    assert chain(data).keys == expected


# -- NSEC ------------------------------------------------------------------------------------


def test_nsec() -> None:
    denial = chain(signed(TEXT))
    apex = wire("example.")
    assert owner(denial.match(wire("a.example."))) == "a.example."
    # an empty non-terminal lies in the span before it
    assert owner(denial.match(wire("w.example."))) == "secure.example."
    assert owner(denial.match(wire("ent.example."))) == "insecure.deep.example."
    assert owners(denial.nodata(wire("insecure.example."))) == ["insecure.example."]
    assert owner(denial.cover(wire(r"\000.example."))) == "example."
    assert owner(denial.cover(wire("zzz.example."))) == "*.w.example."
    assert owners(denial.nxdomain(wire("b.example."), apex)) == ["a.example.", "example."]
    assert owners(denial.expanded(wire("q.w.example."), wire("w.example."))) == ["*.w.example."]
    assert owners(denial.expanded_nodata(wire("q.w.example."), wire("w.example."))) == [
        "*.w.example.",
        "*.w.example.",
    ]


def test_nsec_of_a_zone_with_one_name() -> None:
    denial = chain(signed(""))
    apex = wire("example.")
    assert len(denial.keys) == 1
    for text in (r"\000.example.", "a.example.", r"\255.example."):
        assert owners(denial.nxdomain(wire(text), apex)) == ["example.", "example."]


def test_a_gap_in_the_nsec_chain() -> None:
    data = signed(TEXT)
    del data.nodes[wire("a.example.")][rr.NSEC]
    denial = chain(data)
    assert denial.match(wire("a.example.")) is None
    assert owner(denial.cover(wire("b.example."))) == "example."


# -- NSEC3 -----------------------------------------------------------------------------------


def test_nsec3_proofs() -> None:
    denial = chain(signed(TEXT, nsec3=Nsec3()))
    apex, w = wire("example."), wire("w.example.")
    match = denial.match
    name = wire("q.b.example.")
    assert denial.nodata(wire("ent.example.")) == [match(wire("ent.example."))]
    assert denial.nxdomain(name, apex) == [
        match(apex),
        denial.cover(wire("b.example.")),
        denial.cover(wire("*.example.")),
    ]
    name = wire("q.r.w.example.")
    assert denial.expanded(name, w) == [denial.cover(wire("r.w.example."))]
    assert denial.expanded_nodata(name, w) == [
        match(w),
        denial.cover(wire("r.w.example.")),
        match(wire("*.w.example.")),
    ]


def test_opt_out() -> None:
    """RFC 5155 §7.2.1: the closest *provable* encloser stands in for what has no record."""
    denial = chain(signed(TEXT, nsec3=Nsec3(opt_out=True)))
    apex = wire("example.")
    assert denial.match(wire("secure.example.")) is not None
    for text in ("insecure.example.", "deep.example.", "insecure.deep.example."):
        assert denial.match(wire(text)) is None
    proof = [denial.match(apex), denial.cover(wire("insecure.example."))]
    assert denial.nodata(wire("insecure.example.")) == proof
    proof = [denial.match(apex), denial.cover(wire("deep.example."))]
    assert denial.nodata(wire("insecure.deep.example.")) == proof
    assert denial.nodata(wire("deep.example.")) == proof
    assert denial.nxdomain(wire("q.deep.example."), wire("deep.example.")) == [
        *proof,
        denial.cover(wire("*.example.")),
    ]


def test_covering_hashes_wrap_around() -> None:
    denial = chain(signed("a A 192.0.2.1", nsec3=Nsec3()))
    first, last = denial.records[0], denial.records[-1]
    seen = set()
    for number in range(60):
        name = wire(f"q{number}.example.")
        place = hash_name(name, b"", 0)
        covering = denial.cover(name)
        if place < denial.keys[0]:
            assert covering is last
            seen.add("before")
        elif place > denial.keys[-1]:
            assert covering is last
            seen.add("behind")
        else:
            assert covering is first
            seen.add("between")
    assert seen == {"before", "behind", "between"}


def test_nothing_matches_in_a_broken_nsec3_chain() -> None:
    """Not even the apex; still every proof ends."""
    data = signed(TEXT, nsec3=Nsec3())
    apex = wire("example.")
    label = hashed(chain(data), "example.")
    del data.nodes[names.lower(wire(label))]
    denial = chain(data)
    assert denial.match(apex) is None
    assert denial.nodata(apex) == [None]
    covering = denial.cover(wire("q.example."))
    assert denial.nxdomain(wire("q.example."), apex)[:2] == [None, covering]
