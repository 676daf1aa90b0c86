"""The state directory: made private if it is ours, not touched if it is not; a refusing disk."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from dnsd.daemon import statelock
from dnsd.errors import StateError
from dnsd.process import statedir

if TYPE_CHECKING:
    from pathlib import Path

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
SOMEBODY = 4242


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_is_made_private(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    assert statedir.prepare(directory) == ""
    assert (mode(directory), mode(directory / "images")) == (0o700, 0o700)
    for loose in (0o755, 0o777):
        directory.chmod(loose)
        (directory / "images").chmod(loose)
        assert statedir.prepare(directory) == ""
        assert (mode(directory), mode(directory / "images")) == (0o700, 0o700)


def test_what_can_never_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"cannot use the state directory .*STATE_DIRECTORY"):
        statedir.prepare(tmp_path / "file" / "state")


@ROOT_ONLY
@pytest.mark.parametrize("what", [".", "images"])
def test_a_directory_of_somebody_else_is_neither_changed_nor_trusted(
    tmp_path: Path, what: str
) -> None:
    statedir.prepare(tmp_path)
    theirs = tmp_path / what
    theirs.chmod(0o777)
    os.chown(theirs, SOMEBODY, SOMEBODY)
    with pytest.raises(StateError, match=r"belongs to user 4242, and dnsd runs as .*change its"):
        statedir.prepare(tmp_path)
    assert mode(theirs) == 0o777


@ROOT_ONLY
@pytest.mark.parametrize("name", ["ledger", "failover.state", "images/x-1.2.img"])
def test_what_somebody_else_has_put_there_is_not_trusted(tmp_path: Path, name: str) -> None:
    statedir.prepare(tmp_path)
    (tmp_path / name).write_text("planted")
    os.chown(tmp_path / name, SOMEBODY, SOMEBODY)
    (tmp_path / name).parent.chmod(0o777)
    with pytest.raises(StateError, match=rf"{name} belongs to user 4242.*is not trusted; remove"):
        statedir.prepare(tmp_path)


@pytest.mark.parametrize("name", [".", "images", "ledger"])
def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    elsewhere, state = tmp_path / "elsewhere", tmp_path / "state"
    elsewhere.mkdir(mode=0o755)
    if name != ".":
        state.mkdir()
    (state / name).symlink_to(elsewhere)
    with pytest.raises(StateError, match=r"is a symbolic link, and dnsd does not follow one"):
        statedir.prepare(state)
    assert (mode(elsewhere), list(elsewhere.iterdir())) == (0o755, [])


def test_what_is_no_business_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "lost+found", SOMEBODY, SOMEBODY)
    assert statedir.prepare(tmp_path) == ""


@pytest.mark.parametrize("number", sorted(statedir.REFUSALS))
@pytest.mark.parametrize("there", [False, True])
def test_a_disk_that_refuses_is_no_reason_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, there: bool
) -> None:
    directory = tmp_path / "state"
    if there:
        directory.mkdir()

    def refuse(path: object, *_: object, **__: object) -> None:
        if os.path.exists(str(path)):  # noqa: PTH110 - as the kernel says it first
            raise FileExistsError(errno.EEXIST, "File exists")
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", refuse)
        fault = statedir.prepare(directory)
    assert fault == f"the state directory {directory} cannot be written: {os.strerror(number)}"
    assert statedir.prepare(directory) == ""


def test_a_full_disk_has_no_room_for_the_lock_and_it_is_held_nonetheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def full(path: object, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, flags, *rest, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        held = statelock.lock(tmp_path)
    assert held
    for _ in range(2):  # with the file, which is its own by now, and without
        with pytest.raises(StateError, match=r"another dnsd \(pid unknown\)"):
            statelock.lock(tmp_path)
    for handle in held:
        os.close(handle)
    for handle in statelock.lock(tmp_path):
        os.close(handle)


def test_a_directory_that_is_not_there_cannot_be_held(tmp_path: Path) -> None:
    assert statelock.lock(tmp_path / "absent") == []
