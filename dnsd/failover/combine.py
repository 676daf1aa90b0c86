"""What several verdicts say together: so many of them are needed. Pure.

A verdict that is missing is None, and stands for either: silence is never health, and a checker
that is ill takes nothing down. So the whole is True only if it would be whatever the missing ones
said, False likewise, and else None (the strong logic of Kleene).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def combined(verdicts: Collection[bool | None], need: int) -> bool | None:
    """Return whether ``need`` of ``verdicts`` are True; None if that depends on missing ones."""
    passed = sum(verdict is True for verdict in verdicts)
    failed = sum(verdict is False for verdict in verdicts)
    if passed >= need:
        return True
    return False if failed > len(verdicts) - need else None


def in_words(verdicts: Collection[bool | None], need: int) -> str:
    """Return how many are True, and how many are needed: "1 of 3 passed, 2 needed"."""
    passed = sum(verdict is True for verdict in verdicts)
    unknown = sum(verdict is None for verdict in verdicts)
    silent = f", {unknown} unknown" if unknown else ""
    return f"{passed} of {len(verdicts)} passed{silent}, {need} needed"
