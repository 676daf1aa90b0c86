"""What a catalog changes, given what it has brought before (RFC 9432 §5). Pure.

Zones that other catalogs have brought stay theirs, unless they offer them (``coo``). Where too many
zones would be removed or reset at once, they are held back, as with files of a directory, until an
order says that it is intended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.config import CatalogBook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from dnsd.config import CatalogMember
    from dnsd.config.catalogbook import Books
    from dnsd.control.catalogs.content import CatalogContent

    Hold = Callable[[Set[str], Set[str]], Set[str]]
    """Given all zones and those that would go, returns which of these are held back."""


class Claims(NamedTuple):
    """The catalog that owns each zone, and the zones ``offered`` to this one."""

    owners: Mapping[str, str]
    offered: Mapping[str, CatalogMember]


class Decided(NamedTuple):
    """What is to be in force: the ``book``, and what it changes, as names of zones.

    Zones in ``reset`` exist already; they are reset, and lose all that is known of them. Zones
    in ``taken`` were another catalog's; they are reset if their label has changed (§4.4.1).
    ``clashes`` are members that are not taken up, with the catalogs that have them (§5.2).
    """

    book: CatalogBook
    added: Set[str]
    dropped: Set[str]
    reset: Set[str]
    taken: Mapping[str, str]
    clashes: Mapping[str, str]


def claims(name: str, books: Books, updated: Set[str]) -> Claims:
    """Return what catalogs other than ``name`` say of zones.

    Only zones in an update of the catalog (``updated``) may be taken over (§4.4.1).
    """
    owners: dict[str, str] = {}
    offered: dict[str, CatalogMember] = {}
    for other, book in books.items():
        if other == name:
            continue
        for zone, member in book.members.items():
            owners[zone] = other
            if member.coo == name and zone in updated:
                offered[zone] = member
    return Claims(owners, offered)


def decide(content: CatalogContent, book: CatalogBook, claimed: Claims, hold: Hold) -> Decided:
    """Return what ``content`` changes, given the catalog's ``book``."""
    before, wanted = book.members, content.members
    owners = claimed.owners
    clashes = {
        zone: owner
        for zone, owner in owners.items()
        if zone in wanted and zone not in claimed.offered
    }
    gone = before.keys() - wanted.keys()
    relabelled = {
        zone for zone in before.keys() & wanted.keys() if before[zone].label != wanted[zone].label
    }
    held = hold(before.keys(), gone | relabelled)
    members: dict[str, CatalogMember] = {}
    for zone, member in wanted.items():
        if zone in held:
            members[zone] = msgspec.structs.replace(member, label=before[zone].label)
        elif zone not in clashes:
            members[zone] = member
    for zone in gone & held:
        # Whom it was offered to may not take it any more (§4.4.1).
        members[zone] = msgspec.structs.replace(before[zone], coo="")
    taken = {zone: owners[zone] for zone in claimed.offered if zone in members}
    moved = {zone for zone in taken if claimed.offered[zone].label != members[zone].label}
    kept = {zone: wanted[zone].label if zone in wanted else "" for zone in held}
    return Decided(
        CatalogBook(content.serial, members, kept),
        added=members.keys() - before.keys() - taken.keys(),
        dropped=gone - held,
        reset=relabelled - held | moved,
        taken=taken,
        clashes=clashes,
    )


def without(books: Books, taken: Mapping[str, str]) -> Books:
    """Return ``books`` without zones that another catalog has ``taken`` from the ones named."""
    changed = dict(books)
    for other in set(taken.values()):
        book = books[other]
        left = {zone: one for zone, one in book.members.items() if taken.get(zone) != other}
        held = {zone: label for zone, label in book.held.items() if zone in left}
        changed[other] = CatalogBook(book.serial, left, held)
    return changed


class Released(NamedTuple):
    """A ``book`` after an order to do what was held back; the zones that are removed, and reset."""

    book: CatalogBook
    dropped: Set[str]
    reset: Set[str]


def release(book: CatalogBook, meant: Set[str]) -> Released:
    """Return ``book`` with what it holds back of the zones ``meant`` done."""
    done = book.held.keys() & meant
    dropped = {zone for zone in done if not book.held[zone]}
    members = {zone: one for zone, one in book.members.items() if zone not in dropped}
    for zone in done - dropped:
        members[zone] = msgspec.structs.replace(members[zone], label=book.held[zone])
    held = {zone: label for zone, label in book.held.items() if zone not in done}
    return Released(CatalogBook(book.serial, members, held), dropped, done - dropped)
