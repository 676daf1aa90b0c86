"""dnsd, NSD and Knot on the same zones: dnsd is never alone, but for named reasons."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tests.conftest import needs
from tests.interop.compare import Trio
from tests.interop.signers import BindSigner, Chain, Ldns
from tests.interop.zonefiles import ZoneFile, asks_about, examples, generated, root

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.interop.exchange import Ask

SHOWN = 10
"""Differences that a failure shows."""


def agree(directory: Path, zones: Iterable[ZoneFile], asks: Iterable[Ask]) -> None:
    asks = list(asks)
    assert len(asks) > 500, "too few questions to say anything"
    with Trio(directory / "servers", zones) as trio:
        differences = trio.differences(asks)
    assert not differences, "\n".join(map(str, differences[:SHOWN]))


@needs("nsd", "knotd", "named-compilezone")
def test_examples(tmp_path: Path) -> None:
    zones = examples(tmp_path)
    agree(tmp_path, zones, (ask for zone in zones for ask in asks_about(zone)))


@needs("nsd", "knotd")
def test_generated(tmp_path: Path) -> None:
    scenes = [generated(tmp_path, number) for number in range(40)]
    agree(tmp_path, [zone for zone, _ in scenes], (ask for _, asks in scenes for ask in asks))


@needs("nsd", "knotd", "ldns-signzone", "ldns-keygen", "dnssec-signzone", "dnssec-keygen")
def test_signed_elsewhere(tmp_path: Path) -> None:
    signers = (Ldns(tmp_path), BindSigner(tmp_path))
    families = [signer.family(chain) for signer in signers for chain in Chain]
    asks = (ask for family in families for ask in asks_about(family.parent, 30))
    agree(tmp_path, [zone for family in families for zone in family.zones], asks)


@needs("nsd", "knotd")
def test_root_zone(tmp_path: Path) -> None:
    packed = root()
    if packed is None:
        pytest.skip("no root zone here: DNSD_ROOT_ZONE names its file")
    path = tmp_path / "root.zone"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    zone = ZoneFile(".", path, path)
    agree(tmp_path, [zone], asks_about(zone, 30))
