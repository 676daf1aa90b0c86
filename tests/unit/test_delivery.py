"""The horizon's margin is made of the bounds that workers and their kernel keep."""

from __future__ import annotations

import inspect
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from dnsd.caches import judge
from dnsd.wire import delivery
from tests.serving import TcpHarness

SOURCE = inspect.getsource(delivery)
TERMS = re.findall(r"^([A-Z_]+_S) = [0-9.]+$", SOURCE, re.MULTILINE)
_BOTH = {"STOPPED_S", "TRAVEL_S"}
WAYS = {
    "UDP_S": _BOTH | {"SENT_WITHIN_S", "NEIGHBOUR_S"},
    "TCP_S": _BOTH | {"DELIVERED_WITHIN_S", "RETRANSMIT_S", "USER_TIMEOUT_S"},
}


def test_the_margin_covers_both_ways() -> None:
    assert judge.MARGIN_S == delivery.MARGIN_S
    assert judge.MARGIN_S >= delivery.UDP_S
    assert judge.MARGIN_S >= delivery.TCP_S


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("way", WAYS)
def test_no_part_of_a_way_can_be_longer_without_the_way(way: str, term: str) -> None:
    longer: dict[str, Any] = {}
    exec(re.sub(rf"^{term} = ", f"{term} = 10.0 + ", SOURCE, flags=re.MULTILINE), longer)
    assert longer[term] == getattr(delivery, term) + 10.0
    assert longer[way] == getattr(delivery, way) + (10.0 if term in WAYS[way] else 0.0)
    assert longer["MARGIN_S"] >= longer[way]


def test_every_part_of_a_way_is_known() -> None:
    assert set(TERMS) == set().union(*WAYS.values())


def test_a_connection_keeps_what_its_listener_was_told() -> None:
    with TcpHarness() as tcp_side:
        served = tcp_side.served(tcp_side.client())
        assert served
        timeout_ms = served.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert timeout_ms == delivery.USER_TIMEOUT_S * 1000
        linger = served.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert linger == b"\1\0\0\0\0\0\0\0", "with a reset, whatever ends the process"


def test_the_kernel_gives_a_neighbour_no_more_time_than_we_think() -> None:
    """Its defaults: a node whose sysctls say more breaks what the horizon promises."""
    for family in ("ipv4", "ipv6"):
        probes, apart_ms = (
            int(Path(f"/proc/sys/net/{family}/neigh/default/{key}").read_text())
            for key in ("mcast_solicit", "retrans_time_ms")
        )
        assert probes * apart_ms / 1000 <= delivery.NEIGHBOUR_S
