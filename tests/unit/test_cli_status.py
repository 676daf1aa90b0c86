"""How ``dnsd status`` and ``dnsd reload`` show what they are told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from dnsd.cli import main
from dnsd.cli import reload as reload_module
from dnsd.cli import status as status_module
from dnsd.text import duration

STATUS: dict[str, Any] = {
    "version": "1.2",
    "hot_path": "python",
    "pid": 7,
    "config": "/etc/dnsd/dnsd.toml",
    "state_directory": "/var/lib/dnsd",
    "uptime": 3700.0,
    "listen": ["127.0.0.1:53", "[::1]:53"],
    "generation": 4,
    "problems": ["the configuration is bad"],
    "workers": [
        {
            "index": 0,
            "pid": 8,
            "heartbeat_age": 0.012,
            "lag": 0.0004,
            "generation": 4,
            "tcp_open": 3,
        },
        {"index": 1, "pid": 0, "heartbeat_age": None, "lag": 0.0, "generation": 0, "tcp_open": 0},
    ],
    "zones": [
        {
            "zone": "[x].example.",
            "serial": None,
            "records": 0,
            "state": "broken",
            "since": 0.0,
            "error": "f:1: error: [bold]no[/bold] [code]",
        }
    ],
    "counters": {"queries_udp": 12345, "drop_short": 0},
    "limited": [
        {
            "network": "192.0.2.0/24",
            "kinds": ["nxdomain", "other"],
            "withheld": 12345,
            "for": 90.5,
            "last": 0.2,
        }
    ],
}


def told(monkeypatch: pytest.MonkeyPatch, module: object, result: object) -> None:
    monkeypatch.setattr(module, "ask", lambda *_, **__: result)


def test_status_is_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, status_module, STATUS)
    result = CliRunner().invoke(main, ["status"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines[0] == "dnsd 1.2, hot path python, pid 7, up 1 h 1 min"
    assert lines[1] == "configuration: /etc/dnsd/dnsd.toml; state in /var/lib/dnsd"
    assert lines[2] == "listening on 127.0.0.1:53, [::1]:53; generation 4"
    assert lines[3] == "problem: the configuration is bad"
    assert "0 8 12 ms ago 0.4 ms 4 3" in lines
    assert "1 - none 0.0 ms 0 0" in lines
    # brackets are text, not colours
    assert any("[x].example. - 0 broken" in line for line in lines)
    assert any("f:1: error: [bold]no[/bold] [code]" in line for line in lines)
    assert "queries udp 12,345" in lines
    assert "192.0.2.0/24 nxdomain, other 12,345 1 min 30 s 0 s ago" in lines
    assert "drop_short" not in result.output


def test_status_for_programs_is_what_the_node_says(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, status_module, STATUS)
    result = CliRunner().invoke(main, ["status", "--json"])
    assert json.loads(result.output) == STATUS


@pytest.mark.parametrize(("ok", "status"), [(True, 0), (False, 1)])
def test_reload_ends_with_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, ok: bool, status: int
) -> None:
    zones = [{"zone": "a.", "outcome": "loaded", "serial": 5, "records": 3, "seconds": 0.5}]
    report = {"ok": ok, "zones": zones, "problems": [], "notices": [], "seconds": 0.6}
    told(monkeypatch, reload_module, report)
    result = CliRunner().invoke(main, ["reload"])
    assert result.exit_code == status
    shown = result.stdout if ok else result.stderr
    assert shown.splitlines() == [
        "dnsd: zone a. loaded: serial 5, 3 records in 0.50 s",
        "dnsd: 1 loaded in 0.60 s",
    ]
    again = CliRunner().invoke(main, ["reload", "--json"])
    assert (again.exit_code, json.loads(again.stdout)) == (status, report)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3661, "1 h 1 min"),
        (86400, "1 d"),
        (90061, "1 d 1 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text
