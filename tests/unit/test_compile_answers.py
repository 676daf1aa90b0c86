"""What queries get, case by case: cuts, glue, aliases, wildcards, DNAME, and their proofs."""

from __future__ import annotations

import os
import subprocess
import sys

import dns.rcode
import pytest
from dns.flags import AA, TC
from dns.message import Message
from dns.rcode import NOERROR, NXDOMAIN, YXDOMAIN
from msgspec.structs import replace

from dnsd.compile.denial import chain_of
from dnsd.hotpath import HotPath
from dnsd.wire import name as names
from dnsd.wire import rdata as rr
from dnsd.zone.records import Zone
from dnsd.zone.structure import Structure
from tests.signing import Nsec3
from tests.unit.corezones import ask, lines, serve, signed, wire, zone

DIGEST = "ab" * 32
TEXT = f"""
    www A 192.0.2.1
    www AAAA 2001:db8::1
    www TXT "text"
    mail MX 10 www
    mail MX 20 ns.sub
    mail MX 30 under.d
    mail MX 40 mail.other.

    sub NS ns.sub
    sub NS ns.beside
    sub NS www
    sub NS ns.other.
    sub A 192.0.2.9
    sub DS 4711 13 2 {DIGEST}
    ns.sub A 192.0.2.2
    ns.sub TXT "not ours"
    insecure NS insecure
    insecure A 192.0.2.3
    beside NS ns.beside
    ns.beside A 192.0.2.4
    hidden NS under.d

    d DNAME target
    under.d A 192.0.2.5
    x.target A 192.0.2.6
    y.target CNAME www
    z.target NS ns.other.

    alias CNAME Www
    out CNAME www.other.
    nowhere CNAME nothing
    nodata CNAME mail
    tocut CNAME a.sub
    atcut CNAME sub
    todname CNAME x.d
    ring CNAME ring2
    ring2 CNAME ring
    self CNAME self

    *.w MX 10 www
    *.w TXT "wild"
    exists.w A 192.0.2.7
    deep.ent.w A 192.0.2.8
    *.c CNAME www
    *.loop CNAME a.loop
    *.me CNAME *.me
    *.n NS ns.other.

    svc SVCB 1 . alpn=h2
    svc A 192.0.2.10
    also SVCB 0 svc
    srv SRV 1 2 3 www
"""

PLAIN = serve(zone(TEXT))[0]
NSEC = serve(signed(TEXT))[0]
NSEC3 = serve(signed(TEXT, nsec3=Nsec3()))[0]
OPT_OUT = serve(signed(TEXT, nsec3=Nsec3(opt_out=True)))[0]

SOA = "example. SOA ns.other. host.other. 7 3600 600 86400 300"


def got(name: str, rtype: str, path: HotPath = PLAIN) -> Message:
    return ask(path, f"{name}.example." if name != "@" else "example.", rtype)


def types(response: Message, section: int) -> list[str]:
    """``owner type`` of each RRset; RRSIG with what it covers."""
    found = []
    for rrset in response.sections[section]:
        covers = f" {rrset.covers.name}" if rrset.covers else ""
        found.append(f"{rrset.name} {rrset.rdtype.name}{covers}")
    return found


# -- cuts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rtype", ["A", "NS", "ANY", "TXT", "SOA"])
@pytest.mark.parametrize("name", ["sub", "ns.sub", "a.b.sub", "*.sub"])
def test_referral(name: str, rtype: str) -> None:
    response = got(name, rtype)
    assert (response.rcode(), response.flags & AA, response.answer) == (NOERROR, 0, [])
    assert lines(response.authority) == [
        f"sub.example. NS {server}.example." for server in ("ns.sub", "ns.beside", "www")
    ] + ["sub.example. NS ns.other."]
    # in-domain glue, then that of siblings and of our own names
    assert lines(response.additional) == [
        "ns.sub.example. A 192.0.2.2",
        "ns.beside.example. A 192.0.2.4",
        "www.example. A 192.0.2.1",
        "www.example. AAAA 2001:db8::1",
    ]


def test_glue_at_the_cut_itself() -> None:
    response = got("a.insecure", "A")
    assert lines(response.additional) == ["insecure.example. A 192.0.2.3"]


def test_what_a_dname_replaced_is_no_glue() -> None:
    response = got("a.hidden", "A")
    assert lines(response.authority) == ["hidden.example. NS under.d.example."]
    assert response.additional == []


def test_ds_is_the_parents() -> None:
    response = got("sub", "DS")
    assert response.flags & AA
    assert lines(response.answer) == [f"sub.example. DS 4711 13 2 {DIGEST}"]
    response = got("insecure", "DS")
    assert response.flags & AA
    assert (response.answer, lines(response.authority)) == ([], [SOA])
    # below the cut it is the child's
    response = got("a.sub", "DS")
    assert not response.flags & AA
    assert types(response, 2) == ["sub.example. NS"]


@pytest.mark.parametrize(
    ("path", "name", "authority"),
    [
        (NSEC, "a.sub", ["sub.example. NS", "sub.example. DS", "sub.example. RRSIG DS"]),
        (
            NSEC,
            "a.insecure",
            ["insecure.example. NS", "insecure.example. NSEC", "insecure.example. RRSIG NSEC"],
        ),
        (NSEC3, "a.sub", ["sub.example. NS", "sub.example. DS", "sub.example. RRSIG DS"]),
    ],
)
def test_signed_referrals(path: HotPath, name: str, authority: list[str]) -> None:
    response = ask(path, f"{name}.example.", "A", do=True)
    assert types(response, 2) == authority
    # glue is never signed, our own data is
    signed_additional = {line.split()[0] for line in types(response, 3) if "RRSIG" in line}
    assert signed_additional == ({"www.example."} if name == "a.sub" else set())


def test_signatures_over_glue_are_not_served() -> None:
    """They are the child's (RFC 4035 §2.2); some signers leave them behind."""
    data = signed("sub NS ns.sub\nns.sub A 192.0.2.1\na A 192.0.2.2")
    of_a = data.signatures[wire("a.example.")][rr.A]
    data.signatures[wire("ns.sub.example.")] = {rr.A: of_a}
    response = ask(serve(data)[0], "sub.example.", "A", do=True)
    assert types(response, 3) == ["ns.sub.example. A"]


def test_no_name_below_what_opt_out_hides() -> None:
    """RFC 5155 §7.2.1: deep.example. exists and has no record; example. can be proved."""
    text = "a.deep NS ns.other.\n" + "".join(f"n{n} A 192.0.2.1\n" for n in range(20))
    data = signed(text, nsec3=Nsec3(opt_out=True))
    chain = chain_of(data, Structure(data))
    wanted = [
        chain.match(wire("example.")),
        chain.cover(wire("deep.example.")),
        chain.cover(wire("*.example.")),
    ]
    response = ask(serve(data)[0], "q.r.deep.example.", "A", do=True)
    assert response.rcode() == NXDOMAIN
    owners = {str(rrset.name).lower() for rrset in response.authority if rrset.rdtype == rr.NSEC3}
    assert owners == {names.to_text(record.owner).lower() for record in wanted if record}


def test_opt_out_referral() -> None:
    """RFC 5155 §7.2.7: the closest encloser, and the span that the cut may hide in."""
    response = ask(OPT_OUT, "a.insecure.example.", "A", do=True)
    kinds = [line.split()[1] for line in types(response, 2)]
    assert kinds == ["NS", "NSEC3", "RRSIG", "NSEC3", "RRSIG"]
    response = ask(OPT_OUT, "insecure.example.", "DS", do=True)
    assert [line.split()[1] for line in types(response, 2)] == [
        *("SOA", "RRSIG", "NSEC3", "RRSIG", "NSEC3", "RRSIG")
    ]


# -- names that exist, and their types -------------------------------------------------------


def test_any_is_one_rrset() -> None:
    """RFC 8482: addresses first, signatures and denial last."""
    assert lines(got("www", "ANY").answer) == ["www.example. A 192.0.2.1"]
    assert types(ask(NSEC, "www.example.", "ANY", do=True), 1) == [
        "www.example. A",
        "www.example. RRSIG A",
    ]
    assert types(got("alias", "ANY"), 1) == ["alias.example. CNAME"]
    assert types(ask(NSEC, "example.", "ANY"), 1) == ["example. NS"]


def test_rrsig_is_answered_with_those_of_one_rrset() -> None:
    response = ask(NSEC, "www.example.", "RRSIG")
    assert types(response, 1) == ["www.example. RRSIG A"]
    assert got("www", "RRSIG").answer == []


def test_negative_answers() -> None:
    for name, rtype, rcode in (
        ("www", "MX", NOERROR),
        ("q", "A", NXDOMAIN),
        ("ent.w", "A", NOERROR),
    ):
        response = got(name, rtype)
        assert response.rcode() == rcode
        assert response.flags & AA
        assert lines(response.authority) == [SOA]
        # RFC 2308 §5
        assert response.authority[0].ttl == 300


def test_additional_data() -> None:
    # under.d is hidden by the DNAME
    assert lines(got("mail", "MX").additional) == [
        "www.example. A 192.0.2.1",
        "www.example. AAAA 2001:db8::1",
        "ns.sub.example. A 192.0.2.2",
    ]
    assert types(got("srv", "SRV"), 3) == ["www.example. A", "www.example. AAAA"]
    # RFC 9460 §2.5.2: a target of "." is the owner
    assert types(got("svc", "SVCB"), 3) == ["svc.example. A"]
    assert types(got("also", "SVCB"), 3) == ["svc.example. SVCB", "svc.example. A"]


# -- aliases ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rtype", "answer", "rcode"),
    [
        ("alias", "A", ["alias.example. CNAME", "Www.example. A"], NOERROR),
        ("alias", "CNAME", ["alias.example. CNAME"], NOERROR),
        ("alias", "MX", ["alias.example. CNAME"], NOERROR),
        ("out", "A", ["out.example. CNAME"], NOERROR),
        ("nowhere", "A", ["nowhere.example. CNAME"], NXDOMAIN),
        ("ring", "A", ["ring.example. CNAME", "ring2.example. CNAME"], NOERROR),
        ("self", "A", ["self.example. CNAME"], NOERROR),
        ("atcut", "DS", ["atcut.example. CNAME", "sub.example. DS"], NOERROR),
        (
            "todname",
            "A",
            [
                "todname.example. CNAME",
                "d.example. DNAME",
                "x.d.example. CNAME",
                "x.target.example. A",
            ],
            NOERROR,
        ),
    ],
)
def test_aliases(name: str, rtype: str, answer: list[str], rcode: dns.rcode.Rcode) -> None:
    response = got(name, rtype)
    assert [line.lower() for line in types(response, 1)] == [line.lower() for line in answer]
    assert response.rcode() == rcode
    assert response.flags & AA


def test_an_alias_that_ends_at_a_cut_brings_the_referral() -> None:
    for name in ("tocut", "atcut"):
        response = got(name, "A")
        assert response.flags & AA
        assert types(response, 2) == ["sub.example. NS"]
        assert "ns.sub.example. A" in types(response, 3)


@pytest.mark.parametrize(
    ("links", "ends"), [(1, True), (15, True), (16, True), (17, False), (40, False)]
)
def test_links_are_limited(links: int, ends: bool) -> None:
    text = "".join(f"c{n} CNAME c{n + 1}\n" for n in range(links)) + f"c{links} A 192.0.2.1\n"
    response = ask(serve(zone(text))[0], "c0.example.", "A")
    found = [rrset.rdtype.name for rrset in response.answer]
    assert found == ["CNAME"] * min(links, 16) + ["A"] * ends
    assert (response.rcode(), response.authority) == (NOERROR, [])


@pytest.mark.parametrize("links", [14, 15, 16, 17, 40])
def test_links_behind_a_dname_count_as_well(links: int) -> None:
    """And where the chain is cut off nothing is said of its end."""
    text = "d DNAME e\nx.e CNAME c1\n" + "".join(f"c{n} CNAME c{n + 1}\n" for n in range(1, links))
    response = ask(serve(zone(text))[0], "x.d.example.", "A")
    made = sum(rrset.rdtype.name == "CNAME" for rrset in response.answer)
    assert made == min(links + 1, 16)
    assert response.rcode() == (NXDOMAIN if links <= 15 else NOERROR)
    assert types(response, 2) == (["example. SOA"] if links <= 15 else [])


# -- wildcards -------------------------------------------------------------------------------


def test_wildcards() -> None:
    for name in ("q.w", "q.r.w", "*.w", "**.w", "a.*.w"):
        owner = f"{name}.example."
        if name != "a.*.w":
            response = got(name, "MX")
            assert lines(response.answer) == [f"{owner} MX 10 www.example."]
            assert types(response, 3) == ["www.example. A", "www.example. AAAA"]
            assert types(got(name, "ANY"), 1) == [f"{owner} MX"]
            assert got(name, "A").rcode() == NOERROR
    # the asterisk label exists: nothing below it comes from the wildcard (RFC 4592 §2.2.1)
    assert got("a.*.w", "MX").rcode() == NXDOMAIN
    for name in ("q.exists.w", "q.ent.w", "q.deep.ent.w"):
        assert got(name, "MX").rcode() == NXDOMAIN
    for name in ("exists.w", "ent.w", "w"):
        assert (got(name, "MX").rcode(), got(name, "MX").answer) == (NOERROR, [])


def test_wildcard_aliases() -> None:
    assert lines(got("q.c", "AAAA").answer) == [
        "q.c.example. CNAME www.example.",
        "www.example. AAAA 2001:db8::1",
    ]
    assert types(got("q.c", "MX"), 2) == ["example. SOA"]
    response = got("q.loop", "A")
    assert lines(response.answer)[:1] == ["q.loop.example. CNAME a.loop.example."]
    assert len(response.answer) <= 2


def test_a_wildcard_alias_that_points_to_itself() -> None:
    """The name that was asked for, and the wildcard's own: both are aliases (RFC 1034 §4.3.2)."""
    assert lines(got("q.me", "A").answer) == [
        "q.me.example. CNAME *.me.example.",
        "*.me.example. CNAME *.me.example.",
    ]


def test_a_wildcard_with_ns_is_data_for_others_and_a_cut_itself() -> None:
    """RFC 4592 §4.2 leaves it open."""
    response = got("q.n", "NS")
    assert response.flags & AA
    assert lines(response.answer) == ["q.n.example. NS ns.other."]
    response = got("long-label.q.n", "A")
    assert (response.answer, types(response, 2)) == ([], ["example. SOA"])
    for name in ("*.n", "a.*.n", "some.more.*.n"):
        response = got(name, "A")
        assert not response.flags & AA
        assert lines(response.authority) == ["*.n.example. NS ns.other."]


def test_wildcard_at_the_apex() -> None:
    text = "* A 192.0.2.1\na.b TXT t"
    for origin in ("example.", "."):
        path = serve(zone(text, origin))[0]
        suffix = "" if origin == "." else origin
        assert lines(ask(path, f"q.{suffix}", "A").answer) == [f"q.{suffix} A 192.0.2.1"]
        assert lines(ask(path, f"*.{suffix}", "A").answer) == [f"*.{suffix} A 192.0.2.1"]
        assert lines(ask(path, f"q.r.{suffix}", "A").answer) == [f"q.r.{suffix} A 192.0.2.1"]
        assert ask(path, f"q.b.{suffix}", "A").rcode() == NXDOMAIN
        assert ask(path, f"q.*.{suffix}", "A").rcode() == NXDOMAIN
        assert ask(path, f"b.{suffix}", "A").rcode() == NOERROR
        assert ask(path, origin, "A").answer == []


def test_wildcard_proofs() -> None:
    """RFC 4035 §3.1.3.3, §3.1.3.4: the name itself doesn't exist; asked for itself, it does."""
    response = ask(NSEC, "zz.w.example.", "TXT", do=True)
    assert types(response, 1) == ["zz.w.example. TXT", "zz.w.example. RRSIG TXT"]
    assert types(response, 2) == ["exists.w.example. NSEC", "exists.w.example. RRSIG NSEC"]
    response = ask(NSEC, "*.w.example.", "TXT", do=True)
    assert types(response, 2) == []
    response = ask(NSEC, "zz.w.example.", "A", do=True)
    assert sorted(types(response, 2)[2::2]) == ["*.w.example. NSEC", "exists.w.example. NSEC"]
    response = ask(NSEC, "zz.c.example.", "A", do=True)
    assert types(response, 2)[::2] == ["*.c.example. NSEC"]


# -- DNAME -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rtype", "answer"),
    [
        ("d", "DNAME", ["d.example. DNAME target.example."]),
        ("d", "A", []),
        (
            "X.d",
            "A",
            [
                "d.example. DNAME target.example.",
                "X.d.example. CNAME X.target.example.",
                "X.target.example. A 192.0.2.6",
            ],
        ),
        (
            "under.d",
            "A",
            ["d.example. DNAME target.example.", "under.d.example. CNAME under.target.example."],
        ),
        (
            "x.d",
            "CNAME",
            ["d.example. DNAME target.example.", "x.d.example. CNAME x.target.example."],
        ),
        (
            "a.z.d",
            "A",
            ["d.example. DNAME target.example.", "a.z.d.example. CNAME a.z.target.example."],
        ),
    ],
)
def test_dname(name: str, rtype: str, answer: list[str]) -> None:
    response = got(name, rtype)
    assert lines(response.answer) == answer
    assert response.flags & AA
    assert response.rcode() == (NXDOMAIN if name == "under.d" else NOERROR)


def test_dname_at_the_apex() -> None:
    path = serve(zone("@ DNAME other.\n@ MX 10 mail"))[0]
    assert lines(ask(path, "a.b.example.", "A").answer) == [
        "example. DNAME other.",
        "a.b.example. CNAME a.b.other.",
    ]
    assert lines(ask(path, "example.", "DNAME").answer) == ["example. DNAME other."]
    assert types(ask(path, "example.", "A"), 2) == ["example. SOA"]
    assert types(ask(path, "example.", "MX"), 1) == ["example. MX"]
    assert types(ask(path, "example.", "SOA"), 1) == ["example. SOA"]


@pytest.mark.parametrize("params", [None, Nsec3("abcd", 1)])
def test_signed_dname_at_the_apex(params: Nsec3 | None) -> None:
    """Its NSEC3 records stand beside it, not below it."""
    path = serve(signed("@ DNAME other.", nsec3=params))[0]
    response = ask(path, "a.example.", "A", do=True)
    assert types(response, 1) == ["example. DNAME", "example. RRSIG DNAME", "a.example. CNAME"]
    kinds = [line.split()[1:] for line in types(ask(path, "example.", "A", do=True), 2)]
    denial = "NSEC" if params is None else "NSEC3"
    assert kinds == [["SOA"], ["RRSIG", "SOA"], [denial], ["RRSIG", denial]]


def test_dname_that_makes_too_long_a_name() -> None:
    target = ".".join(["t" * 60] * 3)
    path = serve(zone(f"d DNAME {target}"))[0]
    fits = "x" * (255 - len(wire(f"{target}.example.")) - 1)
    response = ask(path, f"{fits}.d.example.", "A")
    assert (response.rcode(), len(response.answer)) == (NXDOMAIN, 2)
    response = ask(path, f"{fits}x.d.example.", "A")
    assert (response.rcode(), types(response, 1)) == (YXDOMAIN, ["d.example. DNAME"])


def test_dname_to_its_own_zone_ends() -> None:
    path = serve(zone("d DNAME d\ne DNAME f.e\n* A 192.0.2.1"))[0]
    response = ask(path, "x.d.example.", "A")
    assert lines(response.answer) == [
        "d.example. DNAME d.example.",
        "x.d.example. CNAME x.d.example.",
    ]
    response = ask(path, "x.e.example.", "A")
    assert len(response.answer) == 1 + 16


# -- zones at the edge -----------------------------------------------------------------------


def test_a_zone_with_one_name() -> None:
    path = serve(zone(""))[0]
    assert types(ask(path, "example.", "SOA"), 1) == ["example. SOA"]
    assert ask(path, "a.example.", "A").rcode() == NXDOMAIN
    path = serve(signed(""))[0]
    response = ask(path, "a.b.example.", "A", do=True)
    assert types(response, 2) == [
        *("example. SOA", "example. RRSIG SOA", "example. NSEC", "example. RRSIG NSEC")
    ]


def test_root_zone() -> None:
    path = serve(signed("com NS a.com\na.com A 192.0.2.1\nx.y TXT t", "."))[0]
    assert types(ask(path, ".", "SOA"), 1) == [". SOA"]
    response = ask(path, "www.example.com.", "A", do=True)
    assert types(response, 2) == ["com. NS", "com. NSEC", "com. RRSIG NSEC"]
    assert types(response, 3) == ["a.com. A"]
    response = ask(path, "zz.", "A", do=True)
    assert response.rcode() == NXDOMAIN
    assert types(response, 2)[2::2] == ["x.y. NSEC", ". NSEC"]
    assert ask(path, "y.", "A").rcode() == NOERROR


LONG = ".".join(["l" * 63] * 3 + ["m" * 53])


def test_names_of_255_octets() -> None:
    assert len(wire(f"{LONG}.example.")) == 255
    path = serve(signed(f"{LONG} A 192.0.2.1\n*.{LONG[2:]} A 192.0.2.2"))[0]
    assert lines(ask(path, f"{LONG}.example.", "A").answer) == [f"{LONG}.example. A 192.0.2.1"]
    response = ask(path, f"{LONG}.example.", "MX", do=True)
    assert types(response, 2)[2:] == [f"{LONG}.example. NSEC", f"{LONG}.example. RRSIG NSEC"]
    other = LONG.replace("m", "n")
    assert ask(path, f"{other}.example.", "A", do=True).rcode() == NXDOMAIN


def test_cut_of_255_octets() -> None:
    path = serve(zone(f"{LONG} NS ns.{LONG[4:]}\nns.{LONG[4:]} A 192.0.2.1"))[0]
    response = ask(path, f"{LONG}.example.", "A")
    assert lines(response.authority) == [f"{LONG}.example. NS ns.{LONG[4:]}.example."]


def test_names_of_127_labels() -> None:
    deep = ".".join("a" * 127)
    path = serve(signed(f"{deep}. A 192.0.2.1\n*.{deep[4:]}. MX 1 .", "."))[0]
    assert lines(ask(path, f"{deep}.", "A").answer) == [f"{deep}. A 192.0.2.1"]
    for rtype, rcode in (("MX", NOERROR), ("A", NOERROR)):
        response = ask(path, f"b.{deep[4:]}.", rtype, do=True)
        assert response.rcode() == rcode
    assert ask(path, f"b.{deep[6:]}.", "A", do=True).rcode() == NXDOMAIN


def test_types_that_nobody_knows_any_more() -> None:
    """MB and its kind may come in RFC 3597's form, with any octets."""
    path = serve(zone(r"a TYPE7 \# 1 41" + "\n" + r"a TYPE14 \# 3 014102"))[0]
    assert lines(ask(path, "a.example.", "TYPE7").answer) == [r"a.example. MB \# 1 41"]
    assert lines(ask(path, "a.example.", "TYPE14").answer) == [r"a.example. MINFO \# 3 014102"]


# -- large answers ---------------------------------------------------------------------------


def everything(response: Message) -> set[str]:
    """Every record that ``response`` holds."""
    return {line for section in response.sections[1:] for line in lines(section)}


@pytest.mark.parametrize("number", [10, 140, 400])
@pytest.mark.parametrize("params", [None, Nsec3()])
def test_optional_data_behind_pieces(number: int, params: Nsec3 | None) -> None:
    """Pointers into it move with the proof that is put in front, and none may pass 0x3FFF."""
    text = "".join(
        f"*.w SRV 1 2 {n} host-number-{n}.server.farm\nhost-number-{n}.server.farm A 192.0.2.1\n"
        for n in range(number)
    )
    path = serve(signed(text, nsec3=params))[0]
    for label in ("q", ".".join(["q" * 63] * 3 + ["q" * 51])):
        response = ask(path, f"{label}.w.example.", "SRV", do=True)
        assert len(response.answer[0]) == number
        found = everything(response)
        assert len(response.additional) > min(number, 90)
        for n in range(min(number, 90)):
            host = f"host-number-{n}.server.farm.example."
            assert f"{label}.w.example. SRV 1 2 {n} {host}" in found
            assert f"{host} A 192.0.2.1" in found
        owners = {str(rrset.name) for rrset in response.additional}
        assert all(owner.startswith("host-number-") for owner in owners)
        assert all(owner.endswith(".server.farm.example.") for owner in owners)


def with_signatures(data: Zone, number: int, *rtypes: int) -> Zone:
    """Sign the RRsets of ``rtypes`` (none: all) with as many keys."""
    for rrsets in data.signatures.values():
        for rtype, rrset in list(rrsets.items()):
            if not rtypes or rtype in rtypes:
                first = rrset.rdatas[0]
                more = tuple(first[:-1] + bytes((n,)) for n in range(number))
                rrsets[rtype] = replace(rrset, rdatas=more)
    return data


@pytest.mark.parametrize(
    ("number", "rtypes"), [(1, ()), (8, ()), (16, ()), (20, (rr.NSEC, rr.NSEC3)), (40, (rr.SOA,))]
)
@pytest.mark.parametrize("params", [None, Nsec3()])
def test_many_long_pieces(number: int, rtypes: tuple[int, ...], params: Nsec3 | None) -> None:
    """Up to 19 pieces behind a long answer: where pointers would not reach, it is composed."""
    text = "".join(f"*.w{n} CNAME a.w{n + 1}\n" for n in range(15)) + "*.w15 TXT end\n"
    path = serve(with_signatures(signed(text, nsec3=params), number, *rtypes))[0]
    for rtype in ("TXT", "A"):
        response = ask(path, "a.w0.example.", rtype, do=True)
        assert not response.flags & TC
        chain = [str(rrset.name) for rrset in response.answer if not rrset.covers]
        assert chain == [f"a.w{n}.example." for n in range(16 if rtype == "TXT" else 15)]
        proofs = {str(rrset.name) for rrset in response.authority} - {"example."}
        if params is None:
            assert proofs == {f"*.w{n}.example." for n in range(16)}
        for rrset in response.authority:
            if rrset.covers and (not rtypes or rrset.covers in rtypes):
                assert len(rrset) == number


@pytest.mark.parametrize("params", [None, Nsec3()])
def test_a_broken_chain_proves_what_it_can(params: Nsec3 | None) -> None:
    data = signed("a A 192.0.2.1\n*.w A 192.0.2.1", nsec3=params)
    for rrsets in data.nodes.values():
        if rr.NSEC in rrsets and rrsets[rr.NSEC].owner != data.apex:
            del rrsets[rr.NSEC]
    for owner, rrsets in list(data.nodes.items()):
        if rr.NSEC3 in rrsets and len(data.nodes) > 5:
            del data.nodes[owner]
    path = serve(data)[0]
    for name, rtype in (("a", "MX"), ("q", "A"), ("q.w", "A"), ("q.w", "MX"), ("w", "A")):
        response = ask(path, f"{name}.example.", rtype, do=True)
        assert response.rcode() == (NXDOMAIN if name == "q" else NOERROR)
        assert types(response, 2)[:2] == ["example. SOA", "example. RRSIG SOA"] or rtype == "A"


# -- the compiler itself ---------------------------------------------------------------------

BUILD = """
import zlib
from dnsd.compile import build
from dnsd.wire.name import from_text
from dnsd.zone.records import RRset, Zone
apex = from_text("example.")
zone = Zone(apex)
soa = apex + apex + bytes(20)
zone.nodes[apex] = {6: RRset(apex, 6, 0, (soa,)), 2: RRset(apex, 2, 0, (apex,))}
for n in range(40):
    owner = from_text(f"*.n{n}.x.example.")
    zone.nodes[owner] = {1: RRset(owner, 1, 0, (bytes(4),))}
print(zlib.crc32(build(zone, key=bytes(16))))
"""


def test_an_image_does_not_depend_on_the_order_of_sets() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", BUILD],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
    assert found != {""}


def test_a_zone_without_denial_but_with_signatures() -> None:
    """Signed on its way elsewhere: signatures are served, nothing can be proved."""
    data: Zone = signed(TEXT)
    for rrsets in (*data.nodes.values(), *data.signatures.values()):
        rrsets.pop(47, None)
    path = serve(data)[0]
    assert types(ask(path, "www.example.", "A", do=True), 1) == [
        "www.example. A",
        "www.example. RRSIG A",
    ]
    assert types(ask(path, "q.example.", "A", do=True), 2) == ["example. SOA", "example. RRSIG SOA"]
