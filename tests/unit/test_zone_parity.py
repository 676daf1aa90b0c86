"""However awkwardly a zone is written, it is the zone dnspython reads."""

from __future__ import annotations

from dataclasses import dataclass

import dns.zone
from hypothesis import assume, given
from hypothesis import strategies as st

from dnsd.wire.name import is_wildcard, lower
from dnsd.wire.rdata import NS
from dnsd.zone.load import load_text

HEAD = "$TTL 3600\n@ SOA ns1 host 1 7200 3600 1209600 300\n@ NS ns1\n"
APEX = "example.com."

LABELS = st.sampled_from(
    ["a", "B", "c-d", "_tcp", "e\\.f", "g\\032h", "*", "i\\200", "xn--bcher-kva"]
)
OWNERS = st.lists(LABELS, max_size=3).map(lambda labels: ".".join([*labels, APEX]))
TARGETS = OWNERS | st.sampled_from([".", "www.example.net.", "\\255.org."])
STRINGS = st.sampled_from(["word", '"two words"', '""', '"a;b"', '"\\"\\\\"', "\\065\\200", '"("'])
SIGNED = ["13", "2", "1h", "20300101000000", "1", "1", APEX, "AAAA"]
RDATAS = st.one_of(
    st.ip_addresses(v=4).map(lambda address: ("A", [str(address)])),
    st.ip_addresses(v=6).map(lambda address: ("AAAA", [str(address)])),
    TARGETS.map(lambda name: ("PTR", [name])),
    TARGETS.map(lambda name: ("NS", [name])),
    TARGETS.map(lambda name: ("MX", ["10", name])),
    TARGETS.map(lambda name: ("SRV", ["1", "2", "65535", name])),
    TARGETS.map(lambda name: ("HTTPS", ["1", name, 'alpn="h2"', "port=1"])),
    TARGETS.map(lambda name: ("RP", [name, "."])),
    st.lists(STRINGS, min_size=1, max_size=3).map(lambda strings: ("TXT", strings)),
    STRINGS.map(lambda string: ("CAA", ["0", "issue", string])),
    st.sampled_from(["A", "TXT"]).map(lambda covered: ("RRSIG", [covered, *SIGNED])),
    st.binary(max_size=3).map(lambda data: ("TYPE65280", ["\\#", str(len(data)), data.hex()])),
    st.just(("A", ["\\#", "4", "c000", "0201"])),
)  # fmt: skip
TTLS = st.sampled_from([None, "0", "300", "1h30m", "2W"])


@dataclass
class Record:
    owner: str
    ttl: str | None
    mnemonic: str
    rdata: list[str]


RECORDS = st.lists(
    st.builds(lambda owner, ttl, data: Record(owner, ttl, *data), OWNERS, TTLS, RDATAS), max_size=6
)


@st.composite
def spelled(draw: st.DrawFn, name: str, origin: str) -> str:
    """Return ``name`` in full, or relative to ``origin`` where it can be."""
    if name == origin and draw(st.booleans()):
        return "@"
    if name.endswith("." + origin) and draw(st.booleans()):
        return name[: -len(origin) - 1]
    return name


@st.composite
def rendered(draw: st.DrawFn, records: list[Record]) -> str:
    """Return master file text for ``records`` with all the freedom RFC 1035 §5.1 gives."""
    text, origin, owner = HEAD, APEX, None
    for record in records:
        text += draw(st.sampled_from(["", "", "\n", " \t\n", '; x ( "\n', "\t; y\n", "\r\n"]))
        if draw(st.integers(0, 4)) == 0:
            origin = draw(st.sampled_from([APEX, f"a.{APEX}", f"B.a.{APEX}", "com."]))
            text += f"$ORIGIN {origin}\n"
        if draw(st.integers(0, 4)) == 0:
            text += draw(st.sampled_from(["$TTL 1d\n", "$TTL 77 ; x\n"]))
        kind = draw(st.sampled_from([str.upper, str.lower]))
        middle = draw(
            st.permutations(["IN"] * draw(st.booleans()) + [record.ttl] * bool(record.ttl))
        )
        data = [draw(spelled(t, origin)) if t.endswith(".") else t for t in record.rdata]
        tokens = [*filter(None, middle), kind(record.mnemonic), *filter(None, data)]
        if record.owner == owner and draw(st.booleans()):
            text += draw(st.sampled_from([" ", "\t", "  "]))
        else:
            text += draw(spelled(record.owner, origin)) + " "
        owner = record.owner
        text += draw(wrapped(tokens))
    return text


@st.composite
def wrapped(draw: st.DrawFn, tokens: list[str]) -> str:
    """Return ``tokens`` as a line, or as several in parentheses."""
    opened = draw(st.integers(0, len(tokens) * 2))
    text = ""
    for at, token in enumerate(tokens):
        if at == opened:
            text += draw(st.sampled_from(["( ", "(", "(\n", "( ; x\n\n\t"]))
        text += token
        gaps = [" ", "\t", " \t "] + ([" \n ", "\n", " ; z )\n", "\r\n "] if at >= opened else [])
        text += draw(st.sampled_from(gaps))
    text += draw(st.sampled_from([")", " ) "])) if opened < len(tokens) else ""
    return text + draw(st.sampled_from(["\n", " \n", " ; w (\n", "\r\n"]))


Contents = dict[tuple[bytes, int, int], tuple[int, frozenset[bytes]]]


def by_dnspython(text: str) -> Contents:
    zone = dns.zone.from_text(text, APEX, relativize=False)
    return {
        (lower(name.to_wire() or b""), rdataset.rdtype, rdataset.covers): (
            rdataset.ttl,
            frozenset(rdata.to_wire() or b"" for rdata in rdataset),
        )
        for name, rdataset in zone.iterate_rdatasets()
    }


def by_dnsd(text: str) -> Contents:
    result = load_text(APEX, text, now=0)
    assert result.zone is not None, [str(finding) for finding in result.findings]
    contents: Contents = {}
    for table in (result.zone.nodes, result.zone.signatures):
        for owner, types in table.items():
            for kind, rrset in types.items():
                covers = kind if table is result.zone.signatures else 0
                contents[owner, rrset.rtype, covers] = (rrset.ttl, frozenset(rrset.rdatas))
    return contents


@given(RECORDS.flatmap(rendered))
def test_the_same_zone(text: str) -> None:
    expected = by_dnspython(text)
    # Refused here: it has no defined meaning.
    assume(not any(is_wildcard(owner) and rtype == NS for owner, rtype, _ in expected))
    assert by_dnsd(text) == expected
