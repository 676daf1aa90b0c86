"""No packet is dear: the search for the dearest one, small; and what the search is made of."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from random import Random

import pytest

from bench.dearest.chains import Contents, Denial, sign
from bench.dearest.drawn import drawn
from bench.dearest.kind import KIND
from bench.dearest.meter import Broken, Meter
from bench.dearest.scenes import Scene, scene
from bench.dearest.search import Dear, Plan, search
from bench.dearest.shapes import question, shapes
from bench.dearest.study import LIMIT, LIMIT_SIGNED, Dearest, Row, faults
from bench.study import results
from dnsd.zone.load import load_text

pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

AGAIN = 8
"""Looks at what seems too dear: what else the machine does can only make it look dearer."""
TURNS = 100


OTHERS = frozenset(("a chain of DNAMEs", "packets"))
"""Where a packet may cost as much as with DNSSEC: sixteen links of names with a hundred labels each
cost seven plain hits; transfers and class CH, which the readable twin refuses, five."""


def limit(dear: Dear) -> float:
    return LIMIT_SIGNED if dear.asked.signed or dear.scene.name in OTHERS else LIMIT


def least(dear: Dear) -> float:
    factor = dear.factor
    with Meter(dear.scene) as meter:
        for _ in range(AGAIN):
            if factor > limit(dear):
                look = meter.over_tcp if dear.tcp else meter.factor
                factor = min(factor, look(dear.asked, TURNS))
    return factor


def test_nothing_is_dear() -> None:
    found, tried = search(Plan(scale=0.03, zones=2, questions=5, denials=()), lambda _: None)
    assert tried > 300
    too_dear = [
        f"{factor:.1f} {dear.scene.name}: {dear.asked.text}"
        for dear in found
        if (factor := least(dear)) > limit(dear)
    ]
    assert not too_dear


def test_hashed_denial_is_not_dear() -> None:
    asked = question("q", "A", do=True)
    dear = scene("hashed", Contents(), [asked], Denial(hashed=True, iterations=150))
    assert least(Dear(dear, asked, tcp=False, factor=float("inf"))) < LIMIT_SIGNED


def test_what_is_dear_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many iterations as queries could be made to pay for, were there no limit."""
    for name in ("denial", "_denial"):
        with suppress(ModuleNotFoundError):  # without native modules there is only one compiler
            module = import_module(f"dnsd.compile.{name}")
            monkeypatch.setattr(module, "is_proven", lambda *_: True)
    contents = Contents()
    dear = scene("dear", contents, [], Denial(hashed=True, iterations=2500))
    with Meter(dear) as meter:
        assert meter.factor(question("q", "A", do=True), 20) > LIMIT_SIGNED
        assert meter.factor(question("q", "A"), 20) < LIMIT
        assert meter.over_tcp(question("q", "A", do=True), 20) > LIMIT_SIGNED


@pytest.mark.parametrize(
    "denial", [Denial(), Denial(hashed=True, iterations=2, salt="ab"), Denial(True, opt_out=True)]
)
def test_signed_zones_are_whole(denial: Denial) -> None:
    contents = Contents()
    for owner in ("a", "b.c.d", "*.w", "d.e"):
        contents.add(owner, "A", "192.0.2.1")
    contents.add("sub", "NS", "ns.sub")
    contents.add("ns.sub", "A", "192.0.2.2")
    contents.add("dn", "DNAME", "a")
    sign(contents, denial)
    loaded = load_text("example.", contents.text())
    assert loaded.zone is not None
    assert not loaded.findings


def test_a_broken_zone_is_said_to_be_broken() -> None:
    with pytest.raises(Broken, match="the zone of x cannot be served: x:1: error"):
        Meter(Scene("x", "a A 192.0.2.1\n", []))


def test_drawn_zones_are_the_same_for_a_seed() -> None:
    assert drawn(Random(7), 5) == drawn(Random(7), 5)
    assert drawn(Random(7), 5) != drawn(Random(8), 5)


def test_packets_have_a_header_and_are_no_responses() -> None:
    for asked in shapes("www"):
        assert len(asked.packet) >= 12
        assert not asked.packet[2] & 0x80


def test_tables(tmp_path: Path) -> None:
    rows = [
        Row("a zone", "x. A", "UDP", False, 5.5, {"nsd": 2.0}),
        Row("a zone; NSEC", "x. A +do", "TCP", True, 5.5),
    ]
    plain = {"dnsd": 4.0, "nsd": 3.0}
    study = Dearest(kind="dearest", about=results.about({}), tried=10, plain=plain, rows=rows)
    assert [path.suffix for path in KIND.write(study, tmp_path / "x.json")] == [
        *(".json", ".csv", ".md")
    ]
    text = (tmp_path / "x.md").read_text()
    assert "| x. A, UDP | a zone | 5.5 | 2.0 |" in text
    assert "| x. A +do, TCP | a zone; NSEC | 5.5 |  |" in text
    assert [row.is_too_dear for row in rows] == [True, False]
    assert faults(study) == ["x. A over UDP (a zone) costs 5.5 plain hits"]
    assert results.load(tmp_path / "x.json", Dearest) == study
