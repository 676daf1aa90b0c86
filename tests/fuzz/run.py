"""The process that atheris drives, started by ``python -m tests.fuzz``: one target, its options."""

from __future__ import annotations

import logging
import sys
from importlib import import_module

_, program, name, *options = sys.argv
atheris = import_module("atheris")

with atheris.instrument_imports(include=["dnsd"]):
    target = import_module(f"tests.fuzz.{name}")

logging.disable()  # a damaged image says so for every packet
# to merge, the fuzzer starts its program again
atheris.Setup([program, *options], target.fuzz_one)
atheris.Fuzz()
