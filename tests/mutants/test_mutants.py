"""Each mutant fits the code as it is. Whether it is caught: ``make mutants``."""

from __future__ import annotations

import msgspec
import pytest

from tests.mutants.mutant import ROOT, Mutant, MutantError, every
from tests.mutants.trial import tried

MUTANTS = {f"{name}: {one.name}": one for name, mutants in every().items() for one in mutants}


@pytest.mark.parametrize("name", MUTANTS)
def test_it_fits(name: str) -> None:
    mutant = MUTANTS[name]
    mutant.put_into((ROOT / mutant.file).read_text())
    for test in mutant.tests:
        path, *functions = test.partition("[")[0].split("::")
        source = (ROOT / path).read_text() if functions else ""
        assert (ROOT / path).exists(), test
        assert all(f"def {one}(" in source for one in functions), test


def test_no_name_stands_twice() -> None:
    assert len(MUTANTS) == sum(map(len, every().values()))


@pytest.mark.parametrize(
    ("source", "new", "why"),
    [
        ("if found >= 1:\n    pass\n", "found >= 1", "0 times"),
        ("a = found > 1\nb = found > 1\n", "found >= 1", "2 times"),
        ("if found > 1:\n    pass\n", "found >=", "no Python"),
        ("if found > 1:\n    pass\n", "(found > 1)", "changes nothing"),
    ],
)
def test_what_does_not_fit_is_refused(source: str, new: str, why: str) -> None:
    with pytest.raises(MutantError, match=why):
        Mutant("", "a.py", "found > 1", new, ()).put_into(source)


def test_a_mutant_is_caught_by_the_test_of_its_line_only() -> None:
    """The copy is what is tested, and pytest's word is understood."""
    mutant = Mutant(
        "",
        "dnsd/caches/report.py",
        "max(self.until, other.until)",
        "min(self.until, other.until)",
        ("tests/unit/test_caches_ledger.py",),
    )
    found = tried(mutant)
    assert found.outcome == "caught", found.output
    assert found.by.startswith("tests/unit/test_caches_ledger.py::")
    other = tried(msgspec.structs.replace(mutant, tests=("tests/unit/test_config_units.py",)))
    assert other.outcome == "survived", other.output
