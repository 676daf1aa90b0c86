"""What differs between versions of a zone: served and file, or kept ones; for ``dnsd zone diff``.

A version whose records are kept (others may fetch it) is compared record by record. Of another one
the node knows which RRsets it has, and the digest of each.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from dns.rdatatype import RdataType

from dnsd import config
from dnsd.build import hints, images, resolved
from dnsd.build.contents import contents_of
from dnsd.build.policycheck import check_file
from dnsd.caches.listing import GivenRRset, Listing, decode
from dnsd.config import origins
from dnsd.config.policyfile import place_of
from dnsd.errors import VersionError, ZoneError
from dnsd.versions import recordfile
from dnsd.versions._stored import records
from dnsd.versions.difference import compare, condense
from dnsd.versions.journal import Journal, JournalLimits
from dnsd.versions.text import lines
from dnsd.wire.name import from_text, lower, to_text
from dnsd.wire.rdata import SOA
from dnsd.xfrd.archive import DIRECTORY, JOURNAL
from dnsd.zone.stored import version_of
from dnsd.zone.typenames import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.versions.difference import ZoneDifference
    from dnsd.wire.records import Record
    from dnsd.zone.records import Zone


def between_kept(state: Path, origin: str, since: int, until: int) -> list[str]:
    """Return what has changed from the serial ``since`` to ``until``; ZoneError if not kept."""
    place = state / DIRECTORY / f"{origins.file_stem(origin)}{JOURNAL}"
    journal = Journal(place, lower(from_text(origin)), JournalLimits())
    found = journal.since(since, until)
    if found is None:
        raise ZoneError(
            f"the way from serial {since} to {until} of {origin} is not kept: the journal is for "
            f"zones that others may fetch, up to [transfers] journal"
        )
    return [*_told(condense(found), set())] if found else []


def between_file(given: config.Config, zone: Zone, served: dict[str, Any]) -> list[str]:
    """Return what the file has (+) and what is served (-) where they differ.

    A serial that dnsd sets is not in the file; what a policy makes of a zone counts as in it.
    """
    origin = served["zone"]
    zone = _as_built(given, origin, Path(served["file"]), zone)
    left_out: set[tuple[bytes, int]] = set()
    if config.TransferTerms(given).of(origin).serial != "file":
        left_out.add((lower(zone.apex), SOA))
    if served["records"]:
        path = given.server.state_directory / DIRECTORY / served["records"]
        try:
            return [*_told(compare(recordfile.read(path), version_of(zone)), left_out)]
        except (OSError, VersionError) as error:
            raise ZoneError(f"the served version of {origin} cannot be read: {error}") from error
    return [*_by_listing(zone, served, left_out)]


def _as_built(given: config.Config, origin: str, file: Path, zone: Zone) -> Zone:
    """Return the zone with the addresses of aliases, and without hints, as its policy says."""
    beside = place_of(given, origin, file)
    policy, _, signer = check_file(origin, beside, zone, given.failover)
    if policy is None:
        return zone
    path = resolved.path_for(given.server.state_directory, images.stem(origin))
    return hints.followed(resolved.followed(zone, policy, signer, path).zone, policy, signer)


def _told(difference: ZoneDifference, left_out: set[tuple[bytes, int]]) -> Iterator[str]:
    removed, added = [*records(difference.removed)], [*records(difference.added)]
    # The SOA comes first in both, even if it is the same.
    if removed[:1] == added[:1]:
        removed, added = removed[1:], added[1:]
    for sign, found in (("-", removed), ("+", added)):
        yield from _signed(sign, found, left_out)


def _signed(sign: str, found: Iterable[Record], left_out: set[tuple[bytes, int]]) -> Iterator[str]:
    shown = (one for one in found if (lower(one.owner), one.rtype) not in left_out)
    for line in lines(shown):
        yield f"{sign} {line}"


def _by_listing(
    zone: Zone, served: dict[str, Any], left_out: set[tuple[bytes, int]]
) -> Iterator[str]:
    pools = {(from_text(name), int(RdataType[rtype])) for name, rtype in served["pools"]}
    old = decode(msgspec.json.encode(served["listing"]))
    new = decode(bytes(contents_of(zone, pools)[1]))
    if old is None or new is None:
        raise ZoneError(
            f"{served['zone']} is too large to be compared without kept versions: "
            "they are kept of zones that others may fetch (allow_transfer)"
        )
    before, after = _by_owner(old, left_out), _by_owner(new, left_out)
    changed = {key for key, one in after.items() if before.get(key) != one}
    for key in sorted(before.keys() - after.keys()):
        yield f"- {key[0]}\t{before[key].ttl}\tIN\t{key[1]}\t(served, not in the file)"
    for key in sorted(changed & before.keys()):
        yield f"- {key[0]}\t{before[key].ttl}\tIN\t{key[1]}\t(served otherwise)"
    wanted = {(lower(from_text(owner)), rtype) for owner, rtype in changed}
    for line in lines(
        one
        for one in records(version_of(zone).octets)
        if (lower(one.owner), type_name(one.rtype)) in wanted
    ):
        yield f"+ {line}"


def _by_owner(
    listing: Listing, left_out: set[tuple[bytes, int]]
) -> dict[tuple[str, str], GivenRRset]:
    known = {(to_text(owner), type_name(rtype)) for owner, rtype in left_out}
    return {(one.owner, one.type): one for one in listing if (one.owner, one.type) not in known}
