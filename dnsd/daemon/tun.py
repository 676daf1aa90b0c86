"""The interface that carries the VIPs: a tun that lives exactly as long as its holder.

BIRD announces its addresses while it has a carrier; when this process dies, for any reason, the
kernel removes the interface. Knows ioctl and two messages of rtnetlink,
nothing of addresses; no packet is ever read from it, as the VIPs are local.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Self

from dnsd.errors import VipError

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 1.0
"""Seconds for which a dnsd that was just killed may still hold the name."""
_PAUSE_S = 0.02

_DEVICE = "/dev/net/tun"

# <linux/if_tun.h>
_TUNSETIFF = 0x400454CA
_TUNGETIFF = 0x800454D2
_TUNSETCARRIER = 0x400454E2
_IFF_TUN = 0x0001
_IFF_NO_CARRIER = 0x0040
_IFF_PERSIST = 0x0800
_IFF_NO_PI = 0x1000

_IFREQ = Struct("16sH22x")
_INT = Struct("i")

# <linux/rtnetlink.h>
_RTM_GETLINK = 18
_RTM_SETLINK = 19
_NLM_F_REQUEST = 0x01
_NLM_F_ACK = 0x04
_NLMSG_ERROR = 2
_IFLA_IFALIAS = 20
_ALIAS = b"dnsd's VIPs\0"

_HEADER = Struct("IHHII")
_IFINFO = Struct("BxHiII")
_ATTRIBUTE = Struct("HH")
_LARGEST_REPLY = 65536


class Devices:
    """Descriptors of the tun driver, opened while this process still may.

    ``spare`` of them, or as many as possible. A descriptor is reused when another program has
    deleted its interface, so they last for any number of interfaces in a row.
    """

    def __init__(self, spare: int) -> None:
        self._most = spare
        self._spare: list[int] = []
        with suppress(OSError):
            for _ in range(spare):
                self._spare.append(os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC))

    def take(self) -> int:
        """Return a device without an interface, or raise VipError."""
        return self._spare.pop() if self._spare else _open()

    def give_back(self, device: int) -> None:
        """Close ``device``, and its interface with it; keep it as a spare one if it has none."""
        if len(self._spare) < self._most and not _has_interface(device):
            self._spare.append(device)
        else:
            os.close(device)


class Tun:
    """Makes the interface ``name``, down and without carrier, and holds it; VipError if not.

    ``held`` is a descriptor of the interface, which another process has made, and holds, too.

    Must not be inherited by another process, which would keep the interface alive: the
    descriptors are closed on exec, and a process that forks must exec.
    """

    def __init__(
        self,
        name: str,
        sleep: Callable[[float], None] = time.sleep,
        devices: Devices | None = None,
        held: int | None = None,
    ) -> None:
        self.name = name
        self._devices = devices or Devices(0)
        self._device = self._devices.take() if held is None else held
        try:
            if held is None:
                _attach(self._device, name, sleep)
                _set_carrier(self._device, name, 0)
            self._netlink = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            )
            self._netlink.setblocking(False)
            self._index = socket.if_nametoindex(name)
        except BaseException:
            self.close()
            raise

    def carrier(self, up: bool) -> None:
        """Switch the interface's carrier; all listeners know of it when this returns.

        VipError if the interface is gone.
        """
        _set_carrier(self._device, self.name, int(up))
        # The kernel tells others of a lost carrier up to a second later if any link has
        # changed lately. It doesn't wait when a process asks for the link (newer kernels), and
        # what it tells of any other change has the new state in it (all kernels).
        self._ask(_set_alias(self._index))
        self._ask(_get_link(self._index))

    def duplicate(self) -> int:
        """Return a descriptor for another process that is to hold the interface, too."""
        return os.dup(self._device)

    def close(self) -> None:
        """Release the interface: it vanishes, with its addresses. May be called again."""
        if self._device >= 0:
            self._devices.give_back(self._device)
            self._device = -1
        netlink = getattr(self, "_netlink", None)
        if netlink is not None:
            netlink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: bytes) -> None:
        # The kernel has answered when send returns.
        self._netlink.send(request)
        reply = self._netlink.recv(_LARGEST_REPLY)
        _, kind, *_ = _HEADER.unpack_from(reply)
        if kind == _NLMSG_ERROR:
            number = -_INT.unpack_from(reply, _HEADER.size)[0]
            if number:
                raise _failed(self.name, number)


def _open() -> int:
    """Return a descriptor of the tun driver."""
    try:
        return os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise VipError(_no_device(error)) from error


def _has_interface(device: int) -> bool:
    try:
        fcntl.ioctl(device, _TUNGETIFF, bytes(_IFREQ.size))
    except OSError:
        return False
    return True


def _attach(device: int, name: str, sleep: Callable[[float], None]) -> None:
    """Make the interface ``name`` belong to ``device``."""
    left = PATIENCE_S
    request = _IFREQ.pack(name.encode(), _IFF_TUN | _IFF_NO_PI | _IFF_NO_CARRIER)
    while True:
        try:
            fcntl.ioctl(device, _TUNSETIFF, request)
            break
        except OSError as error:
            if error.errno != errno.EBUSY or left <= 0:
                raise VipError(_refused(name, error)) from error
        sleep(_PAUSE_S)
        left -= _PAUSE_S
    _, flags = _IFREQ.unpack(fcntl.ioctl(device, _TUNGETIFF, bytes(_IFREQ.size)))
    if flags & _IFF_PERSIST:
        raise VipError(
            f"cannot use the interface {name}: it is a persistent tun, which would stay, and be "
            f"announced, after dnsd's death; remove it with `ip link delete {name}`, "
            "or change [anycast] interface"
        )


def _set_carrier(device: int, name: str, value: int) -> None:
    try:
        # Also right after the start: kernels before 6.1 ignore IFF_NO_CARRIER.
        fcntl.ioctl(device, _TUNSETCARRIER, _INT.pack(value))
    except OSError as error:
        raise _failed(name, error.errno or errno.EINVAL) from error


def _failed(name: str, number: int) -> VipError:
    if number in (errno.EBADFD, errno.ENODEV):
        return VipError(f"the interface {name} has been deleted")
    if number == errno.EINVAL:
        return VipError(
            f"cannot control the carrier of {name}: this kernel ({os.uname().release}) is too "
            "old for anycast; use Linux 5.0 or later"
        )
    if number == errno.EPERM:
        return VipError(f"cannot control the carrier of {name}: {_NEEDS_ADMIN}")
    return VipError(f"cannot control the carrier of {name}: {os.strerror(number)}")


_NEEDS_ADMIN = (
    "that needs root or CAP_NET_ADMIN; run dnsd as a service that has it "
    "(AmbientCapabilities=CAP_NET_ADMIN)"
)


def _no_device(error: OSError) -> str:
    where = f"cannot make an interface for the VIPs: {_DEVICE}"
    if error.errno == errno.ENOENT:
        return (
            f"{where} does not exist; load the module with `modprobe tun`, "
            "or give the device to the container (--device /dev/net/tun)"
        )
    if error.errno in (errno.ENODEV, errno.ENXIO):
        return f"{where} has no driver; load the module with `modprobe tun`"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{where} may not be opened by this user; run dnsd as root or as a service, "
            f"or `chmod 0666 {_DEVICE}`, which gives nothing away: making one needs CAP_NET_ADMIN"
        )
    return f"{where}: {error.strerror}"


def _refused(name: str, error: OSError) -> str:
    where = f"cannot make the interface {name}"
    if error.errno == errno.EBUSY:
        return (
            f"{where}: another process holds a tun of this name; "
            f"stop it ({_holder(name)}), or change [anycast] interface"
        )
    if error.errno == errno.EINVAL and _exists(name):
        return (
            f"{where}: an interface of this name exists, and it is not a tun of dnsd's; "
            f"see `ip -d link show {name}`; remove it, or change [anycast] interface"
        )
    if error.errno == errno.EPERM:
        return f"{where}: {_NEEDS_ADMIN}"
    return f"{where}: {error.strerror}; change [anycast] interface"


def _exists(name: str) -> bool:
    return any(name == other for _, other in socket.if_nameindex())


def _holder(name: str) -> str:
    """Return the process that holds the tun ``name``, if this process may see it."""
    line = f"iff:\t{name}\n"
    here = Path("/proc/thread-self/ns/net").readlink()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            # Other network namespaces may have an interface of the same name.
            if (process / "ns/net").readlink() == here and any(
                line in entry.read_text() for entry in (process / "fdinfo").iterdir()
            ):
                return f"pid {process.name}"
        except OSError:
            continue
    return f"`grep -w {name} /proc/[0-9]*/fdinfo/*`, as root, names it"


def _get_link(index: int) -> bytes:
    body = _IFINFO.pack(socket.AF_UNSPEC, 0, index, 0, 0)
    return _message(_RTM_GETLINK, 0, body)


def _set_alias(index: int) -> bytes:
    body = _IFINFO.pack(socket.AF_UNSPEC, 0, index, 0, 0)
    alias = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(_ALIAS), _IFLA_IFALIAS) + _ALIAS
    return _message(_RTM_SETLINK, _NLM_F_ACK, body + alias)


def _message(kind: int, flags: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, _NLM_F_REQUEST | flags, 0, 0) + body
