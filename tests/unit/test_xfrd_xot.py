"""TLS: whoever never ends a handshake holds no more than a few places."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from dnsd.config import Endpoint
from dnsd.xfrd import xot
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.requests import SeenRequest, TransferRequests
from dnsd.xfrd.streams import Streams
from dnsd.xfrd.xot import TlsSide

if TYPE_CHECKING:
    import pytest


async def _no_question(_seen: SeenRequest) -> bytes | None:
    raise AssertionError


def _connect(place: tuple[str, int], source: str) -> socket.socket:
    client = socket.socket()
    client.bind((source, 0))
    client.connect(place)
    client.settimeout(0)
    return client


async def _is_open(client: socket.socket) -> bool:
    await asyncio.sleep(0.05)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_handshakes_that_never_end_leave_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xot, "MOST_BEGINNING", 40)
    monkeypatch.setattr(TlsSide, "_take_certificate", lambda _self: True)
    known = Knowledge()
    each = known.settings.outgoing_per_source

    async def work() -> None:
        (listener,) = xot.listeners([Endpoint(address="127.0.0.1", port=0)])
        place = listener.getsockname()
        side = TlsSide([listener], known, Streams(known, TransferRequests(known, {})), _no_question)
        running = asyncio.get_running_loop().create_task(side.run())
        await asyncio.sleep(0.05)
        clients = [_connect(place, "127.0.0.1") for _ in range(each + 1)]
        assert [await _is_open(client) for client in clients[-2:]] == [True, False]
        clients += [_connect(place, f"127.0.0.{last}") for last in range(2, 2 + 40 - each + 1)]
        assert [await _is_open(client) for client in clients[-2:]] == [True, False]
        clients.pop(0).close()  # its handshake has ended
        await asyncio.sleep(0.05)
        clients.append(_connect(place, "127.0.0.1"))
        assert await _is_open(clients[-1])
        for client in clients:
            client.close()
        while side._beginning:
            await asyncio.sleep(0.01)
        for task in (running, *side._tasks):
            task.cancel()
        listener.close()

    asyncio.run(asyncio.wait_for(work(), 20))
