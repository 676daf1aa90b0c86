"""``dnsd explain`` where the example zones don't lead: sizes, broken zones, wrong usage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dns.rcode import NXDOMAIN

from dnsd.cli import explanation, main
from dnsd.zone.lookup import Answer, Question, lookup
from dnsd.zone.view import View

ZONE = """\
$TTL 1h
@    SOA ns1 hostmaster 1 4h 1h 2w 10m
@    NS  ns1
@    NS  ns.example.net.
ns1  A   192.0.2.1
mail A   192.0.2.2
"""
MANY_MX = "".join(f"m MX {n} mx{n}\nmx{n} A 192.0.2.{n}\n" for n in range(1, 16))
LARGE = "".join(f"t TXT {n}{'x' * 97}\n" for n in range(10, 16))
HUGE = "".join(f"h TXT {n}{'x' * 97}\n" for n in range(10, 30))
GLUE = "".join(f"cut NS n{n}.cut\nn{n}.cut A 192.0.2.{n}\n" for n in range(1, 16))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DNSD_CONFIG", raising=False)
    Path("zone").write_text(ZONE + MANY_MX + LARGE + HUGE + GLUE)


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", *arguments], catch_exceptions=False)


def section(result: Result, title: str) -> list[str]:
    assert result.exit_code == 0
    lines = result.stdout.split(f"\n{title}\n")[1].split("\n\n")[0].splitlines()
    return [" ".join(line.split()) for line in lines]


def sizes(name: str, rtype: str, *options: str) -> list[str]:
    return section(explain(name, rtype, "--zone", "example.com=zone", *options), "Sizes")


def test_additional_data_goes_first() -> None:
    tcp, edns, plain = sizes("m.example.com", "MX")
    assert tcp == "TCP 588 octets"
    assert edns == "UDP, at most 1232 588 octets, nothing is left out"
    left_out = [f"mx{n}.example.com. A" for n in range(11, 16)]
    assert plain == f"UDP, at most 512 497 octets, without EDNS, left out: {', '.join(left_out)}"


def test_what_is_mandatory_is_not_left_out_but_truncated() -> None:
    for name, rtype in (("t.example.com", "TXT"), ("x.cut.example.com", "A")):
        _, edns, plain = sizes(name, rtype)
        assert edns.endswith(" octets, nothing is left out")
        assert plain == (
            "UDP, at most 512 truncated, without EDNS: the client is told (TC) to ask again over "
            "TCP"
        )


def test_too_large_for_every_datagram() -> None:
    _, edns, plain = sizes("h.example.com", "TXT", "--do")
    assert edns == ("UDP, at most 1232 truncated: the client is told (TC) to ask again over TCP")
    assert plain == edns.replace("1232", "512")


@pytest.mark.parametrize(
    ("payload", "shown"), [(1400, [1400, 1232, 512]), (1000, [1000, 512]), (512, [512])]
)
def test_the_size_that_the_configuration_says(payload: int, shown: list[int]) -> None:
    Path("dnsd.toml").write_text(
        f"server.udp_payload = {payload}\n[[zone]]\nname = 'example.com'\nfile = 'zone'\n"
    )
    _, *lines = section(explain("mail.example.com", "A", "--config", "dnsd.toml"), "Sizes")
    assert [int(line.split()[3]) for line in lines] == shown


def test_the_type_is_a_unless_said() -> None:
    result = explain("mail.example.com", "--zone", "example.com=zone")
    assert "data mail.example.com. has A" in section(result, "Why")


def test_a_broken_zone() -> None:
    Path("zone").write_text(ZONE + "bad\n" * 7)
    result = explain("mail.example.com", "A", "--zone", "example.com=zone")
    assert "status: SERVFAIL" in result.stdout
    assert "; EDE: 14 (Not Ready)" in result.stdout
    why = section(result, "Why")
    assert why[0] == "zone example.com. is ours, but zone cannot be served:"
    assert [line.split(": error: ")[0] for line in why[1:-1]] == [f"zone:{n}" for n in range(7, 12)]
    assert why[-1] == 'and 2 more: "dnsd check" shows all'


def test_only_zones_that_matter_are_loaded() -> None:
    result = explain(
        "mail.example.com", "--zone", "example.com=zone", "--zone", "example.net=missing"
    )
    assert "status: NOERROR" in result.stdout


def test_no_zone_holds_the_name() -> None:
    result = explain("example.net", "MX", "--zone", "example.com=zone")
    assert "status: REFUSED" in result.stdout
    assert section(result, "Why") == [
        "zone no zone here contains example.net., so the query is refused"
    ]


def test_a_disagreement_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(view: View, question: Question) -> Answer:
        return replace(lookup(view, question), rcode=NXDOMAIN)

    monkeypatch.setattr(explanation, "lookup", wrong)
    result = explain("mail.example.com", "A", "--zone", "example.com=zone")
    assert section(result, "Why")[-1].endswith("this is a fault of dnsd, please report it")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a..b"], "'a..b' is not a domain name: A DNS label is empty."),
        (["x" * 64], f"'{'x' * 64}' is not a domain name"),
        (
            ["a.b", "NOPE"],
            "'NOPE' is not a type: write one such as A, MX, HTTPS, TYPE65280, or ANY",
        ),
        (["a.b", "TYPE65536"], "'TYPE65536' is not a type"),
        (["a.b", "AXFR"], "AXFR asks for no data, so there is nothing to explain"),
        (["a.b", "TYPE41"], "TYPE41 asks for no data, so there is nothing to explain"),
        (["a.b", "A", "--zone", "x"], "'x' is not ORIGIN=FILE"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = explain(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_wrong_configuration_is_an_error() -> None:
    result = explain("a.b", "--config", "none.toml")
    assert result.exit_code == 1
    assert result.stderr == (
        "dnsd: none.toml: cannot read the configuration: No such file or directory\n"
    )


def test_programs_get_the_same_as_json() -> None:
    found = json.loads(explain("www.example.com", "--json").stdout)
    assert found["rcode"] == "NOERROR"
    assert "www.example.com. 300 IN A 192.0.2.80" in found["answer"]
    assert found["why"][0]["label"] == "zone"
    assert next(one["label"] for one in found["sizes"]) == "TCP"
