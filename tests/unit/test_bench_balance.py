"""The parts of ``bench lab balance`` that need no namespaces: web server, client, table."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.balance.host import Host
from bench.balance.kind import KIND
from bench.balance.loads import Event, fetch, tell
from bench.balance.study import Balance, Row, faults
from bench.study import results
from bench.study.results import About


def test_a_client_learns_who_answers_and_whom_it_sees() -> None:
    async def story() -> None:
        server = await asyncio.start_server(Host("b").talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            assert await fetch("127.0.0.1", port, "/") == ("b", "127.0.0.1")
            assert await fetch("127.0.0.1", port, "/much", "127.0.0.3") == ("b", "127.0.0.3")
            talks = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*talks)
            await asyncio.sleep(0)  # their transports are closed in the next turn

    asyncio.run(story())


def test_an_event_is_read_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        Event(1.25, "kept", "192.0.2.80", "open", "b", "::1"),
        Event(2.0, "udp", "::2", "lost"),
    ]
    for event in events:
        tell(event)
    assert [Event.read(line) for line in capsys.readouterr().out.splitlines()] == events


def test_the_table_says_which_goal_is_missed(tmp_path: Path) -> None:
    rows = [Row("killed", "0 lost", "0 lost", True), Row("drained", "0 lost", "2 lost", False)]
    about = About(created="today", command="python -m bench lab balance", machine={}, versions={})
    study = Balance(kind="balance", about=about, rows=rows)
    KIND.write(study, tmp_path / "x.json")
    assert faults(study) == ["drained: 2 lost (0 lost)"]
    assert results.load(tmp_path / "x.json", Balance) == study
    text = (tmp_path / "x.md").read_text()
    assert "| killed | 0 lost | 0 lost | yes |" in text
    assert "| drained | 0 lost | 2 lost | NO |" in text
