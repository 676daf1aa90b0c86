"""A connection that is kept tells when the service behind it ends."""

from __future__ import annotations

import asyncio
import socket

from dnsd.control.balance.lifelines import Lifelines, Place


async def _told(ends: asyncio.Queue[Place]) -> Place:
    async with asyncio.timeout(30):
        return await ends.get()


def test_the_end_of_a_service_is_told_at_once_and_only_then() -> None:
    async def story() -> None:
        ends: asyncio.Queue[Place] = asyncio.Queue()
        lines = Lifelines(ends.put_nowait)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            place = Place("127.0.0.1", listener.getsockname()[1])
            lines.keep([place])
            loop = asyncio.get_running_loop()
            taken, _ = await loop.sock_accept(listener)
            await loop.sock_sendall(taken, b"220 who are you?\r\n")
            assert ends.empty()
        taken.close()
        assert await _told(ends) == place
        lines.close()

    asyncio.run(story())


def test_one_that_is_not_wanted_any_more_is_closed_and_not_told() -> None:
    async def story() -> None:
        ends: asyncio.Queue[Place] = asyncio.Queue()
        lines = Lifelines(ends.put_nowait)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            lines.keep([Place("127.0.0.1", listener.getsockname()[1])])
            loop = asyncio.get_running_loop()
            taken, _ = await loop.sock_accept(listener)
            lines.keep([])
            with taken:
                assert await loop.sock_recv(taken, 1) == b""
        assert ends.empty()

    asyncio.run(story())
