"""States from outside: what a file says, or what is pushed; silence is never health."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.checks.file import AHEAD_S, FileCheck, FileState, parse
from dnsd.checks.pushed import Board, PushedCheck, PushedState, PushTarget
from dnsd.checks.result import Blind, Result
from dnsd.checks.targets import target_of
from dnsd.config import Failover
from dnsd.config.checkkeys import OneCheck
from dnsd.control.failover.engine import FailoverEngine
from tests.plane import ORIGIN, POLICY, A, B, World, close, meta, place, play

GOOD = f"# of the balancer\n{A} => UP\n{B} => DOWN/30  # new disks\n2001:DB8::1 => up\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "states"
    path.write_text(GOOD)
    return path


def asked(path: Path, address: str = A, believed: float = 60.0) -> Result:
    return asyncio.run(FileCheck(str(path), believed, 1.0).run(address))


def blind(path: Path, address: str = A, believed: float = 60.0) -> str:
    with pytest.raises(Blind) as why:
        asked(path, address, believed)
    return str(why.value)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path, monkeypatch)
    yield world
    close(world)


def pipe(path: Path) -> None:
    """Put a named pipe into the place of the file."""
    path.unlink()
    os.mkfifo(path)


def age(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_file_says_who_is_up(path: Path) -> None:
    assert asked(path)[:2] == (True, "")
    assert asked(path, B)[:2] == (False, f"{path} says DOWN")
    assert asked(path, "2001:db8::1").ok
    assert f"does not name {A[:-1]}9" in blind(path, f"{A[:-1]}9")


def test_a_state_is_believed_for_a_time(path: Path) -> None:
    age(path, 29)
    assert not asked(path, B).ok
    age(path, 31)
    assert "but is valid only for 30s" in blind(path, B)
    assert asked(path).ok
    age(path, 61)
    assert "but is valid only for 1m" in blind(path)
    age(path, -AHEAD_S - 60)
    assert "in the future" in blind(path)


def test_why_a_file_says_nothing_does_not_change_with_the_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an alarm, told once for each reason: an old file is not news each second."""
    age(path, 61)
    said = blind(path)
    written = time.strftime("%F %T", time.localtime(path.stat().st_mtime))
    assert f"was last written at {written}," in said
    now = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: now)
    assert blind(path) == said


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (Path.unlink, "cannot be read: No such file"),
        (lambda path: path.write_bytes(b"\xff"), "is not UTF-8 text"),
        (
            lambda path: path.write_text(f"{A} => UP\n{B} => WELL\n"),
            ':2: "192.0.2.2 => WELL" is no',
        ),
        (lambda path: path.write_text(f"{A} => UP\nx => UP\n"), ':2: "x" is neither an address'),
        (
            lambda path: path.write_text(f"{A} => UP\n{A} => DOWN\n"),
            ":2: 192.0.2.1 is listed twice",
        ),
        (lambda path: path.write_text(""), "does not name"),
        (lambda path: path.write_text(f"{A} => UP\n" + "#" * (1 << 20)), "larger than"),
        (pipe, "not a regular file"),
        (
            lambda path: path.write_text(f"{A} => UP\n\x1b[2J => UP\n"),
            r'"\x1b[2J" is neither an address',
        ),
    ],
)
def test_a_file_that_cannot_be_relied_on_says_nothing(
    path: Path, spoil: Callable[[Path], object], why: str
) -> None:
    spoil(path)
    assert why in blind(path)


@given(st.text(st.sampled_from("192.0 =>UPDOWN/3\n#x"), max_size=60))
def test_a_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    lines = [line.partition("#")[0] for line in text.splitlines()]
    assert len(found) == sum(bool(line.strip()) for line in lines)
    assert all(isinstance(one, FileState) for one in found.values())


def test_a_policy_names_what_the_configuration_lists(path: Path) -> None:
    policy = meta(check="file", state_file="balancer").policy
    listed = Failover(state_files={"balancer": str(path)}, check_networks=("198.51.100.0/24",))
    target = target_of(policy, A, listed)
    assert target is not None
    assert str(target.check) == f"the file {path}"
    with pytest.raises(ValueError, match=r"balancer is not in .failover.state_files. .* other"):
        target_of(policy, A, Failover(state_files={"other": "/x"}))


# -- pushed -----------------------------------------------------------------------------------


def test_a_word_counts_until_it_is_over() -> None:
    board = Board()
    check = PushedCheck(POLICY.name, "A", 1.0, board)
    at = PushTarget(POLICY.name, "A", A)
    with pytest.raises(Blind, match="no state has been pushed"):
        asyncio.run(check.run(A))
    now = time.monotonic()
    board.put(at, PushedState(ok=False, detail="is full", until=now + 60), now)
    assert asyncio.run(check.run(A))[:2] == (False, "is full")
    with pytest.raises(Blind, match="no state"):
        asyncio.run(check.run(B))
    board.put(at, PushedState(ok=True, detail="", until=now - 5), now)
    with pytest.raises(Blind, match="has expired"):
        asyncio.run(check.run(A))


def test_the_board_forgets_what_is_over() -> None:
    board = Board()
    first, second = PushTarget("a.", "A", A), PushTarget("b.", "A", A)
    board.put(first, PushedState(ok=True, detail="", until=10.0), 0.0)
    board.put(second, PushedState(ok=True, detail="", until=20.0), 10.0)
    assert board.word(first) is None
    assert board.word(second)


def test_checks_of_one_member_are_one() -> None:
    policy = meta(check="pushed").policy
    assert target_of(policy, A, Failover(), Board()) == target_of(policy, A, Failover(), Board())


def test_only_members_of_pools_that_want_it_take_a_state(world: World) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        pushed = meta(check="pushed")
        await place(engine, ORIGIN, [pushed], 0)
        at = PushTarget(POLICY.name, "A", A)
        assert engine.takes_no_state(at) == ""
        assert "not a member" in engine.takes_no_state(at._replace(address="192.0.2.99"))
        assert "no pool" in engine.takes_no_state(at._replace(type="AAAA"))
        await place(engine, ORIGIN, [meta()], 50)
        assert 'has no check = "pushed"' in engine.takes_no_state(at)
        one = OneCheck(check="pushed", own=("check",))
        both = meta(
            check="", port=None, checks=(one, OneCheck(check="tcp", port=80, own=("check", "port")))
        )
        await place(engine, ORIGIN, [both], 100)
        assert engine.takes_no_state(at) == ""

    play(world, story)
