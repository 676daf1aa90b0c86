"""The admin socket: its protocol, and what it survives."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dnsd.cli import admin as client
from dnsd.control import admin
from dnsd.control.admin import AdminServer
from dnsd.errors import AdminError, ConfigError, NotRunning, StateError
from dnsd.process.socketfile import bind, make_way

PATIENCE = 30


async def echo(request: Mapping[str, Any]) -> object:
    return dict(request)


async def refuse(_request: Mapping[str, Any]) -> object:
    raise AdminError("not today")


async def fail(_request: Mapping[str, Any]) -> object:
    raise RuntimeError("a bug")


COMMANDS = {"echo": echo, "refuse": refuse, "fail": fail}


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def answer(self) -> Any:
        return json.loads(await self.reader.readline())

    async def ended(self) -> bool:
        with suppress(OSError):
            return await self.reader.read() == b""
        return True


Connect = Callable[[], Awaitable[Client]]


def serve(story: Callable[[Connect], Awaitable[None]], **more: Any) -> None:
    """Run ``story`` beside a server."""

    async def run() -> None:
        with TemporaryDirectory(prefix="dnsd-") as name:
            path = Path(name) / "admin.sock"
            server = AdminServer(path, {**COMMANDS, **more})
            await server.start()
            clients = []

            async def connect() -> Client:
                clients.append(Client(*await asyncio.open_unix_connection(path)))
                return clients[-1]

            async with asyncio.timeout(PATIENCE):
                await story(connect)
            for each in clients:
                each.writer.close()
            server.close()
            assert not path.exists()

    asyncio.run(run())


async def served_at_last(connect: Connect) -> None:
    """Connect until the server has noticed that there is a place free."""
    while True:
        one = await connect()
        with suppress(OSError):
            await one.send(b'{"command": "echo"}\n')
        if (await one.answer())["ok"]:
            return


def test_a_request_a_line_an_answer_a_line() -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        for number in range(3):
            await one.send(json.dumps({"command": "echo", "n": number}).encode() + b"\n")
            assert await one.answer() == {"ok": True, "result": {"command": "echo", "n": number}}

    serve(story)


def test_requests_that_come_together_or_in_pieces_are_answered_in_order() -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        lines = b"".join(b'{"command": "echo", "n": %d}\n' % number for number in range(50))
        for start in range(0, len(lines), 7):
            await one.send(lines[start : start + 7])
        assert [(await one.answer())["result"]["n"] for _ in range(50)] == list(range(50))

    serve(story)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"hello\n",
        b"\x00\xff\xfe\n",
        b"[1]\n",
        b'"status"\n',
        b'{"command": \n',
        b"{}\n",
        b'{"command": null}\n',
        b'{"command": ["echo"]}\n',
        b'{"command": "no such"}\n',
        b"[" * 100_000 + b"\n",
        b'{"command":' * 50_000 + b"\n",
    ],
)
def test_garbage_is_refused_with_a_sentence_and_the_next_request_answered(garbage: bytes) -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        await one.send(garbage)
        answer = await one.answer()
        assert answer["ok"] is False
        assert "command" in answer["error"]
        await one.send(b'{"command": "echo"}\n')
        assert (await one.answer())["ok"]

    serve(story)


def test_a_command_refuses_with_its_sentence() -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        await one.send(b'{"command": "refuse"}\n')
        assert await one.answer() == {"ok": False, "error": "not today"}

    serve(story)


def test_a_fault_in_a_command_is_told_and_survived(capsys: pytest.CaptureFixture[str]) -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        await one.send(b'{"command": "fail"}\n{"command": "echo"}\n')
        assert (await one.answer())["error"] == "dnsd failed: RuntimeError: a bug"
        assert (await one.answer())["ok"]

    serve(story)
    assert "RuntimeError: a bug" in capsys.readouterr().err


def test_an_endless_line_ends_the_connection() -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        with suppress(OSError):  # it stops reading, so this may not go through
            async with asyncio.timeout(5):
                await one.send(b"x" * (4 * admin.LONGEST_REQUEST))
        with suppress(OSError):
            assert b"a request may have" in await one.reader.read()
        other = await connect()
        await other.send(b'{"command": "echo"}\n')
        assert (await other.answer())["ok"]

    serve(story)


def test_half_a_request_and_nothing_more_is_no_request() -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        await one.send(b'{"command": "echo"}')
        one.writer.write_eof()
        assert await one.ended()

    serve(story)


def test_a_client_that_asks_and_closes_its_half_gets_its_answer() -> None:
    async def story(connect: Connect) -> None:
        one = await connect()
        await one.send(b'{"command": "echo"}\n')
        one.writer.write_eof()
        assert (await one.answer())["ok"]
        assert await one.ended()

    serve(story)


def test_a_client_that_says_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "IDLE", 0.01)

    async def story(connect: Connect) -> None:
        assert await (await connect()).ended()

    serve(story)


def test_a_client_that_does_not_read_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "STALL", 0.01)
    monkeypatch.setattr(admin, "MOST_CLIENTS", 1)

    async def long(_request: Mapping[str, Any]) -> object:
        return "x" * (1 << 22)

    async def story(connect: Connect) -> None:
        one = await connect()
        one.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await one.send(b'{"command": "long"}\n')
        await served_at_last(connect)
        one.writer.transport.resume_reading()  # type: ignore[attr-defined]
        with suppress(OSError):
            assert len(await one.reader.read()) < 1 << 22

    serve(story, long=long)


def test_long_answers_arrive_whole() -> None:
    async def long(_request: Mapping[str, Any]) -> object:
        return "x" * (1 << 22)

    async def story(connect: Connect) -> None:
        one = await connect()
        await one.send(b'{"command": "long"}\n')
        one.writer.write_eof()
        assert len(await one.reader.read()) > 1 << 22

    serve(story, long=long)


def test_too_many_clients_are_told_and_the_others_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "MOST_CLIENTS", 3)

    async def story(connect: Connect) -> None:
        served = [await connect() for _ in range(3)]
        for each in served:
            await each.send(b'{"command": "echo"}\n')
            assert (await each.answer())["ok"]
        late = await connect()
        assert "too many clients" in (await late.answer())["error"]
        assert await late.ended()
        served[0].writer.close()
        await served[0].writer.wait_closed()
        await served_at_last(connect)

    serve(story)


def test_a_slow_command_holds_nobody_else_up() -> None:
    release = asyncio.Event()

    async def slow(_request: Mapping[str, Any]) -> object:
        await release.wait()
        return "done"

    async def story(connect: Connect) -> None:
        one, other = await connect(), await connect()
        await one.send(b'{"command": "slow"}\n')
        await other.send(b'{"command": "echo"}\n')
        assert (await other.answer())["ok"]
        release.set()
        assert (await one.answer())["result"] == "done"

    serve(story, slow=slow)


# -- the file ---------------------------------------------------------------------------------


@pytest.fixture
def path() -> Any:
    with TemporaryDirectory(prefix="dnsd-") as name:
        yield Path(name) / "admin.sock"


def test_the_socket_is_for_its_owner_only(path: Path) -> None:
    with bind(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_left_by_a_crash_is_replaced(path: Path) -> None:
    bind(path).close()
    assert path.exists()
    with bind(path) as sock:
        sock.listen()
        with pytest.raises(StateError, match="another dnsd answers on"):
            make_way(path)
        assert path.exists()


def test_a_file_that_is_no_socket_is_not_removed(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(StateError, match="is not a socket"):
        bind(path)
    assert path.read_text() == "precious"


def test_a_directory_that_is_not_there_is_made(path: Path) -> None:
    inner = path.parent / "run" / "admin.sock"
    with bind(inner):
        assert inner.parent.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_is_a_sentence(path: Path) -> None:
    path.write_text("")
    with pytest.raises(StateError, match=r"cannot make the admin socket .*: File exists"):
        bind(path / "admin.sock")


# -- the client -------------------------------------------------------------------------------


def test_nobody_there_is_not_running(path: Path) -> None:
    with pytest.raises(NotRunning, match="dnsd is not running"):
        client.ask(path, "status")
    bind(path).close()
    with pytest.raises(NotRunning):
        client.ask(path, "status")


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([b'{"ok": false, "error": "not today"}\n'], "not today"),
        ([b"", b""], "ended before it answered"),
        ([b'{"ok": tr', b'{"ok": tr'], "ended before it answered"),
    ],
)
def test_the_client_raises_what_the_node_says(
    path: Path, answers: list[bytes], sentence: str
) -> None:
    with bind(path) as sock:
        sock.listen()
        thread = threading.Thread(target=answer_with, args=(sock, answers))
        thread.start()
        with pytest.raises(AdminError, match=sentence):
            client.ask(path, "status")
        thread.join()


def answer_with(sock: socket.socket, answers: list[bytes]) -> None:
    """Say one of ``answers`` to each client, and go."""
    for answer in answers:
        connection, _ = sock.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(answer)


@pytest.mark.parametrize("first", [b"", b'{"ok": tr'])
def test_when_control_ends_while_it_is_asked_its_successor_is(path: Path, first: bytes) -> None:
    with bind(path) as sock:
        sock.listen()
        answers = [first, b'{"ok": true, "result": "there again"}\n']
        thread = threading.Thread(target=answer_with, args=(sock, answers))
        thread.start()
        assert client.ask(path, "status") == "there again"
        thread.join()


def test_a_reset_is_an_end_like_any_other(path: Path) -> None:
    """What is not read when a process is killed makes the kernel reset the connection."""
    with bind(path) as sock:
        sock.listen()

        def node() -> None:
            sock.accept()[0].close()
            answer_with(sock, [b'{"ok": true, "result": "there again"}\n'])

        thread = threading.Thread(target=node)
        thread.start()
        assert client.ask(path, "status", zones="z" * 1_000_000) == "there again"
        thread.join()


def test_the_client_does_not_wait_for_ever(path: Path) -> None:
    with bind(path) as sock:
        sock.listen()
        with pytest.raises(AdminError, match="does not answer"):
            client.ask(path, "status", patience=0.01)


def test_the_socket_is_found_through_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "dnsd.toml"
    file.write_text('[server]\nadmin_socket = "here.sock"\n')
    assert client.socket_path(file) == tmp_path / "here.sock"
    file.write_text('[server]\nstate_directory = "st"\nbad_key = 1\n[zones]\npoll = "no"\n')
    assert client.socket_path(file) == tmp_path / "st" / "admin.sock"


def test_without_a_configuration_it_is_in_the_default_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/run/elsewhere")
    assert client.socket_path(None) == Path("/run/elsewhere/admin.sock")


@pytest.mark.parametrize("text", ["[server", "[server]\nadmin_socket = 3\n"])
def test_a_configuration_that_hides_the_socket_is_an_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "dnsd.toml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        client.socket_path(file)
