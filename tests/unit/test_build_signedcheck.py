"""Pools of signed zones: what is refused, and where; with keys, and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsd.build.policycheck import check_policy
from dnsd.build.signedcheck import MOST_IN_ALL, MOST_TOGETHER
from dnsd.config.policyfile import read_policy
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.load import load_text
from tests.zonekeys import NOW, make_key, signed_text

KEY = make_key()
TEXT = """\
$TTL 300
@ SOA ns h 1 7200 3600 1209600 60
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
www A 192.0.2.2
one A 192.0.2.7
*.dev A 192.0.2.20
*.dev A 192.0.2.21
"""
TEXT += "".join(
    f"n{number} A 198.51.100.{last}\n" for number in (8, 9, 12, 13) for last in range(number)
)
ZONE = signed_text(TEXT, KEY)
FALLBACK = 'all_down = "fallback"\nfallback = ["203.0.113.1", "203.0.113.2"]\n'


def pool(name: str, keys: str = "") -> str:
    return f'[[pool]]\nname = "{name}"\ntype = "A"\ncheck = "tcp"\nport = 80\n{keys}\n'


def findings(policy: str, directory: Path, zone: str = ZONE) -> list[Finding]:
    found, problems = read_policy(policy, directory / "example.com.toml", "example.com.")
    assert found is not None, problems
    loaded = load_text("example.com.", zone, now=NOW).zone
    assert loaded is not None
    return check_policy(found, loaded).findings


def with_key(policy: str, directory: Path) -> str:
    return f'[signing]\nkeys = ["{KEY.write(directory)}"]\n{policy}'


@pytest.mark.parametrize(
    "policy",
    [
        "",
        pool("www"),
        pool("www", FALLBACK),
        pool("www", 'all_down = "nodata"'),
        pool("one", 'all_down = "nodata"'),
        pool("*.dev"),
        pool("*.dev", FALLBACK),
        pool("n8"),
        pool("n8", FALLBACK),
        pool("n9", 'select = "one"'),
        pool("n9", f'select = "weighted"\n{FALLBACK}'),
        pool("n12", 'select = "one"'),
        pool("n12", 'select = "sticky"'),
        pool("n12", 'select = "some:2"'),
        pool("n8", 'select = "some:4"'),
    ],
)
def test_what_is_allowed_with_a_key(policy: str, tmp_path: Path) -> None:
    assert findings(with_key(policy, tmp_path), tmp_path) == []


@pytest.mark.parametrize(
    ("policy", "line", "code", "message"),
    [
        (
            pool("n9"),
            3,
            "pool-too-large-signed",
            "n9.example.com. A: has 9 records; in a signed zone a pool may have 8, because each "
            'set of them needs a signature of its own: with select = "one" or "weighted" there '
            "may be 12",
        ),
        (
            pool("n12", 'select = "some:3"'),
            8,
            "pool-too-large-signed",
            'n12.example.com. A: select: has 12 records, and "some:3" makes 298 answers of them; '
            "in a signed zone there may be 256, because each needs a signature of its own: take "
            "fewer at once",
        ),
        (
            pool("n13", 'select = "one"'),
            3,
            "pool-too-large-signed",
            "n13.example.com. A: has 13 records; in a signed zone a pool may have 12 in all",
        ),
        (
            pool("n12", f'select = "one"\n{FALLBACK}'),
            3,
            "pool-too-large-signed",
            "n12.example.com. A: has 12 records and 2 fallback addresses; "
            "in a signed zone a pool may have 12 in all",
        ),
        (
            pool("*.dev", 'all_down = "nodata"'),
            8,
            "pool-denial",
            '*.dev.example.com. A: all_down: "nodata" cannot be proved for a wildcard of a signed '
            "zone, because each name that it stands for needs other records for it: choose "
            'another one, such as "servfail"',
        ),
    ],
)
def test_what_is_refused_with_a_key(
    policy: str, line: int, code: str, message: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "example.com.toml")
    expected = [Finding(file, line, Severity.ERROR, message, code)]
    assert findings(with_key(policy, tmp_path), tmp_path) == expected


@pytest.mark.parametrize("all_down", ["servfail", "refuse"])
def test_one_record_needs_no_key(all_down: str, tmp_path: Path) -> None:
    """Its answer has the signature that stands in the zone file, or none."""
    assert findings(pool("one", f'all_down = "{all_down}"'), tmp_path) == []


@pytest.mark.parametrize(
    ("policy", "lacking"),
    [
        (pool("www"), "none for fewer of them"),
        (pool("www", 'select = "one"'), "none for fewer of them"),
        (pool("www", 'all_down = "servfail"'), "none for fewer of them"),
        (pool("*.dev"), "none for fewer of them"),
        (pool("one", FALLBACK), "none for the fallback addresses"),
        (
            pool("one", 'all_down = "nodata"'),
            'no proof that the type does not exist, which all_down = "nodata" needs',
        ),
    ],
)
def test_what_is_refused_without_a_key(policy: str, lacking: str, tmp_path: Path) -> None:
    (found,) = findings(policy, tmp_path)
    assert (found.line, found.severity, found.code) == (1, Severity.ERROR, "pool-signed")
    assert found.message.partition(" A: ")[2] == (
        "the zone is signed, and its file has a signature for these records, but "
        f"{lacking}: name the zone's key in [signing] keys, so that dnsd can sign, or take the "
        "pool out"
    )


def _without(owner: str, rtype: str) -> str:
    return "".join(
        f"{line}\n"
        for line in ZONE.splitlines()
        if not (line.startswith(f"{owner} ") and f" {rtype} " in line)
    )


def test_records_without_a_signature(tmp_path: Path) -> None:
    for policy in (pool("www"), with_key(pool("www"), tmp_path)):
        (found,) = findings(policy, tmp_path, _without("www.example.com.", "RRSIG A"))
        assert found.code == "pool-unsigned"
        assert found.message == (
            "www.example.com. A: the zone is signed, but not these records: sign the zone again"
        )


def test_a_zone_with_keys_but_no_signatures_counts_as_signed(tmp_path: Path) -> None:
    (found,) = findings(pool("www"), tmp_path, f"{TEXT}@ DNSKEY {KEY.dnskey}\n")
    assert found.code == "pool-unsigned"


@pytest.mark.parametrize("rtype", ["NSEC", "RRSIG NSEC"])
def test_a_name_without_a_record_of_the_chain(rtype: str, tmp_path: Path) -> None:
    policy = with_key(pool("www", 'all_down = "nodata"'), tmp_path)
    (found,) = findings(policy, tmp_path, _without("www.example.com.", rtype))
    assert (found.line, found.code) == (8, "pool-denial")
    assert found.message == (
        'www.example.com. A: all_down: "nodata" cannot be proved, because the name has no signed '
        "NSEC or NSEC3 record: sign the zone again"
    )


# -- keys -------------------------------------------------------------------------------------


def test_faults_of_keys_are_told_where_the_keys_stand_and_hide_nothing_else(tmp_path: Path) -> None:
    policy = '[signing]\n# the keys\nkeys = ["Ka", "Kb"]\n' + pool("www", "min_up = 3")
    first, second, third = findings(policy, tmp_path)
    assert str(first) == (
        f"{tmp_path}/example.com.toml:3: error: cannot read {tmp_path}/Ka.key: "
        "No such file or directory [signing-key]"
    )
    assert (second.line, second.code) == (3, "signing-key")
    assert (third.line, third.code) == (9, "pool-min-up")


def test_a_warning_about_keys_keeps_nobody_from_signing(tmp_path: Path) -> None:
    policy = with_key(pool("www") + pool("n9"), tmp_path)
    (private,) = tmp_path.glob("*.private")
    private.chmod(0o644)
    codes = [(one.line, one.severity, one.code) for one in findings(policy, tmp_path)]
    assert codes == [
        (2, Severity.WARNING, "signing-key-open"),
        (9, Severity.ERROR, "pool-too-large-signed"),
    ]


def test_keys_for_an_unsigned_zone_are_a_mistake(tmp_path: Path) -> None:
    (found,) = findings(with_key(pool("www"), tmp_path), tmp_path, TEXT)
    assert (found.line, found.code) == (2, "signing-key")
    assert "is not among the DNSKEY records of the zone" in found.message


def test_the_limits() -> None:
    """An image has a place of four octets for each set of a pool's addresses."""
    assert 2**MOST_TOGETHER - 1 == 255
    assert 4 << MOST_IN_ALL == 16384
