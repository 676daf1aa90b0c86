"""A build of a large zone that makes the image of the one before, where that is much less work.

A large zone that comes as a record file leaves a second name of that file beside its image, its
*base*: what the next version is compared with. Whatever is not quite as it was (the policy, limits,
how zones are built), or what only a look at the whole zone can decide (findings, signatures,
pools), leads to a build of all records. So does a fault of the base or of the image.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.build import images, versions
from dnsd.build.contents import contents_of, listed, with_more
from dnsd.build.stamps import Stamp, stamp
from dnsd.errors import DnsdError, PatchError
from dnsd.process import log
from dnsd.versions import recordfile
from dnsd.wire.name import from_text, lower
from dnsd.zone.sources import Sources, Unreadable, digest

if TYPE_CHECKING:
    from dnsd.build.images import Job, Meta
    from dnsd.build.stamps import Stamps
    from dnsd.caches.listing import Contents
    from dnsd.image.changed import ChangedOctets
    from dnsd.image.store import Image
    from dnsd.versions.version import ZoneVersion
    from dnsd.zone.sources import SourceFile

BASE = ".base"

MOST_WASTE = 0.25
"""What builds like this may leave behind in an image, as a part of it, before it is made again."""


class Patched(NamedTuple):
    """An image that was made of an earlier one, and what it says of itself."""

    meta: Meta
    image: ChangedOctets


def attempt(job: Job) -> Patched | None:
    """Return what ``job`` is to make; None if the zone is to be built as a whole."""
    base = _base(job)
    kept = stamp(str(base))
    if kept is None or not job.before:
        return None
    try:
        return _patched(job, base, kept)
    except (DnsdError, Unreadable, OSError):
        return None  # the build of the whole zone says what is wrong, if anything is
    except Exception as error:
        sentence = f"zone {job.origin}: it is built anew from all records: {error!r}"
        log.say("internal-error", sentence, cause=error, zone=job.origin)
        return None


def keep(job: Job, sources: Stamps, contents: Contents) -> None:
    """Keep the record file of ``job``, of which an image was made, for the next build.

    The image says that it was made of ``sources`` and has ``contents``.
    """
    source = sources.get(job.file)
    if source is not None and not contents.listed:
        with suppress(OSError):
            versions.link(Path(job.file), _base(job), source)


def _base(job: Job) -> Path:
    return Path(job.images) / f"{images.stem(job.origin)}{BASE}"


def _patched(job: Job, base: Path, kept: Stamp) -> Patched:
    meta = images.read_meta(job.stock, job.before)
    _check(meta, job, kept)
    images.check(job.stock, job.before, meta)
    image = job.stock.open(job.before)  # what is made of it refers to it
    if len(image.buffer) > (1 + MOST_WASTE) * (meta.whole or len(image.buffer)):
        raise PatchError("too much of the image is waste")
    return _of_image(job, meta, image, recordfile.known(base))


def _check(meta: Meta, job: Job, kept: Stamp) -> None:
    """Raise PatchError unless ``meta`` is of an image of which ``job`` may make the next one."""
    policy = str(job.policy_file)
    fits = (
        images.goes_by(meta, job)
        and meta.boot == images.boot() != ""
        and meta.sources == {job.file: kept, policy: None}
        and stamp(policy) is None
        and job.serial == "file"
        and not job.is_catalog
        and not (meta.contents.listed or meta.findings or meta.pools or meta.aliases)
    )
    if not fits:
        raise PatchError("the image before was made in another way")


def _of_image(job: Job, meta: Meta, image: Image, old: ZoneVersion) -> Patched:
    from dnsd.build.part import part_of

    new, source = _read(job)
    part = part_of(image, old, new, job.limits, job.file)
    if part.findings:
        raise PatchError("something is wrong with what has changed")
    made = msgspec.structs.replace(
        meta,
        sources=meta.sources | {job.file: Stamp(source.mtime_ns, source.size, source.inode)},
        digests=meta.digests | {job.file: source.digest},
        text=digest(source.digest.encode()),
        serial=new.serial,
        records=new.count,
        version=versions.keep_file(job, source) if job.is_given else "",
        contents=with_more(meta.contents, contents_of(part.zone, (), 0)[0]),
        whole=meta.whole or len(image.buffer),
        since=images.Since(
            digest=meta.contents.digest, before=listed(part.before), after=listed(part.after)
        ),
    )
    return Patched(made, part.image(image, images.encode(made)))


def _read(job: Job) -> tuple[ZoneVersion, SourceFile]:
    """Return the version in the record file of ``job``, and the file as it is read."""
    sources = Sources(job.limits)
    data = sources.open(Path(job.file))
    new = recordfile.parse(data, job.file)
    if new.apex != lower(from_text(job.origin)) or new.count > job.limits.records:
        raise PatchError("the file is not to be read")
    return new, sources.read[0]
