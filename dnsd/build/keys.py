"""The keys that a policy names: pairs of files, as dnssec-keygen and ldns-keygen write them.

Knows the files, and whether they are keys of a zone. What is signed with them is
:mod:`dnsd.build.signing`'s business; all cryptography is left to dnspython.
"""

from __future__ import annotations

import os
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.dnssec
import dns.dnssecalgs
import dns.exception
import dns.name
import dns.rdata
import dns.zonefile
from dns.dnssectypes import Algorithm
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.dnskeybase import Flag

from dnsd.config import smallfile
from dnsd.config.policykinds import PRIVATE, PUBLIC
from dnsd.process import descriptors
from dnsd.wire import rdata as rr
from dnsd.zone.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dns.dnssec import PrivateKey
    from dns.name import Name

    from dnsd.zone.records import Zone

Fields = dict[str, str]
"""What a private file says, by the words before the colons."""

_PROTOCOL = 3
_OTHERS = 0o007
"""The rights to a file of all who are neither its owner nor in its group."""


class SigningKey(NamedTuple):
    """A key that the zone knows; ``dnskey`` is as it stands in the zone."""

    dnskey: DNSKEY
    private: PrivateKey


class KeyFault(NamedTuple):
    """What is wrong with a key, or with all of them together."""

    code: str
    message: str
    severity: Severity = Severity.ERROR


class _Unfit(Exception):
    """A key cannot be used; ``str()`` is the sentence that says why."""


def load_keys(paths: tuple[str, ...], zone: Zone) -> tuple[tuple[SigningKey, ...], list[KeyFault]]:
    """Return the keys ``paths`` that can sign for ``zone``, and every fault of the others.

    A key that cannot be used is an error only if those that are left do not do for the zone.
    """
    if not paths:
        return (), []
    if not dns.dnssecalgs.algorithms:
        message = (
            "signing needs the Python package cryptography, which is missing or too old: "
            "pip install 'dnsd[signing]'"
        )
        return (), [KeyFault("signing-cryptography", message)]
    keys: list[SigningKey] = []
    unfit: list[str] = []
    faults: list[KeyFault] = []
    for path in paths:
        try:
            keys.append(_load(path, zone))
            faults += _open_to_others(path + PRIVATE)
        except _Unfit as why:
            unfit.append(str(why))
    left_out = [*_left_out(keys, zone)] if keys else []
    # In a rollover a key is listed before it is in the zone, and after it has left it.
    enough = bool(keys) and not left_out
    severity = Severity.WARNING if enough else Severity.ERROR
    faults += [KeyFault("signing-key", sentence, severity) for sentence in unfit]
    return tuple(keys), faults if unfit else faults + left_out


def zone_keys(zone: Zone) -> list[DNSKEY]:
    """Return the keys in the DNSKEY RRset of ``zone`` that may sign it, and revoked ones."""
    rrset = zone.nodes[zone.apex].get(rr.DNSKEY)
    found = [_dnskey(rdata) for rdata in rrset.rdatas] if rrset else []
    return [one for one in found if one.flags & Flag.ZONE and one.protocol == _PROTOCOL]


def _dnskey(rdata: bytes) -> DNSKEY:
    found = dns.rdata.from_wire(IN, RdataType.DNSKEY, rdata, 0, len(rdata))
    assert isinstance(found, DNSKEY)
    return found


def _load(path: str, zone: Zone) -> SigningKey:
    public = _public(path + PUBLIC, dns.name.from_wire(zone.apex, 0)[0])
    private = _private(path + PRIVATE, public)
    known = [
        one for one in zone_keys(zone) if (one.algorithm, one.key) == (public.algorithm, public.key)
    ]
    if not known:
        raise _Unfit(
            f"{path}{PUBLIC} is not among the DNSKEY records of the zone: "
            "sign the zone with it, or name the key that it is signed with"
        )
    if all(one.flags & Flag.REVOKE for one in known):
        raise _Unfit(f"{path} is revoked in the zone: name the key that has taken its place")
    return SigningKey(next(one for one in known if not one.flags & Flag.REVOKE), private)


# -- files ------------------------------------------------------------------------------------


def _public(file: str, apex: Name) -> DNSKEY:
    try:
        rrsets = dns.zonefile.read_rrsets(_text(file), rdclass=None, default_ttl=0)
    except dns.exception.DNSException as error:
        raise _Unfit(f"{file} is not a public key: {error}") from None
    found = [(rrset.name, one) for rrset in rrsets for one in rrset if isinstance(one, DNSKEY)]
    if len(found) != 1:
        raise _Unfit(f"{file} has {len(found)} DNSKEY records, and must have one")
    owner, key = found[0]
    if owner != apex:
        raise _Unfit(f"{file} is a key of the zone {owner}, not of {apex}")
    if key.algorithm not in _MAKERS:
        can = ", ".join(_called(one) for one in _MAKERS)
        raise _Unfit(f"{file} is of the algorithm {_called(key.algorithm)}; dnsd signs with {can}")
    return key


def _private(file: str, public: DNSKEY) -> PrivateKey:
    fields = dict(_fields(_text(file)))
    if not fields.get("Private-key-format", "").startswith("v1."):
        raise _Unfit(f'{file} is not a private key: it lacks the line "Private-key-format: v1.3"')
    if "Label" in fields:
        raise _Unfit(f"{file} refers to a key in a hardware module: dnsd signs with files only")
    algorithm = _called(public.algorithm)
    try:
        private = _MAKERS[public.algorithm](fields)
        made = dns.dnssec.make_dnskey(private.public_key(), public.algorithm, public.flags)
    except KeyError as missing:
        raise _Unfit(f"{file} has no {missing.args[0]}, which {algorithm} needs") from None
    except (ValueError, dns.exception.DNSException) as error:
        raise _Unfit(f"{file} is not a key of {algorithm}: {error}") from None
    if made.key != public.key:
        raise _Unfit(
            f"{file} does not belong to the public key in {file.removesuffix(PRIVATE)}{PUBLIC}"
        )
    return private


def _text(file: str) -> str:
    try:
        return smallfile.read(Path(file)).decode().replace("\r\n", "\n")
    except OSError as error:
        descriptors.excuse(error, file)
        raise _Unfit(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _Unfit(f"{file} is not a text file, as dnssec-keygen writes them") from None


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        word, colon, value = line.partition(":")
        if colon:
            yield word.strip(), value.strip()


def _open_to_others(file: str) -> Iterator[KeyFault]:
    if os.stat(file).st_mode & _OTHERS:  # noqa: PTH116
        message = f"{file} can be read or changed by every user of this machine: chmod o= {file}"
        yield KeyFault("signing-key-open", message, Severity.WARNING)


# -- private keys by algorithm ----------------------------------------------------------------


def _rsa(fields: Fields) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    public = rsa.RSAPublicNumbers(e=_number(fields["PublicExponent"]), n=_number(fields["Modulus"]))
    return rsa.RSAPrivateNumbers(
        p=_number(fields["Prime1"]),
        q=_number(fields["Prime2"]),
        d=_number(fields["PrivateExponent"]),
        dmp1=_number(fields["Exponent1"]),
        dmq1=_number(fields["Exponent2"]),
        iqmp=_number(fields["Coefficient"]),
        public_numbers=public,
    ).private_key()


def _p256(fields: Fields) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(_number(fields["PrivateKey"]), ec.SECP256R1())


def _p384(fields: Fields) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(_number(fields["PrivateKey"]), ec.SECP384R1())


def _ed25519(fields: Fields) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return ed25519.Ed25519PrivateKey.from_private_bytes(_octets(fields["PrivateKey"]))


def _ed448(fields: Fields) -> PrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ed448

    return ed448.Ed448PrivateKey.from_private_bytes(_octets(fields["PrivateKey"]))


_MAKERS: dict[int, Callable[[Fields], PrivateKey]] = {
    Algorithm.RSASHA256: _rsa,
    Algorithm.RSASHA512: _rsa,
    Algorithm.ECDSAP256SHA256: _p256,
    Algorithm.ECDSAP384SHA384: _p384,
    Algorithm.ED25519: _ed25519,
    Algorithm.ED448: _ed448,
}

ALGORITHMS = frozenset(_MAKERS)
"""Those that dnsd can sign with, and verify."""


def _octets(text: str) -> bytes:
    return b64decode(text, validate=True)


def _number(text: str) -> int:
    return int.from_bytes(_octets(text), "big")


# -- all of them ------------------------------------------------------------------------------


def _left_out(keys: list[SigningKey], zone: Zone) -> Iterator[KeyFault]:
    """Find the algorithms that the zone promises, but of which there is no key (RFC 4035 §2.2)."""
    given = {key.dnskey.algorithm for key in keys}
    for algorithm in sorted({one.algorithm for one in zone_keys(zone)} - given):
        alive = [one for one in zone_keys(zone) if one.algorithm == algorithm]
        if all(one.flags & Flag.REVOKE for one in alive):
            continue
        message = (
            f"the zone has a DNSKEY of {_called(algorithm)}, so each answer needs a signature of "
            "that algorithm, too (RFC 4035 §2.2): add its key"
        )
        yield KeyFault("signing-algorithm", message)


def _called(algorithm: int) -> str:
    return f"{Algorithm.to_text(algorithm)} ({int(algorithm)})"
