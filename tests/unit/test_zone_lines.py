"""The native reader of records and Python's: the same records, and the same findings."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config.limits import Limits
from dnsd.zone import lines, rdatatext
from dnsd.zone.fieldtable import FIELDS, TYPES
from dnsd.zone.gather import ObjectGatherer
from dnsd.zone.load import LoadResult, load_text
from dnsd.zone.report import FindingsReport
from dnsd.zone.scan import Scanner
from tests.interop import everytype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.zone.records import RRset

pytestmark = pytest.mark.skipif(lines.Lines is None, reason="built without a C compiler")

HEAD = "$TTL 300\n@ SOA ns host 1 3600 600 864000 60\n@ NS ns\nns A 192.0.2.1\n"
LIMITS = Limits(entry_octets=4000, records_per_rrset=20, records=60)

NAMES = (
    *("a", "A.b", "@", ".", "a.", "a..b", r"a\.b", r"\097", r"\256", r"\9", r"x\@", "*.w", "-"),
    *("e.example.", "other.", "x" * 63, "x" * 64, ".".join(["y" * 60] * 4), r"\052.z", "\xe9"),
)
STRINGS = ('"a b"', '"\\""', r'"\255;"', '"é"', "plain", r"a\ b", '"' + "s" * 256 + '"', '"a\nb"')
NUMBERS = ("0", "1", "13", "255", "256", "65535", "65536", "4294967296", "007", "1h30m", "5w", "-1")
HEX = ("ab", "ABC", "00" * 20, "0F" * 32, "1a" * 48, "-", "zz")
BASE64 = ("AQID", "AQ==", "AQI=", "A===", "====", "AQ", "AB==", "a+/b")
TIMES = ("20240229235959", "20230229000000", "21060207062816", "19691231235959", "1700000000")
ODD = (r"\#", r"\# 1 00", "(", ")", "( ", " )", ";c", "\n", "\r", "\0", "$", "in", "TYPE1", "A MX")
OTHERS = (
    *("192.0.2.7", "192.0.2", "2001:db8::1", "::ffff:1.2.3.4", "RSASHA256", "TYPE65534 A"),
    *("0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM", "0P9M", "0B", "issue", "is-sue"),
)
TOKENS = (*NAMES, *STRINGS, *NUMBERS, *HEX, *BASE64, *TIMES, *ODD, *OTHERS)

FITTING: dict[str, tuple[str, ...]] = dict.fromkeys("124t", NUMBERS) | {
    "n": NAMES,
    "s": STRINGS,
    "l": STRINGS,
    "S": STRINGS,
    "h": HEX,
    "b": BASE64,
    "T": TIMES,
    "y": ("A", "ns", "TYPE1", "TYPE0", "ANY"),
    "a": OTHERS,
    "6": OTHERS,
    "x": HEX,
    "H": OTHERS,
    "B": ("A MX", "TYPE65534 A", "a A", "TYPE257 caa", "TYPE0", ""),
    "P": ("", "alpn=h2", 'port=1 alpn="h2,h3"', "key65333=x", '"port=1"'),
}
ECH = "AAj+DQAEAQIDBA=="
KEYS = (
    *("mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath"),
    *("ohttp", "docpath", "key7", "key07", "ALPN", "al-pn", "", "key65535"),
)
ITEMS = (
    *("h2", "alpn", "port", "mandatory", "443", "0080", "65536", "192.0.2.1", "192.0.2.010", ""),
    *("2001:db8::1", "::ffff:192.0.2.1", "1::2::3", "::%1", ECH, "AQID", "/q{?dns}", "a=b"),
    *("x" * 255, "x" * 256),
    *(r"h\2", r"\,", r"\044", "\xe9", "\x7f", "a b"),
)
BY_NUMBER = {number: mnemonic for mnemonic, number in TYPES.items()}


@st.composite
def fitting(draw: st.DrawFn) -> str:
    """Type and data that fit together, or nearly."""
    rtype = draw(st.sampled_from(sorted(FIELDS)))
    tokens = [draw(st.sampled_from(FITTING[field])) for field in FIELDS[rtype]]
    return " ".join((BY_NUMBER[rtype], *tokens))


@st.composite
def anything(draw: st.DrawFn) -> str:
    tokens = draw(st.lists(st.sampled_from(TOKENS), max_size=6))
    gaps = st.sampled_from((" ", " ", "\t", " ( ", " ) ", "", "\n\t", " ;c\n"))
    return draw(st.sampled_from(sorted(TYPES))) + "".join(draw(gaps) + token for token in tokens)


values = st.lists(st.sampled_from(ITEMS), min_size=1, max_size=3).map(",".join)
parameters = st.builds(
    "{}{}".format,
    st.sampled_from(KEYS),
    st.just("")
    | values.map("={}".format)
    | values.map('="{}"'.format)
    | st.sampled_from(("=", '= "h2"', '"h2"', '="h2"x', '="\xff"')),
)
services = st.builds(
    "h HTTPS {} {} {}\n".format,
    st.sampled_from(("0", "00", "1", "65535", "65536")),
    st.sampled_from(NAMES),
    st.lists(parameters, max_size=5).map(" ".join),
)


def addresses(version: Literal[4, 6]) -> st.SearchStrategy[str]:
    some = st.lists(st.ip_addresses(v=version).map(str), min_size=1, max_size=3)
    return some.map(",".join)


@st.composite
def valid_parameters(draw: st.DrawFn) -> str:
    """Return parameters that are as they should be, as a rule."""
    found = {
        "alpn": draw(st.sampled_from(("h2", "h2,h3", "x" * 255))),
        "no-default-alpn": "",
        "port": str(draw(st.integers(0, 65535))),
        "ipv4hint": draw(addresses(4)),
        "ech": ECH,
        "ipv6hint": draw(addresses(6)),
        "dohpath": draw(st.sampled_from(("", "/q{?dns}"))),
        "ohttp": "",
    }
    keys = draw(st.permutations(sorted(found)))[: draw(st.integers(1, 8))]
    found["mandatory"] = ",".join(draw(st.permutations(keys)))
    quote = draw(st.sampled_from(("", '"')))
    named = [*keys, "mandatory"] if draw(st.booleans()) else keys
    return " ".join(f"{key}={quote}{found[key]}{quote}" if found[key] else key for key in named)


headers = st.sampled_from(("", "60 ", "in ", "IN 1h ", "60 IN ", "IN IN ", "CH ", "60 60 "))
owners = st.sampled_from((*NAMES, "", "", "h", "h", "("))
records = st.builds("{} {}{}\n".format, owners, headers, fitting() | anything())
directives = st.sampled_from(
    ("\n", "; c\n", "$TTL 60\n", "$ORIGIN a\n", "$ORIGIN example.\n", "($TTL 9)\n", "\r")
)
texts = st.lists(records | directives, max_size=20).map("".join)


def both(text: str, head: str = HEAD) -> tuple[LoadResult, LoadResult]:
    """Load ``text`` natively and by Python."""
    native = load_text("example.", head + text, "zone", LIMITS, now=0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "Lines", None)
        return native, load_text("example.", head + text, "zone", LIMITS, now=0.0)


def rrsets(result: LoadResult) -> Iterable[RRset]:
    assert result.zone
    for table in (result.zone.nodes, result.zone.signatures):
        for types in table.values():
            yield from types.values()


def check(text: str, head: str = HEAD) -> None:
    native, python = both(text, head)
    assert native.findings == python.findings
    assert native.records == python.records
    assert (native.zone is None) == (python.zone is None)
    if native.zone:
        assert list(rrsets(native)) == list(rrsets(python))


@given(texts)
def test_same_records_and_findings(text: str) -> None:
    check(text)


@given(records)
def test_one_record(record: str) -> None:
    """Findings of one record are not hidden behind those of others."""
    check(record)


@given(services)
def test_services(record: str) -> None:
    check(record)


@given(valid_parameters())
def test_services_as_they_should_be(parameters: str) -> None:
    check(f"h SVCB 1 . {parameters}\n")


@pytest.mark.parametrize("octets", [1, 20, 254, 255])
@pytest.mark.parametrize("kind", [0, 1, 77])
def test_digests_of_every_kind_and_size(kind: int, octets: int) -> None:
    check(f"h NS ns\nh DS 1 8 {kind} {'ab' * octets}\nh CDS 1 8 {kind} {'ab' * octets}\n")


@given(texts)
def test_without_a_ttl(text: str) -> None:
    check(text, HEAD.removeprefix("$TTL 300\n"))


@given(st.binary(max_size=200))
def test_arbitrary_octets(octets: bytes) -> None:
    check(octets.decode("latin-1") + "\nz A 192.0.2.1\n")


@given(st.integers(0, 1 << 32))
def test_valid_records_of_every_type(seed: int) -> None:
    pick = Random(seed)
    for number, record in enumerate(everytype.records(pick, 1)):
        check(everytype.line(record, f"r{number}", pick))


def taken(text: str) -> list[tuple[int, bytes]]:
    """Type and rdata of the records that are read natively from ``text``."""
    assert lines.Lines is not None
    gatherer = ObjectGatherer(b"\0", Limits(), FindingsReport(9))
    lines.Lines(b"\0", 1 << 20).read(text, 0, 1, b"\0", b"", 300, True, 100, gatherer)
    zone = gatherer.finish()
    return [
        (rrset.rtype, rdata)
        for table in (zone.nodes, zone.signatures)
        for types in table.values()
        for rrset in types.values()
        for rdata in rrset.rdatas
    ]


EXAMPLES = {
    "n": "a.example.",
    "s": '"a string"',
    "S": r'"one" two \"three\"',
    "l": '"the value"',
    "1": "7",
    "2": "2",
    "4": "4",
    "t": "1h",
    "a": "192.0.2.1",
    "6": "2001:db8::1",
    "h": "00" * 16 + " " + "ff" * 16,
    "b": "AQID AQI=",
    "T": "20240229235959",
    "y": "TYPE65280",
    "x": "aabb",
    "H": "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM",
    "B": "A MX RRSIG TYPE65280",
    "P": 'port=443 mandatory="alpn,port" alpn=h2,h3 no-default-alpn ipv6hint=2001:db8::1 '
    f'ipv4hint="192.0.2.1,192.0.2.2" ech={ECH} dohpath="/q{{?dns}}" ohttp',
}


@pytest.mark.parametrize("rtype", sorted(FIELDS.keys() - {6}), ids=BY_NUMBER.get)
def test_every_row_is_read_natively(rtype: int) -> None:
    """What nothing is wrong with is not left to Python, and gives the same octets there."""
    data = " ".join(EXAMPLES[field] for field in FIELDS[rtype]).replace('7 "a string"', "0 issue")
    ((found, rdata),) = taken(f"owner {BY_NUMBER[rtype]} {data}\n")
    entry = Scanner(data, 1 << 20).next()
    tokens = getattr(entry, "tokens")  # noqa: B009  a fault has none
    assert (found, rdata) == (rtype, rdatatext.parse_rdata(rtype, tokens, b"\0"))


def test_many_lines_of_one_record() -> None:
    text = "a ( IN\n  TXT ; c\n\n\t one (two) )\n\n;\n  AAAA\t::1\nb 5 A 192.0.2.1"
    assert taken(text) == [
        (16, b"\x03one\x03two"),
        (28, bytes(15) + b"\1"),
        (1, bytes((192, 0, 2, 1))),
    ]


def test_the_soa_is_read_natively_at_the_apex() -> None:
    """Elsewhere it is an error, which Python makes."""
    data = "SOA a. b. 1 2 3 4 1h\n"
    ((rtype, rdata),) = taken(f". {data}")
    assert (rtype, rdata[-4:]) == (6, (3600).to_bytes(4))
    assert taken(f"x {data}") == []
