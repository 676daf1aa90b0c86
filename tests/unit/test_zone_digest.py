"""The digest of a zone (RFC 8976), against dnspython's."""

from __future__ import annotations

import dns.zone
import pytest
from dns.zonetypes import DigestHashAlgorithm
from hypothesis import given
from hypothesis import strategies as st

from dnsd.zone.load import LoadResult, load_text
from tests.model import Model
from tests.strategies import models, signed

NOW = 1_700_000_000.0


def zonemd(model: Model, algorithm: int, change: int = 0) -> str:
    """The record that dnspython makes of a zone; ``change`` is of its digest."""
    rdata = model.zone().compute_digest(DigestHashAlgorithm(algorithm))
    digest = bytearray(rdata.digest)
    digest[0] ^= change
    return f"{model.origin} 60 IN ZONEMD {rdata.serial} 1 {algorithm} {digest.hex()}\n"


def codes(loaded: LoadResult) -> set[str]:
    return {one.code for one in loaded.findings if one.code.startswith("zonemd")}


@given(models() | signed(models()), st.sampled_from((1, 2)))
def test_the_digest_is_that_of_dnspython(model: Model, algorithm: int) -> None:
    text = model.text() + zonemd(model, algorithm)
    assert codes(load_text(str(model.origin), text, now=NOW)) == set()
    wrong = load_text(str(model.origin), model.text() + zonemd(model, algorithm, 1), now=NOW)
    assert codes(wrong) == {"zonemd-mismatch"}
    assert wrong.zone is None


ZONE = "$TTL 60\n@ SOA ns h 7 2 3 4 5\n@ NS NS.net.\nM MX 1 M\nm.b TXT a\n"
GOOD = (
    dns.zone.from_text(ZONE, "example.", relativize=False)
    .compute_digest(DigestHashAlgorithm.SHA384)
    .digest.hex()
)
BAD = "00" * 48


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ([f"7 1 1 {GOOD}"], set()),
        ([f"8 1 1 {GOOD}"], {"zonemd-mismatch"}),
        ([f"7 1 1 {BAD}"], {"zonemd-mismatch"}),
        ([f"7 1 1 {GOOD}", f"7 1 1 {BAD}"], {"zonemd-mismatch"}),  # RFC 8976 §4, step 4.3
        ([f"7 1 1 {GOOD}", f"7 1 2 {BAD}00000000000000000000000000000000"], set()),
        ([f"7 2 1 {BAD}"], {"zonemd-unknown"}),
        ([f"7 1 9 {BAD}"], {"zonemd-unknown"}),
        ([f"7 1 9 {BAD}", f"7 1 1 {GOOD}"], set()),
        ([f"7 1 9 {BAD}", f"7 1 1 {BAD}"], {"zonemd-mismatch"}),
    ],
)
def test_what_digests_say(records: list[str], found: set[str]) -> None:
    text = ZONE + "".join(
        rf"@ TYPE63 \# {len(data) // 2} {data}" + "\n" for data in map(hexed, records)
    )
    loaded = load_text("example.", text)
    assert codes(loaded) == found
    assert (loaded.zone is None) == ("zonemd-mismatch" in found), loaded.findings


def hexed(record: str) -> str:
    serial, scheme, algorithm, digest = record.split()
    return f"{int(serial):08x}{int(scheme):02x}{int(algorithm):02x}{digest}"


def test_without_a_soa_there_is_nothing_to_digest() -> None:
    text = ZONE.replace("@ SOA ns h 7 2 3 4 5\n", "") + f"@ ZONEMD 7 1 1 {BAD}\n"
    loaded = load_text("example.", text)
    assert loaded.zone is None
    assert "missing-soa" in {one.code for one in loaded.findings}
    assert codes(loaded) == set()
