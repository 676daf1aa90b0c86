"""Sentences and events about catalogs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.control.zones.guard import percent
from dnsd.process.log import say
from dnsd.text import shortlist

if TYPE_CHECKING:
    from collections.abc import Collection

    from dnsd.config import CatalogBook
    from dnsd.control.catalogs.membership import Decided, Released

CONFIGURATION = "the configuration"
"""The owner of a zone that no catalog brings."""
_NAMED = 4
"""Zones that a sentence names; more would not be read."""


def broken(name: str, fault: str) -> str:
    """Return the sentence about a catalog that cannot be processed."""
    return f"the catalog {name} is not obeyed: {fault}; its zones stay as they are"


def held(name: str, book: CatalogBook) -> str:
    """Return the sentence about zones of a catalog that are held back."""
    named = ", ".join(shortlist(sorted(book.held), _NAMED))
    return (
        f"the catalog {name} would have {len(book.held)} of its {len(book.members)} zones removed "
        f"or reset ({named}), more than vanish allows at once: they stay as they are; correct the "
        f"catalog, or run dnsd reload --force {name} if this is intended"
    )


def taken(name: str, decided: Decided, clashes: Collection[str]) -> None:
    """Log what a version of a catalog changes; ``clashes`` are those that are new."""
    parts = [
        f"{len(zones)} {what}"
        for zones, what in (
            (decided.added, "added"),
            (decided.dropped, "removed"),
            (decided.reset, "reset"),
            (decided.taken, "taken over"),
        )
        if zones
    ]
    if parts:
        sentence = f"catalog {name} serial {decided.book.serial}: zones: {', '.join(parts)}"
        say("catalog-taken", sentence, zone=name, serial=decided.book.serial)
    if clashes:
        named = ", ".join(shortlist(sorted(clashes), _NAMED))
        why = f"zones of the catalog {name} are not taken up: others have them already ({named})"
        say("catalog-clash", why, zone=name)


def begin_holding(name: str, book: CatalogBook, share: float) -> None:
    """Log that other zones of a catalog are held back than before."""
    say("catalog-held", f"{held(name, book)} (vanish = {percent(share)})", zone=name)


def released(name: str, done: Released) -> None:
    """Log that what was held back is done."""
    sentence = (
        f"catalog {name}: as ordered, zones: {len(done.dropped)} removed, {len(done.reset)} reset"
    )
    say("catalog-taken", sentence, zone=name, serial=done.book.serial)
