"""How ``dnsd anycast`` and the orders show what they are told."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dnsd.cli import anycast as anycast_module
from dnsd.cli import main, watching
from dnsd.cli import orders as orders_module
from dnsd.control.anycast.report import is_as_ordered
from dnsd.errors import NotRunning

V4, V6 = "192.0.2.53", "2001:db8:53::53"


def found(**changes: Any) -> dict[str, Any]:
    vips = [
        {
            "vip": vip,
            "wanted": "drained",
            "address": vip == V4,
            "elsewhere": None if vip == V4 else "eth0",
            "carrier": vip == V4,
            "in_bird": "up",
            "exported_to": [session],
            "drained_to": [session] if vip == V4 else [],
            "others": [] if vip == V4 else ["rtr6"],
        }
        for vip, session in ((V4, "rtr4"), (V6, "rtr6"))
    ]
    session = {
        "name": "rtr4",
        "established": False,
        "neighbor": "198.51.100.1",
        "bfd": None,
        "info": "Idle, Error: [red]x[/red]",
    }
    said = {
        "state": "drained",
        "since": time.time() - 3700,
        "why": ["drain was ordered: [new] disks"],
        "held_down": 0.0,
        "orders": {
            "drain": {"since": time.time() - 60, "until": time.time() + 600, "reason": "disks"},
            "withdraw": None,
        },
        "interface": "anycast0",
        "vips": vips,
        "bird": {"error": None, "version": "2.0.12", "booted": "noon", "sessions": [session]},
        "problems": [],
        "advice": ["set ip_forward=0"],
        **changes,
    }
    return {**said, "as_ordered": is_as_ordered(said)}


def run(monkeypatch: pytest.MonkeyPatch, answer: Any, *words: str) -> tuple[Result, list[Any]]:
    asked: list[Any] = []

    def ask(_path: Path, command: str, *_: object, **arguments: Any) -> Any:
        asked.append((command, arguments))
        return answer

    for module in (anycast_module, orders_module):
        monkeypatch.setattr(module, "ask", ask)
    return CliRunner().invoke(main, words, env={"COLUMNS": "200"}), asked


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.output.splitlines()]


def test_it_is_readable_and_brackets_are_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, found(), "anycast")
    shown = lines(result)
    assert shown[0] == "drained for 1 h 1 min: drain was ordered: [new] disks"
    assert shown[1].startswith("drain ordered 1 min ago, ends in ")
    assert shown[1].endswith(": disks")
    assert shown[2] == "BIRD 2.0.12, started noon"
    assert f"{V4} drained anycast0 yes up rtr4 (drained) -" in shown
    assert f"{V6} drained no, and on eth0 no up rtr6 rtr6" in shown
    assert "rtr4 198.51.100.1 down - Idle, Error: [red]x[/red]" in shown
    assert shown[-1] == "advice: set ip_forward=0"


def test_what_bird_does_not_tell_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = found(problems=["BIRD cannot be reached"], held_down=7.4)
    answer["bird"] = {"error": "BIRD cannot be reached", "version": None, "sessions": []}
    for vip in answer["vips"]:
        vip.update(in_bird=None, exported_to=[], drained_to=[])
    shown = lines(run(monkeypatch, answer, "anycast")[0])
    assert "held down for 7 s more" in shown
    assert f"{V4} drained anycast0 yes unknown unknown -" in shown
    assert "problem: BIRD cannot be reached" in shown
    answer["bird"]["error"] = None
    assert f"{V4} drained anycast0 yes unknown nobody -" in lines(
        run(monkeypatch, answer, "anycast")[0]
    )


def test_as_json_it_is_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = found()
    assert json.loads(run(monkeypatch, answer, "anycast", "--json")[0].output) == answer


def test_what_other_nodes_say_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    lon, tyo = (
        {
            "url": f"http://10.{number}.0.2:9153",
            "node": name,
            "fault": fault,
            "reaches_us": reaches,
            "servers": [{"server": f"10.{number}.0.2:53", "asked": 5, "answered": 4, "by": name}],
        }
        for number, name, fault, reaches in (
            (2, "lon", None, {"IPv4": True, "IPv6": False}),
            (3, None, "did not answer within 1s", {}),
        )
    )
    shown = lines(run(monkeypatch, found(probes=[lon, tyo]), "anycast")[0])
    assert "lon http://10.2.0.2:9153 IPv4 yes, IPv6 NO 10.2.0.2:53: 4 of 5" in shown
    assert (
        "- http://10.3.0.2:9153 unknown: it did not answer within 1s 10.3.0.2:53: 4 of 5" in shown
    )


def announced(**changes: Any) -> dict[str, Any]:
    vips = [{**vip, "carrier": True} for vip in found()["vips"]]
    orders = {"drain": None, "withdraw": None}
    return found(**{"state": "announced", "vips": vips, "orders": orders, **changes})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 0),
        ({"problems": ["BIRD cannot be reached"]}, 4),
        ({"state": "drained"}, 4),
        ({"state": "standby"}, 4),
        ({"state": "withdrawn"}, 4),
        ({"state": "drained", "orders": {"drain": {}, "withdraw": None}}, 0),
        ({"state": "withdrawn", "orders": {"drain": {}, "withdraw": None}}, 4),
        ({"state": "withdrawn", "orders": {"drain": None, "withdraw": {}}}, 4),
        ({"state": "withdrawn", "orders": {"drain": None, "withdraw": {}}, "vips": []}, 0),
    ],
)
def test_the_status_says_whether_the_route_is_as_ordered(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], status: int
) -> None:
    order = {"since": time.time(), "until": None, "reason": ""}
    orders = {name: order if one == {} else one for name, one in changes.get("orders", {}).items()}
    answer = announced(**{**changes, **({"orders": orders} if orders else {})})
    for words in (["anycast"], ["anycast", "--json"]):
        assert run(monkeypatch, answer, *words)[0].exit_code == status


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["drain", "node"], ("drain", {"for": None, "reason": "", "force": False})),
        (
            ["drain", "node", "--for", "1h30m", "--reason", "disks"],
            ("drain", {"for": 5400.0, "reason": "disks", "force": False}),
        ),
        (["drain", "node", "--force"], ("drain", {"for": None, "reason": "", "force": True})),
        (["undrain", "node"], ("undrain", {})),
        (["withdraw", "--for", "5s"], ("withdraw", {"for": 5.0, "reason": "", "force": False})),
        (["announce"], ("announce", {})),
    ],
)
def test_orders(monkeypatch: pytest.MonkeyPatch, words: list[str], asked: object) -> None:
    withdrawn = [{**one, "carrier": False} for one in found()["vips"]]
    obeyed: dict[str, dict[str, Any]] = {
        "undrain": {"state": "announced", "orders": {"drain": None, "withdraw": None}},
        "withdraw": {"state": "withdrawn", "vips": withdrawn},
    }
    result, said = run(monkeypatch, found(**obeyed.get(words[0], {})), *words)
    assert (result.exit_code, said) == (0, [asked])
    result, _ = run(monkeypatch, found(problems=["BIRD is down"]), *words)
    assert result.exit_code == 1
    full = "the orders cannot be saved"
    result, _ = run(monkeypatch, found(problems=[full], unwritten=full), *words)
    assert (result.exit_code, full in result.output) == (4, True)
    result, _ = run(monkeypatch, found(problems=["BIRD is down", full], unwritten=full), *words)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("command", "state", "said"),
    [
        ("undrain node", "drained", "is cleared, but the node is drained, not announced: stale"),
        ("undrain node", "withdrawn", "but the node is withdrawn, not announced: stale"),
        ("announce", "standby", "but the node is standby, not drained: stale"),
        ("withdraw", "withdrawn", f"is in force, but {V4} still has a carrier"),
    ],
)
def test_an_order_that_changes_nothing_says_why_and_is_no_success(
    monkeypatch: pytest.MonkeyPatch, command: str, state: str, said: str
) -> None:
    result, _ = run(monkeypatch, found(state=state, why=["stale"]), *command.split())
    assert result.exit_code == 4
    assert said in " ".join(result.output.split())


def test_a_time_that_is_none_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    result, asked = run(monkeypatch, found(), "withdraw", "--for", "soon")
    assert result.exit_code == 2
    assert asked == []


def test_watching_goes_on_over_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [found(), NotRunning("dnsd is not running"), found(), KeyboardInterrupt()]

    def ask(*_: object) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(anycast_module, "ask", ask)
    monkeypatch.setattr(watching, "WATCH_S", 0)
    CliRunner().invoke(main, ["anycast", "--watch"])
    assert answers == []
