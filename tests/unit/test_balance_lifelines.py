"""A connection that is kept tells when the service behind it ends."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.balance.lifelines import (
    FREE,
    LONGEST_PAUSE_S,
    SHORT_S,
    Habit,
    Lifelines,
    TcpService,
)


async def _told(ends: asyncio.Queue[TcpService]) -> TcpService:
    async with asyncio.timeout(30):
        return await ends.get()


def test_the_end_of_a_service_is_told_at_once_and_only_then() -> None:
    async def story() -> None:
        ends: asyncio.Queue[TcpService] = asyncio.Queue()
        lines = Lifelines(ends.put_nowait)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            place = TcpService("127.0.0.1", listener.getsockname()[1])
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
        ends: asyncio.Queue[TcpService] = asyncio.Queue()
        lines = Lifelines(ends.put_nowait)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            lines.keep([TcpService("127.0.0.1", listener.getsockname()[1])])
            loop = asyncio.get_running_loop()
            taken, _ = await loop.sock_accept(listener)
            lines.keep([])
            with taken:
                assert await loop.sock_recv(taken, 1) == b""
        assert ends.empty()

    asyncio.run(story())


def _listener(port: int = 0) -> socket.socket:
    made = socket.create_server(("127.0.0.1", port))
    made.setblocking(False)
    return made


async def _taken(listener: socket.socket) -> socket.socket:
    async with asyncio.timeout(30):
        return (await asyncio.get_running_loop().sock_accept(listener))[0]


def test_a_service_that_is_restarted_again_and_again_has_a_connection_each_time() -> None:
    async def story() -> None:
        ends: asyncio.Queue[TcpService] = asyncio.Queue()
        lines = Lifelines(ends.put_nowait)
        with _listener() as listener:
            place = TcpService("127.0.0.1", listener.getsockname()[1])
        lines.keep([place])
        assert await _told(ends) == place  # nothing listens there
        for _ in range(3 * FREE):
            with _listener(place.port) as listener:
                lines.checked(place, ok=True)
                taken = await _taken(listener)
            taken.close()
            assert await _told(ends) == place
            assert await _told(ends) == place  # the next one is tried at once, and refused
            lines.checked(place, ok=False)
        lines.close()

    asyncio.run(story())


def test_a_service_that_takes_no_connections_is_not_tried_with_each_check() -> None:
    async def story() -> None:
        ends: asyncio.Queue[TcpService] = asyncio.Queue()
        lines = Lifelines(ends.put_nowait)
        with _listener() as listener:
            place = TcpService("127.0.0.1", listener.getsockname()[1])
        lines.keep([place])
        assert await _told(ends) == place
        lines.checked(place, ok=True)  # it may have started meanwhile
        assert await _told(ends) == place
        with _listener(place.port) as listener:
            lines.checked(place, ok=True)
            for _ in range(10):
                await asyncio.sleep(0)
            with pytest.raises(BlockingIOError):
                listener.accept()
            lines.checked(place, ok=False)
            lines.checked(place, ok=True)
            (await _taken(listener)).close()
        lines.close()

    asyncio.run(story())


def test_a_service_that_closes_idle_connections_gets_another_one_at_once() -> None:
    async def story() -> None:
        ends: asyncio.Queue[TcpService] = asyncio.Queue()
        lines = Lifelines(ends.put_nowait)
        with _listener() as listener:
            place = TcpService("127.0.0.1", listener.getsockname()[1])
            lines.keep([place])
            for _ in range(FREE + 1):
                (await _taken(listener)).close()
                assert await _told(ends) == place
            lines.checked(place, ok=True)  # it lives: so this is its habit
            lines.checked(place, ok=False)
            lines.checked(place, ok=True)  # it was down: no habit any more
            (await _taken(listener)).close()
            (await _taken(listener)).close()
        lines.close()

    asyncio.run(story())


def test_a_machine_that_was_away_gets_a_new_connection_in_the_place_of_the_half_open_one() -> None:
    async def story() -> None:
        lines = Lifelines(lambda _: None)
        with _listener() as listener:
            place = TcpService("127.0.0.1", listener.getsockname()[1])
            lines.keep([place])
            first = await _taken(listener)
            lines.checked(place, ok=False)
            lines.checked(place, ok=True)
            with first, await _taken(listener):
                assert await asyncio.get_running_loop().sock_recv(first, 1) == b""
        lines.close()

    asyncio.run(story())


@given(st.lists(st.floats(0, 10), max_size=20), st.integers(1, 2000))
def test_only_a_habit_of_closing_at_once_makes_pauses(lives: list[float], more: int) -> None:
    habit = Habit()
    for lived in lives:
        pause = habit.pause(lived)
        assert 0 <= pause <= LONGEST_PAUSE_S
        assert lived < SHORT_S or not pause
    habit.forget()
    assert [habit.pause(0) for _ in range(FREE)] == [0] * FREE
    pauses = [habit.pause(0) for _ in range(more)]
    assert pauses[0] > 0
    assert pauses == sorted(pauses)
    assert habit.pause(SHORT_S) == 0
