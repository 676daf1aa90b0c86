"""The fleet guard: the last node that announces the VIPs does not leave by an operator's order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dnsd.announce.reach import Reach
from dnsd.control.anycast.fleet import LEAVING_S, FleetGuard
from dnsd.errors import AdminError
from tests.serving import Clock

VIPS = ("192.0.2.53", "2001:db8::53")
Pages = Sequence[tuple[str, Reach | None]]


def page(*announces: str) -> Reach:
    return Reach(node="lon", announces=announces)


def guard(pages: Pages, state: str = "announced") -> FleetGuard:
    async def ask() -> Pages:
        return pages

    return FleetGuard(VIPS, lambda: state, ask, Clock())


@pytest.mark.parametrize(
    "pages",
    [
        [("http://lon", None)],
        [("http://lon", page())],
        [("http://lon", page(VIPS[0]))],
        [("http://lon", page(VIPS[0])), ("http://tyo", None)],
    ],
)
def test_the_last_one_stays(pages: Pages) -> None:
    with pytest.raises(AdminError, match=r"the last that is known to announce.*2001:db8::53.*lon"):
        asyncio.run(guard(pages).check())


@pytest.mark.parametrize(
    "pages",
    [
        [],
        [("http://lon", page(*VIPS)), ("http://tyo", None)],
        [("http://lon", page(VIPS[0])), ("http://tyo", page(VIPS[1]))],
    ],
)
def test_one_of_several_may_go_and_so_may_one_that_knows_no_other(pages: Pages) -> None:
    asyncio.run(guard(pages).check())


@pytest.mark.parametrize("state", ["drained", "withdrawn", "standby", ""])
def test_one_that_does_not_announce_may_go(state: str) -> None:
    alone = guard([("http://lon", None)], state)
    asyncio.run(alone.check())
    assert alone.announced() == ()


def test_two_that_ask_at_once_do_not_both_go() -> None:
    guards: list[FleetGuard] = []

    def made(number: int) -> FleetGuard:
        async def ask() -> Pages:
            await asyncio.sleep(0)
            return [("http://other", page(*guards[1 - number].announced()))]

        return FleetGuard(VIPS, lambda: "announced", ask, Clock())

    async def both() -> list[BaseException | None]:
        checks = (one.check() for one in guards)
        return await asyncio.gather(*checks, return_exceptions=True)

    guards += map(made, (0, 1))
    assert guards[0].announced() == VIPS
    assert any(isinstance(one, AdminError) for one in asyncio.run(both()))


def test_one_that_may_go_is_not_counted_on_until_its_state_tells() -> None:
    clock = Clock()

    async def ask() -> Pages:
        return [("http://lon", page(*VIPS))]

    one = FleetGuard(VIPS, lambda: "announced", ask, clock)
    asyncio.run(one.check())
    assert one.announced() == ()
    clock.now += LEAVING_S + 0.1
    assert one.announced() == VIPS
