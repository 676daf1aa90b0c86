"""A node that has had pools, and whose orders are gone, has lost them."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest

from dnsd.caches.ledger import Ledger
from dnsd.caches.report import Use
from dnsd.caches.version import rrset
from dnsd.control.horizon.ledgerfile import NAME, WITHDRAWN, LedgerFile
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


def gone() -> bytes:
    """Return the ledger of a node whose pool is gone, with its policy."""
    found = Ledger("a", 1.0)
    found.offer(POOL, 60, Use.SERVED, 1.0)
    found.retire(POOL, 2.0)
    return found.dump(2.0)


def after(before: bytes) -> bytes:
    """Return the ledger of a node that was started again with the ledger ``before``."""
    found = Ledger("a", 3.0)
    found.resume(before, 3.0)
    return found.dump(4.0)


def earlier(data: bytes) -> bytes:
    """Return ``data`` as a version wrote it that did not know of pools that are gone."""
    body = data.partition(b"\n")[2].replace(b',"pooled":true', b"")
    return b"dnsd-ledger 1 %08x\n" % crc32(body) + body


HAD = "the ledger says that this node has had pools"


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ({}, ""),
        ({f"zone{SUFFIX}": b""}, ""),
        ({NAME: ledger(pool=False)}, ""),
        ({NAME: ledger(pool=True)}, HAD),
        ({NAME: gone()}, HAD),
        ({NAME: after(gone())}, HAD),
        ({NAME: after(ledger(pool=False))}, ""),
        ({NAME: earlier(ledger(pool=True))}, HAD),
        ({NAME: b"damaged"}, "the node has kept a ledger"),
        ({WITHDRAWN: ledger(pool=True)}, HAD),
        ({WITHDRAWN: ledger(pool=True), NAME: ledger(pool=False)}, HAD),
        ({WITHDRAWN: ledger(pool=False)}, ""),
    ],
)
def test_what_is_left_tells(tmp_path: Path, left: dict[str, bytes], why: str) -> None:
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    assert told(tmp_path) == why


def test_a_ledger_that_is_withdrawn_still_tells(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path)
    file.write(1, ledger(pool=True))
    file.withdraw()
    assert file.read() is None
    assert told(tmp_path) == HAD
    file.write(2, ledger(pool=False))
    file.withdraw()
    assert told(tmp_path) == ""
