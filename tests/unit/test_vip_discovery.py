"""The frames that ask who has an address, and those that claim it."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.anycast import discovery
from dnsd.control.anycast.discovery import Claim
from dnsd.control.anycast.neighbours import NeighbourAnswer

MINE = bytes.fromhex("020000000001")
HIS = bytes.fromhex("020000000002")
V4 = "192.0.2.53"
V6 = "2001:db8::5:1234"

# A reply as Linux sends it, to a probe; the frame is padded.
ARP_REPLY = bytes.fromhex(
    "020000000001 020000000002 0806"
    "0001 0800 06 04 0002"
    "020000000002 c0000235 020000000001 00000000"
    "000000000000000000000000000000000000"
)
# An advertisement as Linux sends it, to a solicitation without a source.
ADVERTISEMENT = bytes.fromhex(
    "333300000001 020000000002 86dd"
    "60000000 0020 3a ff"
    "fe800000000000000000000000000002 ff020000000000000000000000000001"
    "88 00 0000 20000000 20010db8000000000000000000051234 02 01 020000000002"
)


def test_discovery_arp_probe() -> None:
    assert discovery.question(MINE, V4) == bytes.fromhex(
        "ffffffffffff 020000000001 0806"
        "0001 0800 06 04 0001"
        "020000000001 00000000 000000000000 c0000235"
    )


def test_discovery_solicitation() -> None:
    frame = discovery.question(MINE, V6)
    assert frame[:14] == bytes.fromhex("3333ff051234 020000000001 86dd")
    assert frame[14:22] == bytes.fromhex("60000000 0018 3a ff")
    assert frame[22:38] == bytes(16)
    assert frame[38:54] == socket.inet_pton(socket.AF_INET6, "ff02::1:ff05:1234")
    assert frame[54:56] == bytes((135, 0))
    assert frame[58:] == bytes(4) + socket.inet_pton(socket.AF_INET6, V6)


@given(st.ip_addresses(v=6))
def test_discovery_solicitation_has_a_right_checksum(address: object) -> None:
    frame = discovery.question(MINE, str(address))
    covered = frame[22:54] + struct.pack("!II", 24, 58) + frame[54:]
    # With the checksum in its place all words sum up to zero, which is written with ones.
    assert sum(struct.unpack(f"!{len(covered) // 2}H", covered)) % 0xFFFF == 0
    assert frame[56:58] != b"\0\0"


def test_discovery_claims() -> None:
    assert discovery.claim(ARP_REPLY) == Claim(V4, HIS)
    assert discovery.claim(ADVERTISEMENT) == Claim(V6, HIS)
    # A request claims its sender's address just as well (RFC 5227, section 2.1.1).
    request = bytearray(ARP_REPLY)
    request[21] = 1
    assert discovery.claim(bytes(request)) == Claim(V4, HIS)


@pytest.mark.parametrize(
    ("frame", "at", "octet"),
    [
        (ARP_REPLY, 12, 0x09),  # another ethertype
        (ARP_REPLY, 15, 6),  # not Ethernet
        (ARP_REPLY, 16, 0x86),  # not IPv4
        (ARP_REPLY, 18, 8),  # longer hardware addresses
        (ADVERTISEMENT, 13, 0x00),
        (ADVERTISEMENT, 20, 17),  # UDP
        (ADVERTISEMENT, 21, 64),  # from beyond a router
        (ADVERTISEMENT, 54, 135),  # a solicitation: it asks
        (ADVERTISEMENT, 55, 1),  # no such code
    ],
)
def test_discovery_no_claims(frame: bytes, at: int, octet: int) -> None:
    changed = bytearray(frame)
    changed[at] = octet
    assert discovery.claim(bytes(changed)) is None


@pytest.mark.parametrize("address", [V4, V6])
def test_discovery_a_question_claims_nothing(address: str) -> None:
    assert discovery.claim(discovery.question(MINE, address)) is None


@given(st.sampled_from([ARP_REPLY, ADVERTISEMENT]), st.integers(0, 90), st.binary(max_size=40))
def test_discovery_hostile_frames(frame: bytes, length: int, rest: bytes) -> None:
    found = discovery.claim(frame[:length] + rest)
    assert found is None or found.mac == (frame[:length] + rest)[6:12]


def test_discovery_sentences() -> None:
    four, six = str(NeighbourAnswer(V4, HIS, "eth0")), str(NeighbourAnswer(V6, HIS, "eth0"))
    assert four.startswith(
        f"the VIP {V4} is an ordinary address of another machine: 02:00:00:00:00:02 "
    )
    assert "answers ARP for it on eth0;" in four
    assert "arp_ignore=1" in four
    assert "answers neighbour discovery for it on eth0;" in six
    assert "arp_ignore" not in six
