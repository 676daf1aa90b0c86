"""The oracle against the examples in the RFCs, and against dnsd's own decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.name
import dns.rdatatype
import pytest
from dns.rcode import NOERROR, NXDOMAIN, YXDOMAIN

from dnsd.zone.lookup import MAX_LINKS, Question, StepKind, lookup, zone_for
from dnsd.zone.view import from_records
from tests.model import Model
from tests.records import records_of
from tests.signing import Nsec3, sign_nsec, sign_nsec3
from tests.views import view_of

if TYPE_CHECKING:
    from dns.name import Name

    from dnsd.zone.lookup import Answer
    from dnsd.zone.view import View, ViewRRset

EXAMPLE = dns.name.from_text("example.")


def name(text: str) -> Name:
    return EXAMPLE if text == "@" else dns.name.from_text(text, EXAMPLE)


def model(*lines: str) -> Model:
    """A zone example. from lines of OWNER TYPE RDATA; names in rdata are absolute."""
    found = Model(EXAMPLE)
    for line in lines:
        owner, rtype, rdata = line.split(maxsplit=2)
        found.add(name(owner), rtype, rdata)
    return found


def ask(view: View, question: str) -> Answer:
    owner, rtype, *do = question.split()
    return lookup(view, Question(name(owner), dns.rdatatype.from_text(rtype), bool(do)))


def brief(rrsets: tuple[ViewRRset, ...]) -> list[str]:
    """Owner (relative) and type of each, signatures left out."""
    return [f"{one.owner.relativize(EXAMPLE)} {one.rtype.name}" for one in rrsets if not one.covers]


def proofs(answer: Answer) -> set[str]:
    return {one.split()[0] for one in brief(answer.authority) if one.split()[1].startswith("NSEC")}


# RFC 4592 §2.2.1

RFC_4592 = view_of(
    model(
        "@ NS ns.example.com.",
        "@ NS ns.example.net.",
        '* TXT "this is a wildcard"',
        "* MX 10 host1.example.",
        'sub.* TXT "this is not a wildcard"',
        "host1 A 192.0.2.1",
        "_ssh._tcp.host1 SRV 0 0 22 host1.example.",
        "_ssh._tcp.host2 SRV 0 0 22 host2.example.",
        "subdel NS ns.example.com.",
        "subdel NS ns.example.net.",
    ).zone()
)


@pytest.mark.parametrize(
    ("question", "rcode", "answer"),
    [
        ("host3 MX", NOERROR, ["host3 MX"]),
        ("host3 A", NOERROR, []),
        ("foo.bar TXT", NOERROR, ["foo.bar TXT"]),
        ("host1 MX", NOERROR, []),
        ("sub.* MX", NOERROR, []),
        ("_telnet._tcp.host1 SRV", NXDOMAIN, []),
        ("ghost.* MX", NXDOMAIN, []),
        ("_tcp.host2 A", NOERROR, []),
    ],
)
def test_rfc_4592(question: str, rcode: int, answer: list[str]) -> None:
    found = ask(RFC_4592, question)
    assert (found.rcode, found.aa, brief(found.answer)) == (rcode, True, answer)
    assert brief(found.authority) == ([] if answer else ["@ SOA"])


def test_rfc_4592_below_a_cut() -> None:
    found = ask(RFC_4592, "host.subdel A")
    assert not found.aa
    assert brief(found.authority) == ["subdel NS"]


# RFC 4035 appendix B and RFC 5155 appendix B, whose zones differ in little


def rfc_zone() -> Model:
    return model(
        "@ NS ns1.example.",
        "@ NS ns2.example.",
        "@ MX 1 xx.example.",
        "a NS ns1.a.example.",
        "a NS ns2.a.example.",
        f"a DS 57855 5 1 {'b6' * 20}",
        "ns1.a A 192.0.2.5",
        "ns2.a A 192.0.2.6",
        "ai A 192.0.2.9",
        'ai HINFO "KLH-10" "ITS"',
        "ai AAAA 2001:db8::f00:baa9",
        "ns1 A 192.0.2.1",
        "ns2 A 192.0.2.2",
        "*.w MX 1 ai.example.",
        "x.w MX 1 xx.example.",
        "x.y.w MX 1 xx.example.",
        "xx A 192.0.2.10",
        'xx HINFO "KLH-10" "TOPS-20"',
        "xx AAAA 2001:db8::f00:baaa",
    )


def rfc_4035() -> View:
    zone = rfc_zone()
    for line in ("ns1.b", "ns2.b"):
        zone.add(name("b"), "NS", f"{line}.example.")
        zone.add(name(line), "A", "192.0.2.7")
    sign_nsec(zone)
    return view_of(zone.zone())


def rfc_5155() -> View:
    zone = rfc_zone()
    for line in ("ns1.c", "ns2.c"):
        zone.add(name("c"), "NS", f"{line}.example.")
        zone.add(name(line), "A", "192.0.2.7")
    zone.add(name("2t7b4g4vsa5smi47k61mv5bv1a22bojr"), "A", "192.0.2.127")
    sign_nsec3(zone, Nsec3(salt="aabbccdd", iterations=12, opt_out=True))
    return view_of(zone.zone())


@pytest.mark.parametrize(
    ("question", "rcode", "expected"),
    [
        ("ml A", NXDOMAIN, {"b", "@"}),  # B.2
        ("ns1 MX", NOERROR, {"ns1"}),  # B.3
        ("mc.a MX", NOERROR, set()),  # B.4: the DS, no proof
        ("mc.b MX", NOERROR, {"b"}),  # B.5
        ("a.z.w MX", NOERROR, {"x.y.w"}),  # B.6
        ("a.z.w AAAA", NOERROR, {"x.y.w", "*.w"}),  # B.7
        ("@ DS", NOERROR, {"@"}),  # B.8
    ],
)
def test_rfc_4035(question: str, rcode: int, expected: set[str]) -> None:
    found = ask(rfc_4035(), f"{question} +do")
    assert found.rcode == rcode
    assert proofs(found) == expected


APEX, A_, NS1, W, WILD_W, XW, YW, NS2 = (
    "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom",
    "35mthgpgcu1qg68fab165klnsnk3dpvl",
    "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
    "k8udemvp1j2f7eg6jebps17vp3n8i58h",
    "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
    "b4um86eghhds6nea196smvmlo4ors995",
    "ji6neoaepv8b5o6k4ev33abha8ht9fgc",
    "q04jkcevqvmu85r014c7dkba38o0ji5r",
)


@pytest.mark.parametrize(
    ("question", "rcode", "expected"),
    [
        ("a.c.x.w A", NXDOMAIN, {APEX, XW, A_}),  # B.1
        ("ns1 MX", NOERROR, {NS1}),  # B.2
        ("y.w A", NOERROR, {YW}),  # B.2.1
        ("mc.c MX", NOERROR, {A_, APEX}),  # B.3
        ("a.z.w MX", NOERROR, {NS2}),  # B.4
        ("a.z.w AAAA", NOERROR, {W, NS2, WILD_W}),  # B.5
        ("@ DS", NOERROR, {APEX}),  # B.6
    ],
)
def test_rfc_5155(question: str, rcode: int, expected: set[str]) -> None:
    found = ask(rfc_5155(), f"{question} +do")
    assert found.rcode == rcode
    assert {proof.lower() for proof in proofs(found)} == expected


def test_an_nsec3_owner_does_not_exist_but_for_its_other_data() -> None:
    """RFC 5155 §7.2.8, and the A record that appendix A puts at one."""
    view = rfc_5155()
    assert ask(view, f"{APEX} NSEC3").rcode == NXDOMAIN
    assert brief(ask(view, f"{NS1} A").answer) == [f"{NS1} A"]


# What the RFCs leave open, and dnsd has decided

ZONE = model(
    "@ NS ns.example.",
    "@ NS ns.other.",
    "ns A 192.0.2.1",
    "host AAAA 2001:db8::1",
    "host A 192.0.2.2",
    "both HINFO a b",
    'both TXT "t"',
    "mail MX 10 host.example.",
    "mail MX 20 x.wild.example.",
    "mail MX 30 alias.example.",
    "*.wild A 192.0.2.3",
    "alias CNAME host.example.",
    "one CNAME two.example.",
    "two CNAME one.example.",
    "out CNAME www.other.",
    "nothing CNAME missing.example.",
    "into CNAME x.sub.example.",
    "sub NS ns.example.",
    "sub NS ns.sib.example.",
    "sub NS ns.sub.example.",
    "ns.sub A 192.0.2.4",
    "sib NS ns.sib.example.",
    "ns.sib A 192.0.2.5",
    "d DNAME wild.example.",
    f"long DNAME {'x' * 60}.{'x' * 60}.{'x' * 60}.example.",
    "svc HTTPS 1 .",
    "svc A 192.0.2.6",
    "svcalias HTTPS 0 svc.example.",
    *(f"c{number} CNAME c{number + 1}.example." for number in range(17)),
    "c17 CNAME host.example.",
)
VIEW = view_of(ZONE.zone())


def test_any_is_one_rrset() -> None:
    assert brief(ask(VIEW, "host ANY").answer) == ["host A"]
    assert brief(ask(VIEW, "both ANY").answer) == ["both HINFO"]


def test_additional_is_what_stands_in_the_zone() -> None:
    assert brief(ask(VIEW, "mail MX").additional) == ["host A", "host AAAA"]


def test_service_addresses() -> None:
    assert brief(ask(VIEW, "svc HTTPS").additional) == ["svc A"]
    assert brief(ask(VIEW, "svcalias HTTPS").additional) == ["svc HTTPS", "svc A"]


def test_in_domain_glue_is_mandatory_and_first() -> None:
    found = ask(VIEW, "x.sub A")
    assert brief(found.additional) == ["ns.sub A", "ns A", "ns.sib A"]
    assert found.mandatory == 1


@pytest.mark.parametrize(
    ("question", "rcode", "answer", "authority"),
    [
        ("alias A", NOERROR, ["alias CNAME", "host A"], []),
        ("alias CNAME", NOERROR, ["alias CNAME"], []),
        ("alias ANY", NOERROR, ["alias CNAME"], []),
        ("alias RRSIG", NOERROR, [], ["@ SOA"]),
        ("alias MX", NOERROR, ["alias CNAME"], ["@ SOA"]),
        ("one A", NOERROR, ["one CNAME", "two CNAME"], []),
        ("out A", NOERROR, ["out CNAME"], []),
        ("nothing A", NXDOMAIN, ["nothing CNAME"], ["@ SOA"]),
        ("into A", NOERROR, ["into CNAME"], ["sub NS"]),
        ("x.d A", NOERROR, ["d DNAME", "x.d CNAME", "x.wild A"], []),
        ("x.d CNAME", NOERROR, ["d DNAME", "x.d CNAME"], []),
        ("d DNAME", NOERROR, ["d DNAME"], []),
        ("d A", NOERROR, [], ["@ SOA"]),
        (f"{'y' * 63}.long A", YXDOMAIN, ["long DNAME"], []),
    ],
)
def test_chains(question: str, rcode: int, answer: list[str], authority: list[str]) -> None:
    found = ask(VIEW, question)
    assert (found.rcode, found.aa) == (rcode, True)
    assert (brief(found.answer), brief(found.authority)) == (answer, authority)


def test_a_chain_has_a_limit() -> None:
    assert len(ask(VIEW, "c0 A").answer) == MAX_LINKS
    assert brief(ask(VIEW, "c2 A").answer)[-1] == "host A"
    assert ask(VIEW, "c0 A").trace[-1].kind is StepKind.END


def test_ds_is_asked_of_the_parent() -> None:
    found = ask(VIEW, "sub DS")
    assert found.aa
    assert brief(found.authority) == ["@ SOA"]
    apexes = [EXAMPLE, name("sub")]
    assert zone_for(apexes, Question(name("sub"), dns.rdatatype.DS)) == EXAMPLE
    assert zone_for(apexes, Question(name("sub"), dns.rdatatype.A)) == name("sub")
    assert zone_for(apexes, Question(name("x.sub"), dns.rdatatype.DS)) == name("sub")
    assert zone_for(apexes, Question(EXAMPLE, dns.rdatatype.DS)) == EXAMPLE
    assert zone_for(apexes, Question(dns.name.root, dns.rdatatype.A)) is None


def test_negative_ttl_is_the_smaller_one() -> None:
    signed = rfc_4035()
    assert {one.ttl for one in ask(signed, "nope A +do").authority if one.covers == 6} == {300}
    assert ask(signed, "nope A").authority[0].ttl == 300
    assert ask(signed, "@ SOA").answer[0].ttl == 3600


def test_a_name_of_another_zone_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match=r"other\. is not in the zone example\."):
        lookup(VIEW, Question(dns.name.from_text("other."), dns.rdatatype.A))


def test_the_same_from_records() -> None:
    view = from_records(records_of(ZONE.zone()))
    for question in ("mail MX", "x.sub A", "x.d A", "nope A"):
        assert ask(view, question) == ask(VIEW, question)
