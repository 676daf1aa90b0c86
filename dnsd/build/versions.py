"""What a build leaves for transfers: a record file of the version, and the serial it has.

With a serial policy the serial grows each time that the content has changed, whatever the file
says. What was given out last is known by a file beside the record files: the serial, and a digest
of all but it. It is written before the version is served, so a serial never stands for two
contents.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.build.images import UNKEPT, VERSIONS, unique
from dnsd.build.stamps import Stamp, stamp
from dnsd.config import origins
from dnsd.errors import SerialError
from dnsd.process import durablefile
from dnsd.versions import serial
from dnsd.wire.rdata import NS, SOA, ZONEMD
from dnsd.zone.findings import Finding, Severity
from dnsd.zone.records import Zone

if TYPE_CHECKING:
    from dnsd.build.images import Job
    from dnsd.versions.version import ZoneVersion
    from dnsd.zone.sources import SourceFile

RECORDS = ".records"
_NUMBERS = slice(-20, -16)
_LARGEST = 0xFFFFFFFF


class GivenOut(msgspec.Struct, frozen=True):
    """What was given out last of a zone: its ``serial``, and the ``digest`` of the rest."""

    serial: int
    digest: str


class VersionKept(NamedTuple):
    """The ``zone`` with the serial it is served with; ``records`` is the name of its file."""

    zone: Zone
    records: str = ""
    findings: tuple[Finding, ...] = ()


def _directory(job: Job) -> Path:
    return Path(job.images).parent / VERSIONS


def keep(zone: Zone, job: Job) -> VersionKept:
    """Return ``zone`` as it is to be served, and keep its version if it is given to others.

    SerialError if it is not to be served: with a serial that is not newer than one before, others
    would not fetch it.
    """
    if job.serial == "file" and not job.is_given:
        return VersionKept(zone)
    from dnsd.versions import recordfile
    from dnsd.zone.stored import version_of

    version = version_of(zone)
    findings: list[Finding] = []
    if job.serial != "file":
        if fixed := _why_fixed(zone):
            findings.append(_finding(job, fixed, "fixed-serial"))
        else:
            zone, version = _newly_numbered(zone, version, job)
    if not job.is_given:
        return VersionKept(zone, "", tuple(findings))
    try:
        name = f"{unique(job.origin)}{RECORDS}"
        _directory(job).mkdir(mode=0o700, exist_ok=True)
        recordfile.write(_directory(job) / name, version)
    except OSError as error:
        sentence = f"secondaries cannot fetch this version: it cannot be written: {_why(error)}"
        findings.append(_finding(job, sentence, UNKEPT))
        return VersionKept(zone, "", tuple(findings))
    return VersionKept(zone, name, tuple(findings))


def keep_file(job: Job, source: SourceFile) -> str:
    """Keep the record file of ``job``, read as ``source``, as the version that is served.

    Return the name it has then; OSError if it has been replaced meanwhile, or cannot be kept.
    """
    name = f"{unique(job.origin)}{RECORDS}"
    _directory(job).mkdir(mode=0o700, exist_ok=True)
    as_read = Stamp(source.mtime_ns, source.size, source.inode)
    link(Path(job.file), _directory(job) / name, as_read)
    return name


def link(file: Path, other: Path, source: Stamp) -> None:
    """Give ``file`` the ``other`` name as well; OSError if it has not the stamp ``source``.

    A record file is replaced by another one, never written to: what is linked stays as it is.
    """
    temporary = other.with_name(f".{other.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.hardlink_to(file)
    try:
        if stamp(str(temporary)) != source:
            raise FileNotFoundError(0, f"{file} was replaced")
        temporary.replace(other)
    finally:
        temporary.unlink(missing_ok=True)  # two names of one file are not replaced by each other


def of_catalog(zone: Zone) -> Zone:
    """Return what of ``zone``, a catalog, is answered: its SOA and NS records (RFC 9432 §6)."""
    apex = zone.at(zone.apex)
    return Zone(zone.apex, {zone.apex: {one: apex[one] for one in (SOA, NS) if one in apex}})


def _why_fixed(zone: Zone) -> str:
    """Return why no policy may change the serial of ``zone``, empty if it may."""
    if SOA in zone.signatures.get(zone.apex, {}):
        return (
            "its SOA record is signed, so dnsd cannot change the serial: have the signer raise it, "
            'and set serial = "file"'
        )
    if ZONEMD in zone.at(zone.apex):
        return (
            "its ZONEMD record digests the serial, too, so dnsd cannot change it: raise it where "
            'the digest is made, and set serial = "file"'
        )
    return ""


def _newly_numbered(zone: Zone, version: ZoneVersion, job: Job) -> tuple[Zone, ZoneVersion]:
    """As :func:`_numbered`; SerialError if it cannot be kept, and so may be given out twice."""
    try:
        _directory(job).mkdir(mode=0o700, exist_ok=True)
        return _numbered(zone, version, job)
    except OSError as error:
        raise SerialError(f"its serial cannot be kept: {_why(error)}") from error


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _finding(job: Job, sentence: str, code: str) -> Finding:
    return Finding(job.file, 0, Severity.WARNING, sentence, code)


def _numbered(zone: Zone, version: ZoneVersion, job: Job) -> tuple[Zone, ZoneVersion]:
    """Return both with the serial that the policy of ``job`` makes; it is kept first."""
    path = _directory(job) / f"{origins.file_stem(job.origin)}.serial"
    before = _read(path)
    # The policy is no content, and another one makes no other serial.
    digest = hashlib.sha256(_without_serial(version)).hexdigest()
    number = version.serial
    if before is not None and before.digest == digest:
        number = before.serial
    else:
        number = following(job.serial, version.serial, before, time.time())
        durablefile.replace(path, msgspec.json.encode(GivenOut(number, digest)))
    return _with_serial(zone, number), _version_with(version, number)


def following(policy: str, in_file: int, before: GivenOut | None, now: float) -> int:
    """Return the serial of a content that is new; ``now`` is POSIX time.

    It is newer than the one ``before`` in the sense of RFC 1982, whatever the clock or the file
    say; where they say something newer still, that is it.
    """
    wanted = in_file
    if policy == "unixtime":
        wanted = int(now) & _LARGEST
    elif policy == "dateserial":
        wanted = int(time.strftime("%Y%m%d00", time.gmtime(now)))
    if before is None:
        return wanted
    least = serial.following(before.serial)
    return wanted if wanted and serial.is_newer(wanted, before.serial) else least


def _read(path: Path) -> GivenOut | None:
    """Return what was given out last; OSError if it is not known, so that nothing is numbered."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=GivenOut)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise OSError(
            0,
            f"{path} is damaged ({error}); delete it when all secondaries are to "
            "fetch the zone again",
        ) from error


def _without_serial(version: ZoneVersion) -> bytes:
    return bytes(_version_with(version, 0).octets)


def _version_with(version: ZoneVersion, number: int) -> ZoneVersion:
    from dnsd.versions.version import from_stored, soa_size

    octets = bytearray(version.octets)
    end = soa_size(version.octets)
    octets[end - 20 : end - 16] = number.to_bytes(4, "big")
    return from_stored(version.apex, bytes(octets), version.count)


def _with_serial(zone: Zone, number: int) -> Zone:
    soa = zone.soa
    rdata = soa.rdatas[0]
    changed = msgspec.structs.replace(
        soa, rdatas=(rdata[: _NUMBERS.start] + number.to_bytes(4, "big") + rdata[_NUMBERS.stop :],)
    )
    return zone.replaced((changed,))
