"""``dnsd stop`` has ended when the node has, also if that was just being handed on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from dnsd.cli import main
from dnsd.cli import stop as stop_module
from dnsd.errors import NotRunning


@pytest.fixture
def masters() -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [subprocess.Popen(["sleep", "600"]) for _ in range(2)]
    yield started
    for one in started:
        one.kill()
        one.wait()


def node(monkeypatch: pytest.MonkeyPatch, *statuses: dict[str, Any]) -> None:
    """A node that tells one status after the other, and is gone then."""
    left = [*statuses]

    def ask(_path: object, command: str, **_: object) -> dict[str, Any]:
        if command == "leave":
            return {}
        if not left:
            raise NotRunning("dnsd is not running")
        return left.pop(0)

    monkeypatch.setattr(stop_module, "ask", ask)


@pytest.mark.parametrize(("uptime", "is_same"), [(5.5, True), (0.1, False)])
def test_who_has_taken_the_node_over_is_stopped_and_no_node_that_begins(
    monkeypatch: pytest.MonkeyPatch,
    masters: list[subprocess.Popen[bytes]],
    uptime: float,
    is_same: bool,
) -> None:
    old, new = masters
    node(monkeypatch, {"pid": old.pid, "uptime": 5.0}, {"pid": new.pid, "uptime": uptime})
    told = CliRunner().invoke(main, ["stop"])
    assert told.exit_code == 0
    assert told.output == f"dnsd (pid {(new if is_same else old).pid}) has ended\n"
    assert old.wait(60) == -signal.SIGTERM
    if is_same:
        assert new.wait(60) == -signal.SIGTERM
    else:
        assert new.poll() is None
