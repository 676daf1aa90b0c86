"""Routers that do not answer: in the kernel's table of neighbours, and what follows from it."""

from __future__ import annotations

import pytest

from dnsd.control.anycast.gateways import look, silent, wake
from dnsd.control.anycast.netlink import NeighbourState, NextHop
from tests.netspace import Space
from tests.support import until

ONE, OTHER = NextHop("198.51.100.1", 2), NextHop("2001:db8:1::1", 2)
WAYS = {False: "192.0.2.53", True: "2001:db8:53::53"}
ROUTERS = {"198.51.100.1", "2001:db8:1::1"}


@pytest.mark.parametrize("before", [set(), {ONE}])
def test_what_the_kernel_has_found_out_counts(before: set[NextHop]) -> None:
    assert silent({ONE: NeighbourState.FAILED}, before) == {ONE}
    assert silent({ONE: NeighbourState.ANSWERS}, before) == set()


def test_a_router_that_is_being_asked_is_as_it_was() -> None:
    assert silent({ONE: NeighbourState.UNKNOWN, OTHER: NeighbourState.UNKNOWN}, {ONE}) == {ONE}


def test_a_router_that_is_on_no_way_any_more_is_forgotten() -> None:
    assert silent({OTHER: NeighbourState.ANSWERS}, {ONE}) == set()


def test_the_kernel_tells_and_finds_a_router_again() -> None:
    with Space() as here, Space() as router:
        here.join(router, "up0", "down0")
        here.ip("link set lo up", "addr add 192.0.2.53/32 dev lo")
        here.ip("addr add 2001:db8:53::53/128 dev lo")
        assert here(look, WAYS) == {}, "no route is no silent router"
        here.ip("addr add 198.51.100.2/24 dev up0", "addr add 2001:db8:1::2/64 dev up0 nodad")
        here.ip("route add default via 198.51.100.1", "-6 route add default via 2001:db8:1::1")
        hops = set(here(look, WAYS))
        assert {hop.address for hop in hops} == ROUTERS
        assert set(here(look, WAYS).values()) == {NeighbourState.UNKNOWN}, "they were not asked"
        here(wake, hops)
        until(lambda: set(here(look, WAYS).values()) == {NeighbourState.FAILED}, "silence")
        router.ip("addr add 198.51.100.1/24 dev down0", "addr add 2001:db8:1::1/64 dev down0 nodad")
        here(wake, hops)
        until(lambda: set(here(look, WAYS).values()) == {NeighbourState.ANSWERS}, "an answer")
