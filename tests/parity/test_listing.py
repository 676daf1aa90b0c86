"""The listing of a zone, natively and by Python: the same octets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.build import contents
from dnsd.wire.rdata import AAAA, CNAME, A
from dnsd.zone.load import load_text
from dnsd.zone.table import survey
from tests.interop import everytype
from tests.strategies import models, signed

if TYPE_CHECKING:
    from dnsd.zone.records import Zone
    from tests.model import Model

pytestmark = pytest.mark.skipif(survey is None, reason="built without a C compiler")

HEAD = "$TTL 300\n@ SOA ns host 1 3600 600 864000 60\n@ NS ns\nns A 192.0.2.1\n"

ODD = r"""
W\.w A 10.0.0.2
W\.w A 10.0.0.10
w\"q\032\255\\ 60 AAAA ::ffff:192.0.2.1
w\"q\032\255\\ AAAA ::192.0.2.1
w\"q\032\255\\ AAAA 2001:db8:0:0:1::1
w\"q\032\255\\ AAAA 1:0:0:2:0:0:0:3
a-b TXT a
a.b TXT a
@ MX 10 Mail.Test.
@ MX 20 mail.TEST.
@ SRV 1 1 1 .
@ HTTPS 1 svc.test. ipv4hint=192.0.2.9 ipv6hint=2001:db8::9
old DNAME \"new\".test.
x.old A 192.0.2.3
sub NS ns.sub
sub DS 1 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
ns.sub A 192.0.2.4
ns.sub TXT occluded
x.ns.sub AAAA ::4
old.sub DNAME other.
x.old.sub A 192.0.2.5
p PTR host
t TYPE65280 \# 2 0001
"""


def check(zone: Zone, pools: frozenset[tuple[bytes, int]] = frozenset()) -> None:
    found, raw = contents.contents_of(zone, pools)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "table_of", lambda _zone: None)
        expected, expected_raw = contents.contents_of(zone, pools)
    assert bytes(raw) == bytes(expected_raw)
    assert found == expected


def load(text: str, origin: str = "example.") -> Zone:
    result = load_text(origin, HEAD + text, now=0.0)
    assert result.zone is not None, result.findings
    return result.zone


def test_odd_names_and_addresses() -> None:
    check(load(ODD))
    check(load("", "."))


@given(models() | signed(models()), st.data())
def test_generated_zones(model: Model, data: st.DataObject) -> None:
    zone = load_text(str(model.origin), model.text()).zone
    assert zone is not None
    pool = st.tuples(st.sampled_from(sorted(zone.nodes)), st.sampled_from((A, AAAA, CNAME)))
    check(zone, data.draw(st.frozensets(pool, max_size=2)))


@given(st.integers(0, 1 << 32))
def test_records_of_every_type(seed: int) -> None:
    pick = Random(seed)
    records = everytype.records(pick, 1)
    check(load("".join(everytype.line(one, f"r{n}", pick) for n, one in enumerate(records))))
