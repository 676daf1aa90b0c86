"""The kernel's settings that a director needs: it sets them, and looks whether they stay.

All directors of a service must hash alike: by addresses and ports, with one seed. A setting that
this kernel lacks is reported, with the consequence.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path("/proc/sys/net")

SEED = "ipv4/fib_multipath_hash_seed"

_CUSTOM = "3"
_FIELDS = f"{0x01 | 0x02 | 0x04 | 0x10 | 0x20}"
"""Source, destination, protocol and both ports, read from each packet's own headers.

Policy 1 hashes the same fields, but only of a packet that has no hash yet. Most have one: network
cards compute it, with a key of their own, and so do the sockets of containers and virtual machines
on this host, which draw another one with each retransmission. Directors then choose different
backends, and a flow moves to another one in its middle.
"""

_ALWAYS = {
    "ipv4/ip_forward": "1",
    "ipv6/conf/all/forwarding": "1",
    "ipv4/fib_multipath_hash_fields": _FIELDS,
    "ipv6/fib_multipath_hash_fields": _FIELDS,
    "ipv4/fib_multipath_hash_policy": _CUSTOM,
    "ipv6/fib_multipath_hash_policy": _CUSTOM,
    # Or each slot that moves has the kernel tell every listener the whole route again, with all of
    # its slots: twenty times the work.
    "ipv4/nexthop_compat_mode": "0",
    # A backend is on the link that clients' packets may have come from: no client is told to go
    # there by itself.
    "ipv4/conf/all/send_redirects": "0",
}


class KernelSettings(NamedTuple):
    """The result: sentences, and whether the ``seed`` is set."""

    changed: tuple[str, ...]
    problems: tuple[str, ...]
    seed: bool


def wanted(seed: int, links: Iterable[str]) -> dict[str, str]:
    """Return each setting and its value; ``links`` are those that packets come in by."""
    redirects = {f"ipv4/conf/{link}/send_redirects": "0" for link in links}
    return {**_ALWAYS, **redirects, SEED: str(seed)}


def ensure(settings: dict[str, str], root: Path = ROOT) -> KernelSettings:
    """Give each of ``settings`` its value where it has another one."""
    changed, problems = [], []
    for place, value in settings.items():
        path = root / place
        name = f"net.{place.replace('/', '.')}"
        try:
            before = path.read_text().strip()
            if before == value:
                continue
            path.write_text(value)
        except OSError as error:
            problems.append(_refusal(name, value, error))
            continue
        changed.append(f"{name} is set to {value} (it was {before})")
    seed = not any(SEED.replace("/", ".") in problem for problem in problems)
    return KernelSettings(tuple(changed), tuple(problems), seed)


def _refusal(name: str, value: str, error: OSError) -> str:
    if name.endswith("hash_seed") and error.errno == errno.ENOENT:
        return (
            f"this kernel has no {name} (Linux 6.11 has): each director chooses backends by a seed "
            "of its own, so let one director at a time announce a VIP, and drain the others"
        )
    if "multipath_hash_" in name and error.errno in (errno.ENOENT, errno.EINVAL):
        return (
            f"this kernel cannot set {name} to {value} (Linux 5.14 can): flows may move from one "
            "backend to another, because it hashes them by what network cards report"
        )
    if error.errno == errno.EROFS:
        return (
            f"cannot set {name} to {value}: /proc/sys is read-only here; set it with sysctl, or "
            "run dnsd without ProtectKernelTunables"
        )
    return f"cannot set {name} to {value}: {error.strerror}; set it with sysctl"


def advice(links: Iterable[str], root: Path = ROOT) -> tuple[str, ...]:
    """Return a sentence for each setting that may keep clients' packets out."""
    found = []
    for link in links:
        values = [_read(root / f"ipv4/conf/{name}/rp_filter") for name in ("all", link)]
        if max(values) == 1:
            found.append(
                f"net.ipv4.conf.{link}.rp_filter is 1 (strict): packets of clients that this "
                f"director would not answer by {link} are dropped; set it (and all) to 2 or 0"
            )
    return tuple(found)


def _read(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
