"""Zones as registries and hosting companies have them hold what they say, without a finding."""

from __future__ import annotations

import pytest

from bench import shapes
from dnsd.compile import native
from dnsd.wire.rdata import DS, NS
from dnsd.zone.load import load_text
from tests.parity.test_images import check, loaded

DELEGATIONS = 40


def load(origin: str, lines: str) -> dict[bytes, dict[int, object]]:
    result = load_text(origin, lines)
    assert result.zone is not None, result.findings
    assert not result.findings
    return {owner: dict(types) for owner, types in result.zone.nodes.items()}


def test_a_tld() -> None:
    nodes = load("tld.", "\n".join(shapes.tld(DELEGATIONS)) + "\n")
    assert sum(NS in types for types in nodes.values()) == DELEGATIONS + 1
    assert sum(DS in types for types in nodes.values()) == DELEGATIONS // 15 + 1


@pytest.mark.parametrize("number", [0, 4999])
def test_a_small_zone(number: int) -> None:
    nodes = load(f"customer{number}.example.", "\n".join(shapes.hosted(number)) + "\n")
    assert len(nodes) == 11
    assert len({rtype for types in nodes.values() for rtype in types}) == 9


@pytest.mark.skipif(native.image is None, reason="built without a C compiler")
def test_their_images() -> None:
    hosts = "".join(f"h{i} TXT t\nh{i} A 192.0.2.1\n" for i in range(9))
    text = "\n".join(shapes.tld(DELEGATIONS)) + "\n" + hosts
    check(loaded("tld.", text))
    check(loaded("customer7.example.", "\n".join(shapes.hosted(7)) + "\n"))
