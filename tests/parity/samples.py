"""A small zone with something of everything, for tests that need a zone and not a surprise."""

from __future__ import annotations

import dns.name

from tests.model import Model
from tests.signing import Nsec3, sign_nsec, sign_nsec3

_TEXT = """\
@ NS ns.example.
@ MX 10 mail.example.
ns A 192.0.2.1
ns AAAA 2001:db8::1
mail A 192.0.2.2
www CNAME mail.example.
alias CNAME x.d.example.
out CNAME www.other.
loop CNAME loop.example.
*.w TXT "wild"
a.ent A 192.0.2.3
d DNAME w.example.
sub NS ns.sub.example.
sub NS ns.example.
ns.sub A 192.0.2.4
secure NS ns.other.
secure DS 4711 13 2 abababababababababababababababababababababababababababababababab
"""


def sample() -> Model:
    """The zone, unsigned."""
    origin = dns.name.from_text("example.")
    model = Model(origin)
    for line in _TEXT.splitlines():
        owner, rtype, rdata = line.split(maxsplit=2)
        model.add(dns.name.from_text(owner, origin) if owner != "@" else origin, rtype, rdata)
    for number in range(60):
        model.add(dns.name.from_text("big", origin), "TXT", f'"{number:0>60}"')
    return model


def sample_nsec() -> Model:
    """The zone with NSEC."""
    model = sample()
    sign_nsec(model)
    return model


def sample_nsec3() -> Model:
    """The zone with NSEC3, opt-out."""
    model = sample()
    sign_nsec3(model, Nsec3(salt="ab", iterations=1, opt_out=True))
    return model
