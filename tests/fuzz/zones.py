"""Small zones of every kind for the fuzz targets, compiled once, and questions for them."""

from __future__ import annotations

from functools import cache
from itertools import product

import dns.name

from dnsd import compile as compiler
from tests import packets
from tests.model import Model
from tests.parity.samples import sample, sample_nsec, sample_nsec3
from tests.records import records_of
from tests.signing import sign_nsec

QNAMES = (
    *("", "ns", "WwW", "alias", "out", "loop", "a.w", "b.a.w", "ent", "a.ent", "x.d", "big"),
    *("sub", "y.sub", "secure", "y.secure", "nope", "z.nope"),
)
QTYPES = (1, 2, 5, 6, 16, 43, 48, 255)

_ROOT = (
    ("com.", "NS", "a.gtld-servers.net."),
    ("com.", "DS", "4711 13 2 " + 32 * "cd"),
    ("example.", "NS", "ns.example."),
    ("ns.example.", "A", "192.0.2.1"),
    ("arpa.", "NS", "a.root."),
    ("a.root.", "A", "198.51.100.1"),
)


def _root() -> Model:
    """Delegations and little else, signed."""
    model = Model(dns.name.root)
    for owner, rtype, rdata in _ROOT:
        model.add(dns.name.from_text(owner), rtype, rdata)
    sign_nsec(model)
    return model


@cache
def images() -> dict[str, bytes]:
    """The images by kind."""
    models = {
        "unsigned": sample(),
        "nsec": sample_nsec(),
        "nsec3": sample_nsec3(),
        "root": _root(),
    }
    return {kind: bytes(compiler.build(records_of(model.zone()))) for kind, model in models.items()}


def apex(kind: str) -> bytes:
    """The apex of the image of that kind."""
    return b"\x00" if kind == "root" else b"\x07example\x00"


@cache
def questions() -> list[bytes]:
    """Queries for names of all kinds, with DO and without EDNS."""
    names = (f"{qname}.example." for qname in QNAMES)
    do = packets.opt(payload=4096, flags=packets.DO)
    return [
        packets.query(qname, qtype, *additional)
        for qname, qtype, additional in product((*names, ".", "com.", "nope."), QTYPES, ((), (do,)))
    ]
