"""The study ``overload`` as files: rows, report and picture."""

from __future__ import annotations

from bench.overload import picture, study
from bench.study.kind import Kind

KIND = Kind("overload", study.Overload, study.TITLE, lambda s: s.rows, study.parts, picture.draw)
