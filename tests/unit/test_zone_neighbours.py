"""What a parent and a child zone must agree on."""

from __future__ import annotations

import dns.dnssec
import dns.name
import dns.rdata
import pytest

from dnsd.wire.name import from_text
from dnsd.zone.load import load_text
from dnsd.zone.neighbours import compare, parent_of, side

PARENT = """\
$TTL 60
@      SOA ns.example.net. hostmaster 1 4h 1h 2w 10m
@      NS  ns.example.net.
@      NS  ns2.example.net.
"""
DELEGATION = "sub NS ns.sub\nsub NS NS.example.net.\nns.sub A 192.0.2.1\n"
CHILD = """\
$TTL 60
@   SOA ns hostmaster 1 4h 1h 2w 10m
@   NS  ns
@   NS  ns.example.net.
ns  A   192.0.2.1
"""
KEY = (
    "257 3 13 pPJpI7vxHg1VAeuyFQ2EtaRN+zMD6RbhOo43or4UJZdmuE5JSlCROKRfvw3T+tef0ZT7AvfBJvkg1MJN"
    "4Fas7w=="
)


def findings(parent: str, child: str) -> list[tuple[int, str]]:
    above = load_text("example.", parent, name="parent").zone
    below = load_text("sub.example.", child, name="child").zone
    assert above is not None
    assert below is not None
    found = compare(side(above, below.apex), side(below, below.apex))
    return [(finding.line, finding.code) for finding in found]


def ds(digest: str = "SHA256") -> str:
    key = dns.rdata.from_text("IN", "DNSKEY", KEY)
    return str(dns.dnssec.make_ds(dns.name.from_text("sub.example."), key, digest))


def test_agreement() -> None:
    assert findings(PARENT + DELEGATION, CHILD) == []


@pytest.mark.parametrize(
    ("delegation", "child", "expected"),
    [
        ("", CHILD, [(3, "not-delegated")]),
        ("sub NS ns.example.net.\n", CHILD, [(5, "delegation-mismatch")]),
        (DELEGATION.replace("192.0.2.1", "192.0.2.2"), CHILD, [(7, "glue-mismatch")]),
        (DELEGATION + "ns.sub AAAA 2001:db8::1\n", CHILD, [(8, "glue-mismatch")]),
        (DELEGATION + f"sub DS {ds()}\n", CHILD, [(8, "ds-mismatch")]),
    ],
)
def test_disagreement(delegation: str, child: str, expected: list[tuple[int, str]]) -> None:
    assert findings(PARENT + delegation, child) == expected


def test_an_address_that_only_the_child_has_is_no_fault() -> None:
    assert findings(PARENT + DELEGATION, CHILD + "ns AAAA 2001:db8::1\n") == []


def test_ds_and_key() -> None:
    child = CHILD + f"@ DNSKEY {KEY}\n"
    good, tag = ds(), ds().split()[0]
    bad = good[:-1] + ("0" if good[-1] != "0" else "1")
    assert findings(PARENT + DELEGATION + f"sub DS {good}\n", child) == []
    assert findings(PARENT + DELEGATION + f"sub DS {bad}\n", child) == [(8, "ds-mismatch")]
    assert findings(PARENT + DELEGATION + f"sub DS {bad}\nsub DS {good}\n", child) == []
    unknown = f"sub DS {tag} 13 250 abcd\n"
    assert findings(PARENT + DELEGATION + unknown, child) == []


def test_parent_of() -> None:
    names = [from_text(name) for name in (".", "example.", "b.example.", "a.b.example.", "c.")]
    root, example, sub, deep, other = names
    assert parent_of(deep, names) == sub
    assert parent_of(deep, [example, deep, other]) == example
    assert parent_of(example, names) == root
    assert parent_of(root, names) is None
    assert parent_of(other, [example]) is None
