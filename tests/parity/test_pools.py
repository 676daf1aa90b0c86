"""A word decides what an edit of the zone would: the same answers, whatever leads to a pool."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

import dns.message
import dns.name
import dns.rdatatype
import pytest
from dns.name import Name
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.hotpath import Client, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.image import layout
from dnsd.image.selection import NOTES, Mode, Selection, encode
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.wire.member import packed
from dnsd.zone.lookup import Answer, Question, lookup
from dnsd.zone.records import Zone
from tests import pools
from tests.model import Model, Record
from tests.parity.sections import (
    NOW,
    Section,
    Served,
    of_answer,
    of_message,
    packet,
    parsed,
    viewed,
)
from tests.pools import Decided, Key
from tests.strategies import Query, Scene, models, scenes, signed

RRSIG = dns.rdatatype.RRSIG
HEADER = layout.HEADER.size
ELSEWHERE = dns.name.from_text("cdn.elsewhere.test.")


class Edit(NamedTuple):
    """What becomes of an RRset: the rdatas that stay (or, of a CNAME, come), and their TTL.

    ``members`` are the names that a CNAME may lead to, those of the zone first.
    """

    rdatas: tuple[str, ...]
    mask: int
    ttl: int
    note_index: int
    members: tuple[str, ...] = ()


class Story(NamedTuple):
    """A zone, questions, and what is decided on some of its RRsets (by owner and type)."""

    scene: Scene
    edits: dict[tuple[Name, str], Edit]


def ip_packed(text: str) -> bytes:
    return ip_address(text).packed


def candidates(model: Model) -> list[tuple[Name, str]]:
    return [
        (owner, rtype)
        for owner in model.authoritative()
        if not model.is_cut(owner)
        for rtype in model.types(owner)
        if rtype in {"A", "AAAA", "CNAME"}
    ]


@st.composite
def stories(draw: DrawFn, scenes: st.SearchStrategy[Scene]) -> Story:
    scene = draw(scenes)
    found = candidates(scene.model)
    assume(found)
    edits = {}
    for owner, rtype in draw(st.lists(st.sampled_from(found), min_size=1, unique=True)):
        ttl = draw(st.integers(0, 1000)) if scene.model.ttl(owner, rtype) else 0
        if rtype == "CNAME":
            edits[owner, rtype] = draw(led_elsewhere(scene, owner, ttl))
            continue
        # the bits of a mask are in the order of the rdata (RFC 4034 §6.3)
        rdatas = sorted(scene.model.rdatas(owner, rtype), key=ip_packed)
        mask = draw(st.integers(1, (1 << len(rdatas)) - 1))
        stay = tuple(one for at, one in enumerate(rdatas) if mask >> at & 1)
        edits[owner, rtype] = Edit(stay, mask, ttl, draw(st.integers(0, NOTES - 1)))
    return Story(scene, edits)


@st.composite
def led_elsewhere(draw: DrawFn, scene: Scene, owner: Name, ttl: int) -> Edit:
    """A CNAME that leads to one of several names, most of them in the zone."""
    (target,) = scene.model.rdatas(owner, "CNAME")
    first = dns.name.from_text(target, scene.model.origin)
    names = st.sampled_from(
        (*scene.model.owners, *(query.name for query in scene.queries), ELSEWHERE)
    )
    others = draw(st.lists(names, max_size=3, unique_by=Name.canonicalize))
    members = [first, *(one for one in others if one.canonicalize() != first.canonicalize())]
    at = draw(st.integers(0, len(members) - 1))
    note_index = draw(st.integers(0, NOTES - 1))
    texts = tuple(one.canonicalize().to_text() for one in members)
    return Edit((texts[at],), 1 << at, ttl, note_index, texts)


def pool_of(zone: Zone, one: tuple[Name, str], edit: Edit, **more: object) -> compiler.PoolRecords:
    """The RRset ``one`` as a pool, for a CNAME with the names of ``edit``."""
    key = pools.key(*one)
    if not edit.members:
        return pools.pool(zone, key, **more)
    rrsigs = zone.signatures.get(key.owner, {}).get(key.rtype)
    names = {
        "members": tuple(map(packed, edit.members)),
        "undecided": 1,
        "weights": (1,) * len(edit.members),
        "signatures": {1 << at: rrsigs for at in range(len(edit.members))} if rrsigs else {},
    }
    return pools.pool(zone, key, **names | more)


def is_a_loop(answer: Answer) -> bool:
    return any("loop" in step.text for step in answer.trace)


def edited(story: Story) -> str:
    """The zone as it would be if somebody had edited it."""
    lines = []
    for record in story.scene.model.records():
        covers = record.rdata.split()[0] if record.rtype == "RRSIG" else record.rtype
        edit = story.edits.get((record.owner, covers))
        if edit is None:
            lines.append(record)
        elif edit.members and record.rtype == "CNAME":
            lines.append(Record(record.owner, edit.ttl, record.rtype, edit.rdatas[0]))
        elif record.rtype == "RRSIG" or record.rdata in edit.rdatas:
            lines.append(Record(record.owner, edit.ttl, record.rtype, record.rdata))
    return "".join(f"{line}\n" for line in lines)


def serve(story: Story) -> tuple[Served, Decided]:
    model = story.scene.model
    zone = pools.load(model.origin, model.text(), NOW)
    chosen = [pool_of(zone, one, edit) for one, edit in story.edits.items()]
    decided = Decided(chosen)
    for one, edit in story.edits.items():
        selection = Selection(edit.mask, edit.ttl, Mode.ANSWER, edit.note_index)
        decided.decide(pools.key(*one), selection)
    cells = counters.fresh()
    path = hotpath.make(Settings(), cells)
    path.put_zone(zone.apex, Image(compiler.build(zone, pools=chosen)), decided.cells)
    return Served(path, cells, viewed(model.origin, edited(story))), decided


def without(section: Section, chosen: set[Key]) -> Section:
    """A section without pools: they are nobody's additional data."""
    left = set()
    for entry in section:
        name, rtype, covers, *_ = entry
        wire = dns.name.from_text(name).to_wire()
        assert wire
        if Key(wire, covers or rtype) not in chosen:
            left.add(entry)
    return frozenset(left)


def agree(story: Story) -> None:
    served, decided = serve(story)
    chosen = {pools.key(*one) for one in story.edits}
    for query in story.scene.queries:
        if query.rtype == RRSIG:
            continue
        found = lookup(served.view, Question(query.name, query.rtype, query.do))
        if is_a_loop(found):  # through a pool it is refused, by policies' check
            continue
        response = of_message(parsed(served.ask(query)))
        expected = of_answer(found)
        assert response._replace(additional=frozenset()) == expected._replace(
            additional=frozenset()
        ), str(query)
        assert response.additional == without(expected.additional, chosen), str(query)
    for one, edit in story.edits.items():
        left = decided.left(pools.key(*one), edit.note_index)
        assert left <= edit.ttl + 1
    assert not served.counters[counters.INDEX["internal_error"]]


fallbacks = st.lists(st.sampled_from((1, 2, 3)), unique=True, max_size=2)


@st.composite
def chosen_pools(draw: DrawFn, zone: Zone, story: Story) -> list[compiler.PoolRecords]:
    """Pools with weights, and fallback addresses that they answer with."""
    found = []
    for place, edit in story.edits.items():
        one = pools.key(*place)
        if edit.members:
            many = tuple(draw(st.integers(0, 3)) for _ in edit.members)
            sticky = draw(st.booleans())
            found.append(pool_of(zone, place, edit, weights=many, sticky=sticky))
            continue
        size = len(zone.nodes[one.owner][one.rtype].rdatas[0])
        fallback = tuple(bytes(size - 1) + bytes((n,)) for n in draw(fallbacks))
        members = len(zone.nodes[one.owner][one.rtype].rdatas) + len(fallback)
        weights = tuple(draw(st.integers(0, 3)) for _ in range(members))
        manner = {"take": draw(st.integers(0, 4)), "sticky": draw(st.booleans())}
        found.append(pools.pool(zone, one, fallback=fallback, weights=weights, **manner))
    return found


word_bits = st.builds(
    lambda mask, ttl, mode, note_index: encode(Selection(mask, ttl, mode, note_index)),
    st.integers(0, 7) | st.integers(0, 2**32 - 1),
    st.integers(0, 2**24 - 1),
    st.sampled_from(Mode),
    st.integers(0, NOTES - 1),
)


@given(stories(scenes(models() | signed(models()))), st.data())
def test_both_twins_choose_the_same(story: Story, data: st.DataObject) -> None:
    native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")
    model = story.scene.model
    zone = pools.load(model.origin, model.text(), NOW)
    chosen = data.draw(chosen_pools(zone, story))
    decided = Decided(chosen)
    for first in decided.first.values():
        decided.cells.selections[first] = data.draw(word_bits | st.integers(0, 2**64 - 1))
    image = compiler.build(zone, pools=chosen)
    octet = data.draw(st.none() | st.tuples(st.integers(0), st.integers(0, 255)))
    if octet:  # damaged: no access may go astray
        image[HEADER + octet[0] % (len(image) - HEADER)] = octet[1]
    counts = counters.fresh(), counters.fresh()
    cells = decided.cells, pools.several(decided.cells)
    settings = Settings(udp_payload=data.draw(st.sampled_from((512, 1232))))
    seed = data.draw(st.integers(0, 2**64 - 1))
    paths = (
        PythonHotPath(settings, counts[0], None, seed),
        native.NativeHotPath(settings, counts[1], None, seed),
    )
    for path, its_cells in zip(paths, cells, strict=True):
        path.put_zone(zone.apex, Image(image), its_cells)
    for query in story.scene.queries:
        octets = data.draw(st.binary(min_size=2, max_size=2)) + packet(query, 1232)[2:]
        client = Client(data.draw(st.sampled_from(Transport)), "192.0.2.1")
        plain, fast = (path.answer(octets, NOW, client) for path in paths)
        assert fast == plain or octet
    if not octet:
        assert counts[0].tolist() == counts[1].tolist()
        for plain_note, fast_note in zip(cells[0].cache_until, cells[1].cache_until, strict=True):
            assert abs(plain_note - fast_note) <= 1
        assert cells[0].counts.tolist() == cells[1].counts.tolist()


@given(stories(scenes(models())))
def test_unsigned(story: Story) -> None:
    agree(story)


@given(stories(scenes(signed(models()))))
def test_signed(story: Story) -> None:
    agree(story)


def test_caches_keep_that_there_is_nothing_for_as_long_as_the_soa_says() -> None:
    model = Model(dns.name.from_text("example."), minimum=300)
    model.add(model.origin, "NS", "ns.other.")
    www = dns.name.from_text("www.example.")
    model.add(www, "A", "192.0.2.1")
    zone = pools.load(model.origin, model.text(), NOW)
    one = pools.key(www, "A")
    decided = Decided([pools.pool(zone, one)])
    decided.decide(one, Selection(0, 3, Mode.NODATA, 2))
    path = hotpath.make(Settings(), counters.fresh())
    path.put_zone(
        zone.apex, Image(compiler.build(zone, pools=[pools.pool(zone, one)])), decided.cells
    )
    query = Query(www, dns.rdatatype.A, do=False)
    octets = path.answer(packet(query, 1232), NOW, Client(Transport.UDP, "192.0.2.1"))
    assert octets
    response = parsed(octets)
    assert (response.rcode(), response.answer) == (0, [])
    assert response.authority[0].ttl == 10
    assert 9 <= decided.left(one, 2) <= 11
