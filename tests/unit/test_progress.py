"""How far a start has come: on a terminal, and in the state vector."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

from dnsd.build import builders
from dnsd.build.images import Job
from dnsd.config.limits import Limits
from dnsd.control.zones.building import Building
from dnsd.daemon.progress import ProgressLine
from dnsd.image.state import ControlCells, StateVector

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from dnsd.build.pipeline import BuildResult


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_is_written_over_and_taken_away() -> None:
    terminal = Terminal()
    line = ProgressLine(terminal)
    for text in ("loading zones: 1 of 2", "loading zones: 1 of 2", "loading zones: 2 of 2"):
        line.show(text)
    line.clear()
    line.clear()
    assert terminal.getvalue() == (
        "\r\x1b[Kdnsd: loading zones: 1 of 2\r\x1b[Kdnsd: loading zones: 2 of 2\r\x1b[K"
    )


def test_nothing_is_written_to_a_file() -> None:
    file = io.StringIO()
    line = ProgressLine(file)
    line.show("loading zones")
    line.clear()
    assert not file.getvalue()


def test_builds_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "SMALL", 0)
    jobs = []
    for name in ("a", "b", "c"):
        file = tmp_path / f"{name}.zone"
        file.write_text("$TTL 60\n@ SOA ns h 1 3600 600 864000 60\n@ NS ns\nns A 192.0.2.1\n")
        jobs.append(Job(origin=f"{name}.", file=str(file), limits=Limits(), images=str(tmp_path)))
    control = StateVector.create(1).control
    building = Building(control)
    seen: list[tuple[int, int]] = []

    def deliver(results: Sequence[BuildResult]) -> None:
        assert all(result.image for result in results)
        seen.append((control[ControlCells.BUILT], control[ControlCells.TO_BUILD]))
        building.end(result.origin for result in results)

    building.begin([job.origin for job in jobs], (), 0.0)
    asyncio.run(builders.build_all(jobs, deliver))
    assert seen == [(0, 3), (1, 3), (2, 3)]
    assert (control[ControlCells.BUILT], control[ControlCells.TO_BUILD]) == (0, 0)
