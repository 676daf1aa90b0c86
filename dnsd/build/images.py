"""The image files in the state directory: their names, and what each was made from.

An image whose sources are unchanged needs no rebuilding; that is decided here, from the
metadata that a build has put into the image. What is in it besides is ``dnsd.image``'s.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import time
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import dnsd
from dnsd.build.pools import PoolMeta
from dnsd.build.stamps import Stamps, observe, stamp
from dnsd.caches.listing import NO_LISTING, Contents
from dnsd.config import Failover, LimitsConfig
from dnsd.errors import ImageError
from dnsd.image import store
from dnsd.image.journal import SUFFIX
from dnsd.image.memory import Memory
from dnsd.image.stock import Stock, region_of
from dnsd.image.store import Image
from dnsd.zone.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

BUILDING_CODE = (
    "zone",
    "compile",
    "image",
    "wire",
    "config",
    "failover",
    "control",
    "control/horizon",
)
"""The packages that decide what is in an image."""

_UNFIT = re.compile(r"[^a-z0-9._-]")
_counter = itertools.count()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A zone to build: the image goes into the directory ``images``.

    If the disk refuses it, into the memory that has the descriptor ``memory``, if there is one.
    From the directories ``include`` it may include files.
    """

    origin: str
    file: str
    limits: LimitsConfig
    images: str
    failover: Failover = Failover()
    include: tuple[str, ...] = ()
    memory: int | None = None

    @property
    def stock(self) -> Stock:
        """Where the image goes."""
        memory = None if self.memory is None else Memory(self.memory)
        return Stock(Path(self.images), memory)


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What an image was made from, kept inside of it as JSON.

    ``findings`` are warnings: an image is only made of a zone without errors. ``boot`` is the
    start of the machine in which it was written. ``listing`` is only decoded when it is needed.
    ``digests`` are of the ``sources``, ``text`` is one of the zone file and all that it includes.
    """

    builder: str
    origin: str
    file: str
    limits: LimitsConfig
    sources: Stamps
    digests: dict[str, str] = {}
    text: str = ""
    include: tuple[str, ...] = ()
    serial: int
    records: int
    findings: tuple[Finding, ...]
    pools: tuple[PoolMeta, ...] = ()
    failover: Failover = Failover()
    boot: str = ""
    contents: Contents = Contents()
    listing: msgspec.Raw = NO_LISTING


def encode(meta: Meta) -> bytes:
    """Return ``meta`` as JSON."""
    return msgspec.json.encode(meta)


def stem(origin: str) -> str:
    """Return how the names of all images of the zone ``origin`` begin."""
    readable = _UNFIT.sub("_", origin.removesuffix("."))[:80]
    return f"{readable}-{hashlib.sha256(origin.encode()).hexdigest()[:12]}"


def new_name(origin: str) -> str:
    """Return the name of a file that has never been: a reader can't mistake it for another."""
    unique = f"{time.time_ns():x}-{os.getpid():x}-{next(_counter):x}"
    return f"{stem(origin)}.{unique}{SUFFIX}"


def seal(path: Path) -> None:
    """Give the image at ``path`` the time in its name: whoever writes to it breaks that."""
    made = _made(path.name)
    with suppress(OSError):  # then its checksum will be read
        os.utime(path, ns=(made, made))


def change(stock: Stock, name: str) -> str:
    """Return what has happened to an image since it was sealed: a sentence, or nothing.

    As a rule it is not read, so what a disk has lost of the content is not seen.
    """
    if region_of(name) is not None:
        return ""
    path = stock.directory / name
    try:
        status = os.stat(path)  # noqa: PTH116 -- ten thousand of them, once a second
    except FileNotFoundError:
        return f"the image {path} is gone"
    except OSError:
        return ""
    if status.st_size == 0:
        return f"the image {path} is empty"
    if status.st_mtime_ns == _made(path.name):
        return ""
    # Its seal is broken, or could not be made: it is read, once.
    why = stock.fault(name)
    if not why:
        seal(path)
    return why


def _made(name: str) -> int:
    """Return when the image file ``name`` was named, in POSIX nanoseconds; 0 if it is not ours."""
    unique = name.removesuffix(SUFFIX).rpartition(".")[2]
    try:
        return int(unique.partition("-")[0], 16)
    except ValueError:
        return 0


@cache
def boot() -> str:
    """Return a name for this start of the machine, empty where there is none to be had."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def by_stem(stock: Stock) -> dict[str, list[str]]:
    """Return the image files in ``stock`` by the zone they may belong to, newest first."""
    found: dict[str, list[str]] = {}
    for name in sorted(stock.files(), reverse=True):
        if name.endswith(SUFFIX) and not name.startswith("."):
            found.setdefault(name.removesuffix(SUFFIX).rpartition(".")[0], []).append(name)
    return found


@cache
def builder() -> str:
    """Return a name for the code that makes images: another dnsd might make another image."""
    digest = 0
    package = Path(dnsd.__file__).parent
    for part in BUILDING_CODE:
        for path in sorted((package / part).glob("*.*")):
            status = path.stat()
            line = f"{path.name} {status.st_size} {status.st_mtime_ns}"
            digest = zlib.crc32(line.encode(), digest)
    return f"{dnsd.__version__}+{digest:08x}"


def read_meta(path: Path) -> Meta:
    """Return what the image at ``path`` was made from, or raise ImageError."""
    return meta_in(Image.open(path))


def meta_in(image: Image) -> Meta:
    """Return what ``image`` was made from, or raise ImageError; it is closed then."""
    try:
        return msgspec.json.decode(image.meta, type=Meta)
    except msgspec.DecodeError as error:
        raise ImageError("an image does not say what it was made from") from error
    finally:
        image.close()


def is_current(meta: Meta, job: Job) -> bool:
    """Return whether ``job`` would give the same image again."""
    return (
        meta.builder == builder()
        and (meta.origin, meta.file, meta.limits) == (job.origin, job.file, job.limits)
        and meta.include == job.include
        and (meta.failover == job.failover or not meta.pools)
        and observe(meta.sources) == meta.sources
    )


def reusable(names: Iterable[str], job: Job) -> tuple[str, Meta] | None:
    """Return the first one of the images ``names`` that does for ``job`` and is undamaged."""
    for name in names:
        path = Path(job.images, name)
        try:
            meta = read_meta(path)
            if is_current(meta, job):
                check(path, meta)
                return name, meta
        except ImageError:
            continue
    return None


def check(path: Path, meta: Meta) -> None:
    """Raise ImageError if anything has happened to the image at ``path`` since it was saved."""
    if not _is_intact(path, meta):
        store.verify(path)


def _is_intact(path: Path, meta: Meta) -> bool:
    """Tell whether nothing can have happened to an image since it was saved.

    Only a power cut loses what is not synced; in the same start of the machine there was none.
    """
    if not meta.boot or meta.boot != boot():
        return False
    status = stamp(str(path))
    return status is not None and status.mtime_ns == _made(path.name)
