"""The image files in the state directory: their names, and what each was made from.

An image whose sources are unchanged needs no rebuilding; that is decided here, from the
metadata that a build has put into the image. What is in it besides is ``dnsd.image``'s.
"""

from __future__ import annotations

import itertools
import os
import time
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import dnsd
from dnsd.build import resolved
from dnsd.build.poolmeta import PoolMeta
from dnsd.build.resolved import AliasMeta
from dnsd.build.stamps import Stamps, observe, stamp
from dnsd.caches.listing import NO_LISTING, Contents
from dnsd.config import Failover, Limits, origins
from dnsd.config.policyfile import path_for
from dnsd.errors import ImageError
from dnsd.image import pack
from dnsd.image.journal import SUFFIX
from dnsd.image.memory import Memory
from dnsd.image.stock import Stock, file_of
from dnsd.zone.findings import Finding
from dnsd.zone.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Iterable


UNKEPT = "not-kept"
"""The code of the finding that other servers cannot have the version."""
EDITED = "rrsig-edited"
"""The code of the finding that records do not fit their signatures."""
VERSIONS = "versions"
"""The directory, in the state directory, of record files that were made with images."""

BUILDING_CODE = (
    "zone",
    "compile",
    "image",
    "wire",
    "config",
    "caches",
    "failover",
    "build",
)
"""The packages that decide what is in an image."""

_counter = itertools.count()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A zone to build: the image goes into the directory ``images``.

    If the disk refuses it, into the memory that has the descriptor ``memory``, if there is one.
    From the directories ``include`` it may include files. ``serial`` is the policy by which its
    serial is made; others may fetch it if it ``is_given``. What ``is_catalog`` is answered to
    nobody else.
    """

    origin: str
    file: str
    policy: str = ""
    """Empty: it stands beside the file."""
    limits: Limits
    images: str
    failover: Failover = Failover()
    include: tuple[str, ...] = ()
    memory: int | None = None
    serial: str = "file"
    is_given: bool = False
    is_catalog: bool = False
    before: str = ""
    """The image that is served, of which the new one may be made; empty: none is."""

    @property
    def policy_path(self) -> str:
        """Where the policy of the zone is, if it has one."""
        return self.policy or str(path_for(Path(self.file)))

    @property
    def policy_file(self) -> Path:
        """The same as a path."""
        return Path(self.policy_path)

    @property
    def resolved(self) -> str:
        """The file with what the aliases of the zone have been resolved to."""
        return str(resolved.path_for(Path(self.images).parent, stem(self.origin)))

    @property
    def stock(self) -> Stock:
        """Where the image goes."""
        memory = None if self.memory is None else Memory(self.memory)
        return Stock(Path(self.images), memory)


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed since the zone had contents with ``digest``: listings of both as JSON.

    They have the names of which some RRset is another one, with what was around them.
    """

    digest: str
    before: msgspec.Raw
    after: msgspec.Raw


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What an image was made from, kept inside of it as JSON.

    ``findings`` are warnings: an image is only made of a zone without errors. ``boot`` is the
    start of the machine in which it was written. ``listing`` is only decoded when it is needed.
    ``digests`` are of the ``sources``, ``text`` is one of the zone file and all that it includes.
    ``policy`` is where its policy is, or would be; ``version`` is the name of its record file, if
    it has one. ``whole`` are the octets of the image that was made of all records, if this one is
    made of that (see :mod:`dnsd.build.incremental`); ``since`` says what has changed then.
    """

    builder: str
    origin: str
    file: str
    limits: Limits
    sources: Stamps
    digests: dict[str, str] = {}
    text: str = ""
    include: tuple[str, ...] = ()
    serial: int
    records: int
    findings: tuple[Finding, ...]
    pools: tuple[PoolMeta, ...] = ()
    aliases: tuple[AliasMeta, ...] = ()
    failover: Failover = Failover()
    boot: str = ""
    contents: Contents = Contents()
    policy: str = ""
    serial_policy: str = "file"
    is_catalog: bool = False
    version: str = ""
    validity: Validity | None = None
    whole: int = 0
    since: Since | None = None
    listing: msgspec.Raw = NO_LISTING


def encode(meta: Meta) -> bytes:
    """Return ``meta`` as JSON."""
    return msgspec.json.encode(meta)


def stem(origin: str) -> str:
    """Return how the names of all images of the zone ``origin`` begin."""
    return origins.file_stem(origin)


def new_name(origin: str) -> str:
    """Return the name of a file that has never been: a reader can't mistake it for another."""
    return f"{unique(origin)}{SUFFIX}"


def unique(origin: str) -> str:
    """Return a name for something of the zone ``origin`` that has never been."""
    return f"{stem(origin)}.{_unique()}"


def new_pack_name() -> str:
    """Return the name of a pack that has never been."""
    return f"{pack.PREFIX}{_unique()}{SUFFIX}"


def _unique() -> str:
    return f"{time.time_ns():x}-{os.getpid():x}-{next(_counter):x}"


def seal(path: Path) -> None:
    """Give the image at ``path`` the time in its name: a write to it breaks that."""
    made = _made(path.name)
    with suppress(OSError):  # then its checksum will be read
        os.utime(path, ns=(made, made))


def changes(stock: Stock, names: Iterable[str]) -> dict[str, str]:
    """Return what has happened to images since they were sealed: sentences by name.

    As a rule they are not read, so what a disk has lost of the content is not seen.
    """
    files: dict[str, list[str]] = {}
    for name in names:
        if file := file_of(name):
            files.setdefault(file, []).append(name)
    found: dict[str, str] = {}
    for file, within in files.items():
        found |= _changes(stock, stock.directory / file, within)
    return found


def _changes(stock: Stock, path: Path, names: list[str]) -> dict[str, str]:
    """Return what has happened to the images ``names`` in the file ``path``."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- ten thousand of them, once a second
    except FileNotFoundError:
        return dict.fromkeys(names, f"the image {path} is gone")
    except OSError:
        return {}
    if status.st_size == 0:
        return dict.fromkeys(names, f"the image {path} is empty")
    if status.st_mtime_ns == _made(path.name):
        return {}
    # Its seal is broken, or could not be made: it is read, once.
    found = {name: why for name in names if (why := stock.fault(name))}
    if not found:
        seal(path)
    return found


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
    """Return the images in ``stock`` by the zone they may belong to, newest first.

    Those in a pack are called by their stems there.
    """
    found: dict[str, list[str]] = {}
    for name in sorted(stock.files(), key=_made, reverse=True):
        if not name.endswith(SUFFIX) or name.startswith("."):
            continue
        if name.startswith(pack.PREFIX):
            with suppress(ImageError):
                for key, one in stock.index(name).items():
                    found.setdefault(key, []).append(one.name)
        else:
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


def read_meta(stock: Stock, name: str) -> Meta:
    """Return what the image ``name`` was made from, or raise ImageError."""
    try:
        return msgspec.json.decode(stock.meta(name), type=Meta)
    except msgspec.DecodeError as error:
        raise ImageError("an image does not say what it was made from") from error


def is_current(meta: Meta, job: Job) -> bool:
    """Return whether ``job`` would give the same image again."""
    return (
        goes_by(meta, job)
        and (not job.is_given or _has_version(meta, job))
        and observe(meta.sources) == meta.sources
    )


def goes_by(meta: Meta, job: Job) -> bool:
    """Return whether the image was made in the way of ``job``, whatever is in the files."""
    return (
        meta.builder == builder()
        and (meta.origin, meta.file, meta.limits) == (job.origin, job.file, job.limits)
        and meta.include == job.include
        and (meta.failover == job.failover or not meta.pools)
        and meta.policy == job.policy_path
        and (meta.serial_policy, meta.is_catalog) == (job.serial, job.is_catalog)
    )


def _has_version(meta: Meta, job: Job) -> bool:
    """Tell whether others can be given what the image was made from."""
    return bool(meta.version) and (Path(job.images).parent / VERSIONS / meta.version).exists()


def reusable(stock: Stock, names: Iterable[str], job: Job) -> tuple[str, Meta] | None:
    """Return the first of the images ``names`` that does for ``job`` and is undamaged."""
    for name in names:
        try:
            meta = read_meta(stock, name)
            if is_current(meta, job):
                check(stock, name, meta)
                return name, meta
        except ImageError:
            continue
    return None


def check(stock: Stock, name: str, meta: Meta) -> None:
    """Raise ImageError if anything has happened to an image since it was saved."""
    if not _is_intact(stock.path(name), meta):
        stock.verify(name)


def _is_intact(path: Path, meta: Meta) -> bool:
    """Tell whether nothing can have happened to an image since it was saved.

    Only a power cut loses what is not synced; in the same start of the machine there was none.
    """
    if not meta.boot or meta.boot != boot():
        return False
    status = stamp(str(path))
    return status is not None and status.mtime_ns == _made(path.name)
