"""What the zone of a world has, in words, and its files; images are built once for each content.

The files lie in a directory of this process. An edit links another file into its place, so the
same content has the same stamps, and its image is made of the same octets in every world.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.build import images
from dnsd.build.pipeline import BuildResult, build_zone
from dnsd.image.stock import file_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dnsd.build.images import Job

APEX = "example.com."
POOL = "www.example.com."
HOST = "host.example.com."
HOSTS = ("192.0.2.101", "192.0.2.102")
"""Addresses that a name without a policy may have."""
_LONG_AGO_S = 1_000_000_000


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
        """The policy file."""
        return (
            f'[[pool]]\nname = "www"\ntype = "A"\ncheck = "tcp"\nport = 80\n'
            f'interval = "{self.interval:g}s"\nfast_interval = "1s"\ntimeout = "1s"\n'
            f"down = 2\nok = 2\nup = 2\nttl_min = {self.ttl_min}\n"
            f'scope = "{self.scope}"\nselect = "{self.select}"\n'
            f'all_down = "{self.all_down}"\nfailback = "{self.failback}"\n'
        )


class Content(NamedTuple):
    """What the zone has now; without ``terms`` the members are records like all others."""

    members: tuple[str, ...]
    ttl: int
    host: str
    host_ttl: int
    terms: Terms | None

    @property
    def text(self) -> str:
        """The zone file."""
        lines = ["@ 2 SOA ns h 1 3600 600 86400 5", "@ 2 NS ns", "ns 2 A 198.51.100.53"]
        lines += [f"www {self.ttl} A {member}" for member in self.members]
        lines += [f"host {self.host_ttl} A {self.host}"] if self.host else []
        return "".join(f"{line}\n" for line in lines)

    @property
    def addresses(self) -> frozenset[str]:
        """All addresses that may be given out."""
        return frozenset((*self.members, *([self.host] if self.host else [])))


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
    _put(directory / "example.com.toml", content.terms.text if content and content.terms else None)
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
    """Build as :func:`dnsd.build.pipeline.build_zone` does, each content once."""
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
    result = build_zone(msgspec.structs.replace(job, images=str(scratch)))
    if result.image is None:
        return result, b""
    path = scratch / result.image
    image = path.read_bytes()
    path.unlink()
    return result, image


def built(jobs: Sequence[Job]) -> list[BuildResult]:
    """Build all of ``jobs``."""
    return [build(job) for job in jobs]
