"""What becomes of an answer that is larger than the client takes (RFC 2181 §9, RFC 9471)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.message
import dns.name
import dns.rdatatype
from hypothesis import given, settings
from hypothesis import strategies as st

from dnsd.hotpath import Settings
from tests import wirecheck
from tests.model import Model
from tests.parity.sections import TCP, UDP, Served, of_answer, of_message, parsed, planned, serve
from tests.strategies import Query, Scene, crowded, models, scenes, signed

if TYPE_CHECKING:
    from tests.wirecheck import Message

OPT = 41
OPT_SIZE = 11

payloads = st.none() | st.sampled_from((0, 512, 700, 900, 1231, 1232, 1400, 65535))


QUESTIONS = tuple(
    Query(dns.name.from_text(name), dns.rdatatype.from_text(rtype), do)
    for name, rtype in (("x.sub.example.", "A"), ("mail.example.", "MX"), ("sub.example.", "DS"))
    for do in (False, True)
)
"""What to ask a crowded zone: a referral, targets with addresses, nothing special."""


def limit_for(payload: int | None) -> int:
    return 512 if payload is None else max(512, min(payload, Settings().udp_payload))


def ends_of_sets(message: Message) -> list[int]:
    """Where each RRset of the additional section ends; RRSIGs belong to what they cover."""
    ends: list[int] = []
    before = None
    for record in message.records:
        if record.section != 3 or record.rtype == OPT:
            continue
        covered = int.from_bytes(record.rdata[:2], "big") if record.rtype == 46 else record.rtype
        key = (record.owner.lower(), covered)
        if key == before:
            ends.pop()
        before = key
        ends.append(record.end)
    return ends


def mandatory_end(message: Message, query: Query, served: Served) -> int:
    """Where the last record ends that may not be left out."""
    answer = served.expect(query)
    glue = sum(len(rrset.rdatas) for rrset in answer.additional[: answer.mandatory])
    kept = message.counts[1] + message.counts[2] + glue
    end_of_question = len(query.name.to_wire() or b"") + 16
    return message.records[kept - 1].end if kept else end_of_question


def check(served: Served, query: Query, payload: int | None) -> None:
    whole = wirecheck.read(served.ask(query, TCP, payload))
    packet = served.ask(query, UDP, payload)
    limit = limit_for(payload)
    room = limit - (OPT_SIZE if payload is not None else 0)
    assert len(packet) <= limit
    got = wirecheck.read(packet)
    assert got.truncated == (mandatory_end(whole, query, served) > room)
    if got.truncated:
        assert got.counts[1:] == (0, 0, int(payload is not None))
        return
    kept = ends_of_sets(got)
    assert kept == ends_of_sets(whole)[: len(kept)], "not dropped from the end"
    dropped = [end for end in ends_of_sets(whole)[len(kept) :] if end <= room]
    assert not dropped, "dropped what would have fitted"
    check_content(served, query, packet, payload)


def check_content(served: Served, query: Query, packet: bytes, payload: int | None) -> None:
    answer = served.expect(query._replace(do=query.do and payload is not None))
    got, wanted = of_message(parsed(packet)), of_answer(answer)
    assert got._replace(additional=frozenset()) == wanted._replace(additional=frozenset())
    assert planned(answer.additional[: answer.mandatory]) <= got.additional <= wanted.additional


@given(scenes(models() | signed(models())), payloads)
def test_udp_sizes(scene: Scene, payload: int | None) -> None:
    served = serve(scene.model)
    for query in scene.queries:
        check(served, query._replace(do=query.do and payload is not None), payload)


@settings(max_examples=25)  # each one is some forty sizes
@given(crowded() | signed(crowded()), st.sampled_from(QUESTIONS))
def test_every_boundary(model: Model, query: Query) -> None:
    """The last octet that fits and the first that does not, behind each record."""
    served = serve(model)
    whole = wirecheck.read(served.ask(query, TCP))
    sizes = {record.end + OPT_SIZE - less for record in whole.records for less in (0, 1)}
    for size in sorted(size for size in sizes if limit_for(size) == size):
        check(served, query, size)
