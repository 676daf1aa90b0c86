"""Whatever the octets: no exception, no nonsense back, and every packet accounted for."""

from __future__ import annotations

import dns.message
from hypothesis import given
from hypothesis import strategies as st

from dnsd.hotpath import Client, Settings, Transport
from dnsd.metrics import counters
from tests import packets, wirecheck
from tests.parity.samples import sample_nsec3
from tests.parity.sections import NOW, Served, serve

SETTINGS = Settings(
    nsid=b"node", server_id=b"node.example", version=b"dnsd", cookie_secrets=(bytes(16),)
)
SERVED = serve(sample_nsec3(), SETTINGS)

clients = st.sampled_from(
    [
        Client(transport, address)
        for transport in Transport
        for address in ("192.0.2.1", "2001:db8::1")
    ]
)

UPDATE = 5
NAMES = ("example.", "x.w.example.", "alias.example.", "x.d.example.", "a.sub.example.", "other.")
OPTIONS = (
    packets.option(3),
    packets.option(10, bytes(8)),
    packets.option(10, bytes(24)),
    packets.option(11),
    packets.option(12, bytes(5)),
    packets.option(65001, b"?"),
)

additionals = st.one_of(
    st.builds(
        lambda options, payload, flags: packets.opt(*options, payload=payload, flags=flags),
        st.lists(st.sampled_from(OPTIONS), max_size=4),
        st.sampled_from((0, 512, 1232, 65535)),
        st.sampled_from((0, packets.DO, 0x7FFF)),
    ),
    st.just(packets.tsig()),
    st.just(packets.record(1, bytes(4))),
)

valid = st.builds(
    lambda name, rtype, more, flags: packets.query(name, rtype, *more, flags=flags),
    st.sampled_from(NAMES),
    st.sampled_from((1, 2, 6, 16, 46, 48, 251, 252, 255, 65280)),
    st.lists(additionals, max_size=2),
    st.sampled_from((0, packets.RD, packets.CD, 0x0070)),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid query with a few octets changed, cut out, doubled or put in."""
    octets = bytearray(draw(valid))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(octets)))
        end = at + draw(st.integers(0, 4))
        octets[at:end] = draw(
            st.binary(max_size=4) | st.sampled_from((b"\xc0\x0c", b"\x3f", b"\xff"))
        )
    return bytes(octets)


def moved(served: Served, before: list[int]) -> dict[str, int]:
    now = served.counters.tolist()
    return {
        name: now[index] - before[index]
        for name, index in counters.INDEX.items()
        if now[index] != before[index]
    }


def check(packet: bytes, client: Client) -> None:
    before = SERVED.counters.tolist()
    response = SERVED.path.answer(packet, NOW, client)
    changed = moved(SERVED, before)
    transport = client.transport.name.lower()
    assert changed.pop(f"queries_{transport}") == 1
    assert "internal_error" not in changed
    if response is None:
        assert changed in ({"drop_short": 1}, {"drop_response": 1})
        return
    assert changed.pop(f"responses_{transport}") == 1
    assert sum(count for name, count in changed.items() if name.startswith("odd_")) <= 1
    assert [n for name, n in changed.items() if name.startswith("rcode_")] == [1]
    check_response(packet, response, client)


def check_response(packet: bytes, response: bytes, client: Client) -> None:
    message = wirecheck.read(response)
    assert response[:2] == packet[:2]
    assert message.flags & 0x8000, "QR"
    assert not message.flags & 0x00E0, "RA, Z and AD"
    assert (message.flags ^ (packet[2] << 8 | packet[3])) & 0x7900 == 0, "opcode and RD copied"
    assert len(response) <= (1232 if client.transport == Transport.UDP else 65535)
    assert message.counts[0] <= 1
    if message.flags >> 11 & 0xF != UPDATE:  # of those dnspython wants a zone section
        dns.message.from_wire(response, keyring=False)


@given(st.binary(max_size=80) | st.binary(min_size=12, max_size=1300), clients)
def test_arbitrary(packet: bytes, client: Client) -> None:
    check(packet, client)


@given(valid, clients)
def test_valid(packet: bytes, client: Client) -> None:
    check(packet, client)


@given(mutated(), clients)
def test_mutated(packet: bytes, client: Client) -> None:
    check(packet, client)
