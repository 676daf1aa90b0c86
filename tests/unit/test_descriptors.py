"""Tests for dnsd.process.descriptors: octets are written whole, however few are taken at once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dnsd.process import descriptors

if TYPE_CHECKING:
    from pathlib import Path


def test_all_is_written_where_a_descriptor_takes_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(os, "write", lambda fd, octets: write(fd, octets[:3]))
    monkeypatch.setattr(os, "pwrite", lambda fd, octets, at: pwrite(fd, octets[:3], at))
    with (tmp_path / "file").open("w+b") as file:
        descriptors.write_all(file.fileno(), b"0123456789")
        descriptors.write_all_at(file.fileno(), bytearray(b"abcdefgh"), 4)
        file.seek(0)
        assert file.read() == b"0123abcdefgh"
