"""The study ``failover`` as files: rows, report and picture."""

from __future__ import annotations

from bench.failover import picture, results, tables
from bench.study.kind import Kind

KIND = Kind(
    "failover", results.FailoverStudy, tables.TITLE, results.rows, tables.parts, picture.draw
)
