"""The fast road and the slow one agree: on octets, and on everything a zone becomes."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dnsd.wire.name import from_text
from dnsd.wire.rdata import AAAA, CNAME, NS, PTR, A
from dnsd.zone.load import load_text
from dnsd.zone.plain import MAKERS, RECORD, PlainNames
from dnsd.zone.rdatatext import BadRdata, parse_by_dnspython, parse_rdata
from dnsd.zone.scan import Entry, Scanner

HEAD = "$TTL 3600\n@ SOA ns1 host 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"
ORIGIN = from_text("Example.COM")

LABEL = st.text("aZ09-_*/", min_size=1, max_size=4) | st.sampled_from(["x" * 63, "x" * 64])
NAME = st.builds(
    lambda labels, end: ".".join(labels) + end,
    st.lists(LABEL, max_size=5),
    st.sampled_from(["", ".", ".example.com."]),
) | st.sampled_from(["@", ".", "..", "@.", ".@", "a.@", "\\a", "x." * 127, "x." * 128])
ADDRESS = (
    st.ip_addresses().map(str)
    | st.text("0123456789.", max_size=16)
    | st.text("0123456789abcdefABCDEF:.", max_size=20)
    | st.sampled_from(["::", "1::", "::1.2.3.4", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "01.2.3.4"])
)
STRING = st.text(st.characters(codec="ascii", exclude_characters="\0\n\r"), max_size=8).flatmap(
    lambda text: st.sampled_from([text, f'"{text}"'])
) | st.sampled_from(['"' + "x" * 255 + '"', "x" * 255, "x" * 256, '"' + "x" * 256 + '"'])
NUMBER = st.integers(0, 70000).map(str) | st.sampled_from(["007", "65535", "65536"])
EXCHANGE = st.builds("{}{}{}".format, NUMBER, st.sampled_from([" ", "\t ", ""]), NAME)
BARE = ADDRESS | NAME | STRING | EXCHANGE
DATA = BARE | BARE.map('"{}"'.format)


def slow(rtype: int, text: str) -> bytes | None:
    entry = Scanner(f"x {text}", 1 << 20).next()
    if not isinstance(entry, Entry):
        return None
    try:
        return parse_by_dnspython(rtype, entry.tokens[1:], ORIGIN)
    except BadRdata:
        return None


@given(st.sampled_from(sorted(MAKERS)), DATA)
@example("A", "192.0.2.1")
@example("AAAA", "2001:db8::1")
@example("NS", "@")
@example("CNAME", "a.b")
@example("PTR", "a.example.net.")
@example("MX", "10 mail")
@example("TXT", '"a b"')
@example("MX", '"10 a"')
def test_rdata_of_the_fast_road_is_that_of_the_slow_one(mnemonic: str, text: str) -> None:
    record = RECORD.fullmatch(f"x {mnemonic} {text}")
    if record is None or record[4] != text:
        return
    rtype, make = MAKERS[mnemonic]
    rdata = make(text, PlainNames(ORIGIN))
    assert rdata is None or rdata == slow(rtype, text)


@given(st.sampled_from([A, AAAA, NS, CNAME, PTR]), DATA | st.just("\\#"))
def test_short_data_is_what_dnspython_makes_of_it(rtype: int, text: str) -> None:
    entry = Scanner(f"x {text}", 1 << 20).next()
    assume(isinstance(entry, Entry) and len(entry.tokens) > 1)
    assert isinstance(entry, Entry)
    try:
        rdata = parse_rdata(rtype, entry.tokens[1:], ORIGIN)
    except BadRdata:
        rdata = None
    assert rdata == slow(rtype, text)


@pytest.mark.parametrize(
    ("mnemonic", "text"),
    [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:DB8::192.0.2.1"),
        ("NS", "a.b.example.net."),
        ("CNAME", "@"),
        ("CNAME", "."),
        ("ptr", "host"),
        ("MX", "10 mail.example.net."),
        ("MX", "0 ."),
        ("TXT", "word"),
        ("TXT", '"two words; and more"'),
        ("TXT", '""'),
    ],
)
def test_what_is_plain_takes_the_fast_road(mnemonic: str, text: str) -> None:
    record = RECORD.fullmatch(f"www.sub\t1h in {mnemonic}  {text} ; comment\n")
    assert record is not None
    assert record.groups() == ("www.sub", "1h", mnemonic, text)
    rtype, make = MAKERS[mnemonic]
    assert make(text, PlainNames(ORIGIN)) == slow(rtype, text) is not None


OWNER = NAME | st.just("")
TTL = st.sampled_from(["", "0", "300", "1h30m", "1H30", "2147483647", "2147483648", "x1"])
UNSCANNED = ("unbalanced-parenthesis", "unterminated-quote", "bad-escape")
CLASS = st.sampled_from(["", "IN", "in", "CH", "IN IN"])


@given(
    st.lists(
        st.tuples(OWNER, TTL, CLASS, st.sampled_from(sorted(MAKERS)), DATA), min_size=1, max_size=4
    )
)
def test_lines_mean_the_same_on_both_roads(lines: list[tuple[str, str, str, str, str]]) -> None:
    fast = "".join(f"{' '.join(line)}\n" for line in lines)
    slow_ = "".join(f"{' '.join(line[:4])} ( {line[4]} )\n" for line in lines)
    one, other = (load_text("example.com", HEAD + text, "z", now=0) for text in (fast, slow_))
    # Parentheses can be hidden by a comment or a backslash; and inside of them a fault of the
    # scanner costs more lines.
    assume(";" not in fast and "\\\n" not in fast)
    assume(not any(finding.code in UNSCANNED for finding in other.findings))
    assert one == other
