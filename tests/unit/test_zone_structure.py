"""The shape of zones: cuts, DNAMEs, what they hide, and names without data."""

from __future__ import annotations

from dns.rdatatype import DNAME
from hypothesis import given

from dnsd.wire import name as names
from dnsd.zone.structure import Structure
from tests.model import Model
from tests.records import records_of
from tests.signing import Nsec3
from tests.strategies import models
from tests.unit.corezones import signed, wire, zone
from tests.views import view_of


def named(*texts: str, origin: str = "example.") -> set[bytes]:
    return {wire(f"{text}.{origin}" if text != "@" else origin) for text in texts}


def test_only_an_apex() -> None:
    shape = Structure(zone(""))
    assert shape.names == named("@")
    assert not shape.cuts | shape.dnames | shape.occluded | shape.ents | shape.hashed


def test_the_apex_is_a_name_even_of_a_zone_that_has_nothing_there() -> None:
    found = zone("a.b A 192.0.2.1")
    del found.nodes[found.apex]
    shape = Structure(found)
    assert shape.names == named("@", "b", "a.b")
    assert shape.ents == named("b")


def test_cuts_and_what_they_hide() -> None:
    shape = Structure(
        zone(
            """
            sub NS ns.sub
            ns.sub A 192.0.2.1
            deeper.sub NS ns.deeper.sub
            ns.deeper.sub A 192.0.2.2
            d.sub DNAME other.
            a.ent NS ns.other.
            subx A 192.0.2.3
            """
        )
    )
    assert shape.cuts == named("sub", "a.ent")
    assert shape.occluded == named("ns.sub", "deeper.sub", "ns.deeper.sub", "d.sub")
    assert shape.dnames == set()
    assert shape.ents == named("ent")
    assert shape.names == named("@", "sub", "a.ent", "ent", "subx")


def test_dnames_and_what_they_hide() -> None:
    shape = Structure(
        zone(
            """
            d DNAME e
            x.d A 192.0.2.1
            cut.d NS ns.other.
            e A 192.0.2.1
            both NS a.
            both DNAME b.
            """
        )
    )
    assert shape.dnames == named("d")
    assert shape.occluded == named("x.d", "cut.d")
    # NS and DNAME may not stand together (RFC 6672 §2.4): the cut wins
    assert shape.cuts == named("both")


def test_dname_at_the_apex() -> None:
    shape = Structure(zone("@ DNAME other.\na.b A 192.0.2.1\nsub NS ns.other."))
    assert shape.dnames == named("@")
    assert shape.occluded == named("a.b", "sub")
    assert shape.names == named("@")
    assert not shape.cuts | shape.ents


def test_hashed_owners_are_no_names() -> None:
    data = signed("a.b A 192.0.2.1", nsec3=Nsec3())
    shape = Structure(data)
    assert len(shape.hashed) == 3
    assert shape.names == named("@", "b", "a.b")
    assert shape.ents == named("b")


def test_hashed_owners_below_a_dname_at_the_apex_are_not_hidden() -> None:
    shape = Structure(signed("@ DNAME other.", nsec3=Nsec3()))
    assert len(shape.hashed) == 1
    assert not shape.occluded


def test_empty_non_terminals() -> None:
    shape = Structure(
        zone("a.b.c.d A 192.0.2.1\n*.w A 192.0.2.1\nx.y NS ns.x.y\nns.x.y A 192.0.2.1")
    )
    assert shape.ents == named("b.c.d", "c.d", "d", "w", "y")


def test_cut_above() -> None:
    shape = Structure(zone("sub NS ns.sub\nns.sub A 192.0.2.1\nx A 192.0.2.1"))
    (cut,) = named("sub")
    assert shape.cut_above(cut) == cut
    assert shape.cut_above(wire("a.ns.sub.example.")) == cut
    assert shape.cut_above(wire("x.example.")) is None
    assert shape.cut_above(wire("example.")) is None


def test_root_zone() -> None:
    shape = Structure(zone("com NS a.com\na.com A 192.0.2.1\nx.y A 192.0.2.1", "."))
    assert shape.cuts == {wire("com.")}
    assert shape.ents == {wire("y.")}
    assert shape.names == {wire("."), wire("com."), wire("y."), wire("x.y.")}


def test_longest_names() -> None:
    owner = ".".join(["a"] * 127)
    shape = Structure(zone(f"{owner}. A 192.0.2.1", "."))
    assert len(shape.names) == 128
    assert len(shape.ents) == 126


@given(models())
def test_as_the_oracle_sees_it(model: Model) -> None:
    data = model.zone()
    view = view_of(data)
    shape = Structure(records_of(data))
    wired = {name: names.lower(wire(name.to_text())) for name in view.existing}
    tops = {
        wired[name]
        for name in view.existing
        if view.is_cut(name)
        and view.authoritative(name.parent())
        and view.rrset(name.parent(), DNAME) is None
    }
    assert shape.cuts == tops
    assert shape.names == tops | {wired[name] for name in wired if view.authoritative(name)}
    hidden = {wired[name] for name in view.nodes if not view.authoritative(name)}
    assert shape.occluded == hidden - tops
