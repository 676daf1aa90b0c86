"""Fuzz target: zone text, with the native table and without: the same zone and findings."""

from __future__ import annotations

from unittest.mock import patch

from dnsd import compile as compiler
from dnsd.config.limits import Limits
from dnsd.zone import gather, table
from dnsd.zone.load import LoadResult, load_text
from dnsd.zone.records import Zone

HEAD = b"$TTL 300\n@ SOA ns host 1 3600 600 864000 60\n@ NS ns\nns A 192.0.2.1\n"
LIMITS = Limits(generate_steps=20, records=200, findings=30)


def fuzz_one(data: bytes) -> None:
    """The text of ``example.``, after a head that makes it whole."""
    native, objects = (_load(HEAD + data, kind) for kind in (table.Table, None))
    assert native.findings == objects.findings
    assert (native.zone is None) == (objects.zone is None)
    assert native.records == objects.records
    if native.zone and objects.zone:
        assert _contents(native.zone) == _contents(objects.zone)
        compiler.build(native.zone)


def _load(text: bytes, kind: type[table.Table] | None) -> LoadResult:
    with patch.object(gather, "Table", kind):
        return load_text("example.", text, "zone", LIMITS, now=0.0)


def _contents(zone: Zone) -> dict[bytes, dict[int, tuple[int, tuple[bytes, ...], bytes, int]]]:
    return {
        owner: {t: (r.ttl, r.rdatas, r.owner, r.line) for t, r in types.items()}
        for owner, types in zone.nodes.items()
    }


def seeds() -> list[bytes]:
    """Where a search begins."""
    lines = (
        b"h A 192.0.2.7\n",
        b"\t300 IN A 192.0.2.8\n",
        b"H.a 60 A 192.0.2.7 ; comment\n",
        b"h.example. AAAA 2001:db8::7\n",
        b'x.sub TXT "some text; not a comment"\n',
        b"h TXT word\nh A 192.0.2.300\n",
        b"v AAAA ::ffff:192.0.2.1\nsub NS x.sub\n",
        b"$TTL 60\n$ORIGIN a\nh A 192.0.2.1\n*.w A 192.0.2.1\nx.w A 192.0.2.1\n",
        b"$GENERATE 1-9 h$ A 192.0.2.$\n",
        b"d DNAME h\nx.d A 192.0.2.1\nc CNAME h\n",
        b"@ A 192.0.2.1 extra\n1h A 192.0.2.10\nt TYPE1 \\# 4 c0000207\n",
    )
    return [*lines, b"".join(lines), b"".join(reversed(lines))]
