"""Rights that are given up: what a confined process can do, and what the kernel refuses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dnsd import config
from dnsd.config import Anycast, Endpoint, Http, Server
from dnsd.daemon import account
from dnsd.errors import AccountError
from dnsd.process import kernel
from dnsd.rights import capabilities, files, syscalls
from dnsd.rights.capabilities import Capability

PROBE = Path(__file__).with_name("confined.py")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a confined process could do."""
    directory = tmp_path_factory.mktemp("confined")
    (directory / "served").mkdir()
    for name in ("served/file", "secret"):
        (directory / name).write_text("x")
    done = subprocess.run(
        [sys.executable, "-P", str(PROBE), str(directory)],
        env={**os.environ, "PYTHONPATH": str(PROBE.parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_kernel_here_can_all_of_it(found: dict[str, Any]) -> None:
    assert found["lacking"] == []


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("execute", "EPERM"),
        ("fork", "EPERM"),
        ("socket", "EPERM"),
        ("bind", "EPERM"),
        ("namespace", "EPERM"),
        ("trace", "EPERM"),
        ("ring", "EPERM"),
        ("clone3", "ENOSYS"),
        ("write", "EACCES"),
        ("truncate", "EACCES"),
        ("make", "EACCES"),
        ("remove", "EACCES"),
        ("read elsewhere", "EACCES"),
        ("read accounts", "EACCES"),
        ("signal others", "EPERM"),
    ],
)
def test_what_it_cannot_do(found: dict[str, Any], what: str, error: str) -> None:
    assert found[what] == error


@pytest.mark.parametrize("what", ["read", "list", "thread", "import", "signal itself", "send"])
def test_what_it_can_still_do(found: dict[str, Any], what: str) -> None:
    assert found[what] == ""


def test_a_kernel_that_lacks_it_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(kernel, "syscall", lacking)
    assert files.restrict([]) == (
        "files are not restricted: the kernel has no Landlock (Function not implemented)"
    )
    assert syscalls.refuse(syscalls.NEVER_NEEDED) == (
        "system calls are not restricted: Function not implemented"
    )


def test_a_machine_without_a_list_of_calls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    system = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*system[:4], "riscv64")))
    assert syscalls.refuse(syscalls.RINGS) == (
        "system calls are not restricted: there is no list of them for riscv64"
    )


def test_rights_are_not_given_up_by_one_thread_of_several() -> None:
    """The others would keep them."""
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    with pytest.raises(RuntimeError, match="before there are several threads"):
        capabilities.gain_no_more()
    ended.set()
    other.join()


# -- the user ---------------------------------------------------------------------------------


def node(**server: Any) -> config.Config:
    return config.Config(server=Server(**server))


def test_what_a_node_needs_of_roots_power() -> None:
    assert account.needed(node()) == frozenset()
    low = (Endpoint("192.0.2.1", 53),)
    assert account.needed(node(listen=low)) == {Capability.NET_BIND_SERVICE}
    web = config.Config(http=Http(listen=(Endpoint("192.0.2.1", 80),)))
    assert account.needed(web) == {Capability.NET_BIND_SERVICE}
    announcing = Anycast(enabled=True, vips=("192.0.2.53",), subnets=("192.0.2.0/24",))
    assert account.needed(config.Config(anycast=announcing)) == {
        Capability.NET_BIND_SERVICE,
        Capability.NET_ADMIN,
        Capability.NET_RAW,
    }


def test_without_a_user_nothing_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    before = os.getresuid()
    account.enter(node())
    assert os.getresuid() == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ({"user": "no-such-user"}, "there is no such account .*no-such-user.*: make it"),
        ({"user": "nobody", "group": "no-such-group"}, "there is no such account .*no-such-group"),
        ({"group": "nogroup"}, r"\[server\] group has no effect without \[server\] user"),
    ],
)
def test_an_account_that_cannot_be_had(server: dict[str, str], says: str) -> None:
    with pytest.raises(AccountError, match=says):
        account.enter(node(**server))


def test_only_root_can_become_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(AccountError, match=r"cannot become nobody .* started as user 12345; start"):
        account.enter(node(user="nobody"))


def used(directory: Path) -> Path:
    """A state directory as dnsd leaves it."""
    directory.mkdir(mode=0o700)
    (directory / "lock").touch()
    (directory / "images").mkdir()
    return directory


def as_in_run(directory: Path) -> None:
    """What lies in /run: a directory "lock"."""
    (directory / "lock").unlink()
    (directory / "lock").mkdir()


def as_a_link(directory: Path) -> None:
    (directory / "images").rename(directory / "other")
    (directory / "images").symlink_to("other")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_only_a_state_directory_that_dnsd_has_used_as_root_is_handed_over(tmp_path: Path) -> None:
    assert account._is_roots(used(tmp_path / "state"))
    assert not account._is_roots(tmp_path)
    spoils: list[Callable[[Path], object]] = [
        as_in_run,
        as_a_link,
        lambda path: path.chmod(0o770),
        lambda path: os.chown(path, 12345, 12345),
        lambda path: (path / "images").rmdir(),
    ]
    for number, spoil in enumerate(spoils):
        spoilt = used(tmp_path / str(number))
        spoil(spoilt)
        assert not account._is_roots(spoilt), number
    (tmp_path / "alias").symlink_to(tmp_path / "state")
    assert not account._is_roots(tmp_path / "alias")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_all_of_it_is_handed_over_and_no_link_is_followed(tmp_path: Path) -> None:
    state, other = used(tmp_path / "state"), tmp_path / "other"
    other.touch()
    for link in (state / "link", state / "images/link"):
        link.symlink_to(other)
    account._hand_over(state, account.Account("x", 12345, 12346))
    assert {(one.lstat().st_uid, one.lstat().st_gid) for one in (state, *state.rglob("*"))} == {
        (12345, 12346)
    }
    assert other.stat().st_uid == 0
