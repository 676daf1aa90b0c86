"""Two directors and three backends in each city: what happens behind them moves no client away."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bench.lab import events, farm
from bench.lab import lab as labs
from bench.lab.lab import Lab
from bench.lab.topology import VIPS
from tests.conftest import CI, needs
from tests.support import until

pytestmark = needs(*labs.NEEDED, "nft")


@pytest.fixture
def lab() -> Iterator[Lab]:
    if os.geteuid() != 0:
        if CI:
            pytest.fail("the lab needs root, and in CI nothing may be missing")
        pytest.skip("the lab needs root")
    with Lab(f"farm-{os.getpid()}", farm.Directors()).running() as found:
        yield found


def test_a_city_without_a_backend_or_a_director_serves_on_and_without_backends_the_next_one(
    lab: Lab,
) -> None:
    city = lab["nyc"]
    farm.kill(lab, "b")
    until(lambda: "b is down" in (city.directory / "director2.log").read_text())
    lab.wait(events.AT_HOME)  # each director finds it out by itself
    farm.kill(lab, "director1")
    lab.wait(events.AT_HOME)
    until(lambda: all(city.answerers() == ("nyc",) * len(VIPS) for _ in range(10)))
    farm.kill(lab, "a", "c")
    lab.wait(events.ELSEWHERE)
    farm.start(lab, *farm.BACKENDS, "director1")
    lab.wait(events.AT_HOME)
