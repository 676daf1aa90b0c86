"""One service of a running director: what it takes over, and where its slots are to lead."""

from __future__ import annotations

from typing import Any

from dnsd.balance.backend import BackendState
from dnsd.config.balance import BackendConfig, Service
from dnsd.control.balance.live import START_S, LiveService
from dnsd.control.balance.nexthops import BackendHop, KernelNexthop
from dnsd.control.balance.rates import PERIOD_S, BackendRates

AFTER = START_S + 1


def config(*names: str, **keys: Any) -> Service:
    backends = tuple(
        BackendConfig(name=name, address=(f"10.0.0.{number}", f"fd00::{number}"))
        for number, name in enumerate(names, 11)
    )
    given = {"vips": ("192.0.2.80", "2001:db8:53::80"), "check": "tcp", "port": 80, **keys}
    return Service(name="web", protocol="tcp", backend=backends, **given)


def live(*names: str, **keys: Any) -> LiveService:
    made = LiveService(config(*names, **keys), set(), 0.0)
    place(made, made.config)
    return made


def place(one: LiveService, wanted: Service) -> None:
    one.hops = {
        backend.name: {
            group.family: BackendHop(backend.address[group.is_six], 3) for group in one.groups
        }
        for backend in wanted.backend
    }
    one.take(wanted)


def up(one: LiveService, *names: str) -> None:
    for name in names:
        for address in one.backends[name].addresses:
            for _ in range(one.config.up):
                one.backends[name].good(address, 0.0)


def down(one: LiveService, name: str) -> None:
    one.backends[name].bad(one.backends[name].addresses[0], "is ill", 0.0, certain=True)


def in_kernel(one: LiveService, names: list[str]) -> dict[int, KernelNexthop]:
    found = {
        group.number: KernelNexthop(group.number, None, len(names), True) for group in one.groups
    }
    for group in one.groups:
        for slot, name in enumerate(names):
            number = group.slot(slot)
            found[number] = KernelNexthop(number, one.hops[name][group.family], 0, False)
    return found


def test_what_an_earlier_process_has_left_is_taken_over() -> None:
    one = live("a", "b")
    names = ["a", "b"] * 510 + ["a"]
    assert one.inherit(in_kernel(one, names))
    assert one.slots.actual == names
    one.silent = [0.0] * 1021
    assert one.due(0.0, unused=False) == []


def test_what_is_not_whole_is_made_anew() -> None:
    one = live("a", "b")
    found = in_kernel(one, ["a"] * 1021)
    del found[one.groups[1].slot(17)]
    assert not one.inherit(found)
    found = in_kernel(one, ["a"] * 1021)
    number = one.groups[0].number
    found[number] = KernelNexthop(number, None, 1020, True)
    assert not one.inherit(found)


def test_a_slot_whose_families_differ_or_whose_backend_is_gone_moves_at_once() -> None:
    one = live("a", "b")
    found = in_kernel(one, ["a"] * 1021)
    other = one.groups[1].slot(5)
    found[other] = KernelNexthop(other, one.hops["b"][one.groups[1].family], 0, False)
    strange = one.groups[0].slot(9)
    found[strange] = KernelNexthop(strange, BackendHop("10.9.9.9", 3), 0, False)
    assert one.inherit(found)
    one.silent = [0.0] * 1021
    assert [move.slot for move in one.due(0.0, unused=False)] == [5, 9]


def test_until_it_has_been_checked_an_unknown_backend_is_expected_to_be_up() -> None:
    one = live("a", "b")
    up(one, "a")
    assert set(one.wanted(0.0)) == {"a", "b"}
    assert set(one.wanted(AFTER)) == {"a"}
    assert set(one.wanted(AFTER, unused=True)) == {"a", "b"}
    assert one.verdict(0.0) is None
    assert one.verdict(AFTER) is not None


def test_without_backends_looked_at_nothing_is_said() -> None:
    assert LiveService(config("a"), set(), 0.0).verdict(AFTER) is None


def test_where_all_that_are_up_are_drained_they_keep_what_they_have() -> None:
    one = live("a", "b")
    up(one, "a", "b")
    one.drained = {"a"}
    assert set(one.wanted(AFTER)) == {"b"}
    down(one, "b")
    assert set(one.wanted(AFTER)) == {"a"}


def test_an_edit_keeps_what_is_known_of_the_others() -> None:
    one = live("a", "b")
    up(one, "a", "b")
    place(one, config("a", "b", "c"))
    assert [one.backends[name].state for name in "abc"] == [
        BackendState.UP,
        BackendState.UP,
        BackendState.UNKNOWN,
    ]
    place(one, config("a"))
    one.slots.actual = ["b"] * 1021
    assert one.down() == {"b"}


def test_a_backend_on_no_link_gets_nothing_and_is_told() -> None:
    one = live("a", "b")
    up(one, "a", "b")
    del one.hops["b"][one.groups[1].family]
    assert set(one.wanted(AFTER)) == {"a"}
    assert len(one.homeless()) == 1
    assert "backend b (10.0.0.12, fd00::12) is not on a link of this director" in one.homeless()[0]


def test_numbers_of_groups_never_meet() -> None:
    taken: set[int] = set()
    first = LiveService(config("a"), taken, 0.0)
    second = LiveService(config("a"), taken, 0.0)
    assert not {*first.numbers} & {*second.numbers}


def test_rates_are_those_of_one_period_and_unknown_after_slots_have_moved() -> None:
    rates = BackendRates()
    assert rates.is_due(0.0)
    assert not rates.is_due(PERIOD_S - 1)
    rates.take(0.0, "web", {"a": 100, "b": 50})
    assert rates.of("web", "a") is None
    rates.take(5.0, "web", {"a": 600, "b": 10})
    assert rates.of("web", "a") == 100.0
    assert rates.of("web", "b") is None
