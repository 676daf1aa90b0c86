"""Pools of CNAME records on both hot paths: chains that go on behind them, and who gets which."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING

import dns.message
import pytest

from dnsd import compile as compiler
from dnsd.hotpath import Client, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.image.selection import Mode, Selection
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.wire import rdata as rr
from dnsd.wire.member import packed
from tests import pools
from tests.parity.test_composed import query
from tests.pools import Decided, Key
from tests.unit.corezones import NOW, signed, wire, zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.hotpath.api import HotPath
    from dnsd.zone.records import Zone

native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

CHAIN = 18
"""CNAMEs one behind the other: more than are followed."""

TEXT = "".join(
    (
        "pool CNAME site\nwild CNAME site\n*.w CNAME site\n",
        "site A 192.0.2.1\nsite MX 5 mail\nsite TXT text\nmail A 192.0.2.2\n",
        "alias CNAME pool\nd DNAME example.\ncut NS ns.cut\nns.cut A 192.0.2.3\n",
        "*.any TXT any\nloop CNAME loop\n",
        *(f"c{number} CNAME c{number + 1}\n" for number in range(CHAIN)),
        f"c{CHAIN} A 192.0.2.9\nfar CNAME c9\n",
        *(f"b{number} CNAME b{number + 1}\n" for number in range(14)),
        "b14 CNAME pool\n",
    )
)
TARGETS = (
    *(
        "site",
        "pool2",
        "nowhere",
        "x.cut",
        "x.any",
        "x.d",
        "site.d",
        "loop",
        "c0",
        "c1",
        "c2",
        "c3",
    ),
    *("far", "q.w", "far.d"),
)
NAMES = [
    wire(f"{name}.Example.")
    for name in ("Pool", "alias", "pool.d", "alias.d", "x.W", "b0", "b1", "b2", "b3", "b9", "pool2")
]
TYPES = (rr.A, rr.CNAME, rr.MX, rr.TXT, rr.DS, rr.NSEC, rr.ANY)


def alias(zone: Zone, owner: str, members: Sequence[str], **more: object) -> compiler.PoolRecords:
    key = Key(wire(f"{owner}.example."), rr.CNAME)
    rrsigs = zone.signatures.get(key.owner, {}).get(rr.CNAME)
    given = {
        "members": tuple(map(packed, members)),
        "undecided": 1,
        "weights": (1,) * len(members),
        "signatures": {1 << at: rrsigs for at in range(len(members))} if rrsigs else {},
    }
    return pools.pool(zone, key, **given | more)


def twins(
    data: Zone, found: Sequence[compiler.PoolRecords], decided: Decided
) -> tuple[HotPath, HotPath]:
    settings = Settings(udp_payload=4096)
    both = (
        PythonHotPath(settings, counters.fresh(), None, 1),
        native.NativeHotPath(settings, counters.fresh(), None, 1),
    )
    image = Image(compiler.build(data, pools=found))
    for path in both:
        path.put_zone(data.apex, image, pools.several(decided.cells))
    return both


@pytest.mark.parametrize("is_signed", [False, True], ids=["plain", "NSEC"])
def test_a_chain_goes_on_behind_whatever_is_chosen(is_signed: bool) -> None:
    text = TEXT.replace("wild CNAME", "pool2 CNAME")
    data = signed(text) if is_signed else zone(text)
    members = [f"{target}.example." for target in TARGETS] + ["cdn.elsewhere.test."]
    found = [
        alias(data, "pool", members),
        alias(data, "pool2", ["site.example.", "x.any.example.", "cdn.elsewhere.test."]),
        alias(data, "*.w", ["site.example.", "nowhere.example."]),
    ]
    decided = Decided(found)
    paths = twins(data, found, decided)
    seen = set()
    told = set()
    for at, other, mode in product(range(len(members)), range(3), (Mode.SOME, Mode.NODATA)):
        selection = Selection(1 << at if mode == Mode.SOME else 0, 60, mode)
        decided.decide(Key(found[0].owner, rr.CNAME), selection)
        decided.decide(Key(found[1].owner, rr.CNAME), Selection(1 << other, 30, Mode.SOME))
        for qname, qtype, edns in product(NAMES, TYPES, ((False, False), (True, True))):
            packet = query(qname, qtype, *edns)
            plain, fast = (path.answer(packet, NOW, CLIENT) for path in paths)
            assert fast == plain, (packet.hex(), members[at])
            assert plain
            if plain in seen:
                continue
            seen.add(plain)
            message = dns.message.from_wire(plain)
            aliases = [one for one in message.answer if one.rdtype == rr.CNAME]
            assert all(len(one) == 1 for one in aliases), message.to_text()
            assert len(aliases) <= 16
            told.add((message.rcode(), len(aliases)))
    assert {0, 3} <= {rcode for rcode, _ in told}
    assert 16 in {count for _, count in told}


CLIENT = Client(Transport.TCP, "192.0.2.1")


def test_a_network_keeps_its_name_however_alike_they_are() -> None:
    data = zone(TEXT)
    names = [f"{'a' * 30}-{at}.elsewhere.test." for at in range(3)]
    found = [alias(data, "pool", names, sticky=True)]
    decided = Decided(found)
    decided.decide(Key(found[0].owner, rr.CNAME), Selection(0b111, 60, Mode.SOME))
    packet = query(NAMES[0], rr.A, False, False)
    shares: Counter[bytes] = Counter()
    paths = twins(data, found, decided)
    for number in range(150):
        client = Client(Transport.UDP, f"10.0.{number}.1")
        plain, fast = (path.answer(packet, NOW, client) for path in paths)
        assert fast == plain
        assert plain
        shares[plain] += 1
    assert len(shares) == 3
    assert min(shares.values()) > 20
