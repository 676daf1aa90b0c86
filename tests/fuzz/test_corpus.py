"""What the fuzzers found worth keeping, replayed on the build that is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("target", ["images", "packets", "requests", "streams", "texts"])
def test_corpus(target: str) -> None:
    fuzz_one = import_module(f"tests.fuzz.{target}").fuzz_one
    files = sorted((CORPUS / target).iterdir())
    assert files
    for file in files:
        try:
            fuzz_one(file.read_bytes())
        except Exception as error:
            error.add_note(f"input: {file}")
            raise


@pytest.mark.parametrize("target", ["images", "packets", "requests", "streams", "texts"])
def test_seeds(target: str) -> None:
    module = import_module(f"tests.fuzz.{target}")
    for seed in module.seeds():
        module.fuzz_one(seed)
