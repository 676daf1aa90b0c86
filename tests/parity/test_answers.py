"""Compiled answers against the oracle, on generated zones and questions."""

from __future__ import annotations

import dns.message
from hypothesis import given

from tests.parity.sections import of_answer, of_message, serve
from tests.strategies import Scene, models, scenes, signed


def agree(scene: Scene) -> None:
    served = serve(scene.model)
    for query in scene.queries:
        response = dns.message.from_wire(served.ask(query))
        assert of_message(response) == of_answer(served.expect(query)), str(query)


@given(scenes(models()))
def test_unsigned(scene: Scene) -> None:
    agree(scene)


@given(scenes(signed(models())))
def test_signed(scene: Scene) -> None:
    agree(scene)
