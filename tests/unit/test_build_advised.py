"""``dnsd check --demand`` and ``dnsd rto --demand``: TTLs held against what caches look up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from dnsd.cli import main
from dnsd.ttladvice.demand import Caches, DemandFile, RRsetDemand, read, write

ZONE = """\
$TTL 300
@ 7200 SOA ns hostmaster 1 3600 600 86400 10
@ NS ns
ns A 192.0.2.53
www 3600 A 192.0.2.80
www 3600 A 192.0.2.81
mail 30 A 192.0.2.25
sub 60 NS ns.sub
ns.sub A 192.0.2.54
"""
POLICY = """\
[[pool]]
name = "www"
type = "A"
check = "http"
rto = "1m"
rto_mode = "warn"
"""
CACHES = (Caches(200, 1.0, 100),)


def asked(name: str, rtype: str, kind: str = "data") -> RRsetDemand:
    return RRsetDemand(name, rtype, kind, 60, CACHES, (0.5, 1.0, 1.5))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("zones").mkdir()
    Path("zones/example.com.zone").write_text(ZONE)
    Path("zones/example.com.toml").write_text(POLICY)
    Path("zones/sub.example.com.zone").write_text(ZONE.replace("sub 60 NS ns.sub\n", ""))
    Path("dnsd.toml").write_text('[zones]\ndirectory = "zones"\n')
    rrsets = (
        asked("www.example.com.", "A"),
        asked("mail.example.com.", "A"),
        asked("gone.example.com.", "A"),
        asked("example.com.", "SOA", "negative"),
        asked("sub.example.com.", "NS", "referral"),
        asked("www.example.net.", "A"),
    )
    write(DemandFile(words="a log of a day", rrsets=rrsets), Path("demand.json"))


def dnsd(*words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--config", "dnsd.toml"])


def warned(*words: str) -> list[str]:
    result = dnsd("check", "--demand", "demand.json", *words)
    assert result.exit_code == 0, result.output
    return [line for line in result.stdout.splitlines() if "[ttl-" in line]


def test_a_ttl_that_misses_its_objective_is_told_with_the_one_that_meets_it() -> None:
    (line,) = warned()
    assert line == (
        "zones/example.com.zone:5: warning: www.example.com. A has TTL 3600; 46 s meets the"
        " objective of 1m at 4.24 queries/s, peak 4.29 (today 0.0555); 60 s saves 0.969"
        " queries/s and costs 14 s [ttl-objective]"
    )
    Path("zones/example.com.zone").write_text(ZONE.replace("3600 A", "46 A"))
    assert warned() == []


def test_a_budget_at_the_peak_names_what_saves_most_where_it_stands() -> None:
    negative, mail = warned("--qps-budget", "12")[1:]
    assert negative.startswith(
        "zones/example.com.zone:2: warning: example.com. SOA minimum has TTL 10;"
    )
    assert "keep the budget of 12 queries/s at the peak" in negative
    assert mail.startswith("zones/example.com.zone:7: warning: mail.example.com. A has TTL 30; ")
    assert mail.endswith("[ttl-budget]")
    assert len(warned("--qps-budget", "40")) == 1
    assert "over the budget of 0.1. The dearest is" in warned("--qps-budget", "0.1")[-1]


def test_a_delegation_is_found_in_the_zone_above() -> None:
    assert any("sub.example.com. NS has TTL 60" in line for line in warned("--qps-budget", "0.1"))


def test_a_budget_needs_a_demand() -> None:
    result = dnsd("check", "--qps-budget", "4")
    assert result.exit_code == 2
    assert "--qps-budget needs --demand" in result.output


def test_a_demand_file_that_is_none_is_a_sentence() -> None:
    Path("demand.json").write_text("[]")
    for command in ("check", "rto"):
        result = dnsd(command, "--demand", "demand.json")
        assert result.exit_code == 1
        assert "dnsd: demand.json is not a demand file: " in result.output


def test_rto_prices_the_caches_that_ask() -> None:
    result = dnsd("rto", "--json", "--demand", "demand.json")
    data = json.loads(result.stdout)
    assert data["rates"] == "prices are of a log of a day"
    (pool,) = data["pools"]
    truth = sum(200 * level / (1 + level * 3600) for level in (0.5, 1.0, 1.5)) / 3
    assert pool["queries"]["likely"] == pytest.approx(truth)
    assert pool["advice"]["ttl"] == pool["largest_ttl"] == 46
    assert pool["advice"]["recovery"]["worst"] == pytest.approx(59.26)
    assert pool["recovery"]["median"] < pool["recovery"]["p95"] < pool["recovery"]["worst"]
    assert all(one["queries"]["likely"] for one in pool["alternatives"])
    shown = " ".join(dnsd("rto", "--demand", "demand.json").stdout.split())
    assert "46 s meets the objective of 1m at 4.24 queries/s, peak 4.29" in shown
    assert "half of the users are back after 30m" in shown


def configured(*lines: str) -> None:
    # A state directory of its own: no node that runs on this machine is asked.
    text = '[server]\nstate_directory = "state"\n[zones]\ndirectory = "zones"\n[demand]\n'
    text += "\n".join(lines)
    Path("dnsd.toml").write_text(text + "\n")


def test_the_configuration_names_the_demand_and_the_budget() -> None:
    configured('file = "demand.json"')
    result = dnsd("check")
    assert "www.example.com. A has TTL 3600; 46 s meets" in result.stdout
    assert "[ttl-budget]" not in result.stdout
    rto = json.loads(dnsd("rto", "--json").stdout)
    assert rto["rates"] == "prices are of a log of a day"
    assert rto["pools"][0]["advice"]["ttl"] == 46
    configured('file = "demand.json"', "qps_budget = 12")
    assert dnsd("check").stdout.count("[ttl-budget]") == 2
    # What is said on the command line goes before.
    assert dnsd("check", "--qps-budget", "40").stdout.count("[ttl-budget]") == 0
    said = json.loads(dnsd("rto", "--json", "--qps", "5").stdout)
    assert said["rates"].startswith("at 5 queries a second")


def test_a_demand_file_that_is_away_is_a_warning() -> None:
    configured('file = "away.json"')
    result = dnsd("check")
    assert result.exit_code == 0
    assert "dnsd.toml:1: warning: " in result.stdout
    assert "away.json cannot be read: No such file or directory [demand]" in result.stdout


def test_a_budget_in_the_configuration_needs_a_demand() -> None:
    configured("qps_budget = 12")
    result = dnsd("check")
    assert result.exit_code == 1
    assert "qps_budget: it needs file, which says what caches look up" in result.stdout


def test_rto_asks_the_node_itself_what_caches_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer window is taken; what was counted for less than two TTLs says nothing."""
    summary = read(Path("demand.json"))
    windows = iter([7199.0, 7200.0])

    def counted(_config: Path | None) -> tuple[DemandFile, float]:
        www = structs.replace(summary.rrsets[0], ttl=3600)
        return structs.replace(summary, rrsets=(www,)), next(windows)

    monkeypatch.setattr("dnsd.cli.rto.counted_by_node", counted)
    configured("enabled = true")
    found = [dnsd("rto", "--json") for _ in range(2)]
    assert [one.exit_code for one in found] == [1, 1]
    soon, later = (json.loads(one.stdout) for one in found)
    assert soon["pools"][0]["advice"] is None
    assert "prices need the rate of queries" in soon["rates"]
    assert later["rates"] == "prices are of a log of a day"
    assert later["pools"][0]["advice"]["ttl"] == 46
