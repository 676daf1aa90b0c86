"""``dnsd check``: what it prints, as text and as JSON, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dnsd.cli import main

GOOD = """\
$TTL 1h
@   SOA ns hostmaster 1 4h 1h 2w 10m
@   NS  ns
@   NS  ns.example.net.
ns  A   192.0.2.1
"""
CHILD = GOOD.replace("SOA ns", "SOA ns.sub.example.com.")
DELEGATION = "sub NS ns.sub\nsub NS ns.example.net.\nns.sub A 192.0.2.1\n"
BAD_LINE = "www A 192.0.2.256\n"
ODD_LINE = "www A 192.0.2.1\nwww A 192.0.2.1\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, ["check", *arguments], input=text)


def test_a_good_zone() -> None:
    Path("example.com.zone").write_text(GOOD)
    result = check("example.com.zone")
    assert result.stdout == "no findings in 1 zone with 4 records\n"
    assert result.exit_code == 0


def test_an_error() -> None:
    Path("example.com.zone").write_text(GOOD + BAD_LINE)
    result = check("example.com.zone")
    finding, summary = result.stdout.splitlines()
    assert finding.startswith("example.com.zone:6: error: ")
    assert finding.endswith("]")
    assert summary == "1 error in 1 zone with 4 records"
    assert result.exit_code == 1


def test_a_warning_is_no_failure() -> None:
    Path("example.com.zone").write_text(GOOD + ODD_LINE)
    result = check("example.com.zone")
    finding, summary = result.stdout.splitlines()
    assert finding.startswith("example.com.zone:7: warning: ")
    assert summary == "1 warning in 1 zone with 5 records"
    assert result.exit_code == 0


def test_several_zones_and_every_finding() -> None:
    Path("example.com.zone").write_text(GOOD + BAD_LINE + ODD_LINE + BAD_LINE)
    Path("other").write_text(GOOD + ODD_LINE)
    result = check("example.com.zone", "--zone", "example.org=other")
    assert [line.split(" ")[:2] for line in result.stdout.splitlines()] == [
        ["other:7:", "warning:"],
        ["example.com.zone:6:", "error:"],
        ["example.com.zone:8:", "warning:"],
        ["example.com.zone:9:", "error:"],
        ["2", "errors"],
    ]
    assert result.exit_code == 1


def test_a_directory_is_its_zone_files(tmp_path: Path) -> None:
    here = tmp_path / "zones"
    here.mkdir()
    nothing = check(str(here))
    assert nothing.exit_code == 1
    assert "error: has no files *.zone [no-zones]" in nothing.output
    for name in ("a.example", "b.example"):
        (here / f"{name}.zone").write_text(GOOD)
    (here / "notes.txt").write_text("no zone\n")
    found = check(str(here))
    assert (found.exit_code, "no findings in 2 zones" in found.output) == (0, True)


def test_standard_input() -> None:
    result = check("--zone", "example.com=-", text=GOOD + BAD_LINE)
    assert result.stdout.startswith("<stdin>:6: error: ")
    assert result.exit_code == 1
    assert check("--zone", "example.com=-", text=GOOD).exit_code == 0


def test_standard_input_needs_a_name() -> None:
    result = check("-", text=GOOD)
    assert result.stdout == (
        "-:1: error: cannot tell the zone from standard input; say which one it is with "
        "--zone ORIGIN=- [no-origin]\n1 error in 0 zones with 0 records\n"
    )
    assert result.exit_code == 1


def test_a_file_that_is_not_named_after_its_zone() -> None:
    Path("db.example").write_text(GOOD)
    result = check("db.example")
    assert result.stdout.startswith(
        "db.example:1: error: cannot tell the zone from the file name 'db.example', "
        "which is not ZONE.zone; "
        "say which one it is with --zone ORIGIN=db.example [no-origin]\n"
    )
    assert result.exit_code == 1


def test_a_missing_file() -> None:
    result = check("example.com.zone")
    assert result.stdout.startswith("example.com.zone:1: error: ")
    assert result.exit_code == 1


def test_a_wrong_option_is_wrong_usage() -> None:
    result = check("--zone", "example.com")
    assert "'example.com' is not ORIGIN=FILE" in result.stderr
    assert result.exit_code == 2


def test_json() -> None:
    Path("example.com.zone").write_text(GOOD)
    Path("bad").write_text(GOOD + BAD_LINE)
    result = check("--json", "--zone", "example.org=bad", "example.com.zone")
    found = json.loads(result.stdout)
    none = {"policy": None, "pools": 0}
    assert found["zones"] == [
        {"origin": "example.org.", "file": "bad", "records": 4, "serial": None, **none},
        {"origin": "example.com.", "file": "example.com.zone", "records": 4, "serial": 1, **none},
    ]
    (finding,) = found["findings"]
    assert finding.keys() == {"file", "line", "severity", "message", "code"}
    assert (finding["file"], finding["line"], finding["severity"]) == ("bad", 6, "error")
    assert (found["errors"], found["warnings"]) == (1, 0)
    assert result.exit_code == 1


# -- the configuration -------------------------------------------------------------------


def test_the_zones_of_a_configuration() -> None:
    Path("zones").mkdir()
    Path("zones/example.com.zone").write_text(GOOD)
    Path("org").write_text(GOOD + BAD_LINE)
    Path("dnsd.toml").write_text(
        '[zones]\ndirectory = "zones"\n[[zone]]\nname = "example.org"\nfile = "org"\n'
    )
    result = check("--config", "dnsd.toml")
    finding, summary = result.stdout.splitlines()
    assert finding.startswith("org:6: error: ")
    assert summary == "1 error in 2 zones with 8 records"
    assert result.exit_code == 1


def test_the_configuration_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("dnsd.toml").write_text("")
    monkeypatch.setenv("DNSD_CONFIG", "dnsd.toml")
    assert check().stdout == "no findings in 0 zones with 0 records\n"


def test_what_is_checked_of_a_director_is_counted() -> None:
    example = Path(__file__).parents[2] / "deploy/director.example.toml"
    assert check("--config", str(example)).stdout == "no findings in 3 services with 4 backends\n"


def test_problems_of_a_configuration_are_findings() -> None:
    Path("dnsd.toml").write_text("[server]\nworkrs = 1\nnsid = 2\n")
    result = check("--config", "dnsd.toml")
    assert result.stdout == (
        "dnsd.toml:2: error: [server] workrs: is unknown; did you mean workers? [config]\n"
        "dnsd.toml:3: error: [server] nsid: must be a string, not a number [config]\n"
        "2 errors in 0 zones with 0 records\n"
    )
    assert result.exit_code == 1


def test_problems_beside_good_zones() -> None:
    Path("example.com.zone").write_text(GOOD)
    Path("dnsd.toml").write_text(
        'server.cookie_secret_file = "none"\n[zones]\ndirectory = "missing"\n'
        '[[zone]]\nname = "example.com"\nfile = "example.com.zone"\n'
    )
    result = check("--config", "dnsd.toml")
    here = Path.cwd()
    assert result.stdout == (
        f"dnsd.toml:1: error: [zones] directory: cannot list {here}/missing: No such file or "
        "directory [config]\n"
        f"dnsd.toml:1: error: [server] cookie_secret_file: cannot read {here}/none: No such file "
        "or directory [config]\n"
        "2 errors in 1 zone with 4 records\n"
    )


def test_limits_of_the_configuration() -> None:
    Path("example.com.zone").write_text(GOOD)
    Path("dnsd.toml").write_text("[zones.limits]\nrecords = 3\n")
    assert check("--config", "dnsd.toml", "example.com.zone").exit_code == 1
    assert check("example.com.zone").exit_code == 0


# -- parents and children ----------------------------------------------------------------


def test_parent_and_child_that_agree() -> None:
    Path("example.com.zone").write_text(GOOD + DELEGATION)
    Path("sub.example.com.zone").write_text(CHILD)
    assert check("example.com.zone", "sub.example.com.zone").stdout.startswith("no findings")


def test_parent_and_child_that_do_not() -> None:
    Path("example.com.zone").write_text(GOOD + DELEGATION)
    Path("sub.example.com.zone").write_text(CHILD.replace("192.0.2.1", "192.0.2.2"))
    result = check("sub.example.com.zone", "example.com.zone")
    assert result.stdout == (
        "example.com.zone:8: warning: the glue for ns.sub.example.com. is not what the zone "
        "sub.example.com. says its address is: make both the same [glue-mismatch]\n"
        "1 warning in 2 zones with 11 records\n"
    )
    assert result.exit_code == 0


# -- the self-check ---------------------------------------------------------------------------


def questions(*pairs: str) -> str:
    return "".join(f"[[anycast.query]]\n{pair}\n" for pair in pairs)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ('name = "example.com"', ""),
        ('name = "ns.example.com"\ntype = "A"\nexpect = ["192.0.2.1"]', ""),
        (
            'name = "ns.example.com"\ntype = "A"\nexpect = ["192.0.2.99"]',
            "ns.example.com A is answered with 192.0.2.1, which is not what it expects",
        ),
        ('name = "no.example.com"', "no.example.com SOA is answered with NXDOMAIN"),
        ('name = "example.net"', "example.net SOA is asked for, but no zone here has it"),
    ],
)
def test_a_self_check_that_cannot_be_met_is_a_warning(keys: str, fault: str) -> None:
    Path("example.com.zone").write_text(GOOD)
    Path("dnsd.toml").write_text(f'[zones]\ndirectory = "."\n{questions(keys)}')
    result = check("--config", "dnsd.toml")
    lines = [line for line in result.stdout.splitlines() if "[self-check]" in line]
    assert result.exit_code == 0
    told = f"dnsd.toml:3: warning: [[anycast.query]] {fault}: the node would never count as healthy"
    assert lines == [f"{told} [self-check]"] * bool(fault)


def test_a_self_check_that_nobody_can_ask_is_an_error() -> None:
    Path("dnsd.toml").write_text(questions('name = "x"\ntype = "A"\nexpect = ["nonsense"]'))
    result = check("--config", "dnsd.toml")
    assert result.exit_code == 1
    assert "dnsd.toml:1: error: [[anycast.query]]" in result.stdout


def test_what_keeps_a_node_from_a_bird_configuration_is_an_error() -> None:
    Path("dnsd.toml").write_text("[anycast.bgp]\nasn = 65010\n")
    result = check("--config", "dnsd.toml")
    assert result.exit_code == 1
    assert "[bird-config]" in result.stdout


MANY = "".join(f"w{number} 5 A 198.51.100.{number}\n" for number in range(1, 31))
PROMISED = (
    '[defaults]\ntype = "A"\ncheck = "tcp"\nport = 80\n'
    'interval = "2s"\ntimeout = "1s"\nrto = "20s"\n'
    + "".join(f'[[pool]]\nname = "w{number}"\n' for number in range(1, 31))
)


@pytest.mark.parametrize(("descriptors", "kept"), [(4096, True), (1000, True), (2, False)])
def test_promises_are_held_against_the_descriptors_that_a_node_would_have(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, kept: bool
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (2, descriptors))
    Path("example.com.zone").write_text(GOOD + MANY)
    Path("example.com.toml").write_text(PROMISED)
    result = check("example.com.zone")
    assert ("objective" in result.stdout) != kept, result.stdout
    assert result.exit_code == (0 if kept else 1)
    told = "max_checks is 500, but half of the file descriptors of a process allow only 1 checks"
    assert (told in result.stdout) != kept
    assert ("[descriptors]" in result.stdout) != kept
