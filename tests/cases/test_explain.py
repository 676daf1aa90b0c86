"""``dnsd explain`` on the example zones: each file in ``explain/`` is a command and its output.

Signatures and what names a key are left out, so that the zones can be signed again.
``DNSD_GOLDEN=write`` writes the files anew; read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnsd.cli import main

ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests/cases/explain").glob("*.txt"))

_SIGNED_BY = re.compile(r"(RRSIG .* \d{14} \d{14}) \d+ (\S+) .*")
_TAG = re.compile(r"\bDS( +)\d+ (\d+ \d+) [0-9a-f]+( [0-9a-f]+)*$", re.MULTILINE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_explain(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("DNSD_CONFIG", raising=False)
    command, expected = case.read_text().split("\n", 1)
    prompt, program, *arguments = shlex.split(command)
    assert (prompt, program) == ("$", "dnsd")
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    shown = _TAG.sub(r"DS\1TAG \2 DIGEST", _SIGNED_BY.sub(r"\1 TAG \2 SIGNATURE", result.stdout))
    if os.environ.get("DNSD_GOLDEN") == "write":
        case.write_text(f"{command}\n{shown}")
    assert shown == expected
    assert "DISAGREEMENT" not in shown


def test_there_are_cases() -> None:
    assert len(CASES) >= 12
