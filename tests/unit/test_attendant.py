"""The spare admin socket: without a disk, for friends only, and answered while control is down."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from dnsd.cli import admin as client
from dnsd.config import Config, Options, Server
from dnsd.control.admin import AdminServer
from dnsd.control.spec import ControlSpec
from dnsd.daemon.attendant import MOST_AT_ONCE, Attendant
from dnsd.errors import AdminError, ControlDown, NotRunning
from dnsd.image.state import ControlCells, StateVector, WorkerCells
from dnsd.process import socketfile


@contextmanager
def attendant(path: Path) -> Iterator[Attendant]:
    vector = StateVector.create(2)
    vector.control[ControlCells.ZONES] = 7
    head = vector.worker(0)
    head[WorkerCells.LISTENING] = head[WorkerCells.READ] = head[WorkerCells.GENERATION] = 1
    spec = ControlSpec(
        state_fd=vector.fd,
        journal_fd=-1,
        images_fd=-1,
        kept_fd=-1,
        workers=2,
        master=os.getpid(),
        started=time.monotonic_ns(),
        config=Config(server=Server(state_directory=path.parent)),
        options=Options(),
    )
    spare = socketfile.bind_spare(path)
    assert spare
    with spare:
        yield Attendant(spare, spec, vector)


async def ask(path: Path, command: str = "status") -> object:
    return await asyncio.to_thread(client.ask, path, command)


def test_while_control_is_down_who_asks_is_told_who_answers(tmp_path: Path) -> None:
    async def story(desk: Attendant) -> None:
        asyncio.get_running_loop().add_reader(desk, desk.answer)
        with pytest.raises(ControlDown, match=r"1 of 2 workers answer.*7 zones") as caught:
            await ask(tmp_path / "admin.sock")
        assert caught.value.status["pid"] == os.getpid()
        assert len(caught.value.status["workers"]) == 2
        with pytest.raises(ControlDown):
            await ask(tmp_path / "admin.sock", "reload" * 50_000)  # who asks at length, too

    with attendant(tmp_path / "admin.sock") as desk:
        asyncio.run(asyncio.wait_for(story(desk), 60))


def test_who_asks_and_does_not_read_costs_nothing(tmp_path: Path) -> None:
    with attendant(tmp_path / "admin.sock") as desk:
        gc.collect()  # what other tests have left
        before = len(list(Path("/proc/self/fd").iterdir()))
        clients = []
        for _ in range(2 * MOST_AT_ONCE):
            one = socket.socket(socket.AF_UNIX)
            one.connect(socketfile.spare_name(tmp_path / "admin.sock"))
            clients.append(one)
        for _ in range(3):
            desk.answer()
        for one in clients:
            assert one.recv(10)
            one.close()
        assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("stranger", ["client", "server"])
def test_strangers_get_no_answer_and_are_given_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stranger: str
) -> None:
    path = tmp_path / "admin.sock"
    if stranger == "client":
        monkeypatch.setattr(socketfile, "may_ask", lambda *_: False)
    else:
        monkeypatch.setattr(client, "is_friend", lambda *_: False)

    async def story(desk: Attendant) -> None:
        asyncio.get_running_loop().add_reader(desk, desk.answer)
        with pytest.raises(AdminError if stranger == "client" else NotRunning):
            await ask(path)

    with attendant(path) as desk:
        asyncio.run(asyncio.wait_for(story(desk), 60))


def _said_to(path: Path, gid: int, *groups: int) -> str:
    """What a process of another user in these groups is told, which cannot reach the file."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(65534, 65534, 65534)
            client.ask(path, "status")
        except AdminError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        text = said.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("server", ["control", "the master"])
def test_members_of_the_admin_group_may_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    path = tmp_path / "state" / "admin.sock"
    path.parent.mkdir(mode=0o700)
    tmp_path.chmod(0o700)

    async def control(_request: object) -> object:
        raise AdminError("control is here")

    async def story() -> None:
        spare = socketfile.bind_spare(path)
        assert spare
        server = AdminServer(path, {"status": control}, spare, 4242)
        await server.start()
        for groups in ((4242,), (4243, 4242)):
            assert await asyncio.to_thread(_said_to, path, *groups) == "control is here"
        assert await asyncio.to_thread(_said_to, path, 4243, 4244) == socketfile.STRANGER
        server.close()
        spare.close()

    if server == "control":
        asyncio.run(asyncio.wait_for(story(), 60))
        return
    monkeypatch.setattr("dnsd.daemon.attendant.group_of", lambda _: 4242)
    with attendant(path) as desk:
        thread = Thread(target=_answer, args=(desk, 2))
        thread.start()
        assert "control is down" in _said_to(path, 4242)
        assert _said_to(path, 4243, 4244) == socketfile.STRANGER
        thread.join()


def _answer(desk: Attendant, clients: int) -> None:
    for _ in range(clients):
        select.select([desk], [], [], 60)
        desk.answer()


def test_the_peer_is_known_from_the_kernel() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert socketfile.is_friend(one)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
            assert socketfile.is_friend(one) == (os.getuid() == 0)
            assert socketfile.is_friend(one, os.getuid())


def test_control_answers_on_the_spare_socket_and_makes_the_file_when_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "state" / "admin.sock"
    (tmp_path / "state").write_text("in the way")
    monkeypatch.setattr("dnsd.control.admin.AGAIN", 0.01)

    async def echo(_request: object) -> str:
        return "here"

    async def story() -> None:
        spare = socketfile.bind_spare(path)
        assert spare
        server = AdminServer(path, {"status": echo}, spare)
        running = asyncio.create_task(server.run())
        while not server.fault:
            await asyncio.sleep(0.01)
        assert await ask(path) == "here"
        path.parent.unlink()
        while not path.is_socket():
            await asyncio.sleep(0.01)
        assert await ask(path) == "here"
        path.unlink()  # somebody has tidied up
        while not path.is_socket():
            await asyncio.sleep(0.01)
        assert await ask(path) == "here"
        running.cancel()
        server.close()
        spare.close()

    asyncio.run(asyncio.wait_for(story(), 60))
    told = [line for line in capsys.readouterr().err.splitlines() if "admin socket" in line]
    assert len(told) == 1


def test_a_name_that_is_taken_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socketfile, "SPARE_S", 0.0)
    first = socketfile.bind_spare(tmp_path / "admin.sock")
    assert first
    with first:
        assert socketfile.bind_spare(tmp_path / "admin.sock") is None
        other = socketfile.bind_spare(tmp_path / "other.sock")
        assert other
        other.close()


def test_nobody_there_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=r"not running: nothing listens on .*admin\.sock"):
        client.ask(tmp_path / "admin.sock", "status")
