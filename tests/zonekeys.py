"""Keys of zones, made for one test and written as BIND writes them, and zones signed with them.

The signatures are real ones, by dnspython; those of :mod:`tests.signing` are noise.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.dnssec
import dns.name
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from dns.dnssectypes import Algorithm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dns.dnssec import PrivateKey
    from dns.rdtypes.ANY.DNSKEY import DNSKEY

    from dnsd.build.keys import SigningKey

ALGORITHMS = (
    Algorithm.RSASHA256,
    Algorithm.RSASHA512,
    Algorithm.ECDSAP256SHA256,
    Algorithm.ECDSAP384SHA384,
    Algorithm.ED25519,
    Algorithm.ED448,
)
P256 = Algorithm.ECDSAP256SHA256
ZSK, KSK, REVOKED = 256, 257, 384

INCEPTION, EXPIRATION = 1_750_000_000, 1_760_000_000
NOW = 1_755_000_000


@dataclass(frozen=True)
class ZoneKey:
    """A key of the zone ``origin``."""

    origin: str
    dnskey: DNSKEY
    private: PrivateKey

    @property
    def tag(self) -> int:
        return dns.dnssec.key_id(self.dnskey)

    @property
    def key(self) -> SigningKey:
        from dnsd.build.keys import SigningKey

        return SigningKey(self.dnskey, self.private)

    def write(self, directory: Path) -> str:
        """Write both files; return their name without its end, as dnssec-keygen prints it."""
        name = f"K{self.origin}+{self.dnskey.algorithm:03}+{self.tag:05}"
        public, private = directory / f"{name}.key", directory / f"{name}.private"
        public.write_text(f"; a comment\n{self.origin} IN DNSKEY {self.dnskey.to_text()}\n")
        private.touch(0o600)
        private.write_text(self.private_text())
        return name

    def private_text(self) -> str:
        algorithm = f"{int(self.dnskey.algorithm)} ({self.dnskey.algorithm.name})"
        lines = ["Private-key-format: v1.3", f"Algorithm: {algorithm}"]
        lines += [f"{word}: {base64.b64encode(octets).decode()}" for word, octets in self._fields()]
        return "".join(f"{line}\n" for line in [*lines, "Created: 20260101000000"])

    def _fields(self) -> list[tuple[str, bytes]]:
        private = self.private
        if isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
            return [("PrivateKey", private.private_bytes_raw())]
        if isinstance(private, ec.EllipticCurvePrivateKey):
            value = private.private_numbers().private_value
            return [("PrivateKey", value.to_bytes(private.key_size // 8, "big"))]
        assert isinstance(private, rsa.RSAPrivateKey)
        numbers = private.private_numbers()
        fields = {
            "Modulus": numbers.public_numbers.n,
            "PublicExponent": numbers.public_numbers.e,
            "PrivateExponent": numbers.d,
            "Prime1": numbers.p,
            "Prime2": numbers.q,
            "Exponent1": numbers.dmp1,
            "Exponent2": numbers.dmq1,
            "Coefficient": numbers.iqmp,
        }
        return [
            (word, number.to_bytes((number.bit_length() + 7) // 8, "big"))
            for word, number in fields.items()
        ]


def make_key(
    algorithm: Algorithm = P256, flags: int = ZSK, origin: str = "example.com."
) -> ZoneKey:
    """Return a new key."""
    makers: dict[Algorithm, Callable[[], PrivateKey]] = {
        Algorithm.ECDSAP256SHA256: lambda: ec.generate_private_key(ec.SECP256R1()),
        Algorithm.ECDSAP384SHA384: lambda: ec.generate_private_key(ec.SECP384R1()),
        Algorithm.ED25519: ed25519.Ed25519PrivateKey.generate,
        Algorithm.ED448: ed448.Ed448PrivateKey.generate,
    }
    make = makers.get(algorithm, lambda: rsa.generate_private_key(65537, 1024))
    private = make()
    dnskey = dns.dnssec.make_dnskey(private.public_key(), algorithm, flags)
    return ZoneKey(origin, dnskey, private)


def signed_text(
    text: str,
    *keys: ZoneKey,
    origin: str = "example.com.",
    since: int = INCEPTION,
    until: int = EXPIRATION,
    key_ttl: int = 300,
) -> str:
    """Return the zone ``text`` with an NSEC chain, signed with each of ``keys``."""
    zone = dns.zone.from_text(text, origin, relativize=False)
    dns.dnssec.sign_zone(
        zone,
        keys=[(key.private, key.dnskey) for key in keys],
        dnskey_ttl=key_ttl,
        inception=since,
        expiration=until,
    )
    return zone.to_text(relativize=False)
