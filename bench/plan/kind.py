"""The study ``plan`` as files: rows, report and picture."""

from __future__ import annotations

from bench.plan import plot, report, results
from bench.study.kind import Kind

KIND = Kind("plan", results.PlanStudy, report.TITLE, lambda s: s.lines, report.parts, plot.draw)
