"""Denial chains and signatures for generated zones: NSEC (RFC 4034 §4), NSEC3 (RFC 5155 §7.1).

The signatures are made of the right fields and of noise: servers do not look, and making real
ones would cost more than the tests. For validators there are real signers (tests/interop).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.dnssec
from dns.name import Name

if TYPE_CHECKING:
    from tests.model import Model

KEY_TAG = 4711
DNSKEY = f"257 3 13 {base64.b64encode(bytes(range(64))).decode()}"


@dataclass(frozen=True, slots=True)
class Nsec3:
    """Parameters of an NSEC3 chain; with ``opt_out`` insecure delegations are not in it."""

    salt: str = "-"
    iterations: int = 0
    opt_out: bool = False


def sign_nsec(model: Model) -> None:
    """Add a DNSKEY, an NSEC chain and signatures to ``model``."""
    model.add(model.origin, "DNSKEY", DNSKEY)
    owners = sorted(model.authoritative())
    for owner, following in zip(owners, [*owners[1:], owners[0]], strict=True):
        rtypes = [*_own_types(model, owner), "NSEC", "RRSIG"]
        model.add(owner, "NSEC", f"{following} {' '.join(rtypes)}")
    for owner in owners:
        _sign(model, owner, [*_own_signed(model, owner), "NSEC"])


def sign_nsec3(model: Model, params: Nsec3) -> None:
    """Add a DNSKEY, NSEC3PARAM, an NSEC3 chain and signatures to ``model``."""
    model.add(model.origin, "DNSKEY", DNSKEY)
    model.add(model.origin, "NSEC3PARAM", f"1 0 {params.iterations} {params.salt}")
    owners = model.authoritative()
    chain = {_hash(name, params): name for name in _chained(model, owners, params)}
    ring = sorted(chain)
    for owner in owners:
        _sign(model, owner, _own_signed(model, owner))
    for hashed, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        rtypes = _own_types(model, chain[hashed])
        if _own_signed(model, chain[hashed]):
            rtypes = [*rtypes, "RRSIG"]
        fields = f"1 {int(params.opt_out)} {params.iterations} {params.salt} {following}"
        owner = Name((hashed.encode(), *model.origin.labels))
        model.add(owner, "NSEC3", " ".join([fields, *rtypes]))
        _sign(model, owner, ["NSEC3"])


def _chained(model: Model, owners: list[Name], params: Nsec3) -> set[Name]:
    """The names of an NSEC3 chain: owners and the empty non-terminals above them."""
    names: set[Name] = set()
    for owner in owners:
        if params.opt_out and model.is_cut(owner) and not model.is_secure(owner):
            continue
        names.update((owner, *model.above(owner)))
    return names


def _own_types(model: Model, owner: Name) -> list[str]:
    """The types at ``owner`` that are this zone's: of a cut, NS and DS."""
    rtypes = [rtype for rtype in model.types(owner) if rtype not in {"RRSIG", "NSEC"}]
    if model.is_cut(owner):
        return [rtype for rtype in rtypes if rtype in {"NS", "DS"}]
    return rtypes


def _own_signed(model: Model, owner: Name) -> list[str]:
    return [rtype for rtype in _own_types(model, owner) if rtype == "DS" or not model.is_cut(owner)]


def _sign(model: Model, owner: Name, rtypes: list[str]) -> None:
    labels = len(owner.labels) - 1 - (owner.labels[0] == b"*")
    for rtype in rtypes:
        noise = base64.b64encode(hashlib.sha512(f"{owner} {rtype}".encode()).digest()).decode()
        fields = f"{rtype} 13 {labels} {model.ttl(owner, rtype)} 20370101000000 20200101000000"
        model.add(owner, "RRSIG", f"{fields} {KEY_TAG} {model.origin} {noise}")


def _hash(name: Name, params: Nsec3) -> str:
    salt = None if params.salt == "-" else params.salt
    return dns.dnssec.nsec3_hash(name, salt, params.iterations, 1)
