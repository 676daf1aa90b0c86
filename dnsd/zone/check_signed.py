"""Checks of a zone signed elsewhere: its signatures, and its NSEC and NSEC3 chains.

Signatures are not verified; their times and signers are checked. This server cannot sign again.
"""

from __future__ import annotations

from base64 import b32hexencode
from struct import unpack_from
from time import gmtime, strftime
from typing import TYPE_CHECKING

from dnsd.wire.name import canonical_key, labels, lower, to_text
from dnsd.wire.rdata import DNSKEY, DS, NSEC, NSEC3, NSEC3PARAM, name_end
from dnsd.zone.faults import SharedFault, called, error_at, warning_at
from dnsd.zone.hashing import is_affordable, is_proven
from dnsd.zone.signedtimes import ages, times_of
from dnsd.zone.suspects import INSECURE_ITERATIONS, SHA1, Suspicion
from dnsd.zone.typenames import type_name
from dnsd.zone.validity import SigningState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config.limits import Limits
    from dnsd.zone.findings import Finding
    from dnsd.zone.records import RRset, Zone
    from dnsd.zone.structure import Structure
    from dnsd.zone.suspects import Suspects


def check_signed(
    zone: Zone, structure: Structure, suspects: Suspects, now: float | None, limits: Limits
) -> Iterator[Finding]:
    """Check signatures, NSEC and NSEC3 of ``zone``, if it has any."""
    yield from _check_ds(structure, suspects)
    yield from _check_signatures(zone, suspects, now)
    if now is not None:
        yield from _check_end(zone, now)
    yield from _check_parameters(suspects, limits)
    yield from _check_announced(zone)
    yield from _check_denial(zone, structure, suspects)
    if DNSKEY in zone.nodes.get(zone.apex, {}):
        yield from _check_unsigned(zone, structure, suspects)


def _check_ds(structure: Structure, suspects: Suspects) -> Iterator[Finding]:
    for owner, types in suspects.of(Suspicion.LONE_DS):
        if DS in types and owner not in structure.cuts and owner not in structure.occluded:
            yield warning_at(
                types[DS],
                "ds-without-ns",
                f"{to_text(types[DS].owner)} has DS records but is not delegated: "
                "DS stands beside NS, in the zone above",
            )


def _check_signatures(zone: Zone, suspects: Suspects, now: float | None) -> Iterator[Finding]:
    expired, early, foreign = SharedFault(), SharedFault(), SharedFault()
    for owner, covered in suspects.signed():
        types = zone.nodes.get(owner, {})
        for rtype, signatures in covered.items():
            signed = types.get(rtype)
            if signed is None:
                yield warning_at(
                    signatures,
                    "rrsig-without-rrset",
                    f"{to_text(signatures.owner)} has signatures for {type_name(rtype)} records "
                    "that it does not have: sign the zone again",
                )
                continue
            if now is not None:
                _judge_times(signed, signatures, now, expired, early)
            if not any(_signer(rdata) == zone.apex for rdata in signatures.rdatas):
                foreign.rrsets.append(signed)
    yield from expired.warn(
        "rrsig-expired", "the signatures of {} are expired: sign the zone again"
    )
    yield from early.warn(
        "rrsig-not-yet-valid",
        "the signatures of {} are not valid yet: check the clock here and where it was signed",
    )
    yield from foreign.warn(
        "rrsig-signer", "the signatures of {} are not by this zone's keys: sign the zone again"
    )


def _judge_times(
    signed: RRset, signatures: RRset, now: float, expired: SharedFault, early: SharedFault
) -> None:
    """Note ``signed`` when none of its signatures is valid now (RFC 4034 §3.1.5: RFC 1982)."""
    found = [ages(rdata, int(now)) for rdata in signatures.rdatas]
    if any(left >= 0 and since >= 0 for left, since in found):
        return
    (expired if any(left < 0 for left, _ in found) else early).rrsets.append(signed)


def _check_end(zone: Zone, now: float) -> Iterator[Finding]:
    """Warn of signatures that end soon; those that have ended were told of one by one."""
    found = times_of(zone, now)
    if found is None:
        return
    validity = found.validity(now)
    if validity.state(now) is SigningState.SOON:
        yield warning_at(
            found.first,
            "rrsig-ends-soon",
            f"the first signatures of this zone, those of {validity.first}, end on "
            f"{strftime('%Y-%m-%d at %H:%M UTC', gmtime(validity.ends))}: sign the zone again",
        )


def _signer(rdata: bytes) -> bytes:
    return lower(rdata[18 : name_end(rdata, 18)])


def _check_parameters(suspects: Suspects, limits: Limits) -> Iterator[Finding]:
    """Check that the NSEC3 of the zone can be computed at all, and at what cost."""
    told: set[tuple[int, int, int]] = set()
    for _, types in suspects.of(Suspicion.PARAMETER):
        rrset = types.get(NSEC3)
        for rdata in rrset.rdatas if rrset else ():
            algorithm, _, iterations, salt = unpack_from(">BBHB", rdata)
            if rrset and (algorithm, iterations, salt) not in told:
                told.add((algorithm, iterations, salt))
                yield from _check_parameter(rrset, algorithm, iterations, salt, limits)


def _check_announced(zone: Zone) -> Iterator[Finding]:
    """Check what NSEC3PARAM announces; what cannot be used is ignored (RFC 5155 §4.1.2, §8.1)."""
    rrset = zone.nodes.get(zone.apex, {}).get(NSEC3PARAM)
    for rdata in rrset.rdatas if rrset else ():
        algorithm, flags = rdata[0], rdata[1]
        if rrset and (algorithm != SHA1 or flags):
            what = f"hash algorithm {algorithm}" if algorithm != SHA1 else f"flags {flags}"
            yield warning_at(
                rrset,
                "nsec3param-ignored",
                f"{called(rrset)} has one record with {what}, which is ignored: remove it, "
                "or sign the zone with algorithm 1 (SHA-1) and flags 0",
            )


def _check_parameter(
    rrset: RRset, algorithm: int, iterations: int, salt: int, limits: Limits
) -> Iterator[Finding]:
    if algorithm != SHA1:
        yield error_at(
            rrset,
            "nsec3-algorithm",
            f"{called(rrset)} uses the unknown hash algorithm {algorithm}: "
            "sign the zone with algorithm 1 (SHA-1), or with NSEC",
        )
    if iterations > limits.nsec3_iterations:
        yield error_at(
            rrset,
            "nsec3-iterations",
            f"{called(rrset)} asks for {iterations} iterations, more than the limit of "
            f"{limits.nsec3_iterations}: sign the zone with 0 (RFC 9276)",
        )
    elif not is_proven(iterations):
        yield warning_at(
            rrset,
            "nsec3-insecure",
            f"{called(rrset)} asks for {iterations} iterations, more than resolvers check: "
            "negative answers come without a proof, and resolvers treat the zone as unsigned: "
            "sign it with 0 iterations and no salt (RFC 9276)",
        )
    elif not is_affordable(iterations, salt):
        yield error_at(
            rrset,
            "nsec3-salt",
            f"{called(rrset)} asks for {iterations} iterations with {salt} octets of salt, more "
            "than a query may cost: sign the zone with 0 iterations and no salt (RFC 9276)",
        )
    elif iterations > INSECURE_ITERATIONS:
        yield warning_at(
            rrset,
            "nsec3-iterations",
            f"{called(rrset)} asks for {iterations} iterations, so that some resolvers treat the "
            "zone as unsigned: sign it with 0 (RFC 9276)",
        )


def _check_unsigned(zone: Zone, structure: Structure, suspects: Suspects) -> Iterator[Finding]:
    unsigned = SharedFault()
    for owner, types in suspects.of(Suspicion.UNSIGNED):
        if owner in structure.occluded:
            continue
        must = types.keys() & {DS, NSEC} if owner in structure.cuts else types.keys()
        covered = zone.signatures.get(owner, {})
        unsigned.rrsets += [types[rtype] for rtype in must if rtype not in covered]
    yield from unsigned.warn(
        "rrset-unsigned", "the zone is signed but {} is not: sign the zone again"
    )


def _check_denial(zone: Zone, structure: Structure, suspects: Suspects) -> Iterator[Finding]:
    apex = zone.nodes.get(zone.apex, {})
    parameters = apex.get(NSEC3PARAM)
    if NSEC in apex:
        if not suspects.is_nsec_sound():
            yield from _check_nsec(zone, structure)
    elif (DNSKEY in apex or parameters) and not suspects.has_nsec3():
        yield warning_at(
            parameters or apex[DNSKEY],
            "denial-missing",
            "the zone is signed but has neither an NSEC nor an NSEC3 chain, so that resolvers "
            "reject its negative answers: sign the zone again",
        )
    if not suspects.is_nsec3_sound():
        chain = [owner for owner, types in zone.nodes.items() if NSEC3 in types]
        yield from _check_nsec3(zone, chain, parameters)


def _check_nsec(zone: Zone, structure: Structure) -> Iterator[Finding]:
    owners = [o for o in zone.nodes if o not in structure.occluded and o not in structure.hashed]
    missing = SharedFault(
        [next(iter(zone.nodes[o].values())) for o in owners if NSEC not in zone.nodes[o]]
    )
    yield from missing.warn("nsec-chain", "the name of {} has no NSEC record: sign the zone again")
    chain = sorted((o for o in owners if NSEC in zone.nodes[o]), key=canonical_key)
    broken = SharedFault()
    for owner, after in zip(chain, [*chain[1:], chain[0]], strict=True):
        rdata = zone.nodes[owner][NSEC].rdatas[0]
        if lower(rdata[: name_end(rdata, 0)]) != after:
            broken.rrsets.append(zone.nodes[owner][NSEC])
    yield from broken.warn("nsec-chain", "{} does not lead to the next name: sign the zone again")


def _check_nsec3(zone: Zone, chain: list[bytes], parameters: RRset | None) -> Iterator[Finding]:
    known = {_parameters(rdata) for rdata in parameters.rdatas} if parameters else set()
    hashes = {label for owner in chain for label in labels(owner)[:1]}  # the root has none
    broken, stray = SharedFault(), SharedFault()
    for owner in chain:
        rrset = zone.nodes[owner][NSEC3]
        for rdata in rrset.rdatas:
            at = 5 + rdata[4]
            following = b32hexencode(rdata[at + 1 : at + 1 + rdata[at]]).lower()
            if following not in hashes:
                broken.rrsets.append(rrset)
            if _parameters(rdata) in known:
                continue
            stray.rrsets.append(rrset)
    yield from broken.warn("nsec3-chain", "{} does not lead to another NSEC3: sign the zone again")
    if len(stray.rrsets) == len(chain):
        yield from stray.warn(
            "nsec3-chain", "no NSEC3PARAM at the apex has the parameters of {}: sign the zone again"
        )


def _parameters(rdata: bytes) -> tuple[int, bytes]:
    """Return algorithm, and iterations with salt, of NSEC3 or NSEC3PARAM rdata."""
    return rdata[0], rdata[2 : 5 + rdata[4]]
