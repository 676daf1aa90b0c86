"""A kind of study: its rows, its report, its picture; and the five files that it writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

import click

from bench.study import results
from bench.study.results import StudyT
from bench.study.text import report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import msgspec
    from matplotlib.figure import Figure

    from bench.study.text import Part


@dataclass(frozen=True, slots=True)
class Kind(Generic[StudyT]):
    """What the files of a study are made from.

    ``title`` heads the report; ``rows`` are what stands in the CSV; ``parts`` the sections of
    the report; ``picture`` draws, and alone imports matplotlib.
    """

    name: str
    type: type[StudyT]
    title: str
    rows: Callable[[StudyT], Sequence[msgspec.Struct]]
    parts: Callable[[StudyT], list[Part]]
    picture: Callable[[StudyT], Figure]

    def write(self, study: StudyT, path: Path) -> list[Path]:
        """Write ``path`` (JSON) and beside it CSV, Markdown, SVG and PNG; return their paths."""
        results.save(study, path)
        return [path, *self.render(study, path)]

    def render(self, study: StudyT, path: Path) -> list[Path]:
        """Write what is made from the JSON at ``path``: CSV, Markdown, SVG and PNG."""
        from bench.study import picture

        table, text, svg, png = (path.with_suffix(end) for end in (".csv", ".md", ".svg", ".png"))
        results.write_csv(self.rows(study), table)
        parts = self.parts(study)
        text.write_text(report(self.title, study.about, parts, svg.name), encoding="utf-8")
        picture.save(self.picture(study), svg, png)
        return [table, text, svg, png]

    def again(self, path: Path) -> list[Path]:
        """Render the JSON at ``path`` once more, as after a change of the report."""
        return self.render(results.load(path, self.type), path)


def tell(paths: Sequence[Path]) -> None:
    """Say where the files of a study are."""
    first, *others = paths
    click.echo(f"written to {first} and " + ", ".join(path.name for path in others))
