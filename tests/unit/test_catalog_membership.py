"""What catalogs come to: RFC 9432 §5, held against a plain look at one zone after the other."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dnsd.config import CatalogBook, CatalogMember
from dnsd.control.catalogs import membership
from dnsd.control.catalogs.content import CatalogContent
from dnsd.control.catalogs.membership import Claims, Decided
from dnsd.control.zones.guard import GoneZones

if TYPE_CHECKING:
    from collections.abc import Set

    from dnsd.config.catalogbook import Books

OLD, NEW = "old.", "new."
A = CatalogMember("a")


def content(serial: int, **labels: str) -> CatalogContent:
    """Return a catalog with members, each with its label, and after a comma its coo."""
    members = {}
    for zone, label in labels.items():
        own, _, coo = label.partition(",")
        members[f"{zone}."] = CatalogMember(own, (), coo)
    return CatalogContent(serial, members)


def hold_nothing(_there: Set[str], _gone: Set[str]) -> Set[str]:
    return frozenset()


def hold_all(_there: Set[str], gone: Set[str]) -> Set[str]:
    return gone


class World:
    """Catalogs that are processed, one update after the other."""

    def __init__(self) -> None:
        self.books: Books = {}

    def update(self, name: str, found: CatalogContent, hold: membership.Hold) -> Decided:
        book = self.books.get(name, CatalogBook())
        updated = found.members.keys() if found.serial != book.serial else frozenset()
        claimed = membership.claims(name, self.books, updated)
        decided = membership.decide(found, book, claimed, hold)
        self.books = {**membership.without(self.books, decided.taken), name: decided.book}
        return decided


def test_members_come_and_go() -> None:
    world = World()
    assert world.update(OLD, content(1, x="a", y="b"), hold_nothing).added == {"x.", "y."}
    decided = world.update(OLD, content(2, y="b", z="c"), hold_nothing)
    assert (decided.added, decided.dropped, decided.reset) == ({"z."}, {"x."}, set())
    assert decided.book.members.keys() == {"y.", "z."}


def test_another_label_begins_anew() -> None:
    """§5.4: as a removal, with all the zone's state, and a new zone."""
    world = World()
    world.update(OLD, content(1, x="a"), hold_nothing)
    decided = world.update(OLD, content(2, x="b"), hold_nothing)
    assert (decided.added, decided.dropped, decided.reset) == (set(), set(), {"x."})
    assert decided.book.members["x."].label == "b"


def test_another_group_begins_nothing_anew() -> None:
    world = World()
    world.update(OLD, content(1, x="a"), hold_nothing)
    changed = CatalogContent(2, {"x.": CatalogMember("a", ("signed",))})
    decided = world.update(OLD, changed, hold_nothing)
    assert (decided.added, decided.dropped, decided.reset) == (set(), set(), set())
    assert decided.book.members["x."].groups == ("signed",)


def test_a_zone_of_another_catalog_stays_with_it() -> None:
    """§5.2: the new instance is ignored; §5.3: and who has not brought it does not remove it."""
    world = World()
    world.update(OLD, content(1, x="a"), hold_nothing)
    decided = world.update(NEW, content(1, x="b"), hold_nothing)
    assert decided.clashes == {"x.": OLD}
    assert decided.book.members == {}
    decided = world.update(NEW, content(2), hold_nothing)
    assert decided.dropped == set()
    assert world.books[OLD].members.keys() == {"x."}


def test_ownership_changes_when_both_say_so() -> None:
    """§4.4.1: not when the old one offers it, but with an update of the new one that has it."""
    world = World()
    world.update(NEW, content(1, x="a"), hold_nothing)
    world.update(OLD, content(1, y="a"), hold_nothing)
    world.books[OLD] = CatalogBook(1, {"x.": CatalogMember("a", (), NEW)})
    world.books[NEW] = CatalogBook(1, {})
    assert world.update(NEW, content(1, x="a"), hold_nothing).clashes == {"x.": OLD}
    decided = world.update(NEW, content(2, x="a"), hold_nothing)
    assert decided.taken == {"x.": OLD}
    assert decided.added == set()
    assert decided.reset == set(), "its state stays: the label is the same"
    assert world.books[OLD].members == {}
    # the old one may list it on, or remove it: it is the other's
    assert world.update(OLD, content(2, x="a,new."), hold_nothing).clashes == {"x.": NEW}
    assert world.update(OLD, content(3), hold_nothing).dropped == set()


def test_a_zone_that_is_taken_with_another_label_begins_anew() -> None:
    world = World()
    world.update(OLD, content(1, x="a,new."), hold_nothing)
    decided = world.update(NEW, content(1, x="b"), hold_nothing)
    assert (decided.taken, decided.reset) == ({"x.": OLD}, {"x."})


def test_an_offer_to_another_catalog_is_none() -> None:
    world = World()
    world.update(OLD, content(1, x="a,third."), hold_nothing)
    assert world.update(NEW, content(1, x="a"), hold_nothing).clashes == {"x.": OLD}


def test_an_offer_that_is_gone_from_the_old_catalog_is_none() -> None:
    """§4.4.1: the property must still be there; what is held back is not in the catalog."""
    world = World()
    world.update(OLD, content(1, x="a,new."), hold_nothing)
    world.update(OLD, content(2), hold_all)
    assert world.books[OLD].members.keys() == {"x."}
    assert world.update(NEW, content(1, x="a"), hold_nothing).clashes == {"x.": OLD}


def test_too_much_at_once_is_held_until_it_is_meant() -> None:
    world = World()
    guard = GoneZones()

    def hold(there: Set[str], gone: Set[str]) -> Set[str]:
        return guard.decide(there, gone, 0.5, 0.0)

    world.update(OLD, content(1, v="a", w="b", x="c"), hold)
    decided = world.update(OLD, content(2, w="other", z="d"), hold)
    assert decided.book.held == {"v.": "", "w.": "other", "x.": ""}
    assert (decided.dropped, decided.reset, decided.added) == (set(), set(), {"z."})
    assert decided.book.members["w."].label == "b"
    released = membership.release(decided.book, {"v.", "w."})
    assert (released.dropped, released.reset) == ({"v."}, {"w."})
    assert released.book.members["w."].label == "other"
    assert released.book.held == {"x.": ""}


def test_what_is_back_is_held_no_more() -> None:
    world = World()
    world.update(OLD, content(1, x="a"), hold_nothing)
    world.update(OLD, content(2), hold_all)
    decided = world.update(OLD, content(3, x="a"), hold_all)
    assert decided.book.held == {}


# -- an oracle ------------------------------------------------------------------------------------


class Own(NamedTuple):
    """What the oracle knows of a zone: whose it is, and under which label."""

    catalog: str
    label: str


class Plain:
    """One zone after the other, as §5 tells it; nothing is held."""

    def __init__(self) -> None:
        self.owns: dict[str, Own] = {}
        self.said: dict[str, CatalogContent] = {}

    def update(self, name: str, found: CatalogContent) -> set[str]:
        """Process an update; return the zones whose state is lost."""
        lost = set()
        for zone in sorted({*self.owns, *found.members}):
            own, member = self.owns.get(zone), found.members.get(zone)
            if member is None:
                if own is not None and own.catalog == name:
                    del self.owns[zone]
                    lost.add(zone)
                continue
            if own is None:
                self.owns[zone] = Own(name, member.label)
                continue
            if own.catalog != name:
                offer = self.said[own.catalog].members.get(zone)
                if offer is None or offer.coo != name:
                    continue
            if own.label != member.label:
                lost.add(zone)
            self.owns[zone] = Own(name, member.label)
        self.said[name] = found
        return lost


CATALOGS = (OLD, NEW, "third.")


def story(chance: random.Random) -> list[tuple[str, dict[str, CatalogMember]]]:
    """Return updates of three catalogs that want the same three zones."""
    return [
        (
            chance.choice(CATALOGS),
            {
                zone: CatalogMember(chance.choice("ab"), (), chance.choice(("", *CATALOGS)))
                for zone in ("x.", "y.", "z.")
                if chance.random() < 0.6
            },
        )
        for _ in range(10)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_it_is_as_a_plain_look_at_each_zone(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        world, plain = World(), Plain()
        for serial, (name, found) in enumerate(story(chance), 1):
            decided = world.update(name, CatalogContent(serial, found), hold_nothing)
            lost = plain.update(name, CatalogContent(serial, found))
            assert {*decided.dropped, *decided.reset} == lost
            owned = {
                zone: Own(catalog, member.label)
                for catalog, book in world.books.items()
                for zone, member in book.members.items()
            }
            assert owned == plain.owns
            assert sum(len(book.members) for book in world.books.values()) == len(owned)


def test_nothing_is_offered_without_an_update() -> None:
    books = {OLD: CatalogBook(1, {"x.": CatalogMember("a", (), NEW)})}
    assert membership.claims(NEW, books, frozenset()) == Claims({"x.": OLD}, {})
