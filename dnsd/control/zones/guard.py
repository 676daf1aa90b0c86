"""What an edit may take away without being asked about: half a file and an empty directory.

Pure decisions. A zone is compared with what is served of it (after a start: with its last image),
the zones there are with those there were. Nothing here is an error of a zone file: what is cut
off in the right place is a zone, too.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dnsd.text import shortlist
from dnsd.zone.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Set

WINDOW_S = 600.0
"""Zones that go within this time go together: a long deletion is seen in several looks."""

STAGNANT = "serial-not-grown"
"""The code of a warning."""

_NAMED = 4
"""Zones that a sentence names; more would not be read."""


class Content(Protocol):
    """What is compared of a zone."""

    @property
    def text(self) -> str:
        """The digest of the files that its records come from; empty if that is not known."""

    @property
    def serial(self) -> int:
        """The serial number of its SOA record."""

    @property
    def records(self) -> int:
        """How many records it has."""

    @property
    def pools(self) -> Collection[object]:
        """Its pools."""


class ZoneEdit(NamedTuple):
    """A zone (``origin``, in ``file``) as it was and as it would be."""

    origin: str
    file: str
    old: Content
    new: Content


def loss(edit: ZoneEdit, share: float) -> Finding | None:
    """Return why ``edit`` is refused: it takes away more than ``share`` of the records or pools.

    A policy that is gone takes all pools away: members that were out would be answered again.
    """
    for what, code, old, new in (
        ("records", "zone-shrunk", edit.old.records, edit.new.records),
        ("pools", "pools-gone", len(edit.old.pools), len(edit.new.pools)),
    ):
        if old - new > share * old:
            message = (
                f"{old - new} of {old} {what} are gone, more than [zones] shrink allows "
                f"({percent(share)}): if this is intended, run dnsd reload --force {edit.origin}"
            )
            return Finding(edit.file, 0, Severity.ERROR, message, code)
    return None


def stagnation(edit: ZoneEdit) -> Finding | None:
    """Return a warning if records have changed and the serial has not grown (RFC 1982 §3.2)."""
    old, new = edit.old.serial, edit.new.serial
    if edit.old.text in ("", edit.new.text) or 0 < (new - old) % (1 << 32) < 1 << 31:
        return None
    message = (
        f"the records have changed, but the serial number has not grown ({old} before, {new} now): "
        "secondary servers will not notice; raise it in the SOA record"
    )
    return Finding(edit.file, 0, Severity.WARNING, message, STAGNANT)


class GoneZones:
    """Decides which zones whose files are gone are dropped, and which are ``held``.

    Held zones are served until their files are back, or an order says that the loss is intended:
    that some files come back does not show that the others' absence is intended.
    """

    def __init__(self) -> None:
        self.held: frozenset[str] = frozenset()
        self._dropped: deque[tuple[float, int]] = deque()

    def decide(self, served: Set[str], gone: Set[str], share: float, now: float) -> frozenset[str]:
        """Return which of the zones ``gone`` are held, all of which are ``served``."""
        while self._dropped and self._dropped[0][0] <= now - WINDOW_S:
            self._dropped.popleft()
        lately = sum(count for _, count in self._dropped)
        fresh = gone - self.held
        self.held &= gone
        if lately + len(fresh) > share * (lately + len(served)):
            self.held |= fresh
        return self.held

    def dropped(self, count: int, now: float) -> None:
        """Note that ``count`` zones were dropped at ``now`` (seconds)."""
        if count:
            self._dropped.append((now, count))


def absence(held: Collection[str], share: float) -> str:
    """Return the sentence about zones that are ``held``."""
    named = ", ".join(shortlist(sorted(held), _NAMED))
    return (
        f"the zone files of {named} are gone, more than [zones] vanish allows at once "
        f"({percent(share)}): still serving their data; restore the files, or run dnsd reload "
        f"--force if this is intended"
    )


def percent(share: float) -> str:
    """Return a share as it is written in the configuration."""
    return f"{100 * share:g}%"
