"""What the announcers of a director remember over control and over the node."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dnsd.announce.damping import Hold, Past
from dnsd.control.balance import pasts
from dnsd.control.balance.pasts import FILE, Pasts

PAST = Past(on_route=True, away=Hold(length=20.0, until=130.0))


def keep(directory: Path) -> None:
    async def work() -> None:
        kept = Pasts(directory, 100.0)
        kept.keep({"web": PAST})
        await kept.written(30.0)

    asyncio.run(work())


def test_what_is_kept_is_read_again_and_of_others_nothing(tmp_path: Path) -> None:
    keep(tmp_path)
    again = Pasts(tmp_path, 110.0)
    assert again.of("web") == PAST
    assert again.of("dns") == Past()


def test_times_of_an_earlier_boot_are_not_taken_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tmp_path)
    monkeypatch.setattr(pasts, "boot", lambda: "another")
    assert Pasts(tmp_path, 5.0).of("web") == PAST.of_earlier_boot(5.0)


def test_what_cannot_be_read_is_told_and_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE).write_text("{")
    assert Pasts(tmp_path, 0.0).of("web") == Past()
    assert "earlier hold-downs are forgotten" in capsys.readouterr().err
