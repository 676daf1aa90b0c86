"""Images with pools for the fuzz target that damages images, and words for their cells."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import dns.name

from dnsd import compile as compiler
from dnsd.image.selection import NOTES, Cells, Mode, Selection
from dnsd.wire.member import packed
from tests import packets, pools
from tests.parity.samples import sample
from tests.pools import Decided
from tests.records import records_of
from tests.signing import sign_nsec

MODES = tuple(Mode)


class Pooled(NamedTuple):
    """The octets of an image, and where its pools' words are."""

    octets: bytes
    decided: Decided

    def cells(self, seed: int) -> Cells:
        """Return the cells, with a word for each pool that ``seed`` picks."""
        for number, one in enumerate(self.decided.first):
            mode = MODES[(seed + number) % len(MODES)]
            self.decided.decide(one, Selection(1 + seed % 3, 30, mode, seed % NOTES))
        return self.decided.cells


@cache
def images() -> dict[str, Pooled]:
    """The images by kind."""
    return {"pools": _image(is_signed=False), "signed pools": _image(is_signed=True)}


def _image(*, is_signed: bool) -> Pooled:
    model = sample()
    origin = model.origin
    mail, host, wildcard = (dns.name.from_text(name, origin) for name in ("mail", "a.ent", "*.p"))
    for number in (5, 6):
        model.add(mail, "A", f"192.0.2.{number}")
        model.add(wildcard, "AAAA", f"2001:db8::{number}")
    led = dns.name.from_text("led", origin)
    model.add(led, "CNAME", mail.to_text())
    if is_signed:
        sign_nsec(model)
    zone = records_of(model.zone())
    found = [
        pools.pool(zone, pools.key(mail, "A"), weights=(1, 2, 3), take=2),
        pools.pool(zone, pools.key(host, "A"), fallback=(bytes((192, 0, 2, 9)),)),
        pools.pool(zone, pools.key(wildcard, "AAAA"), sticky=True),
        pools.pool(
            zone,
            pools.key(led, "CNAME"),
            members=(packed(mail.to_text()), packed("x.p.example."), packed("cdn.example.net.")),
            undecided=1,
            weights=(1, 2, 3),
        ),
    ]
    return Pooled(bytes(compiler.build(zone, pools=found, key=bytes(16))), Decided(found))


@cache
def questions() -> list[bytes]:
    """Queries that come upon pools: by their names, by aliases and by a wildcard."""
    names = ("mail", "www", "led", "a.ent", "q.p", "*.p", "")
    do = packets.opt(payload=4096, flags=packets.DO)
    return [
        packets.query(f"{name}.example." if name else "example.", rtype, *more)
        for name in names
        for rtype in (1, 28, 15, 255)
        for more in ((), (do,))
    ]
