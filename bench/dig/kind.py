"""The study ``dig`` as files: rows, report and picture."""

from __future__ import annotations

from bench.dig import picture, study
from bench.study.kind import Kind

KIND = Kind(
    "dig", study.Check, "What dig sees of a server", study.points, study.parts, picture.draw
)
