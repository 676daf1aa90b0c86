"""What the master says when the interface of the VIPs cannot be had; no interface is made."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from dnsd.daemon import tun
from dnsd.daemon.tun import Tun
from dnsd.errors import VipError


def refuse(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> int:
    """A descriptor in the place of the driver's."""
    handle = os.open(os.devnull, os.O_RDWR)
    monkeypatch.setattr(tun, "_open", lambda: handle)
    return handle


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOENT, "/dev/net/tun does not exist; load the module with `modprobe tun`"),
        (errno.ENODEV, "/dev/net/tun has no driver; load the module with `modprobe tun`"),
        (errno.EACCES, "/dev/net/tun may not be opened by this user; run dnsd as root"),
        (errno.EMFILE, "/dev/net/tun: Too many open files"),
    ],
)
def test_tun_without_a_device(monkeypatch: pytest.MonkeyPatch, number: int, sentence: str) -> None:
    def deny(*_: object) -> int:
        raise refuse(number)

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(VipError) as raised:
        Tun("anycast0")
    assert str(raised.value).startswith(f"cannot make an interface for the VIPs: {sentence}")


@pytest.mark.parametrize(
    ("name", "number", "sentence"),
    [
        ("vip9", errno.EPERM, "cannot make the interface vip9: that needs root or CAP_NET_ADMIN"),
        ("lo", errno.EINVAL, "cannot make the interface lo: an interface of this name exists"),
        ("vip9", errno.EINVAL, "cannot make the interface vip9: Invalid argument"),
    ],
)
def test_tun_refused(
    monkeypatch: pytest.MonkeyPatch, device: int, name: str, number: int, sentence: str
) -> None:
    def deny(*_: object) -> bytes:
        raise refuse(number)

    monkeypatch.setattr(fcntl, "ioctl", deny)
    with pytest.raises(VipError) as raised:
        Tun(name)
    assert str(raised.value).startswith(sentence)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(device)


@pytest.mark.usefixtures("device")
def test_tun_of_an_old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def old(_: int, request: int, argument: bytes) -> bytes:
        if request == tun._TUNSETCARRIER:
            raise refuse(errno.EINVAL)
        return argument

    monkeypatch.setattr(fcntl, "ioctl", old)
    with pytest.raises(VipError, match=r"this kernel \(.+\) is too old .* Linux 5\.0 or later"):
        Tun("anycast0")


def test_tun_is_light() -> None:
    heavy = "pyroute2", "asyncio", "pexpect", "dns"
    code = f"import sys, dnsd.daemon.tun; sys.exit(any(m in sys.modules for m in {heavy!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
