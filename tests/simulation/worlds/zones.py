"""What the zone of a world has, in words, and its files; images are built once for each content.

The files lie in a directory of this process. An edit links another file into its place, so the
same content has the same stamps, and its image is made of the same octets in every world.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextvars import Context
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from dns.dnssectypes import Algorithm

from dnsd.build import images
from dnsd.build.pipeline import BuildResult
from dnsd.image.stock import file_name
from tests.building import build_zone
from tests.zonekeys import make_key, signed_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.build.images import Job
    from tests.zonekeys import ZoneKey

APEX = "example.com."
POOL = "www.example.com."
HOST = "host.example.com."
NAMES = (POOL, HOST)
HOSTS = ("192.0.2.101", "192.0.2.102")
"""Addresses that a name without a policy may have."""
EPOCH = 1_700_000_000
"""When worlds begin, by the clock of the day."""
_LONG_AGO_S = 1_000_000_000
_YEAR_S = 31_536_000


class Terms(NamedTuple):
    """What stays the same in one world: the policy of the pool."""

    scope: str = "local"
    select: str = "all"
    all_down: str = "all"
    failback: str = "auto"
    interval: float = 4.0
    ttl_min: int = 2

    @property
    def text(self) -> str:
        """What the policy file says of every pool."""
        return (
            f'check = "tcp"\nport = 80\ninterval = "{self.interval:g}s"\n'
            f'fast_interval = "1s"\ntimeout = "1s"\n'
            f"down = 2\nok = 2\nup = 2\nttl_min = {self.ttl_min}\n"
            f'scope = "{self.scope}"\nselect = "{self.select}"\n'
            f'all_down = "{self.all_down}"\nfailback = "{self.failback}"\n'
        )


class Content(NamedTuple):
    """What the zone has now; without ``terms`` the members are records like all others.

    Members are addresses, or names that a CNAME leads to.
    """

    members: tuple[str, ...]
    ttl: int
    host: str
    host_ttl: int
    terms: Terms | None
    is_signed: bool = False

    @property
    def text(self) -> str:
        """The zone file."""
        lines = ["@ 2 SOA ns h 1 3600 600 86400 5", "@ 2 NS ns", "ns 2 A 198.51.100.53"]
        if self.is_named:
            lines += [f"www {self.ttl} CNAME {self.members[0]}"]
        else:
            lines += [f"www {self.ttl} A {member}" for member in self.members]
        lines += [f"host {self.host_ttl} A {self.host}"] if self.host else []
        text = "".join(f"{line}\n" for line in lines)
        return _signed(text) if self.is_signed else text

    @property
    def policy(self) -> str | None:
        """The policy file, if there is one."""
        if self.terms is None:
            return None
        signing = f'[signing]\nkeys = ["{_key()[1]}"]\n' if self.is_signed else ""
        if not self.is_named:
            return f'{signing}[[pool]]\nname = "www"\ntype = "A"\n{self.terms.text}'
        checked = ", ".join(f'"{one}" = "{checked_at(one)}"' for one in self.members)
        return (
            f'{signing}[[pool]]\nname = "www"\ntype = "CNAME"\nmembers = {list(self.members)}\n'
            f"check_addresses = {{ {checked} }}\n{self.terms.text}"
        )

    @property
    def is_named(self) -> bool:
        """Whether members are names."""
        return self.members[0].endswith(".")

    @property
    def addresses(self) -> frozenset[str]:
        """All addresses that may be given out."""
        return frozenset((*self.members, *([self.host] if self.host else [])))


def members(number: int, *, named: bool) -> tuple[str, ...]:
    """Return so many members."""
    one = "m{}.example.net." if named else "192.0.2.{}"
    return tuple(one.format(at + 1) for at in range(number))


def checked_at(member: str) -> str:
    """Return the address that a check of ``member`` goes to."""
    return f"192.0.2.{member[1]}" if member.endswith(".") else member


def member_at(address: str, members: Sequence[str]) -> str:
    """Return which of ``members`` is checked at ``address``."""
    return next((one for one in members if checked_at(one) == address), address)


@cache
def _key() -> tuple[ZoneKey, Path]:
    """Return the key of all signed zones of this process, and where it lies."""
    key = make_key(Algorithm.ED25519)
    return key, root() / key.write(root())


@cache
def _signed(text: str) -> str:
    """Return the zone ``text`` with an NSEC chain."""
    times = {"since": EPOCH - _YEAR_S, "until": EPOCH + _YEAR_S}
    return signed_text(text, _key()[0], origin=APEX, key_ttl=2, **times)


@cache
def root() -> Path:
    """Return the directory of all worlds of this process."""
    memory = Path("/dev/shm")
    path = tempfile.mkdtemp(prefix="dnsd-worlds-", dir=memory if memory.is_dir() else None)
    Finalize(None, shutil.rmtree, (path, True), exitpriority=1)  # in a forked process, too
    return Path(path)


@cache
def _stored(text: str) -> Path:
    path = root() / f"file-{_stored.cache_info().currsize}"
    path.write_text(text)
    os.utime(path, (_LONG_AGO_S, _LONG_AGO_S))
    return path


def edit(directory: Path, content: Content | None) -> None:
    """Have the zone files in ``directory`` be those of ``content``; None: there are none."""
    _put(directory / "example.com.toml", content.policy if content else None)
    _put(directory / "example.com.zone", content.text if content else None)


def _put(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(".new")
    temporary.hardlink_to(_stored(text))
    temporary.replace(path)
    temporary.unlink(missing_ok=True)  # the same file was there, and rename(2) does nothing


_Built = tuple[BuildResult, bytes]
_built: dict[tuple[str, int, int], _Built] = {}


def build(job: Job) -> BuildResult:
    """Build as :func:`tests.building.build_zone` does, each content once."""
    policy = Path(job.file).with_suffix(".toml")
    inodes = Path(job.file).stat().st_ino, policy.stat().st_ino if policy.exists() else 0
    key = (job.file, *inodes)
    if key not in _built:
        _built[key] = _really_built(job)
    result, image = _built[key]
    if result.image is None:
        return result
    name = job.stock.save(images.new_name(job.origin), image)
    images.seal(Path(job.images, file_name(name)))
    return msgspec.structs.replace(result, image=name)


def _really_built(job: Job) -> _Built:
    scratch = root() / "scratch"
    scratch.mkdir(exist_ok=True)
    # As nobody of the world: there are no faults.
    result = Context().run(build_zone, msgspec.structs.replace(job, images=str(scratch)))
    if result.image is None:
        return result, b""
    path = scratch / result.image
    image = path.read_bytes()
    path.unlink()
    return result, image


def built(jobs: Sequence[Job]) -> list[BuildResult]:
    """Build all of ``jobs``."""
    return [build(job) for job in jobs]
