"""Answers that the kernel refuses to send: both hot paths count them alike, by the reason."""

from __future__ import annotations

import select
import socket

import pytest

from dnsd.hotpath import Settings
from dnsd.hotpath._python import PythonHotPath
from dnsd.metrics import counters
from dnsd.serve.sockets import ListenAddress
from tests.netspace import Space
from tests.serving import PATIENCE, query, udp_at

native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

CLIENT, NODE = "203.0.113.7", "192.0.2.53"
REASONS = {
    "": "drop_send_no_route",
    f"route add unreachable {CLIENT}/32": "drop_send_no_route",
    f"route add prohibit {CLIENT}/32": "drop_send_forbidden",
    f"route add blackhole {CLIENT}/32": "drop_send_error",
}


@pytest.mark.parametrize("kind", [PythonHotPath, native.NativeHotPath])
def test_what_the_kernel_refuses_is_counted_by_the_reason(kind: type[PythonHotPath]) -> None:
    with Space() as space:
        space.ip("link set lo up", f"addr add {NODE}/32 dev lo")
        for change, counter in REASONS.items():
            assert _counted(space, kind, change) == [counter]


def _counted(space: Space, kind: type[PythonHotPath], change: str) -> list[str]:
    """Return what was not sent to a client whose way back has gone by then, by ``change``."""
    cells = counters.fresh()
    side = space(udp_at, ListenAddress(NODE, 0), 65536, kind(Settings(), cells), cells)
    space.ip(f"addr add {CLIENT}/32 dev lo")
    space(_ask, side.sock.getsockname()[1])
    space.ip(f"addr del {CLIENT}/32 dev lo", *([change] if change else []))
    assert select.select([side.sock], [], [], PATIENCE)[0]
    side.on_readable()
    side.close()
    if change:
        space.ip(change.replace("add", "del", 1))
    return [
        name for name, n in counters.total([cells]).items() if n and name.startswith("drop_send")
    ]


def _ask(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((CLIENT, 0))
        client.sendto(query(1), (NODE, port))
