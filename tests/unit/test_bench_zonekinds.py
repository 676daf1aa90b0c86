"""Zones of other kinds than plain hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.zonekinds import REGISTRY, read_files, write_registry
from dnsd.wire.name import from_text
from dnsd.zone.load import load_zone

if TYPE_CHECKING:
    from pathlib import Path


def test_a_registry_has_delegations_with_and_without_glue(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    write_registry(path, 40)
    loaded = load_zone(REGISTRY, path)
    assert loaded.zone is not None
    assert not loaded.findings
    # SOA, NS and its address; two NS each, an address each for the half with glue, two DS
    assert loaded.records == 3 + 80 + 40 + 2
    assert from_text(f"d000007.{REGISTRY}") in loaded.zone.nodes


def test_files_are_named_by_their_origins(tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.touch()
    assert read_files([f".={path}", f"example.com={path}"]) == {".": path, "example.com.": path}
    with pytest.raises(ValueError, match="ORIGIN=FILE"):
        read_files([f".={tmp_path / 'other'}"])
