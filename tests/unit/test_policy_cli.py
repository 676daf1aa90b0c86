"""``dnsd check`` and policies: which are found, and how findings about them are shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsd.cli import main

ZONE = """\
$TTL 1h
@   SOA ns hostmaster 1 4h 1h 2w 10m
@   NS  ns
ns  A   192.0.2.53
www A   192.0.2.1
www A   192.0.2.2
"""
POLICY = '[[pool]]\nname = "www"\ntype = "A"\ncheck = "http"\n'
WRONG = POLICY + "prot = 80\n"
UNFIT = POLICY + "min_up = 3\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["check", *arguments], input=text)


def write(zone: str, policy: str) -> None:
    Path("example.com.zone").write_text(zone)
    Path("example.com.toml").write_text(policy)


def test_a_good_policy() -> None:
    write(ZONE, POLICY)
    result = check("example.com.zone")
    assert result.stdout == "no findings in 1 zone with 5 records and 1 pool\n"
    assert result.exit_code == 0


def test_a_policy_with_a_fault_of_its_own() -> None:
    write(ZONE, WRONG)
    result = check("example.com.zone")
    assert result.stdout.splitlines() == [
        "example.com.toml:5: error: [[pool]] #1 prot: is unknown; did you mean port? [policy]",
        "1 error in 1 zone with 5 records",
    ]
    assert result.exit_code == 1


def test_a_policy_that_does_not_fit_its_zone() -> None:
    write(ZONE, UNFIT)
    result = check("example.com.zone")
    assert result.stdout.splitlines()[0] == (
        "example.com.toml:5: error: www.example.com. A: min_up: 3 can never be up: "
        "there are only 2 [pool-min-up]"
    )
    assert result.exit_code == 1


def test_the_policy_may_be_named_instead_of_the_zone() -> None:
    write(ZONE, UNFIT)
    assert check("example.com.toml").stdout == check("example.com.zone").stdout


def test_a_toml_file_without_a_zone_is_no_policy() -> None:
    Path("example.com.toml").write_text(POLICY)
    result = check("example.com.toml")
    assert "cannot tell the zone from the file name 'example.com.toml'" in result.stdout
    assert result.exit_code == 1


def test_a_zone_that_cannot_be_loaded_hides_no_fault_of_its_policy() -> None:
    write(ZONE + "x A 1\n", WRONG)
    first, second, _ = check("example.com.zone").stdout.splitlines()
    assert first.startswith("example.com.zone:7: error: ")
    assert second.startswith("example.com.toml:5: error: ")


def test_a_zone_that_cannot_be_loaded_is_not_compared_with_its_policy() -> None:
    write(ZONE + "x A 1\n", UNFIT)
    assert len(check("example.com.zone").stdout.splitlines()) == 2


def test_json() -> None:
    write(ZONE, POLICY)
    Path("org").write_text(ZONE)
    Path("org.toml").write_text(WRONG)
    found = json.loads(check("--json", "example.com.zone", "--zone", "example.org=org").stdout)
    shown = {zone["origin"]: (zone["policy"], zone["pools"]) for zone in found["zones"]}
    assert shown == {"example.com.": ("example.com.toml", 1), "example.org.": ("org.toml", 0)}
    (finding,) = found["findings"]
    assert (finding["file"], finding["line"], finding["severity"]) == ("org.toml", 5, "error")
    assert finding["code"] == "policy"
    assert found["errors"] == 1


def test_standard_input_has_no_policy() -> None:
    Path("-.toml").write_text(WRONG)
    assert check("--zone", "example.com=-", text=ZONE).exit_code == 0


# -- a configuration --------------------------------------------------------------------------


def configured() -> Result:
    Path("zones").mkdir()
    Path("zones/example.com.zone").write_text(ZONE)
    Path("dnsd.toml").write_text('[zones]\ndirectory = "zones"\n')
    return check("--config", "dnsd.toml")


def test_policies_in_the_directory_of_zones(tmp_path: Path) -> None:
    assert configured().exit_code == 0
    Path("zones/example.com.toml").write_text(WRONG)
    result = CliRunner().invoke(main, ["check", "--config", str(tmp_path / "dnsd.toml")])
    assert result.stdout.startswith("zones/example.com.toml:5: error: ")
    assert result.exit_code == 1


def test_a_policy_of_no_zone_is_told() -> None:
    configured()
    Path("zones/example.con.toml").write_text(POLICY)
    Path("zones/.hidden.toml").write_text(POLICY)
    finding, summary = check("--config", "dnsd.toml").stdout.splitlines()
    assert finding.startswith("zones/example.con.toml:1: warning: does not belong to a zone")
    assert finding.endswith(" [policy-stray]")
    assert summary == "1 warning in 1 zone with 5 records"


def test_the_configuration_itself_is_no_stray_policy() -> None:
    Path("example.com.zone").write_text(ZONE)
    Path("dnsd.toml").write_text('[zones]\ndirectory = "."\n')
    assert check("--config", "dnsd.toml").stdout == "no findings in 1 zone with 5 records\n"


def test_all_that_the_node_checks_counts_for_an_objective() -> None:
    """Two zones whose promises hold alone, and not beside each other; nor with another limit."""
    Path("zones").mkdir()
    promise = 'interval = "1s"\ntimeout = "1s"\ndown = 2\nttl_min = 1\nrto = "10s"\n'
    for zone in ("a.example", "b.example"):
        names = "".join(f"n{at} 5 A 192.0.2.1\nn{at} 5 A 192.0.2.2\n" for at in range(20))
        Path(f"zones/{zone}.zone").write_text(ZONE + names)
        pools = "".join(f'[[pool]]\nname = "n{at}"\n' for at in range(20))
        defaults = f'[defaults]\ntype = "A"\ncheck = "http"\n{promise}'
        Path(f"zones/{zone}.toml").write_text(defaults + pools)
    assert check("zones/a.example.zone").exit_code == 0
    Path("dnsd.toml").write_text('[zones]\ndirectory = "zones"\n')
    result = check("--config", "dnsd.toml")
    assert result.exit_code == 1
    first = result.stdout.splitlines()[0]
    assert first.startswith("zones/a.example.toml:8: error: n0.a.example. A: rto: the worst case")
    assert "2s: 40 checks of 192.0.2.1, 16 at once" in first
    assert "it needs [failover] max_checks_per_address = 20, or a TTL of at most" in first
    assert first.endswith(" [pool-rto]")
    limit = "[failover]\nmax_checks_per_address = 20\n"
    Path("dnsd.toml").write_text(f'[zones]\ndirectory = "zones"\n{limit}')
    assert check("--config", "dnsd.toml").exit_code == 0
