"""Records that were edited after their zone was signed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dnsd.build.verified import edited
from dnsd.cli import main
from dnsd.zone.load import load_text
from dnsd.zone.records import Zone
from tests.support import start_dnsd
from tests.zonekeys import ALGORITHMS, KSK, NOW, P256, make_key, signed_text

PLAIN = """$TTL 300
@ SOA ns h 1 7200 3600 1209600 300
@ NS ns
ns A 192.0.2.1
www A 192.0.2.80
www A 192.0.2.81
*.w TXT "Any"
mail MX 10 NS
"""


def zone(text: str, *, native: bool = True) -> Zone:
    found = load_text("example.com", text, "z", now=NOW).zone
    assert found is not None
    return found if native else Zone(found.apex, dict(found.nodes), dict(found.signatures))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_well_signed_zone_has_no_edits(algorithm: int) -> None:
    text = signed_text(PLAIN, make_key(algorithm), make_key(algorithm, KSK))  # type: ignore[arg-type]
    assert [*edited(zone(text), 1000)] == []


@pytest.mark.parametrize("native", [True, False])
def test_what_was_edited_is_named_once(native: bool) -> None:
    text = signed_text(PLAIN, make_key())
    assert "192.0.2.81" in text
    wrong = text.replace("192.0.2.81", "192.0.2.82").replace('"Any"', '"Other"')
    (finding,) = edited(zone(wrong, native=native), 1000)
    lines = wrong.splitlines()
    assert finding.line in [at for at, one in enumerate(lines, 1) if " A " in one or " TXT " in one]
    assert finding.code == "rrsig-edited"
    assert "(and 1 more) do not fit these records" in finding.message
    assert [*edited(zone(wrong, native=native), 0)] == []


def test_spelling_and_ttl_are_no_edits_and_an_unknown_key_says_nothing() -> None:
    text = signed_text(PLAIN, make_key())
    respelled = re.sub(r"^(\S+) 300 ", r"\1 200 ", text, flags=re.MULTILINE)
    assert respelled != text
    respelled = re.sub("^mail", "MAIL", respelled, flags=re.MULTILINE)
    respelled = respelled.replace(" MX 10 ns.", " MX 10 NS.")
    assert "MAIL" in respelled
    assert " NS." in respelled
    assert [*edited(zone(respelled), 1000)] == []
    other = signed_text(PLAIN, make_key())
    keys = [line for line in other.splitlines() if " DNSKEY " in line and " RRSIG " not in line]
    foreign = [one for one in text.splitlines() if " DNSKEY " not in one or " RRSIG " in one]
    assert [*edited(zone("\n".join([*foreign, *keys, ""])), 1000)] == []


def test_a_second_signature_is_enough() -> None:
    old, new = make_key(), make_key(P256)
    both = signed_text(PLAIN, old, new)
    assert [*edited(zone(both), 1000)] == []


def test_check_and_log_tell_of_an_edit(tmp_path: Path) -> None:
    from click.testing import CliRunner

    text = signed_text(PLAIN, make_key(), until=2_100_000_000, since=1_700_000_000)
    wrong = text.replace("192.0.2.81", "192.0.2.82").replace(" 1 7200", " 2 7200")
    file = tmp_path / "example.com.zone"
    file.write_text(wrong)
    done = CliRunner().invoke(main, ["check", str(file)])
    assert done.exit_code == 0
    assert "[rrsig-edited]" in done.output
    with start_dnsd({"example.com": text}) as node:
        assert not any("rrsig-edited" in line for line in node.lines)
        node.replace("example.com", wrong)
        line = node.wait_line("[rrsig-edited]")
        assert "sign the zone again" in line
