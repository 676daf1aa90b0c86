"""The study ``soak`` as files: rows, report and picture."""

from __future__ import annotations

from bench.soak import picture, study
from bench.study.kind import Kind

KIND = Kind("soak", study.Soak, study.TITLE, lambda s: s.spells, study.parts, picture.draw)
