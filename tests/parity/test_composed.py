"""Names below DNAMEs on both hot paths: chains, loops, and answers too large for C's tables."""

from __future__ import annotations

from itertools import product
from struct import pack
from typing import TYPE_CHECKING

import pytest

from dnsd.hotpath import Client, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.metrics import counters
from dnsd.wire import rdata as rr
from tests.signing import Nsec3
from tests.unit.corezones import NOW, image, signed, wire, zone

if TYPE_CHECKING:
    from dnsd.zone.records import Zone

native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

MANY = 260
"""More records than an answer that is composed in C may have."""

CHAIN = 18
"""DNAMEs one behind the other: more than are followed."""

TEXT = "".join(
    (
        *(f"d{number} DNAME d{number + 1}\n" for number in range(CHAIN)),
        f"d{CHAIN} MX 5 mail.d{CHAIN}\n",
        f'*.d{CHAIN} TXT "anything"\n',
        f"x.d{CHAIN} MX 10 Ns\nx.d{CHAIN} MX 20 mail.d{CHAIN}\n",
        f"mail.d{CHAIN} A 192.0.2.77\nmail.d{CHAIN} AAAA 2001:db8::77\n",
        f"cut.d{CHAIN} NS ns.cut.d{CHAIN}\nns.cut.d{CHAIN} A 192.0.2.78\n",
        *(f"many.d{CHAIN} MX {number} host{number}.many\n" for number in range(MANY)),
        f"long DNAME {'a' * 60}.{'b' * 60}.{'c' * 60}.d{CHAIN - 1}\n",
        "out DNAME elsewhere.\n",
        "loop DNAME loop2\nloop2 DNAME loop\n",
        "self DNAME x.self2\nself2 CNAME x.self\n",
        "c CNAME x.d10\n*.w CNAME x.d12\n",
        "grow DNAME z.grow2\ngrow2 DNAME grow\n",
    )
)

BELOW = [
    *("", "x.", "X.y.", "nope.", "mail.", "cut.", "deep.cut.", "many.", "x.self."),
    f"{'a' * 63}.{'b' * 63}.{'c' * 50}.",
    "deep." * 20,
    "a." * 115,
]
OWNERS = [
    *(f"d{number}" for number in range(CHAIN + 1)),
    *("D2", "long", "out", "oUt", "loop", "loop2", "self", "self2", "c", "w", "grow"),
]
NAMES = [wire(f"{below}{owner}.Example.") for below, owner in product(BELOW, OWNERS)]
TYPES = (rr.A, rr.CNAME, rr.MX, rr.TXT, rr.DNAME, rr.DS, rr.ANY)


def query(qname: bytes, qtype: int, edns: bool, do: bool) -> bytes:
    header = pack(">6H", 1, 0, 1, 0, 0, edns)
    opt = pack(">BHHIH", 0, rr.OPT, 4096, do << 15, 0) if edns else b""
    return header + qname + pack(">2H", qtype, 1) + opt


@pytest.mark.parametrize(
    "data",
    [zone(TEXT), signed(TEXT), signed(TEXT, nsec3=Nsec3())],
    ids=["plain", "NSEC", "NSEC3"],
)
def test_twins_agree_below_dnames(data: Zone) -> None:
    cells = counters.fresh(), counters.fresh()
    paths = (
        PythonHotPath(Settings(udp_payload=4096), cells[0]),
        native.NativeHotPath(Settings(udp_payload=4096), cells[1]),
    )
    for path in paths:
        path.put_zone(data.apex, image(data))
    extended = ((False, False), (True, False), (True, True))
    for qname, qtype, transport, edns in product(NAMES, TYPES, Transport, extended):
        packet = query(qname, qtype, *edns)
        client = Client(transport, "192.0.2.1")
        plain, fast = (path.answer(packet, NOW, client) for path in paths)
        assert fast == plain, packet.hex()
    assert cells[0] == cells[1]
    assert cells[0][counters.INDEX["internal_error"]] == 0
