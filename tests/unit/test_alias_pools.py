"""Pools of CNAME records: what a policy may say, where members may lead, how one is chosen."""

from __future__ import annotations

from pathlib import Path

import dns.dnssec
import dns.message
import dns.name
import pytest
from dns.name import Name
from dns.node import Node
from dns.rdataset import Rdataset, from_rdata_list
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.build.policycheck import check_policy
from dnsd.build.policypools import compiled, describe
from dnsd.build.signing import Signer, masks
from dnsd.config.policy import Policy, PoolPolicy
from dnsd.config.policyfile import read_policy
from dnsd.failover.choice import Choice, Eligibility
from dnsd.image.selection import Mode, Selection, encode
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.wire.name import from_text
from dnsd.zone.load import load_text
from dnsd.zone.lookup import Question, lookup
from dnsd.zone.records import Zone
from dnsd.zone.view import from_records
from tests.pools import fresh
from tests.zonekeys import NOW, make_key, signed_text

FILE = Path("example.com.toml")
A, B, C = "cdn-a.example.net.", "cdn-b.example.org.", "site.example.com."
TEXT = """\
$TTL 300
@      SOA   ns h 1 7200 3600 1209600 60
@      NS    ns
ns     A     192.0.2.53
www    CNAME CDN-a.example.net.
shop   CNAME site
site   A     192.0.2.1
round  CNAME shop
*.wild CNAME www
old    DNAME wild
text   TXT   "x"
cut    NS    ns
"""


def load(text: str = TEXT) -> Zone:
    found = load_text("example.com.", text, now=NOW)
    assert found.zone is not None, found.findings
    return found.zone


def policy(*keys: str, name: str = "www", members: tuple[str, ...] = (A, B)) -> str:
    lines = [f'name = "{name}"', 'type = "CNAME"', f"members = {[*members]}", *keys]
    if not any(key.startswith("check ") for key in keys):
        lines += ['check = "tcp"', "port = 443"]
    return "\n".join(["[[pool]]", *lines, ""])


def read(text: str) -> Policy:
    found, problems = read_policy(text, FILE, "example.com.")
    assert found is not None, problems
    return found


def sentences(text: str) -> list[str]:
    found, problems = read_policy(text, FILE, "example.com.")
    if found is None:
        return [one.sentence for one in problems]
    return [one.message for one in check_policy(found, load()).findings]


def test_the_first_one_is_the_default() -> None:
    (pool,) = read(policy()).pools
    assert (pool.select, pool.members, pool.take) == ("first", (A, B), 1)
    assert sentences(policy()) == []


def test_defaults_of_addresses_are_not_those_of_names() -> None:
    defaults = '[defaults]\ntype = "A"\nselect = "all"\ntiers = [["192.0.2.1"], ["192.0.2.2"]]\n'
    (pool,) = read(defaults + policy()).pools
    assert (pool.select, pool.tiers) == ("first", ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (policy(members=()), "needs at least one name"),
        (policy(members=("cdn",)), "'cdn' is not an absolute name: write it in full"),
        (policy(members=(A, A.upper())), f"{A[:-1]}.' is listed twice"),
        (policy(members=("192.0.2.1",)), "'192.0.2.1' is not an absolute name"),
        (policy(members=(A, "www.example.com.")), "www.example.com. cannot lead to itself"),
        (policy('select = "all"'), '"all" does not fit CNAME records: a name has only one'),
        (policy('select = "some:2"'), '"some:2" does not fit CNAME records'),
        (policy(f'tiers = [["{A}"], ["{B}"]]'), 'have no effect with select = "first"'),
        (policy('select = "weighted"', f'weights = {{ "{C}" = 2 }}'), f"{C} is not among the mem"),
        (policy('select = "weighted"', 'weights = { "192.0.2.1" = 2 }'), "192.0.2.1 is not among"),
        (policy(f'check_addresses = {{ "{C}" = "192.0.2.1" }}'), f"{C} is not among the members"),
        (policy(f'check_addresses = {{ "{A}" = "x" }}'), "'x' is not an IP address"),
        (policy('hints = "follow"'), 'has no effect with type = "CNAME"'),
        (policy("min_up = 2"), 'has no effect with select = "first": one member is enough'),
        (policy('all_down = "fallback"', 'fallback = ["192.0.2.1"]'), "but a CNAME leads to a n"),
        (policy('all_down = "fallback"', f'fallback = ["{A}"]'), f"{A} is a member: a fallback"),
        (
            policy('source = "2001:db8::1"', f'check_addresses = {{ "{A}" = "192.0.2.1" }}'),
            "2001:db8::1 cannot reach 192.0.2.1",
        ),
        (policy(members=(B,)), f"lack {A}, the target of the CNAME in the zone (<stdin>:5)"),
        (policy(name="@"), "the apex of a zone cannot have a CNAME"),
        (policy(name="text"), "a CNAME cannot stand beside others (RFC 1034 §3.6.2)"),
        (policy(name="nowhere"), "has no CNAME records in the zone: no such name is there"),
        (policy(name="site.example.com."), "has no CNAME, but 1 other type of records"),
        (policy().replace("CNAME", "ALIAS"), "write [[alias]] instead of [[pool]]"),
        (policy().replace("CNAME", "A"), 'has no effect with type = "A": the zone has the mem'),
        (
            policy('select = "first"').replace("CNAME", "AAAA").replace("members", "#"),
            '"first" has no order here',
        ),
        (
            policy().replace('"tcp"', '"http"').replace("CNAME", "A") + 'host = "{member}"',
            "{member}",
        ),
        (
            policy(name="shop", members=(C, "round.example.com.")),
            "round.example.com. leads back to the pool: round.example.com. → shop.example.com.",
        ),
        (
            policy(members=(A, "x.wild.example.com.")),
            "x.wild.example.com. → www.example.com.",
        ),
        (
            policy(members=(A, "gone.example.com.")),
            "there is no gone.example.com. in the zone: clients that follow it get",
        ),
        (
            policy(members=(A, "y.old.example.com.")),
            "y.old.example.com. → y.wild.example.com. → www.example.com.",
        ),
    ],
)
def test_a_fault(text: str, told: str) -> None:
    found = sentences(text)
    assert any(told in one for one in found), found


def test_two_pools_that_lead_to_each_other() -> None:
    both = policy(members=(A, "shop.example.com.")) + policy(
        name="shop", members=(C, "www.example.com.")
    )
    assert len([one for one in sentences(both) if "leads back to the pool" in one]) == 2


def test_what_leads_on_without_a_circle_is_allowed() -> None:
    both = policy(members=(A, "shop.example.com.", "z.cut.example.com.")) + policy(
        name="shop", members=(C, B)
    )
    assert sentences(both) == []


NAMES = st.sampled_from(("www", "shop", "round", "x.wild", "site", "x.old", "nowhere"))


@given(st.lists(NAMES, max_size=3, unique=True), st.lists(NAMES, max_size=3, unique=True))
def test_what_is_allowed_is_never_a_loop(first: list[str], second: list[str]) -> None:
    """Whatever members are answered, the plain algorithm comes to an end by itself."""
    names = {
        "www": (A, *(f"{one}.example.com." for one in first)),
        "shop": (C, *(f"{one}.example.com." for one in second if one != "site")),
    }
    if any(f"{name}.example.com." in members for name, members in names.items()):
        return
    text = "".join(policy(name=name, members=members) for name, members in names.items())
    refused = any("leads back" in one for one in sentences(text))
    loops = False
    for one in names["www"]:
        for other in names["shop"]:
            edited = TEXT.replace("CNAME site", f"CNAME {other}")
            edited = edited.replace("CDN-a.example.net.", one)
            view = from_records(load(edited))
            for name in ("www", "shop"):
                asked = Question(dns.name.from_text(f"{name}.example.com."), RdataType.A)
                loops |= any("is a loop" in step.text for step in lookup(view, asked).trace)
    assert refused == loops


# -- choosing -------------------------------------------------------------------------------------


def choice(select: str, all_down: str = "all") -> Choice:
    pool = PoolPolicy(
        name="www.example.com.",
        type="CNAME",
        check="none",
        members=(A, B, C),
        select=select,
        all_down=all_down,  # type: ignore[arg-type]
    )
    return Choice(pool, pool.members)


@given(st.lists(st.sampled_from(Eligibility), min_size=3, max_size=3))
def test_the_first_one_that_is_up_is_answered(eligible: list[Eligibility]) -> None:
    answer = choice("first").answer(eligible, 0)
    assert int(answer.mode) == Mode.SOME
    up = [at for at, one in enumerate(eligible) if one is Eligibility.IN]
    if up:
        assert answer.mask == 1 << up[0]
        assert bool(answer.why) == (up[0] != 0)
    assert answer.mask.bit_count() == 1


def test_it_is_said_which_one_stands_in() -> None:
    eligible = [Eligibility.OUT, Eligibility.IN, Eligibility.IN]
    why = choice("first").answer(eligible, 0).why
    assert why == f"answering with {B}: no member before it is up"


# -- what is built --------------------------------------------------------------------------------


def test_no_answer_ever_has_two_of_them() -> None:
    """Neither before anything is decided, nor in what is signed."""
    (pool,) = read(policy('select = "one"', 'all_down = "fallback"', f'fallback = ["{C}"]')).pools
    assert [mask.bit_count() for mask in masks(pool, 2)] == [1, 1, 1]
    (meta,) = describe(read(policy(members=(B, A))), load())
    assert meta.members == (B, A)
    assert meta.undecided == A
    (built,) = compiled([meta], None)
    assert (built.undecided, built.take, built.ttl) == (0b10, 1, 5)
    assert built.members == (from_text(B), from_text(A))
    compiler.build(load(), pools=[built])


def test_each_answer_validates_at_any_ttl() -> None:
    key = make_key()
    zone = load(signed_text(TEXT, key))
    found = read(policy('select = "weighted"', 'all_down = "nodata"'))
    signer = Signer(zone, [key.key])
    assert check_policy(found, zone).findings[0].code == "pool-signed"  # without keys
    pools = [*compiled(describe(found, zone), signer)]
    cells = fresh(20)
    path = hotpath.make(hotpath.Settings(), counters.fresh())
    path.put_zone(zone.apex, Image(compiler.build(zone, pools=pools)), cells)
    for mask, target, ttl in ((1, A, 300), (2, B, 1), (0, A, 5)):
        cells.selections[0] = encode(Selection(mask, ttl, Mode.SOME)) if mask else 0
        signed, proof = asked(path).answer
        assert [rdata.to_text() for rdata in signed] == [target]
        assert {signed.ttl, proof.ttl} == {ttl}
        keys: dict[Name, Node | Rdataset] = {}
        keys[dns.name.from_text("example.com.")] = from_rdata_list(300, [key.dnskey])
        dns.dnssec.validate(signed, proof, keys, now=NOW)
    cells.selections[0] = encode(Selection(0, 5, Mode.NODATA))
    denied = asked(path)
    assert denied.answer == []
    (nsec,) = [one for one in denied.authority if one.rdtype == RdataType.NSEC]
    assert "CNAME" not in nsec[0].to_text()


def asked(path: hotpath.HotPath) -> dns.message.Message:
    query = dns.message.make_query("www.example.com.", "A", want_dnssec=True)
    client = hotpath.Client(hotpath.Transport.TCP, "192.0.2.1")
    octets = path.answer(query.to_wire(), 0.0, client)
    assert octets
    return dns.message.from_wire(octets)
