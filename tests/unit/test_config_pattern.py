"""Patterns of policies: what they find, what is refused and why, and that none takes long."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dnsd.checks.httpclient import MOST_BODY
from dnsd.config.pattern import LONGEST, Pattern

_atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", r"\s", "^", "$", r"\b", "é"])
_patterns = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(inner, st.sampled_from("*+?")).map(lambda one: f"(?:{one[0]}){one[1]}"),
        inner.map(lambda one: f"({one})"),
    ),
    max_leaves=8,
)


@given(_patterns, st.text("ab1 é\n", max_size=8))
@example("^a$", "a\n")
@example("^a$", "a\n\n")
@example("^$", "\n")
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    assert Pattern(pattern).found_in(text) == bool(re.search(pattern, text, re.ASCII))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"(a)\1", r"back-references such as \1 are not supported (RE2 takes linear time"),
        ("(?P<x>a)(?P=x)", "back-references (?P=…) are not supported (RE2"),
        ("(?=a)", "look-ahead (?=…) is not supported (RE2"),
        ("(?!a)", "negative look-ahead (?!…) is not supported (RE2"),
        ("(?<=a)b", "look-behind (?<=…) is not supported (RE2"),
        ("(?<!a)b", "look-behind (?<=…) is not supported (RE2"),
        ("(?>a)", "atomic groups (?>…) are not supported"),
        ("(?(1)a|b)", "conditional groups"),
        ("a++", "possessive repetition is not supported: write + or *"),
        ("a?+", "possessive repetition is not supported: write ?"),
        (r"ok\Z", r"write \z instead of \Z"),
        (r"\u00e9", r"\u is not supported: write the character itself"),
        ("(?x)a b", "verbose patterns (?x) are not supported"),
        ("(", "not a regular expression: missing ): ("),
        ("*", "not a regular expression: no argument for repetition operator: *"),
        ("x{1001}", "not a regular expression: invalid repetition size: {1001}"),
        (r"\pL{500}", "too large: compiled, it takes more than 256 KiB"),
        ("x" * (LONGEST + 1), f"too long: {LONGEST + 1} characters, {LONGEST} are allowed"),
        ("\ud800", "contains half a character"),
    ],
)
def test_what_is_refused(text: str, why: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(why)):
        Pattern(text)
    assert capfd.readouterr().err == "", "RE2 logs nothing by itself"


@pytest.mark.parametrize(
    "text", ["(x+x+)+y", "(x*)*y", "(x|x)*y", "(.*)(.*)(.*)(.*)(.*)y", "(x?){30}x{30}y"]
)
def test_what_makes_others_backtrack_takes_no_time(text: str) -> None:
    """Python's re does not come back from these."""
    began = time.process_time()
    assert not Pattern(text).found_in("x" * MOST_BODY)
    assert time.process_time() - began < 10
