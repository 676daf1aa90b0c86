"""How ``dnsd failover``, ``dnsd drain member`` and ``dnsd rto`` show what they are told."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from dnsd.caches.acquainted import KnownNodes, KnownPeer
from dnsd.caches.ledger import Ledger
from dnsd.caches.report import WEEK_S, Use
from dnsd.caches.version import rrset
from dnsd.cli import askers, main, watching
from dnsd.cli import drains as drains_module
from dnsd.cli import failover as failover_module
from dnsd.cli import rto as rto_module
from dnsd.cli.options import moment
from dnsd.errors import AdminError, NotRunning

A, B = "192.0.2.1", "192.0.2.2"
NOW = 1_800_000_000.0


def member(address: str, **changes: Any) -> dict[str, Any]:
    return {
        "address": address,
        "state": "up",
        "seen_as": "up (7 successes)",
        "since": NOW - 100,
        "answered": True,
        "unseen": None,
        "next_change": 12.3,
        "last": {"ok": True, "detail": "", "latency": 0.0012, "at": NOW - 3},
        "order": None,
        "drain": None,
        **changes,
    }


def found(*members: dict[str, Any], **changes: Any) -> dict[str, Any]:
    pool = {
        "name": "www.example.com.",
        "type": "A",
        "check": "http",
        "ttl_max": 300,
        "ttl": 40,
        "answer": A,
        "why": [f"{B} is down: [red]", "TTL: none"],
        "since": NOW - 3700,
        "members": members,
        **changes,
    }
    return {"pools": [pool], "alarms": [], "problems": []}


def progress(*phases: str | None, safe: bool = False) -> dict[str, Any]:
    at = time.mktime((2026, 1, 1, 12, 3, 20, 0, 0, -1))
    steps = [
        {
            "name": f"{number}.example.com.",
            "type": "A",
            "phase": phase,
            "answered": False,
            "since": at,
            "until": at + 5 if phase != "safe" else None,
            "reasons": ["caches hold it"],
        }
        for number, phase in enumerate(phases)
    ]
    missing = [] if safe else [f"reason {number}" for number in range(9)]
    return {"address": A, "safe": safe, "since": at, "steps": steps, "missing": missing}


FULL = "orders are in force, but the disk is full"


def run(monkeypatch: pytest.MonkeyPatch, *words: str, **answers: Any) -> tuple[Result, list[Any]]:
    """Run a command; ``answers`` are those of the node, one after the other."""
    asked: list[Any] = []

    def ask(_path: Path, command: str, *_: object, **arguments: Any) -> Any:
        asked.append((command, arguments))
        answer = answers[command]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    for module in (failover_module, drains_module, rto_module):
        monkeypatch.setattr(module, "ask", ask)
    for module, name in ((watching, "WATCH_S"), (drains_module, "LOOK_S")):
        monkeypatch.setattr(module, name, 0)
    clock = SimpleNamespace(
        time=lambda: NOW, sleep=lambda _: None, localtime=time.localtime, strftime=time.strftime
    )
    monkeypatch.setattr(failover_module, "time", clock)
    at = {"time": lambda: progress()["since"], "monotonic": time.monotonic}
    monkeypatch.setattr(drains_module, "time", SimpleNamespace(**{**vars(clock), **at}))
    return CliRunner().invoke(main, words, env={"COLUMNS": "200"}), asked


def told(ledger: Ledger, now: float, *peers: KnownPeer) -> Any:
    """What a node says of what it has given out, and of the nodes that it knows."""
    known = {"knows": KnownNodes(peers), "instance": ledger.node, "up": 100.0}
    return msgspec.to_builtins(msgspec.structs.replace(ledger.report(now), **known))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node is the only one, and has never given anything out."""

    def get(_self: object, _page: str, _arguments: object) -> Any:
        now = time.monotonic()
        return told(Ledger("a", now - 2 * WEEK_S), now)

    monkeypatch.setattr(askers.Local, "get", get)


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.output.splitlines()]


# -- dnsd failover ----------------------------------------------------------------------------


def test_pools_are_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    order = {"forced": "down", "until": NOW + 61, "reason": "[new] disks"}
    last = {"ok": False, "detail": "did not answer", "latency": 2.0, "at": NOW}
    answer = found(
        member(A),
        member(B, state="down", seen_as="down", answered=False, last=last, next_change=None),
        member("192.0.2.3", last=None, order=order, unseen="blind"),
        member("192.0.2.4", order={**order, "forced": "drain"}, drain={"phase": "waiting"}),
    )
    answer["alarms"] = [{"address": A, "why": "blind"}]
    answer["problems"] = ["the disk is full"]
    shown = lines(run(monkeypatch, "failover", failover=answer)[0])
    assert shown[0] == f"www.example.com. A → {A}, TTL 40 of 300, for 1 h 1 min"
    assert shown[1] == f"{B} is down: [red]"
    assert f"{A} yes up (7 successes) 1 min 40 s passed 3 s ago, 1.2 ms in 12 s -" in shown
    assert f"{B} no down 1 min 40 s failed 0 s ago, 2000.0 ms: did not answer - -" in shown
    forced = "forced down, ends in 1 min 1 s: [new] disks"
    assert f"192.0.2.3 yes up (7 successes), not seen 1 min 40 s none yet in 12 s {forced}" in shown
    assert any("drain: waiting, ends in" in line for line in shown)
    assert shown[-2:] == [f"not seen: {A}: blind", "problem: the disk is full"]


def test_who_says_what_is_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    votes = [
        {"node": None, "state": "down", "age": 3.2, "counted": True},
        {"node": "[fra1]", "state": "up", "age": 61.0, "counted": False},
    ]
    agreement = {"agreed": "up", "firm": False, "sentence": "not agreed on", "votes": votes}
    answer = found(member(A, agreement=agreement), member(B, agreement=None))
    answer["disputes"] = [{"address": A, "why": "www.example.com. A: it is not agreed on"}]
    answer["peers"] = [
        {"url": "http://192.0.2.54:9153", "node": "fra1", "heard": NOW, "fault": None},
        {"url": "http://192.0.2.55:9153", "node": None, "heard": None, "fault": "is [away]"},
    ]
    answer["cut_off"] = "this node reaches nobody"
    shown = lines(run(monkeypatch, "failover", failover=answer)[0])
    at = shown.index(f"{A} is not agreed on")
    assert shown[at + 1 :] == [
        "this node says down, 3 s ago",
        "[fra1] says up, 1 min 1 s ago: too old to be counted",
        "",
        f"not agreed: {A}: www.example.com. A: it is not agreed on",
        "not heard: http://192.0.2.55:9153: is [away]",
        "cut off: this node reaches nobody",
    ]


def test_no_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    empty: dict[str, Any] = {"pools": [], "alarms": [], "problems": []}
    assert lines(run(monkeypatch, "failover", failover=empty)[0]) == ["no pools"]


def test_as_json_it_is_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = found(member(A))
    result, _ = run(monkeypatch, "failover", "--json", failover=answer)
    assert json.loads(result.output) == json.loads(json.dumps(answer))


def test_watching_goes_on_over_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [found(), NotRunning("dnsd is not running"), found(), KeyboardInterrupt()]
    _, asked = run(monkeypatch, "failover", "--watch", failover=answers)
    assert len(asked) == 4


def test_without_a_node_the_exit_status_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = NotRunning("dnsd is not running")
    assert run(monkeypatch, "failover", failover=nobody)[0].exit_code == 3
    assert run(monkeypatch, "drain", "member", A, drain_member=nobody)[0].exit_code == 3


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (
            ["failover", "force", "www", "A", A, "down", "--for", "10m", "--reason", "disks"],
            (
                "force",
                {
                    "name": "www",
                    "type": "A",
                    "member": A,
                    "forced": "down",
                    "for": 600.0,
                    "reason": "disks",
                    "force": False,
                    "at": None,
                },
            ),
        ),
        (
            ["failover", "cancel", "www", "A", A],
            ("cancel_plan", {"name": "www", "type": "A", "member": A}),
        ),
        (
            ["failover", "failback", "www", "A"],
            ("failback", {"name": "www", "type": "A", "member": None}),
        ),
        (
            ["failover", "failback", "www", "A", A],
            ("failback", {"name": "www", "type": "A", "member": A}),
        ),
        (
            ["undrain", "member", A],
            ("undrain_member", {"member": A, "name": None, "type": None}),
        ),
    ],
)
def test_orders(monkeypatch: pytest.MonkeyPatch, words: list[str], asked: Any) -> None:
    result, said = run(monkeypatch, *words, **{asked[0]: found(member(A))})
    assert (result.exit_code, said) == (0, [asked])
    assert "www.example.com. A" in result.output
    refused = {**found(member(A)), "problems": [FULL], "unwritten": FULL}
    result, _ = run(monkeypatch, *words, **{asked[0]: refused})
    assert (result.exit_code, FULL in result.output) == (4, True)


def test_options_before_a_command_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "dnsd.toml"
    config.write_text(f'[server]\nstate_directory = "{tmp_path}"\n')
    asked: list[Path] = []

    def ask(path: Path, *_: object, **__: object) -> Any:
        asked.append(path)
        return found(member(A))

    monkeypatch.setattr(failover_module, "ask", ask)
    for words in (["force", "www", "A", A, "up"], ["failback", "www", "A"]):
        given = ["failover", "--config", str(config), "--json", *words]
        result = CliRunner().invoke(main, given)
        assert json.loads(result.output)["pools"][0]["answer"] == A
    assert asked == [tmp_path / "admin.sock"] * 2


def test_into_a_pipe_no_line_is_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(failover_module, "ask", lambda *_, **__: found(member(A)))
    shown = CliRunner().invoke(main, ["failover"]).output
    assert max(map(len, shown.splitlines())) < 300


def test_what_is_planned_and_what_is_kept_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = {"forced": "down", "until": NOW + 7200, "at": NOW + 3600, "reason": "disks"}
    order = {"forced": "down", "until": None, "reason": "smoke"}
    kept = {"name": "www.example.com.", "type": "A", "address": B, "plan": None, "order": order}
    answer = {
        **found(member(A, plan=plan)),
        "absent_orders": [
            {**kept, "why": "the pool does not have it now"},
            {
                **kept,
                "order": {**order, "forced": "drain"},
                "drain": None,
                "why": "it is not there",
            },
        ],
    }
    result, _ = run(monkeypatch, "failover", failover=answer)
    shown = " ".join(result.output.split())
    assert f"planned at {failover_module.clock(NOW + 3600)}: forced down for 1 h: disks" in shown
    assert f"kept for {B} of www.example.com. A: forced down: smoke (the pool does not" in shown
    assert f"kept for {B} of www.example.com. A: drain: smoke (it is not there)" in shown


def test_a_drain_that_is_planned_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("drain", "member", A, "www", "A", "--at", "+1h")
    result, said = run(monkeypatch, *words, drain_member=found(member(A)))
    assert [command for command, _ in said] == ["drain_member"]
    assert (result.exit_code, said[0][1]["at"] > time.time()) == (0, True)


def test_an_order_at_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("failover", "force", "www", "A", A)
    result, said = run(monkeypatch, *words, "down", "--at", "+2h", force=found(member(A)))
    assert (result.exit_code, round(said[0][1]["at"] - time.time())) == (0, 7200)
    result, _ = run(monkeypatch, *words, "down", "--at", "yesterday", force=found(member(A)))
    assert (result.exit_code, "'yesterday' is not a time" in result.stderr) == (2, True)
    result, _ = run(monkeypatch, *words, "auto", "--at", "+2h", force=found(member(A)))
    assert (result.exit_code, "cannot be planned" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("22:00", datetime(2026, 3, 28, 22, 0)),
        ("12:00", datetime(2026, 3, 29, 12, 0)),
        ("11:59:30", datetime(2026, 3, 29, 11, 59, 30)),
        ("2026-12-01 22:00", datetime(2026, 12, 1, 22, 0)),
        ("2026-12-01", datetime(2026, 12, 1)),
        ("2026-12-01T22:00+00:00", datetime(2026, 12, 1, 22, 0, tzinfo=UTC)),
        ("+90m", datetime(2026, 3, 28, 13, 30)),
    ],
)
def test_a_moment(text: str, wanted: datetime) -> None:
    now = datetime(2026, 3, 28, 12, 0).astimezone()
    assert moment(text, now) == wanted.timestamp()


@pytest.mark.parametrize("text", ["", "25:00", "2026-03-28 11:00", "tomorrow", "+", "+-1h"])
def test_what_is_no_moment_that_lies_ahead(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        moment(text, datetime(2026, 3, 28, 12, 0).astimezone())


def test_an_order_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = AdminError("the pool has no other member")
    result, _ = run(monkeypatch, "failover", "force", "www", "A", A, "down", force=refusal)
    assert result.exit_code == 1
    assert "has no other member" in result.stderr
    result, _ = run(monkeypatch, "failover", "force", "www", "A", A, "sideways")
    assert result.exit_code == 2


# -- dnsd drain member ------------------------------------------------------------------------


def test_a_drain_is_followed_until_it_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        progress("lowering"),
        NotRunning("it is being restarted"),
        progress("waiting"),
        progress("waiting"),
        progress("safe", safe=True),
    ]
    result, asked = run(
        monkeypatch,
        *("drain", "member", A, "www", "A", "--direct", "--force", "--reason", "disks"),
        drain_member=progress("lowering"),
        drained=answers,
    )
    assert result.exit_code == 0
    assert lines(result) == [
        "0.example.com. A: lowering its TTL since 12:03:20, switches at 12:03:25",
        "0.example.com. A: removed from answers at 12:03:20; cached copies expire by 12:03:25",
        "0.example.com. A: forgotten by caches since 12:03:20",
        f"{A}: SAFE for this pool since 12:03:20",
    ]
    pool = {"member": A, "name": "www", "type": "A"}
    order = {"reason": "disks", "direct": True, "force": True, "at": None}
    assert asked[0] == ("drain_member", {**pool, **order})
    assert asked[1:] == [("drained", pool)] * 5


def test_a_drain_is_not_safe_while_other_nodes_lead_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node knows one that gives the address out until somebody drains it there, too."""
    url, now = "http://192.0.2.1:9153", time.monotonic()
    www = rrset("www.example.com.", "A", [bytes((192, 0, 2, 1))])
    here, there = Ledger("a", now - 2 * WEEK_S), Ledger("b", now - 2 * WEEK_S)
    for ledger in (here, there):
        ledger.offer(www, 5, Use.SERVED, now - 90)
    here.retire(www, now - 80)
    reports: list[object] = [told(there, now)]

    def remote(*_: object) -> Any:
        answer = reports.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def local(*_: object) -> Any:
        return told(here, time.monotonic(), KnownPeer(url, "b"))

    monkeypatch.setattr(askers.Remote, "get", remote)
    monkeypatch.setattr(askers.Local, "get", local)
    safe = progress("safe", safe=True)
    result, _ = run(monkeypatch, "drain", "member", A, "--no-wait", drain_member=safe)
    assert result.exit_code == 1
    assert lines(result)[1] == f"missing: node b answers with it now: www.example.com. A → {A}"
    there.retire(www, now - 80)
    reports += [AdminError(f"{url}: no route"), told(there, now)]
    result, _ = run(monkeypatch, "drain", "member", A, drain_member=safe, drained=safe)
    assert result.exit_code == 0
    (missing,) = lines(result)[1:-1]
    assert missing.startswith(f"missing: node b ({url}) has not reported: {url}: no route; if it")
    assert lines(result)[-1].startswith(f"{A}: SAFE to power off since ")
    assert not reports
    fence = ("--fenced-at", "b=10m")
    reports += [AdminError(f"{url}: no route")] * 2
    result, _ = run(monkeypatch, "drain", "member", A, *fence, "--no-wait", drain_member=safe)
    assert "b may have answered with anything until then" in result.output


def test_a_drain_that_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["drain", "member", A, "--no-wait"]
    result, _ = run(monkeypatch, *words, drain_member=progress("waiting"))
    assert result.exit_code == 1
    assert lines(result)[1:] == [f"missing: reason {number}" for number in range(4)]
    result, _ = run(monkeypatch, *words, drain_member=progress("safe", safe=True))
    assert result.exit_code == 0
    assert f"{A}: SAFE to power off since 12:03:20" in lines(result)


@pytest.mark.parametrize("wait", [(), ("--no-wait",)])
def test_a_drain_that_is_not_on_disk_is_in_force_and_never_safe(
    monkeypatch: pytest.MonkeyPatch, wait: tuple[str, ...]
) -> None:
    answer = {**progress("safe"), "missing": [FULL], "unwritten": FULL}
    result, _ = run(monkeypatch, "drain", "member", A, *wait, drain_member=answer)
    assert result.exit_code == 4
    assert f"missing: {FULL}" in lines(result)
    assert "SAFE" not in result.output


def test_a_drain_of_a_member_that_is_answered_still(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = progress("waiting")
    answer["steps"][0]["answered"] = True
    result, _ = run(monkeypatch, "drain", "member", A, "--no-wait", drain_member=answer)
    why = "but still in answers: the pool has no other member"
    line = f"0.example.com. A: drained since 12:03:20, {why}"
    assert lines(result)[0] == line


def test_a_drain_that_is_taken_back_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(
        monkeypatch,
        *("drain", "member", A),
        drain_member=progress("waiting"),
        drained=[progress(None)],
    )
    assert result.exit_code == 1
    assert "0.example.com. A: is not drained" in lines(result)


def test_a_drain_on_a_node_that_is_too_busy_to_say_which_nodes_it_knows_is_not_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy(*_: object) -> Any:
        raise AdminError("the node behind /run/x does not answer")

    monkeypatch.setattr(askers.Local, "get", busy)
    safe = progress("safe", safe=True)
    result, _ = run(monkeypatch, "drain", "member", A, "--no-wait", drain_member=safe)
    assert result.exit_code == 1
    assert "the node behind /run/x does not answer" in result.output


def test_a_drain_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = progress("safe", safe=True)
    result, _ = run(
        monkeypatch,
        *("drain", "member", A, "--json"),
        drain_member=progress("waiting"),
        drained=[answer],
    )
    assert (result.exit_code, json.loads(result.output)["safe"]) == (0, True)


def test_a_name_alone_is_no_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["drain", "member", A, "www"], ["undrain", "member", A, "www"]):
        result, asked = run(monkeypatch, *words)
        assert (result.exit_code, asked) == (2, [])


# -- dnsd rto -----------------------------------------------------------------------------------

ZONE = """$TTL 300
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
www IN A 192.0.2.80
www IN A 192.0.2.81
hand IN A 192.0.2.80
hand IN A 192.0.2.81
"""

POLICY = """
[defaults]
type = "A"
[[pool]]
name = "www"
check = "http"
rto = "6m"
[[pool]]
name = "hand"
check = "none"
"""


@pytest.fixture
def configured(tmp_path: Path) -> str:
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / "example.com.zone").write_text(ZONE)
    (tmp_path / "zones" / "example.com.toml").write_text(POLICY)
    (tmp_path / "zones" / "example.org.zone").write_text(ZONE)
    config = tmp_path / "dnsd.toml"
    config.write_text(f'[zones]\ndirectory = "{tmp_path}/zones"\n')
    return str(config)


def rto(monkeypatch: pytest.MonkeyPatch, configured: str, *words: str, **answers: Any) -> Result:
    return run(monkeypatch, "rto", "--config", configured, *words, **answers)[0]


NOBODY = {"failover": NotRunning("dnsd is not running")}


def test_an_objective_that_is_met(monkeypatch: pytest.MonkeyPatch, configured: str) -> None:
    result = rto(monkeypatch, configured, **NOBODY)
    assert result.exit_code == 0
    shown = lines(result)
    assert "www.example.com. A 16s 5 to 300 5m13s260ms 5m17s260ms 6m met" in shown
    assert 'hand.example.com. A: check = "none" sees no failure' in shown
    assert shown[-1].startswith("prices need the rate of queries: dnsd is not running")


def test_what_would_meet_an_objective(monkeypatch: pytest.MonkeyPatch, configured: str) -> None:
    result = rto(monkeypatch, configured, "--objective", "60s", "--qps", "200")
    assert result.exit_code == 1
    shown = lines(result)
    assert "10s 5 5s 46 59s260ms 0.1 200.0 to 1304.3" in shown
    assert "it needs a TTL of at most 46, or" in " ".join(shown)
    assert shown[-1] == "at 200 queries a second for each pool"


def test_the_rate_of_a_node_that_runs(monkeypatch: pytest.MonkeyPatch, configured: str) -> None:
    rate = {"low": 2.5, "mean": 3.0, "high": 3.6, "seconds": 600.0}
    told = {"name": "www.example.com.", "type": "A", "rate": rate}
    other = {"name": "hand.example.com.", "type": "A", "rate": None}
    words = ("--json", "--objective", "60s")
    result = rto(monkeypatch, configured, *words, failover={"pools": [told, other]})
    data = json.loads(result.output)
    assert data["rates"].startswith("queries as the node has counted them for each pool in the ")
    pool, uncounted = data["pools"]
    assert (pool["detection"], pool["met"], pool["largest_ttl"]) == (16.0, False, 46)
    assert pool["queries"] == {"least": 2.5, "likely": None, "most": 3.6}
    assert uncounted["queries"] is None
    dearest = max(one["queries"]["most"] for one in pool["alternatives"])
    assert dearest > pool["queries"]["most"]


def test_a_node_that_has_not_counted_yet(monkeypatch: pytest.MonkeyPatch, configured: str) -> None:
    told = {"name": "www.example.com.", "type": "A", "rate": None}
    shown = lines(rto(monkeypatch, configured, failover={"pools": [told]}))
    assert shown[-1].startswith("the node has not counted queries yet: ask again in half a minute")


def test_a_policy_that_is_broken_has_no_plan(
    monkeypatch: pytest.MonkeyPatch, configured: str, tmp_path: Path
) -> None:
    policy = tmp_path / "zones" / "example.com.toml"
    policy.write_text(POLICY.replace('"hand"', '"nobody"'))
    result = rto(monkeypatch, configured, **NOBODY)
    assert (result.exit_code, "see dnsd check" in result.stderr) == (1, True)
    policy.write_text("[[pool]]\nname = 1\n")
    result = rto(monkeypatch, configured, **NOBODY)
    assert (result.exit_code, f"{policy}:2" in result.stderr) == (1, True)


def test_the_queue_of_checks_is_shown(monkeypatch: pytest.MonkeyPatch, configured: str) -> None:
    Path(configured).write_text(
        Path(configured).read_text() + "\n[failover]\nmax_checks = 1\n", encoding="utf-8"
    )
    data = json.loads(rto(monkeypatch, configured, "--json", **NOBODY).stdout)
    assert data["pools"][0]["queue"] > 0
    assert "checks in all, 1 at once" in data["pools"][0]["queued"]
    assert "queue" in data["pools"][0]["sentence"]


def test_checks_that_are_late_and_promises_that_are_broken_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {
        "behind": 7.25,
        "late": "checks are 7.3s behind their schedule, and promises allow for 2s",
        "promises": [{"name": "www.example.com.", "type": "A", "why": "the worst case is 12s"}],
    }
    shown = lines(run(monkeypatch, "failover", failover={**found(), **told})[0])
    assert "not kept: www.example.com. A: the worst case is 12s" in shown
    assert f"late: {told['late']}" in shown
    early = {**told, "late": None, "behind": 0.5}
    shown = lines(run(monkeypatch, "failover", failover={**found(), **early})[0])
    assert "checks are 0.5 s behind their schedule" in shown
    shown = lines(run(monkeypatch, "failover", failover={**found(), **early, "behind": 0.01})[0])
    assert not any("behind" in line for line in shown)
