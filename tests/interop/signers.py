"""Zones signed by other people's signers: ldns-signzone and dnssec-signzone.

Each is a family: a zone with one of everything, a signed child and an unsigned one.
"""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from tests.interop.zonefiles import ZoneFile

if TYPE_CHECKING:
    from pathlib import Path


class Chain(StrEnum):
    """How absence is proved."""

    NSEC = "nsec"
    NSEC3 = "nsec3"
    OPT_OUT = "opt-out"


class Family(NamedTuple):
    """A signed zone, its children, and the trust anchor for it (DS records).

    ``leaves_out``: insecure delegations are not in the chain of hashes.
    """

    chain: Chain
    leaves_out: bool
    parent: ZoneFile
    secure: ZoneFile
    plain: ZoneFile
    anchor: str

    @property
    def zones(self) -> tuple[ZoneFile, ...]:
        return (self.parent, self.secure, self.plain)


_PARENT = """\
$TTL 300
@ SOA ns host 1 3600 600 86400 300
@ NS ns
@ MX 10 mail
ns A 127.0.0.1
mail A 192.0.2.25
mail AAAA 2001:db8::25
www A 192.0.2.80
www TXT "the web"
alias CNAME www
alias2 CNAME alias
*.wild A 192.0.2.81
*.wild TXT "wild"
*.aliases CNAME www
towild CNAME x.wild
tonothing CNAME nothing
a.ent A 192.0.2.82
moved DNAME wild
there DNAME target
a.target A 192.0.2.83
across CNAME www.secure
secure NS ns.secure
ns.secure A 127.0.0.1
plain NS ns.plain
ns.plain A 127.0.0.1
plain.opt NS ns
_443._tcp TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
_http._tcp SRV 0 0 80 www
www HTTPS 1 . alpn=h2
node TYPE65280 \\# 4 c0000201
"""

_CHILD = """\
$TTL 300
@ SOA ns host 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
www A 192.0.2.90
*.wild A 192.0.2.91
"""


class Signer(ABC):
    """Signs in ``directory``, with keys that are thrown away."""

    name: ClassVar[str]
    leaves_out: ClassVar[bool]
    """Whether it leaves insecure delegations out of a chain with opt-out."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / self.name
        self.directory.mkdir()

    def family(self, chain: Chain) -> Family:
        """Make the zones CHAIN.SIGNER.test., secure.CHAIN… and plain.CHAIN…."""
        origin = f"{chain}.{self.name}.test."
        secure, delegation = self._signed(f"secure.{origin}", _CHILD, chain)
        parent, anchor = self._signed(origin, _PARENT + delegation, chain)
        plain = self.directory / f"plain.{origin}zone"
        plain.write_text(_CHILD)
        files = (
            ZoneFile(origin, parent, parent),
            ZoneFile(f"secure.{origin}", secure, secure),
            ZoneFile(f"plain.{origin}", plain, plain),
        )
        return Family(chain, chain is Chain.OPT_OUT and self.leaves_out, *files, anchor)

    def _signed(self, origin: str, text: str, chain: Chain) -> tuple[Path, str]:
        """Return the signed file and the DS records of its key."""
        source = self.directory / f"{origin}source"
        source.write_text(f"$ORIGIN {origin}\n{text}")
        target = self.directory / f"{origin}zone"
        return target, self.sign(origin, source, target, chain)

    @abstractmethod
    def sign(self, origin: str, source: Path, target: Path, chain: Chain) -> str:
        """Sign ``source`` into ``target``; return the DS records of the key that signed."""

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.directory,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


class Ldns(Signer):
    """NLnet Labs' ldns-signzone."""

    name = "ldns"
    leaves_out = False
    options: ClassVar = {
        Chain.NSEC: (),
        Chain.NSEC3: ("-n", "-s", "abcd", "-t", "3"),
        Chain.OPT_OUT: ("-n", "-p"),
    }

    def sign(self, origin: str, source: Path, target: Path, chain: Chain) -> str:
        key = self.run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", origin).strip()
        self.run("ldns-signzone", *self.options[chain], "-f", target, source, key)
        return self.run("ldns-key2ds", "-n", "-2", target)


class BindSigner(Signer):
    """BIND's dnssec-signzone."""

    name = "bind"
    leaves_out = True
    options: ClassVar = {
        Chain.NSEC: (),
        Chain.NSEC3: ("-3", "abcd", "-H", "3"),
        Chain.OPT_OUT: ("-3", "-", "-H", "0", "-A"),
    }

    def sign(self, origin: str, source: Path, target: Path, chain: Chain) -> str:
        key = self.run("dnssec-keygen", "-a", "ECDSAP256SHA256", "-f", "KSK", origin).strip()
        self.run(
            "dnssec-signzone",
            *("-S", "-z", "-o", origin, "-f", target),
            *self.options[chain],
            source,
        )
        return self.run("dnssec-dsfromkey", "-2", f"{key}.key")
