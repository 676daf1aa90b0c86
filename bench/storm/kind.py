"""The study ``retry-storm`` as files: rows, report and picture."""

from __future__ import annotations

from bench.storm import picture, study
from bench.study.kind import Kind

KIND = Kind(
    "retry-storm",
    study.Storms,
    "What retries do to an authoritative server that fails",
    study.rows,
    study.parts,
    picture.draw,
)
