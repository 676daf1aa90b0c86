"""Zones from files to images: load, check against the policy, compile, save.

Pure work on each zone, to be run in a thread or in a process of its own; knows nothing of
what is served, and never raises for what is in a zone file.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.build import images
from dnsd.build.poolmeta import PoolMeta
from dnsd.build.resolved import AliasMeta
from dnsd.build.stamps import Stamp, Stamps, doubtful, stamp
from dnsd.caches.listing import Contents
from dnsd.config.policyfile import key_files, load_policy
from dnsd.errors import ImageError, SerialError, WantError
from dnsd.image.changed import ChangedOctets
from dnsd.process import descriptors, log
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.sources import digest, digest_of

# msgspec looks the type up when it decodes.
from dnsd.zone.validity import Validity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dnsd.build.images import Job
    from dnsd.build.resolved import Followed
    from dnsd.build.signing import Signer
    from dnsd.compile import PoolRecords
    from dnsd.config.policy import Policy
    from dnsd.image.stock import Stock
    from dnsd.zone.load import LoadResult
    from dnsd.zone.records import Zone
    from dnsd.zone.sources import SourceFile

MOST_FINDINGS = 100
"""Findings kept of one zone: a file of another kind has one for each line."""

PACKED_BELOW = 1 << 16
"""Octets of an image that shares a file with others: more is worth a mapping of its own."""


_WANTS = OSError, ImportError, MemoryError
"""What a build raises that needs more than there is, as does a module that it loads."""


class BuildResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a build.

    ``image`` is the image's name (see :mod:`dnsd.image.stock`), None if the zone is broken
    (``findings`` say why). ``sources`` are all files read or looked for, the zone file, its
    ``policy`` and the keys among them, ``digests`` those of their octets, and ``text`` is one of
    the zone file and all that it includes. ``validity`` is that of its signatures, if it has some.
    If the zone ``is_stale``, it is not loaded, and the image is an earlier one. ``trouble`` says
    what kept the build from its end although the zone may be right: then try again.
    """

    origin: str
    image: str | None = None
    trouble: str = ""
    findings: tuple[Finding, ...] = ()
    sources: Stamps = {}
    policy: str = ""
    digests: dict[str, str] = {}
    text: str = ""
    serial: int = 0
    records: int = 0
    pools: tuple[PoolMeta, ...] = ()
    aliases: tuple[AliasMeta, ...] = ()
    contents: Contents = Contents()
    version: str = ""
    validity: Validity | None = None
    seconds: float = 0.0
    is_stale: bool = False
    is_catalog: bool = False

    @property
    def is_loaded(self) -> bool:
        """Whether the image is of what is in the files now."""
        return self.image is not None and not self.is_stale


class _Made(NamedTuple):
    """A build and its image, which is not saved; None if the zone is broken."""

    result: BuildResult
    image: bytearray | ChangedOctets | None = None


def result_of(image: str | None, meta: images.Meta) -> BuildResult:
    """Return the outcome of the build that ``meta`` is of."""
    return BuildResult(
        origin=meta.origin,
        image=image,
        findings=meta.findings,
        sources=meta.sources,
        digests=meta.digests,
        text=meta.text,
        serial=meta.serial,
        records=meta.records,
        pools=meta.pools,
        aliases=meta.aliases,
        contents=meta.contents,
        policy=meta.policy,
        version=meta.version,
        validity=meta.validity,
        is_catalog=meta.is_catalog,
    )


def build_zones(jobs: Sequence[Job]) -> list[BuildResult]:
    """Build the zones of ``jobs``, all for one directory; small images go into one pack."""
    stems = [images.stem(job.origin) for job in jobs]
    made = [_made(job) for job in jobs]
    small = {
        stem: one.image
        for stem, one in zip(stems, made, strict=True)
        if isinstance(one.image, bytearray) and len(one.image) < PACKED_BELOW
    }
    names = _packed(jobs[0].stock, small) if len(small) > 1 else {}
    return [
        _saved(job, one, names.get(stem)) for job, stem, one in zip(jobs, stems, made, strict=True)
    ]


def _packed(stock: Stock, small: Mapping[str, bytearray]) -> dict[str, str]:
    """Return the names that images have in a pack; none, if each has to find a place by itself."""
    name = images.new_pack_name()
    try:
        names = stock.save_pack(name, small)
    except ImageError:
        return {}
    images.seal(stock.directory / name)
    return names


def _saved(job: Job, made: _Made, name: str | None = None) -> BuildResult:
    """Return the outcome of a build; its image is saved if it has no ``name`` yet."""
    if made.image is None:
        return made.result
    if name is None:
        try:
            name = _save(job, made.image)
        except ImageError as error:
            return _failure(job, error)
        images.seal(Path(job.images, name))
    return msgspec.structs.replace(made.result, image=name)


def _save(job: Job, image: bytearray | ChangedOctets) -> str:
    name = images.new_name(job.origin)
    if isinstance(image, ChangedOctets):
        return job.stock.save_changed(name, job.before, image)
    return job.stock.save(name, image)


def _made(job: Job) -> _Made:
    began, began_ns = time.monotonic(), time.time_ns()
    try:
        result, image = _build(job, began_ns)
    except Exception as error:
        result, image = _failure(job, error), None
    return _Made(msgspec.structs.replace(result, seconds=time.monotonic() - began), image)


def _failure(job: Job, error: Exception) -> BuildResult:
    if isinstance(error, ImageError):
        return troubled(job, str(error)) if error.errno else failed(job, str(error), "image")
    if isinstance(error, SerialError | WantError):
        return troubled(job, str(error))
    if isinstance(error, OSError) and error.errno in descriptors.WANT:
        return troubled(job, f"cannot build this zone: {error.strerror}")
    sentence = f"dnsd failed on this zone: {type(error).__name__}: {error}"
    log.say("internal-error", f"zone {job.origin}: {sentence}", cause=error, zone=job.origin)
    if isinstance(error, _WANTS):
        return troubled(job, sentence)
    return failed(job, sentence, "internal")


def _build(job: Job, began_ns: int) -> _Made:
    from dnsd.build import incremental

    if patched := incremental.attempt(job):
        return _kept(job, _Made(result_of(None, patched.meta), patched.image))
    return _build_whole(job, began_ns)


def _build_whole(job: Job, began_ns: int) -> _Made:
    # Only a process that builds has all that in memory.
    from dnsd.build import resolved
    from dnsd.zone import load

    bounds = job.limits
    beside = job.policy_path
    policy_file = Path(beside)
    stamps = {beside: stamp(beside)}
    is_there = stamps[beside] is not None
    digests = {beside: digest_of(policy_file, bounds.file_octets) if is_there else ""}
    include = [Path(directory) for directory in job.include]
    loaded = load.load_zone(job.origin, Path(job.file), bounds, include=include)
    policy, problems = load_policy(policy_file, job.origin)
    found: list[Finding] = []
    signer = None
    if policy is not None or problems:
        # That takes longer to load than most zones, and few have a policy.
        from dnsd.build.policycheck import checked

        policy, found, signer = checked(policy, problems, loaded.zone, job.failover)
    keys = key_files(policy.signing.keys) if policy else ()
    for one in [*keys, job.resolved] if policy and policy.aliases else keys:
        stamps[one], digests[one] = stamp(one), digest_of(Path(one), bounds.file_octets)
    filled = None
    if loaded.zone is not None and all(one.severity is not Severity.ERROR for one in found):
        filled = resolved.Followed(loaded.zone)
        if policy is not None:
            filled = resolved.followed(loaded.zone, policy, signer, Path(job.resolved))
        found = [*found, *filled.findings, *_edited(job, loaded.zone)]
    read = {one.path: one.digest for one in loaded.sources}
    sources = _sources(loaded, stamps, began_ns)
    result = BuildResult(
        origin=job.origin,
        policy=beside,
        findings=worst((*loaded.findings, *found)),
        sources=sources,
        digests=read | digests,
        text=digest("".join(read.values()).encode()),
        records=loaded.records,
    )
    if loaded.zone is None or filled is None:
        return _Made(result)
    aliases = resolved.describe(policy, loaded.zone) if policy else ()
    result = msgspec.structs.replace(result, aliases=aliases)
    made = _compiled(job, result, filled, policy, signer)
    return _kept(job, made) if loaded.is_stored else made


def _kept(job: Job, made: _Made) -> _Made:
    """Keep the record file that ``made`` was made of: the next image may be made of this one."""
    from dnsd.build import incremental

    incremental.keep(job, made.result.sources, made.result.contents)
    return made


def _edited(job: Job, zone: Zone) -> Sequence[Finding]:
    """Return what was edited in a signed zone; a start has the CPU for other things."""
    if not job.before or not zone.signatures:
        return ()
    from dnsd.build import verified

    return [*verified.edited(zone, verified.MOST_BUILT)]


def _compiled(
    job: Job, result: BuildResult, filled: Followed, policy: Policy | None, signer: Signer | None
) -> _Made:
    """Return the image of a zone whose files are well, and what ``result`` becomes with it."""
    from dnsd import compile as compiler
    from dnsd.build import versions
    from dnsd.build.contents import contents_of

    zone = filled.zone
    if policy is not None:
        from dnsd.build import hints

        zone = hints.followed(zone, policy, signer)
    kept = versions.keep(zone, job)
    zone = versions.of_catalog(kept.zone) if job.is_catalog else kept.zone
    described: tuple[PoolMeta, ...] = ()
    compiled: list[PoolRecords] = []
    if policy is not None:
        from dnsd.build import policypools

        described = policypools.describe(policy, zone)
        compiled = list(policypools.compiled(described, signer))
    pools = {(one.owner, one.rtype) for one in compiled}
    contents, listing = contents_of(zone, pools, sources=filled.sources)
    result = msgspec.structs.replace(
        result,
        findings=worst((*result.findings, *kept.findings)),
        version=kept.records,
        is_catalog=job.is_catalog,
        serial=zone.serial,
        pools=described,
        contents=contents,
        validity=_validity(zone),
    )
    return _Made(result, compiler.build(zone, images.encode(_meta(job, result, listing)), compiled))


def _validity(zone: Zone) -> Validity | None:
    from dnsd.zone.signedtimes import times_of

    now = time.time()
    found = times_of(zone, now)
    return found and found.validity(now)


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
        aliases=result.aliases,
        failover=job.failover,
        boot=images.boot(),
        contents=result.contents,
        policy=result.policy,
        serial_policy=job.serial,
        is_catalog=job.is_catalog,
        version=result.version,
        validity=result.validity,
        listing=listing,
    )


def _sources(loaded: LoadResult, beside: Stamps, began_ns: int) -> Stamps:
    """Return the stamps of what was loaded, and of what was read ``beside`` it.

    Those of a record file can be relied on: it is replaced by another one, never written to.
    """
    read = _stamps(loaded.sources)
    found = doubtful(read | beside, began_ns, time.time_ns())
    return found | read if loaded.is_stored else found


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
