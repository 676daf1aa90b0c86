"""Zones that are updated while their files, the disk and control are not as they should be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import dns.rcode
import dns.update
import pytest

from dnsd.config import ZoneTransfers, origins
from dnsd.config.transfers import UpdateRight
from dnsd.errors import WantError
from dnsd.transfer import ipc
from dnsd.versions import recordfile
from dnsd.xfrd import updatedfile, updating
from dnsd.xfrd.knowledge import Knowledge
from dnsd.xfrd.requests import SeenRequest
from dnsd.xfrd.updating import UpdatePart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from dnsd.versions.version import ZoneVersion

ZONE = "a.example."
TEXT = "$TTL 60\n@ SOA ns h 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n"


class Control:
    """Stands for control; ``verdict`` says why it does not load what it is told of."""

    def __init__(self, directory: Path) -> None:
        self.known = Knowledge()
        self.file = directory / "zone"
        self.file.write_text(TEXT)
        state = directory / "state"
        state.mkdir()
        self.records = state / f"{origins.file_stem(ZONE)}.records"
        self.verdict: str | None = ""
        """None: it says nothing."""
        self.told: list[int] = []
        self.said: list[str] = []
        """What is wrong with the file, each time that it is looked at anew."""
        self.part = self.another_process()

    def another_process(self) -> UpdatePart:
        """Return the part of the process that begins with what is on disk."""
        part = UpdatePart(self.known, self.records.parent, self._hear)
        right = UpdateRight(key="k.", below=("@",), types=("A", "TXT"))
        transfers = ZoneTransfers(file=self.file, update=(right,))
        part.hear(ipc.ZoneTold(zone=ZONE, transfers=transfers))
        return part

    def _hear(self, _about: str, word: ipc.FromTransfers) -> None:
        if isinstance(word, ipc.FileFault):
            self.said.append(word.why)
            return
        assert isinstance(word, ipc.Received)
        self.told.append(word.serial)
        if self.verdict is not None:
            self.judge(word.serial, self.verdict)

    def judge(self, serial: int, why: str) -> None:
        judged = ipc.Judged(zone=ZONE, serial=serial, why=why)
        asyncio.get_running_loop().call_soon(self.part.judge, judged)

    async def update(self, name: str, key: str | None = "k.") -> dns.rcode.Rcode:
        message = dns.update.UpdateMessage(ZONE)
        message.add(name, 60, "TXT", "x")
        seen = SeenRequest(message.to_wire(), key, "192.0.2.9", False, 65535)
        return dns.rcode.Rcode((await self.part.respond(seen))[3] & 15)

    def version(self) -> ZoneVersion:
        return recordfile.read(self.records)

    def fault(self) -> str:
        return str(self.part.row(ZONE)["fault"])


def play(directory: Path, scene: Callable[[Control], Awaitable[None]]) -> None:
    async def work() -> None:
        control = Control(directory)
        running = asyncio.get_running_loop().create_task(control.part.run())
        async with asyncio.timeout(20):
            await until(control.records.exists)
            await until(lambda: control.records.with_suffix(".file").exists())
            await scene(control)
        running.cancel()

    asyncio.run(work())


async def until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_S", "AGAIN_S"):
        monkeypatch.setattr(updating, name, 0.01)
    monkeypatch.setattr(updating, "JUDGED_S", 0.1)


def test_what_control_says_of_another_version_is_no_answer(tmp_path: Path) -> None:
    async def scene(control: Control) -> None:
        control.verdict = None
        asked = asyncio.get_running_loop().create_task(control.update("x"))
        await until(lambda: control.told)
        control.judge(1, "")
        assert await asked == dns.rcode.SERVFAIL
        control.judge(control.told[0], "")
        control.verdict = ""
        await asyncio.sleep(0)
        assert await control.update("y") == dns.rcode.NOERROR
        assert control.version().serial == 3

    play(tmp_path, scene)


def test_what_control_refuses_too_late_is_taken_back(tmp_path: Path) -> None:
    async def scene(control: Control) -> None:
        control.verdict = None
        assert await control.update("x") == dns.rcode.SERVFAIL
        assert control.version().serial == 2
        assert await control.update("y") == dns.rcode.SERVFAIL
        assert control.told == [2]
        control.judge(2, "it has lost too much")
        await until(lambda: control.told == [2, 1])
        assert control.version().serial == 1
        control.verdict = ""
        assert await control.update("y") == dns.rcode.NOERROR
        assert control.version().count == 4

    play(tmp_path, scene)


@pytest.mark.parametrize("error", [OSError(28, "No space left"), WantError("No space left")])
def test_what_the_disk_has_refused_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    write = recordfile.write

    def full(*_: object) -> None:
        raise error

    async def scene(control: Control) -> None:
        monkeypatch.setattr(recordfile, "write", full)
        control.file.write_text(TEXT + "new A 192.0.2.2\n")
        await until(lambda: "No space left" in control.fault())
        assert control.version().count == 3
        monkeypatch.setattr(recordfile, "write", write)
        await until(lambda: control.version().count == 4)
        await until(lambda: not control.fault())

    play(tmp_path, scene)


def test_an_included_file_is_part_of_the_file(tmp_path: Path) -> None:
    shared, elsewhere = tmp_path / "a" / "shared", tmp_path / "elsewhere"
    for directory in (shared, elsewhere):
        directory.mkdir(parents=True)
    (elsewhere / "more").write_text("m1 A 192.0.2.3\n")
    (shared / "hosts").write_text("h1 A 192.0.2.3\n")

    async def scene(control: Control) -> None:
        control.file.write_text(f"{TEXT}$INCLUDE {shared}/hosts\n")
        await until(lambda: control.version().count == 4)
        (shared / "hosts").write_text("h1 A 192.0.2.3\nh2 A 192.0.2.4\n")
        await until(lambda: control.version().count == 5)
        control.file.write_text(f"{TEXT}$INCLUDE {elsewhere}/more\n")
        await until(control.fault)
        assert control.said[-1] == control.fault()
        settings = ipc.TransferSettings(transfers=control.known.settings, include=(elsewhere,))
        control.known.take(settings)
        await until(lambda: control.version().count == 4)
        await until(lambda: not control.fault())
        assert control.said[-1] == ""

    play(tmp_path / "a", scene)


def test_a_fault_of_ours_with_one_file_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object) -> None:
        raise KeyError("x")

    async def scene(control: Control) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(updatedfile, "rebased", faulty)
            control.file.write_text(TEXT + "new A 192.0.2.2\n")
            await until(control.fault)
        control.file.write_text(TEXT + "newer A 192.0.2.2\n")
        await until(lambda: control.version().count == 4 and not control.fault())
        assert await control.update("x") == dns.rcode.NOERROR

    play(tmp_path, scene)


def test_who_may_not_update_waits_for_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(control: Control) -> None:
        control.verdict = None
        asked = asyncio.get_running_loop().create_task(control.update("x"))
        await until(lambda: control.told)
        for key, event in (("other.", "update-refused"), (None, "update-unsigned")):
            caplog.clear()
            with caplog.at_level("DEBUG"):
                assert await control.update("y", key) == dns.rcode.REFUSED
            (record,) = caplog.records
            assert (record.event, asked.done()) == (event, False)  # type: ignore[attr-defined]
        control.judge(control.told[0], "")
        assert await asked == dns.rcode.NOERROR

    play(tmp_path, scene)


def test_a_right_that_is_taken_away_while_an_update_waits_is_no_right(tmp_path: Path) -> None:
    async def scene(control: Control) -> None:
        control.verdict = None
        asked = [asyncio.get_running_loop().create_task(control.update(name)) for name in "xy"]
        await until(lambda: control.told)
        right = UpdateRight(key="other.", below=("@",))
        transfers = ZoneTransfers(file=control.file, update=(right,))
        control.part.hear(ipc.ZoneTold(zone=ZONE, transfers=transfers))
        control.judge(control.told[0], "")
        assert await asked[0] == dns.rcode.NOERROR
        assert await asked[1] == dns.rcode.REFUSED

    play(tmp_path, scene)


@pytest.mark.parametrize("why", ["", "it has lost too much"])
def test_a_process_that_has_ended_before_the_verdict_leaves_it_to_the_next_one(
    tmp_path: Path, why: str
) -> None:
    async def scene(control: Control) -> None:
        before = control.version()
        control.verdict = None
        lost = asyncio.get_running_loop().create_task(control.update("x"))
        await until(lambda: control.told)
        made = control.version()
        control.part = control.another_process()
        assert control.told == [2, 2], "it is told again: it may not have come"
        assert await control.update("y") == dns.rcode.SERVFAIL
        control.verdict = ""
        control.judge(2, why)
        await until(lambda: not control.records.with_suffix(".before").exists())
        await asyncio.sleep(0)
        assert control.version() == (before if why else made)
        assert control.told == ([2, 2, 1] if why else [2, 2])
        assert await control.update("y") == dns.rcode.NOERROR
        assert control.version().count == (4 if why else 5)
        lost.cancel()

    play(tmp_path, scene)
