"""One zone from file to image: load, check against its policy, compile, save.

Pure work on one zone, to be run in a thread or in a process of its own; knows nothing of
what is served, and never raises for what is in a zone file.
"""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dnsd.build import images
from dnsd.build.pools import PoolMeta
from dnsd.build.stamps import Stamp, Stamps, doubtful, observe, stamp
from dnsd.caches.listing import Contents
from dnsd.config.policyfile import key_files, path_for
from dnsd.errors import ImageError
from dnsd.process import log
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.sources import digest, digest_of

if TYPE_CHECKING:
    from dnsd.build.images import Job
    from dnsd.zone.sources import SourceFile

MOST_FINDINGS = 100
"""Findings kept of one zone: a file of another kind has one for each line."""


class BuildResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a build.

    ``image`` is the image's name (see :mod:`dnsd.image.stock`), None if the zone is broken
    (``findings`` say why). ``sources`` are all files read or looked for, the zone file, its
    policy and the keys among them, ``digests`` those of their octets, and ``text`` is one of the
    zone file and all that it includes. If the zone ``is_stale``, it is not loaded, and the image
    is an earlier one. ``trouble`` says what has kept the build from its end although the zone may
    be well: then it is to be tried again.
    """

    origin: str
    image: str | None = None
    trouble: str = ""
    findings: tuple[Finding, ...] = ()
    sources: Stamps = {}
    digests: dict[str, str] = {}
    text: str = ""
    serial: int = 0
    records: int = 0
    pools: tuple[PoolMeta, ...] = ()
    contents: Contents = Contents()
    seconds: float = 0.0
    is_stale: bool = False

    @property
    def is_loaded(self) -> bool:
        """Whether the image is of what is in the files now."""
        return self.image is not None and not self.is_stale


def build_zone(job: Job) -> BuildResult:
    """Build the zone of ``job``."""
    began, began_ns = time.monotonic(), time.time_ns()
    try:
        result = _build(job, began_ns)
    except ImageError as error:
        if error.errno:
            result = troubled(job, str(error))
        else:
            result = failed(job, str(error), "image")
    except Exception as error:
        log.write(traceback.format_exc().rstrip())
        sentence = f"dnsd failed on this zone: {type(error).__name__}: {error}"
        result = failed(job, sentence, "internal")
    return msgspec.structs.replace(result, seconds=time.monotonic() - began)


def _build(job: Job, began_ns: int) -> BuildResult:
    # dnspython costs 15 MB: only who builds needs it.
    from dnsd import compile as compiler
    from dnsd.build import hints, pools
    from dnsd.build.contents import contents_of
    from dnsd.build.policycheck import check_file
    from dnsd.zone import limits, load

    bounds = limits.Limits(**msgspec.structs.asdict(job.limits))
    beside = str(path_for(Path(job.file)))
    stamps = {beside: stamp(beside)}
    digests = {beside: digest_of(Path(beside), bounds.file_octets)}
    include = [Path(directory) for directory in job.include]
    loaded = load.load_zone(job.origin, Path(job.file), bounds, include=include)
    policy, found, signer = check_file(job.origin, Path(job.file), loaded.zone, job.failover)
    keys = key_files(policy.signing.keys) if policy else ()
    stamps |= observe(keys)
    digests |= {key: digest_of(Path(key), bounds.file_octets) for key in keys}
    read = {one.path: one.digest for one in loaded.sources}
    sources = doubtful(_stamps(loaded.sources) | stamps, began_ns, time.time_ns())
    result = BuildResult(
        origin=job.origin,
        findings=worst((*loaded.findings, *found)),
        sources=sources,
        digests=read | digests,
        text=digest("".join(read.values()).encode()),
        records=loaded.records,
    )
    if loaded.zone is None or any(one.severity is Severity.ERROR for one in found):
        return result
    zone = hints.followed(loaded.zone, policy, signer)
    described = pools.describe(policy, zone) if policy else ()
    compiled = list(pools.compiled(described, signer))
    contents, listing = contents_of(zone, {(one.owner, one.rtype) for one in compiled})
    result = msgspec.structs.replace(result, serial=zone.serial, pools=described, contents=contents)
    meta = images.encode(_meta(job, result, listing))
    name = job.stock.save(images.new_name(job.origin), compiler.build(zone, meta, compiled))
    images.seal(Path(job.images, name))
    return msgspec.structs.replace(result, image=name)


def _meta(job: Job, result: BuildResult, listing: msgspec.Raw) -> images.Meta:
    """Return what the image of ``result`` says of itself."""
    return images.Meta(
        builder=images.builder(),
        origin=job.origin,
        file=job.file,
        limits=job.limits,
        sources=result.sources,
        digests=result.digests,
        text=result.text,
        include=job.include,
        serial=result.serial,
        records=result.records,
        findings=result.findings,
        pools=result.pools,
        failover=job.failover,
        boot=images.boot(),
        contents=result.contents,
        listing=listing,
    )


def _stamps(sources: tuple[SourceFile, ...]) -> Stamps:
    """Return the stamps of ``sources``; of a file that could not be read, the one it has now."""
    return {
        one.path: Stamp(one.mtime_ns, one.size, one.inode) if one.inode else stamp(one.path)
        for one in sources
    }


def failed(job: Job, sentence: str, code: str) -> BuildResult:
    """Return the result of a ``job`` that dnsd could not do; ``sentence`` says why."""
    finding = Finding(job.file, 0, Severity.ERROR, sentence, code)
    sources = {job.file: stamp(job.file)}
    return BuildResult(origin=job.origin, findings=(finding,), sources=sources)


def troubled(job: Job, sentence: str) -> BuildResult:
    """Return the result of a ``job`` that something else than its zone has kept from its end."""
    return BuildResult(origin=job.origin, trouble=sentence, sources={job.file: stamp(job.file)})


def worst(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return at most MOST_FINDINGS of ``findings``, errors before warnings."""
    if len(findings) <= MOST_FINDINGS:
        return findings
    ranked = sorted(findings, key=lambda finding: finding.severity != Severity.ERROR)
    return tuple(ranked[:MOST_FINDINGS])
