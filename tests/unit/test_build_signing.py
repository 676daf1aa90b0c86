"""Signatures of pools: each answer there can be validates, as long as the zone does, at any TTL."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.dnssec
import dns.name
import dns.rdata
import dns.rdataset
import pytest
from dns.dnssectypes import Algorithm
from dns.exception import ValidationFailure
from dns.name import Name
from dns.node import Node
from dns.rdataclass import IN
from dns.rdataset import Rdataset
from dns.rdatatype import NSEC as NSEC_TYPE
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.RRSIG import RRSIG

from dnsd import compile as compiler
from dnsd.build.policycheck import check_policy
from dnsd.build.policypools import compiled, describe
from dnsd.build.signing import Signer, masks
from dnsd.config.policy import PoolPolicy
from dnsd.config.policyfile import read_policy
from dnsd.wire.name import from_text, lower
from dnsd.wire.rdata import NSEC, NSEC3, A
from dnsd.zone.load import load_text
from dnsd.zone.records import RRset, Zone
from tests.signing import Nsec3
from tests.unit.corezones import signed
from tests.zonekeys import (
    ALGORITHMS,
    EXPIRATION,
    INCEPTION,
    KSK,
    NOW,
    P256,
    ZoneKey,
    make_key,
    signed_text,
)

TEXT = """\
$TTL 300
@ SOA ns h 1 7200 3600 1209600 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.3
www A 192.0.2.10
www A 192.0.2.1
www AAAA 2001:db8::1
www AAAA 2001:db8::2
one A 192.0.2.7
*.dev A 192.0.2.20
*.dev A 192.0.2.21
"""
TTLS = (300, 30, 1, 0)
KEY = make_key()
ZONE = signed_text(TEXT, KEY)


def load(text: str = ZONE) -> Zone:
    found = load_text("example.com.", text, now=NOW)
    assert found.zone is not None, found.findings
    return found.zone


def pool(name: str = "www", **keys: object) -> PoolPolicy:
    values = {"type": "A", "check": "none", **keys}
    return PoolPolicy(name=f"{name}.example.com.", **values)  # type: ignore[arg-type]


def records(rtype: int, rdatas: Sequence[bytes], ttl: int) -> Rdataset:
    made = [dns.rdata.from_wire(IN, RdataType(rtype), one, 0, len(one)) for one in rdatas]
    return dns.rdataset.from_rdata_list(ttl, made)


def validate(owner: str, answer: RRset, rrsigs: RRset, *keys: ZoneKey, ttl: int = 300) -> None:
    """Raise ValidationFailure unless each key has signed ``answer``, served with this TTL."""
    name = dns.name.from_text(owner)
    rdataset = records(answer.rtype, answer.rdatas, ttl)
    for key in keys:
        dnskeys: dict[Name, Node | Rdataset] = {}
        dnskeys[dns.name.from_text(key.origin)] = dns.rdataset.from_rdata_list(300, [key.dnskey])
        covering = records(RdataType.RRSIG, rrsigs.rdatas, ttl)
        dns.dnssec.validate((name, rdataset), (name, covering), dnskeys, now=NOW)


def answer_of(one: PoolPolicy, zone: Zone, mask: int) -> RRset:
    """What a worker answers with for ``mask``."""
    rrset = zone.nodes[from_text(one.name)][RdataType.from_text(one.type)]
    members = [*sorted(rrset.rdatas), *(ip_address(address).packed for address in one.fallback)]
    chosen = tuple(rdata for bit, rdata in enumerate(members) if mask & 1 << bit)
    return RRset(rrset.owner, rrset.rtype, rrset.ttl, chosen)


def rrsigs_of(rrset: RRset) -> list[RRSIG]:
    found = [dns.rdata.from_wire(IN, RdataType.RRSIG, one, 0, len(one)) for one in rrset.rdatas]
    return [one for one in found if isinstance(one, RRSIG)]


# -- which answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "members", "expected"),
    [
        ({}, 1, {0b1}),
        ({}, 3, set(range(1, 8))),
        ({"fallback": ("192.0.2.8", "192.0.2.9")}, 2, {0b01, 0b10, 0b11, 0b1100}),
        ({"select": "one"}, 1, {0b1}),
        ({"select": "one"}, 3, {0b001, 0b010, 0b100, 0b111}),
        ({"select": "weighted"}, 2, {0b01, 0b10, 0b11}),
        (
            {"select": "one", "fallback": ("192.0.2.8", "192.0.2.9")},
            2,
            {0b0001, 0b0010, 0b0100, 0b1000, 0b0011},
        ),
        ({"select": "sticky"}, 3, {0b001, 0b010, 0b100, 0b111}),
        ({"select": "some:2"}, 2, {0b01, 0b10, 0b11}),
        ({"select": "some:2"}, 3, set(range(1, 8))),
        (
            {"select": "some:2", "fallback": ("192.0.2.7", "192.0.2.8", "192.0.2.9")},
            1,
            {0b0001, 0b0110, 0b1010, 0b1100},
        ),
        (
            {"select": "some:2"},
            4,
            {0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b0101, 0b1001}
            | {0b0110, 0b1010, 0b1100, 0b1111},
        ),
    ],
)
def test_masks(keys: dict[str, Any], members: int, expected: set[int]) -> None:
    found = list(masks(pool(**keys), members))
    assert set(found) == expected
    assert len(found) == len(expected)


# -- answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda one: one.name)
def test_every_answer_validates_at_every_ttl(algorithm: Algorithm) -> None:
    key = make_key(algorithm)
    zone = load(signed_text(TEXT, key))
    one = pool(all_down="fallback", fallback=("198.51.100.1", "198.51.100.2"))
    found = Signer(zone, [key.key]).signatures(one)
    assert set(found) == {1, 2, 3, 4, 5, 6, 7, 0b11000}
    for mask, rrsigs in found.items():
        (rrsig,) = rrsigs_of(rrsigs)
        assert (rrsig.original_ttl, rrsig.labels, rrsig.key_tag) == (300, 3, key.tag)
        for ttl in TTLS:
            validate(one.name, answer_of(one, zone, mask), rrsigs, key, ttl=ttl)


def test_no_signature_fits_another_answer() -> None:
    zone = load()
    found = Signer(zone, [KEY.key]).signatures(pool())
    for mask, rrsigs in found.items():
        for other in found.keys() - {mask}:
            with pytest.raises(ValidationFailure):
                validate("www.example.com.", answer_of(pool(), zone, other), rrsigs, KEY)


def test_aaaa() -> None:
    zone = load()
    one = pool(type="AAAA")
    found = Signer(zone, [KEY.key]).signatures(one)
    assert len(found) == 3
    for mask, rrsigs in found.items():
        validate(one.name, answer_of(one, zone, mask), rrsigs, KEY)


def test_a_wildcard_validates_for_the_names_it_stands_for() -> None:
    """RFC 4034 §3.1.3: the asterisk is no label."""
    zone = load()
    one = pool("*.dev")
    found = Signer(zone, [KEY.key]).signatures(one)
    assert len(found) == 3
    for mask, rrsigs in found.items():
        assert rrsigs_of(rrsigs)[0].labels == 3
        for owner in ("*.dev.example.com.", "x.dev.example.com.", "y.x.dev.example.com."):
            validate(owner, answer_of(one, zone, mask), rrsigs, KEY, ttl=1)


def test_two_algorithms_at_once() -> None:
    """RFC 4035 §2.2: an RRSIG of each."""
    other = make_key(Algorithm.ED25519)
    zone = load(signed_text(TEXT, KEY, other))
    one = pool(all_down="nodata")
    signer = Signer(zone, [KEY.key, other.key])
    found = signer.signatures(one)
    denied, proof = signer.denial(one) or (None, None)
    assert denied is not None
    assert proof is not None
    assert len(proof.rdatas) == 2
    validate(one.name, denied, proof, KEY, other)
    for mask, rrsigs in found.items():
        assert len(rrsigs.rdatas) == 2
        validate(one.name, answer_of(one, zone, mask), rrsigs, KEY, other)


def test_a_signature_holds_as_long_as_the_zones() -> None:
    """Whoever warns of the zone's signatures warns of these, too."""
    zone = load()
    signer = Signer(zone, [KEY.key])
    one = pool(all_down="nodata")
    denial = signer.denial(one)
    assert denial is not None
    for rrsigs in (*signer.signatures(one).values(), denial[1]):
        for rrsig in rrsigs_of(rrsigs):
            assert (rrsig.inception, rrsig.expiration) == (INCEPTION, EXPIRATION)


def test_times_are_those_of_the_signature_that_is_most_alike() -> None:
    """A zone keeps signatures of an old key, and one may go on for longer than another."""
    other = make_key(Algorithm.ED25519)
    text = signed_text(TEXT, KEY, other)
    old = make_key()
    long = _signed_until(text, other, old, EXPIRATION + 500)
    zone = load(_signed_until(long, KEY, old, EXPIRATION - 500))
    found = Signer(zone, [KEY.key, other.key]).signatures(pool())
    times = {one.algorithm: one.expiration for one in rrsigs_of(found[1])}
    assert times == {P256: EXPIRATION, Algorithm.ED25519: EXPIRATION}


def _signed_until(text: str, like: ZoneKey, key: ZoneKey, expiration: int) -> str:
    """``text`` with one more signature of www A: as that of ``like``, but by ``key``."""
    before = "www.example.com. 300 IN RRSIG "
    found = [line.removeprefix(before) for line in text.splitlines() if line.startswith(before)]
    for rdata in found:
        rrsig = dns.rdata.from_text(IN, "RRSIG", rdata)
        assert isinstance(rrsig, RRSIG)
        if (rrsig.type_covered, rrsig.key_tag) == (A, like.tag):
            text += f"{before}{rrsig.replace(expiration=expiration, key_tag=key.tag)}\n"
    return text


# -- the zone's own signature -----------------------------------------------------------------


def test_all_records_have_the_zones_own_signature() -> None:
    zone = load()
    found = Signer(zone, [KEY.key]).signatures(pool())
    own = zone.signatures[from_text("www.example.com.")][A]
    assert found[7].rdatas == own.rdatas
    assert found[3].rdatas != own.rdatas


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("192.0.2.10", "192.0.2.11", id="records changed"),
        pytest.param("www.example.com. 300 IN A ", "www.example.com. 200 IN A ", id="TTL changed"),
    ],
)
def test_a_signature_that_is_wrong_now_is_not_taken(before: str, after: str) -> None:
    assert before in ZONE
    zone = load(ZONE.replace(before, after))
    found = Signer(zone, [KEY.key]).signatures(pool())
    own = zone.signatures[from_text("www.example.com.")][A]
    assert found[7].rdatas != own.rdatas
    validate("www.example.com.", answer_of(pool(), zone, 7), found[7], KEY)


def test_without_keys_there_is_the_zones_own_signature() -> None:
    zone = load()
    own = zone.signatures[from_text("one.example.com.")][A]
    for select in ("all", "one"):
        found = Signer(zone).signatures(pool("one", select=select))
        assert {mask: rrsigs.rdatas for mask, rrsigs in found.items()} == {1: own.rdatas}


def test_an_unsigned_zone_has_no_signatures() -> None:
    signer = Signer(load(TEXT))
    assert signer.signatures(pool(all_down="nodata")) == {}
    assert signer.denial(pool(all_down="nodata")) is None


# -- which keys -------------------------------------------------------------------------------


def test_the_key_that_signs_in_the_zone_signs() -> None:
    """One that is published, but not in use yet, is not known to every cache."""
    before, after, ksk = make_key(), make_key(), make_key(flags=KSK)
    zone = load(signed_text(TEXT, before, ksk))
    signer = Signer(zone, [after.key, ksk.key, before.key])
    for rrsigs in signer.signatures(pool()).values():
        assert [one.key_tag for one in rrsigs_of(rrsigs)] == [before.tag]


def test_if_none_does_the_first_one_signs() -> None:
    zone = load()
    keys = [make_key(), make_key()]
    found = Signer(zone, [one.key for one in keys]).signatures(pool())
    assert [one.key_tag for one in rrsigs_of(found[1])] == [keys[0].tag]


# -- denial -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("rtype", "left"), [("A", "AAAA RRSIG NSEC"), ("AAAA", "A RRSIG NSEC")])
def test_denial_by_nsec(rtype: str, left: str) -> None:
    zone = load()
    denial = Signer(zone, [KEY.key]).denial(pool(type=rtype, all_down="nodata"))
    assert denial is not None
    denied, rrsigs = denial
    own = zone.nodes[from_text("www.example.com.")][NSEC]
    assert (denied.owner, denied.rtype, denied.ttl) == (own.owner, NSEC, own.ttl)
    assert records(NSEC, denied.rdatas, 60)[0].to_text() == f"example.com. {left}"
    assert rrsigs_of(rrsigs)[0].type_covered == NSEC_TYPE
    for ttl in TTLS:
        validate("www.example.com.", denied, rrsigs, KEY, ttl=ttl)


@pytest.mark.parametrize("nsec3", [Nsec3(), Nsec3("ab", 3, opt_out=True)])
def test_denial_by_nsec3(nsec3: Nsec3) -> None:
    zone = signed("www A 192.0.2.1\nwww TXT x\nb.ent A 192.0.2.1", "example.com.", nsec3)
    one = pool(all_down="nodata")
    denial = Signer(zone, [KEY.key]).denial(one)
    assert denial is not None
    denied, rrsigs = denial
    salt = None if nsec3.salt == "-" else nsec3.salt
    hashed = dns.dnssec.nsec3_hash("www.example.com.", salt, nsec3.iterations, 1)
    owner = f"{hashed.lower()}.example.com."
    assert lower(denied.owner) == from_text(owner)
    own = zone.nodes[from_text(owner)][NSEC3]
    before, after = (records(NSEC3, rrset.rdatas, 60)[0].to_text() for rrset in (own, denied))
    assert before.endswith(" A TXT RRSIG")
    assert after == before.replace(" A TXT RRSIG", " TXT RRSIG")
    validate(owner, denied, rrsigs, KEY, ttl=1)


def test_types_beyond_the_first_window_stay() -> None:
    zone = load(signed_text(TEXT + "one TYPE65280 \\# 1 00\none CAA 0 issue x\n", KEY))
    denial = Signer(zone, [KEY.key]).denial(pool("one", all_down="nodata"))
    assert denial is not None
    left = records(NSEC, denial[0].rdatas, 60)[0].to_text().partition(" ")[2]
    assert left == "RRSIG NSEC CAA TYPE65280"


def test_no_denial_where_none_is_needed() -> None:
    assert Signer(load(), [KEY.key]).denial(pool()) is None


def test_no_denial_without_a_chain() -> None:
    text = "".join(
        f"{line}\n" for line in ZONE.splitlines() if " NSEC " not in line and line.strip()
    )
    assert Signer(load(text), [KEY.key]).denial(pool(all_down="nodata")) is None


# -- from the policy to the image --------------------------------------------------------------


def test_a_policy_is_compiled_with_its_signatures(tmp_path: Path) -> None:
    name = KEY.write(tmp_path)
    text = f'[signing]\nkeys = ["{name}"]\n'
    text += '[[pool]]\nname = "www"\ntype = "A"\ncheck = "none"\nall_down = "nodata"\n'
    policy, problems = read_policy(text, tmp_path / "example.com.toml", "example.com.")
    assert policy is not None, problems
    zone = load()
    _, findings, signer = check_policy(policy, zone)
    assert findings == []
    (found,) = compiled(describe(policy, zone), signer)
    assert found.signatures.keys() == set(range(1, 8))
    assert found.denial is not None
    image = compiler.build(zone, pools=[found])
    for rrsigs in (*found.signatures.values(), found.denial[1]):
        assert all(rdata in image for rdata in rrsigs.rdatas)
