"""What a pool is answered with: each mode by mask, weights and manner, in both twins alike."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from ipaddress import ip_address
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import dns.message
import dns.name
import pytest
from dns.rdatatype import RRSIG, SOA, A
from hypothesis import event, given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd.hotpath._python import PythonHotPath
from dnsd.hotpath.api import Client, Settings, Transport
from dnsd.image.selection import DENIAL_TTL, NOTES, Mode, Selection
from dnsd.image.store import Image
from dnsd.metrics import counters
from tests import pools
from tests.model import Model
from tests.parity.sections import NOW, parsed
from tests.pools import Decided
from tests.signing import sign_nsec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dnsd.hotpath.api import HotPath

ORIGIN = dns.name.from_text("example.")
WWW = dns.name.from_text("www.example.")
KEY = pools.key(WWW, "A")
NAMES = {"itself": "www.example.", "alias": "alias.example.", "redirected": "www.moved.example."}


class Setting(NamedTuple):
    """A pool of ``weights`` members, the last ``fallback`` of them not in the zone file."""

    weights: tuple[int, ...]
    fallback: int = 0
    take: int = 1
    sticky: bool = False
    signed: bool = False

    @property
    def addresses(self) -> list[str]:
        return [f"192.0.2.{1 + at}" for at in range(len(self.weights))]


def twins(seed: int) -> list[HotPath]:
    native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")
    return [
        kind(Settings(), counters.fresh(), None, seed)
        for kind in (PythonHotPath, native.NativeHotPath)
    ]


class Scene:
    """Both twins with one pool, and a word."""

    def __init__(self, setting: Setting, selection: Selection, seed: int = 1) -> None:
        self.setting, self.selection = setting, selection
        model = Model(ORIGIN)
        model.add(ORIGIN, "NS", "ns.other.")
        natural = len(setting.weights) - setting.fallback
        for address in setting.addresses[:natural]:
            model.add(WWW, "A", address)
        model.add(dns.name.from_text(NAMES["alias"]), "CNAME", "www")
        model.add(dns.name.from_text("moved.example."), "DNAME", "example.")
        if setting.signed:
            sign_nsec(model)
        zone = pools.load(ORIGIN, model.text(), NOW)
        fallback = tuple(ip_address(one).packed for one in setting.addresses[natural:])
        pool = pools.pool(
            zone,
            KEY,
            fallback=fallback,
            weights=setting.weights,
            take=setting.take,
            sticky=setting.sticky,
        )
        self.image = Image(compiler.build(zone, pools=[pool]))
        self.decided = Decided([pool])
        self.decided.decide(KEY, selection)
        self.cells = self.decided.cells, pools.several(self.decided.cells)
        self.paths = twins(seed)
        for path, cells in zip(self.paths, self.cells, strict=True):
            path.put_zone(zone.apex, self.image, cells)

    def ask(self, ident: int = 0, address: str = "203.0.113.1", name: str = "itself") -> set[int]:
        """Which members both twins answer with."""
        query = dns.message.make_query(NAMES[name], A, id=ident, want_dnssec=self.setting.signed)
        client = Client(Transport.UDP, address)
        plain, fast = (path.answer(query.to_wire(), NOW, client) for path in self.paths)
        assert plain is not None
        assert plain == fast
        return self.members(plain)

    def members(self, octets: bytes) -> set[int]:
        message = parsed(octets)
        by_type = {rrset.rdtype: rrset for rrset in message.answer}
        found = list(by_type.get(A, ()))
        if found:
            assert {by_type[one].ttl for one in by_type if one in (A, RRSIG)} == {
                self.selection.ttl
            }
        assert (RRSIG in by_type) == (self.setting.signed and bool(by_type))
        if self.selection.mode == Mode.NODATA:
            assert SOA in {rrset.rdtype for rrset in message.authority}
        return {self.setting.addresses.index(rdata.to_text()) for rdata in found}

    def notes(self) -> Iterator[list[int]]:
        first = self.decided.first[KEY]
        for cells in self.cells:
            yield list(cells.cache_until[first : first + NOTES + len(self.setting.weights)])


@st.composite
def settings(draw: st.DrawFn) -> Setting:
    members = draw(st.integers(1, 5))
    fallback = draw(st.sampled_from((0, 0, 1, 2)))
    weights = draw(st.lists(st.integers(0, 4), min_size=members, max_size=members))
    return Setting(
        (*weights, *(1 for _ in range(fallback))),
        fallback,
        take=draw(st.integers(1, 4)),
        sticky=draw(st.booleans()),
        signed=draw(st.booleans()),
    )


@pytest.mark.parametrize("mode", [Mode.ANSWER, Mode.SOME, Mode.NODATA])
@given(setting=settings(), data=st.data())
def test_an_answer_has_what_the_word_says(
    mode: Mode, setting: Setting, data: st.DataObject
) -> None:
    mask = data.draw(st.integers(1, (1 << len(setting.weights)) - 1))
    selection = Selection(
        mask, data.draw(st.integers(0, 600)), mode, data.draw(st.integers(0, NOTES - 1))
    )
    scene = Scene(setting, selection, data.draw(st.integers(0, 2**64 - 1)))
    eligible = {at for at in range(len(setting.weights)) if mask >> at & 1}
    given_out: set[int] = set()
    began = time.monotonic()
    for _ in range(8):
        name = data.draw(st.sampled_from(tuple(NAMES)))
        found = scene.ask(data.draw(st.integers(0, 65535)), data.draw(ADDRESSES), name)
        given_out |= found
        if mode == Mode.NODATA:
            assert not found
        elif mode == Mode.ANSWER:
            assert found == eligible
        else:
            take = 1 if setting.sticky else setting.take
            event(f"{min(take, len(eligible))} of {len(eligible)}")
            assert len(found) == min(take, len(eligible))
            assert found <= eligible
            heavy = {at for at in eligible if setting.weights[at]}
            if heavy and len(found) <= len(heavy):
                assert found <= heavy, "who weighs nothing is answered before one who does"
    noted = {NOTES + at for at in given_out} if mode == Mode.SOME else {selection.note_index}
    ttl = DENIAL_TTL if mode == Mode.NODATA else selection.ttl
    for notes in scene.notes():
        assert {cell for cell, until in enumerate(notes) if until} == noted
    earliest, latest = began + ttl, time.monotonic() + ttl + 1
    for notes in scene.notes():  # caches have it for as long as that, to a second
        assert all(earliest <= notes[cell] <= latest for cell in noted)


ADDRESSES = st.sampled_from(("203.0.113.1", "2001:db8::1")) | st.ip_addresses().map(str)


# -- by weight ------------------------------------------------------------------------------------

TIMES = 3000
NUMBERS: dict[str, Callable[[int], int]] = {
    "always 0, as DoH and DoQ front ends send it": lambda _: 0,
    "counted": lambda number: number % 65536,
    "random": lambda number: number * 40503 % 65536,
}
WEIGHTS = [(1, 1), (3, 1), (1, 2, 3, 4), (0, 5, 1), (0, 0), (1000, 1, 999)]


def shares(setting: Setting, numbers: Callable[[int], int], times: int = TIMES) -> list[float]:
    mask = (1 << len(setting.weights)) - 1
    scene = Scene(setting, Selection(mask, 60, Mode.SOME))
    found = Counter(
        itertools.chain.from_iterable(
            scene.ask(numbers(number), f"203.0.113.{number % 5}") for number in range(times)
        )
    )
    return [found[at] / times for at in range(len(setting.weights))]


def is_near(share: float, probability: float, times: int = TIMES) -> bool:
    """Whether it is within five standard deviations."""
    return abs(share - probability) <= 5 * sqrt(probability * (1 - probability) / times)


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_one_is_chosen_by_weight_whatever_the_number(
    weights: tuple[int, ...], numbers: str
) -> None:
    total = sum(weights)
    wanted = [weight / total if total else 1 / len(weights) for weight in weights]
    found = shares(Setting(weights), NUMBERS[numbers])
    assert all(map(is_near, found, wanted)), (found, wanted)


@pytest.mark.parametrize("take", [2, 3])
@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (4, 3, 2, 1), (0, 1, 1, 6)])
def test_some_are_drawn_one_after_the_other(weights: tuple[int, ...], take: int) -> None:
    """The probability of each member is added up over all orders in which they can be drawn."""
    wanted = [0.0] * len(weights)
    for order in itertools.permutations(range(len(weights)), take):
        probability, left = 1.0, sum(weights)
        for at in order:
            probability *= weights[at] / left if left else 0
            left -= weights[at]
        for at in order:
            wanted[at] += probability
    found = shares(Setting(weights, take=take), NUMBERS["counted"])
    assert all(map(is_near, found, wanted)), (found, wanted)


def test_every_pair_is_drawn() -> None:
    scene = Scene(Setting((1,) * 4, take=2), Selection(0b1111, 60, Mode.SOME))
    pairs = {frozenset(scene.ask(0)) for _ in range(400)}
    assert pairs == {frozenset(pair) for pair in itertools.combinations(range(4), 2)}


def test_workers_begin_differently() -> None:
    native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")
    for kind in (PythonHotPath, native.NativeHotPath):
        sequences = set()
        for _ in range(2):
            scene = Scene(Setting((1,) * 8), Selection(0xFF, 60, Mode.SOME))
            path = kind(Settings(), counters.fresh())
            path.put_zone(b"\7example\0", scene.image, scene.cells[0])
            query = dns.message.make_query(WWW, A, id=0).to_wire()
            client = Client(Transport.UDP, "203.0.113.1")
            octets = [path.answer(query, NOW, client) for _ in range(20)]
            sequences.add(tuple(octets))
        assert len(sequences) == 2


# -- by network -----------------------------------------------------------------------------------

STICKY = Setting((1, 2, 1, 0), sticky=True)


def by_network(mask: int, addresses: list[str], setting: Setting = STICKY) -> dict[str, int]:
    scene = Scene(setting, Selection(mask, 60, Mode.SOME), seed=mask)
    found: dict[str, int] = {}
    for address in addresses:
        (found[address],) = scene.ask(len(found), address)
    return found


NETWORKS = [f"10.{at // 256}.{at % 256}.{at % 7}" for at in range(1200)] + [
    f"2001:db8:{at:x}:{at % 256:x}::1" for at in range(1200)
]


def test_sticky_shares_are_those_of_the_weights() -> None:
    found = Counter(by_network(0b1111, NETWORKS).values())
    wanted = [0.25, 0.5, 0.25, 0]
    times = len(NETWORKS)
    assert all(is_near(found[at] / times, wanted[at], times) for at in range(4)), found


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("10.1.2.3", "10.1.2.250", True),
        ("10.1.2.3", "10.1.3.3", False),
        ("2001:db8:1:100::1", "2001:db8:1:1ff:9::2", True),
        ("2001:db8:1:100::1", "2001:db8:1:200::1", False),
    ],
)
def test_a_network_is_a_24_or_a_56(one: str, other: str, alike: bool) -> None:
    """With so many members two networks seldom get the same one."""
    setting = Setting((1,) * 30, sticky=True)
    found = by_network((1 << 30) - 1, [one, other], setting)
    assert (found[one] == found[other]) == alike


def test_when_a_member_leaves_only_its_networks_move_and_come_back() -> None:
    before = by_network(0b1111, NETWORKS)
    for gone in range(3):
        after = by_network(0b1111 & ~(1 << gone), NETWORKS)
        moved = {address for address in NETWORKS if after[address] != before[address]}
        assert moved == {address for address in NETWORKS if before[address] == gone}
        assert len({after[address] for address in moved}) == 2, "not all of them to one"


def test_an_edit_of_the_zone_moves_only_what_it_must() -> None:
    """Members are known by their address, not by their place among the others."""
    few = Setting((1, 1), sticky=True)
    more = Setting((1, 1, 1), sticky=True)
    before = by_network(0b11, NETWORKS, few)
    after = by_network(0b111, NETWORKS, more)
    assert all(after[one] in (before[one], 2) for one in NETWORKS)
