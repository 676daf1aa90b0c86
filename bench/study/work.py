"""What a study is given while it is measured: whom to tell how far it is, a place for files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from bench.study import parameters, results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.study.parameters import Declared
    from bench.study.progress import Steps


@dataclass(frozen=True, slots=True)
class Work:
    """One repeat of a study; ``directory`` is its own and removed at the end."""

    parameters: Declared
    steps: Steps
    directory: Path

    def about(
        self,
        versions: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
        problems: Sequence[str] = (),
    ) -> results.About:
        """Return how the study came about; ``settings`` are beside those of its parameters."""
        found = results.about(
            dict(versions),
            parameters.words(self.parameters) | dict(settings or {}),
            problems=problems,
        )
        return msgspec.structs.replace(found, parameters=parameters.plain(self.parameters))
