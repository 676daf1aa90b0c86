"""Data of records that cannot be read: what is said of it."""

from __future__ import annotations

import dns.rdatatype
import pytest

from dnsd.zone.rdatatext import BadRdata, parse_rdata
from dnsd.zone.scan import Token


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("MX", "10", "it ends too early"),
        ("SRV", "1 2", "it ends too early"),
        ("SRV", "1 2 3", "it ends too early"),
        ("SOA", "ns1", "it ends too early"),
        ("HTTPS", "1", "it ends too early"),
        ("CAA", "0 issue", "it ends too early"),
        ("DS", "60485 13 2", "it ends too early"),
        ("NAPTR", '1 2 "" "" ""', "it ends too early"),
        ("MX", '10 "mail"', "a name stands in quotes: remove them"),
        ("MX", "10 mail 20", "'20' is one field too many"),
        ("MX", "mail 10", "expecting an integer"),
    ],
)
def test_what_is_wrong_with_the_fields_is_said(kind: str, data: str, why: str) -> None:
    words = [Token(one.strip('"'), quoted='"' in one) for one in data.split()]
    with pytest.raises(BadRdata, match=why):
        parse_rdata(dns.rdatatype.from_text(kind), words, b"\x07example\x00")
