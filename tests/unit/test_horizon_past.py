"""A node whose ledger knows pools, and whose orders are gone, has lost them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsd.caches.ledger import Ledger
from dnsd.caches.report import Use
from dnsd.caches.version import rrset
from dnsd.control.horizon.ledgerfile import NAME, LedgerFile
from dnsd.control.horizon.past import pools_before
from dnsd.image.journal import SUFFIX

POOL = rrset("www.example.com.", "A", [bytes((192, 0, 2, 1))])


def told(directory: Path) -> str:
    return pools_before(LedgerFile(directory))


def ledger(*, pool: bool) -> bytes:
    found = Ledger("a", 1.0)
    if pool:
        found.offer(POOL, 60, Use.SERVED, 1.0)
    else:
        found.serve(POOL, 60)
    return found.dump(2.0)


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ({}, ""),
        ({f"zone{SUFFIX}": b""}, ""),
        ({NAME: ledger(pool=False)}, ""),
        ({NAME: ledger(pool=True)}, "the ledger knows pools of this node"),
        ({NAME: b"damaged"}, "the node has kept a ledger"),
    ],
)
def test_what_is_left_tells(tmp_path: Path, left: dict[str, bytes], why: str) -> None:
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    assert told(tmp_path) == why
