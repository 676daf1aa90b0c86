"""A kind of study: what is declared of it, and the files that are made from it.

A study declares its parameters, how it is measured, its rows, its report, its picture, and the
figures it stands for. What all studies do alike (options, repeats, a busy machine, files) is
:mod:`bench.study.command`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

import click
import msgspec

from bench.study import busy, figures, results
from bench.study.parameters import Nothing
from bench.study.results import StudyT
from bench.study.text import report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure as Picture

    from bench.study.figures import Figure
    from bench.study.text import Part
    from bench.study.work import Work


def _none(_study: Any) -> list[Any]:
    return []


@dataclass(frozen=True, slots=True)
class Kind(Generic[StudyT]):
    """What a study is.

    ``title`` heads the report; ``rows`` are what stands in the CSV; ``parts`` the sections of
    the report; ``picture`` draws (None: there is none). ``measure`` makes a study of one repeat
    with ``parameters``, ``figures`` are what it stands for, and ``faults`` are sentences about
    what must not be: with any of them the command fails. ``is_timed``: what else the machine
    does would change the figures.
    """

    name: str
    type: type[StudyT]
    title: str
    rows: Callable[[StudyT], Sequence[msgspec.Struct]]
    parts: Callable[[StudyT], list[Part]]
    picture: Callable[[StudyT], Picture] | None = None
    parameters: Any = Nothing
    measure: Callable[[Any, Work], StudyT] | None = None
    figures: Callable[[StudyT], list[Figure]] = _none
    faults: Callable[[StudyT], list[str]] = _none
    is_timed: bool = True

    def write(self, study: StudyT, path: Path) -> list[Path]:
        """Write ``path`` (JSON) and what :meth:`render` does beside it; return their paths."""
        results.save(study, path)
        return [path, *self.render(study, path)]

    def render(self, study: StudyT, path: Path) -> list[Path]:
        """Write what is made from the JSON at ``path``: CSV, Markdown, and the picture."""
        table, text, svg, png = (path.with_suffix(end) for end in (".csv", ".md", ".svg", ".png"))
        table.write_text(results.as_csv(self.rows(study)), encoding="utf-8")
        drawn = svg.name if self.picture else ""
        told = report(self.title, study.about, self.sections(study), drawn)
        text.write_text(told, encoding="utf-8")
        if self.picture is None:
            return [table, text]
        from bench.study import picture

        picture.save(self.picture(study), svg, png, busy.told(study.about))
        return [table, text, svg, png]

    def sections(self, study: StudyT) -> list[Part]:
        """Return the parts of the report, with what the repeats say and what else was going on."""
        marked: list[Part] = [f"**{told}**"] if (told := busy.told(study.about)) else []
        over = [figures.table(study.figures)] if study.about.repeats > 1 else []
        return [*marked, *self.parts(study), *over]

    def again(self, path: Path) -> list[Path]:
        """Render the JSON at ``path`` once more, as after a change of the report."""
        return self.render(results.load(path, self.type), path)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this kind's files."""
        found = msgspec.json.schema(self.type)
        return found | {"title": f"bench {self.name}, version {results.VERSION}"}


def tell(paths: Sequence[Path]) -> None:
    """Say where the files of a study are."""
    first, *others = paths
    click.echo(f"written to {first} and " + ", ".join(path.name for path in others))
