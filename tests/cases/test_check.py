"""Zone files as they come from exports, editors and other decades: what ``dnsd check`` says."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from dnsd.cli import main

FILES = Path(__file__).parent / "check"

CASES: dict[str, list[tuple[str, ...]]] = {
    "apl-empty": [],
    "alias-mode-parameters": [("5: warning: ", "www.example.com. HTTPS", "[svcb-alias]")],
    "cloudflare-export-without-dots": [
        (
            "2: error: ",
            "final dot",
            "example.com.example.com.",
            "write example.com.",
            "[soa-not-apex]",
        )
    ],
    "cut-in-the-last-token": [("5: warning: ", "'www A 192.0.2.15'", "[no-newline]")],
    "https-hint": [
        ("7: warning: ", "www.example.com. HTTPS", "127.0.0.2, 127.0.0.3", "[pool-hint]")
    ],
    "naptr-backreference": [
        ("7: error: ", r"'\1' is not an escape", r"write '\\1'", "[bad-rdata]")
    ],
    "ns-below-dname": [
        ("3: warning: ", "ns1.old.example.com.", "DNAME of old.example.com.", "[ns-alias]")
    ],
    "nsec3param-unknown": [
        ("4: warning: ", "flags 1", "[nsec3param-ignored]"),
        ("4: warning: ", "hash algorithm 6", "[nsec3param-ignored]"),
        ("4: warning: ", "neither an NSEC nor an NSEC3 chain", "[denial-missing]"),
    ],
    "rare-types": [],
    "route53-octal-wildcard": [
        ("7: warning: ", r"'\052.w'", "decimal", "write '*.w'", "[octal-escape]")
    ],
    "smart-quotes": [("7: warning: ", "typographic quotation mark", "[typographic-quotes]")],
    "windows-age-wins": [
        ("2: warning: ", "[no-ttl]"),
        ("18: error: ", "[AGE:3668271]", "Windows", "dig ZONE AXFR", "[windows-extension]"),
        ("19: error: ", "[Aging:3668271]", "Windows", "dig ZONE AXFR", "[windows-extension]"),
        ("20: error: ", "WINS", "Do not replicate this record", "[windows-extension]"),
    ],
}


def check(file: Path) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["check", "--zone", f"example.com={file}"])
    *findings, _ = result.output.splitlines()
    return result.exit_code, [line.removeprefix(f"{file}:") for line in findings]


def test_every_file_has_its_case() -> None:
    assert {file.stem for file in FILES.glob("*.zone")} == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_check(name: str) -> None:
    status, findings = check(FILES / f"{name}.zone")
    assert len(findings) == len(CASES[name]), findings
    for finding, words in zip(findings, CASES[name], strict=True):
        assert finding.startswith(words[0])
        assert all(word in finding for word in words), finding
    assert status == any(words[0].endswith("error: ") for words in CASES[name])


def test_every_name_without_its_final_dot_is_named(tmp_path: Path) -> None:
    """An export may lack more than the first dot: the others are told of, too."""
    export = (FILES / "cloudflare-export-without-dots.zone").read_text()
    file = tmp_path / "export.zone"
    file.write_text(export.replace("\nexample.com.\t1\tIN\tTXT", "\nexample.com\t1\tIN\tTXT"))
    _, findings = check(file)
    assert [line.rpartition(" ")[2] for line in findings] == ["[soa-not-apex]", "[missing-dot]"]
    assert findings[1].startswith("13: warning: the owner example.com.example.com. ")
