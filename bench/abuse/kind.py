"""The study ``abuse`` as files: rows, report and picture."""

from __future__ import annotations

from bench.abuse import picture, study
from bench.study.kind import Kind

KIND = Kind("abuse", study.Abuse, study.TITLE, lambda s: s.cells, study.parts, picture.draw)
