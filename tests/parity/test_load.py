"""The loader against dnspython's, on generated zones: the same records, owner by owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given

from dnsd.zone.load import load_text
from tests.records import records_of
from tests.strategies import models, signed

if TYPE_CHECKING:
    from dnsd.zone.records import Zone
    from tests.model import Model

Data = set[tuple[bytes, int, int, frozenset[bytes]]]


def data(zone: Zone) -> Data:
    return {
        (owner, rtype, rrset.ttl, frozenset(rrset.rdatas))
        for table in (zone.nodes, zone.signatures)
        for owner, rrsets in table.items()
        for rtype, rrset in rrsets.items()
    }


@given(models() | signed(models()))
def test_same_records(model: Model) -> None:
    loaded = load_text(str(model.origin), model.text())
    assert loaded.zone is not None, loaded.findings
    assert data(loaded.zone) == data(records_of(model.zone()))
    # Records that differ in the case of a name only are one.
    again = sum(finding.code == "duplicate-record" for finding in loaded.findings)
    assert loaded.records + again == len(model.records())
