"""Several zones at once, and zones signed by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.dnssec
import dns.dnssectypes
import dns.message
import dns.name
import dns.rdatatype
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from dnsd import hotpath
from dnsd.hotpath import Settings
from dnsd.metrics import counters
from dnsd.zone.lookup import Question, zone_for
from tests.parity.samples import sample
from tests.parity.sections import (
    NOW,
    Served,
    of_answer,
    of_message,
    parsed,
    put,
    serve_text,
    viewed,
)
from tests.strategies import QTYPES, Query, below, models, queries, signed

if TYPE_CHECKING:
    from dns.name import Name

    from tests.model import Model

TYPES = st.sampled_from(QTYPES).map(dns.rdatatype.from_text)
PARENT, CHILD = dns.name.from_text("example."), dns.name.from_text("a.Example.")


def of_family(origin: Name) -> st.SearchStrategy[Model]:
    unsigned = models(st.just(origin))
    return unsigned | signed(unsigned)


@given(st.data(), of_family(PARENT), of_family(CHILD))
def test_parent_and_child(data: st.DataObject, parent: Model, child: Model) -> None:
    """The nearest zone answers; for a DS at its apex the parent (RFC 4035 §3.1.4.1)."""
    cells = counters.fresh()
    path = hotpath.make(Settings(), cells)
    for model in (parent, child):
        put(path, model.origin, model.text())
    views = {model.origin: viewed(model.origin, model.text()) for model in (parent, child)}
    apex_queries = st.builds(Query, st.just(CHILD), TYPES, st.booleans())
    anything = apex_queries | queries(parent) | queries(child)
    for query in data.draw(st.lists(anything, min_size=1, max_size=8)):
        apex = zone_for(views, Question(*query))
        assert apex is not None
        check(Served(path, cells, views[apex]), query)


def check(served: Served, query: Query) -> None:
    response = parsed(served.ask(query))
    assert of_message(response) == of_answer(served.expect(query)), str(query)


@pytest.fixture(scope="module")
def signed_elsewhere() -> Served:
    """The sample zone with real keys, real signatures and the NSEC chain of dnspython."""
    zone = sample().zone()
    key = Ed25519PrivateKey.generate()
    dnskey = dns.dnssec.make_dnskey(key.public_key(), dns.dnssectypes.Algorithm.ED25519)
    with zone.writer() as transaction:
        dns.dnssec.sign_zone(
            zone,
            transaction,
            keys=[(key, dnskey)],
            inception=int(NOW) - 3600,
            expiration=int(NOW) + 3600,
            add_dnskey=True,
            dnskey_ttl=300,
        )
    assert zone.origin is not None
    return serve_text(zone.origin, zone.to_text(relativize=False))


@pytest.mark.parametrize("rtype", QTYPES)
def test_signed_by_dnspython(signed_elsewhere: Served, rtype: str) -> None:
    """Every name of the sample, and names below them."""
    number = dns.rdatatype.from_text(rtype)
    for owner in sorted(signed_elsewhere.view.existing):
        for name in (owner, below(owner, b"x"), below(owner, b"*")):
            check(signed_elsewhere, Query(name, number, do=True))
