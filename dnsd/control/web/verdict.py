"""The first line of a page: what the node does, in a word, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class NodeVerdict(NamedTuple):
    """A word, the reason, and whether it is good, warn or bad."""

    word: str
    why: str
    style: str


def verdict(route: Mapping[str, Any] | None, problems: Sequence[str]) -> NodeVerdict:
    """Return what a node does that has such a ``route``; ``problems`` keep it from answering."""
    if problems:
        word = "cannot answer" if route is None else f"cannot answer, {route['state']}"
        return NodeVerdict(word, "; ".join(problems), "bad")
    if route is None:
        return NodeVerdict("answers", "it has no VIPs to announce", "good")
    why = "; ".join(route["problems"] or route["why"])
    style = "good" if route["as_ordered"] else "warn" if route["state"] == "drained" else "bad"
    return NodeVerdict(route["state"], why, style)
