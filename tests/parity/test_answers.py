"""Compiled answers against the oracle, on generated zones and questions."""

from __future__ import annotations

from hypothesis import given

from tests import wirecheck
from tests.parity.sections import Served, of_answer, of_message, parsed, serve
from tests.strategies import Scene, models, scenes, signed

OPT = 41


def agree(scene: Scene) -> None:
    served = serve(scene.model)
    for query in scene.queries:
        packet = served.ask(query)
        response = parsed(packet)
        assert of_message(response) == of_answer(served.expect(query)), str(query)
        check_rdata(served, packet)


def check_rdata(served: Served, packet: bytes) -> None:
    """What must not be compressed stands octet for octet as in the zone (RFC 3597 §4)."""
    for record in wirecheck.read(packet).records:
        if record.rtype not in wirecheck.COMPRESSIBLE | {OPT}:
            assert record.rdata in served.rdatas(record.rtype)


@given(scenes(models()))
def test_unsigned(scene: Scene) -> None:
    agree(scene)


@given(scenes(signed(models())))
def test_signed(scene: Scene) -> None:
    agree(scene)
