"""The study ``ttl`` as files: rows, report and picture."""

from __future__ import annotations

from bench.study.kind import Kind
from bench.ttl import plot, report, results

KIND = Kind("ttl", results.TtlStudy, report.TITLE, results.rows, report.parts, plot.draw)
