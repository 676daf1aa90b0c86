"""A check of a name: at an address that the system's resolver gives, or at one that is given.

A name that does not exist, or has no address, is down: clients do not get there either. A resolver
that does not answer says nothing about the service. Addresses are asked for again when their TTL
has passed; ``/etc/hosts`` is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.exception
import dns.resolver

from dnsd.checks import reach
from dnsd.checks.result import Blind, Result, ServiceFault, Stage, judged
from dnsd.config.units import format_duration
from dnsd.process.exchange import within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dnsd.checks.result import Check, ServiceEndpoint

    Resolve = Callable[[str, str], Awaitable[str]]

RESOLVE_S = 2.0
"""For how long the system's resolver may take: it mostly knows the answer."""

_KNOWN = 1024
_TYPES = {"4": ("A",), "6": ("AAAA",), "": ("A", "AAAA")}

_cache = dns.resolver.LRUCache(_KNOWN)


async def resolved(name: str, family: str) -> str:
    """Return an address of ``name``, of the family "4" or "6" unless that is empty.

    Fault: it has none; Blind: that cannot be known.
    """
    found = await within(RESOLVE_S, _asked(name, family))
    if found is None:
        took = format_duration(RESOLVE_S)
        raise Blind(f"the system's resolver does not answer for {name} within {took}")
    return found


async def _asked(name: str, family: str) -> str:
    try:
        resolver = dns.asyncresolver.Resolver()
        resolver.cache = _cache
        for rtype in _TYPES[family]:
            answer = await resolver.resolve(
                name, rtype, raise_on_no_answer=False, lifetime=RESOLVE_S
            )
            for rdata in answer.rrset or ():
                return str(rdata.to_text())
    except dns.resolver.NXDOMAIN:
        raise ServiceFault(f"{name} does not exist") from None
    except (dns.exception.DNSException, OSError) as error:
        raise Blind(f"{name} cannot be resolved: {error}") from error
    raise ServiceFault(f"{name} has no {' or '.join(_TYPES[family])} record")


@dataclass(frozen=True)
class NamedCheck:
    """``check`` of the ``address`` of a name; without one, of an address that the name has.

    It goes only to ``networks``, if there are any, and from the family of ``source``.
    """

    check: Check
    address: str | None = None
    source: str | None = None
    networks: tuple[str, ...] = ()
    resolve: Resolve = field(default=resolved, compare=False)

    def __str__(self) -> str:
        return str(self.check)

    @property
    def timeout(self) -> float:
        """Seconds after which resolver and service have been given up."""
        return self.check.timeout + (RESOLVE_S if self.address is None else 0.0)

    def endpoint(self, _name: str) -> ServiceEndpoint | None:
        """Return where it connects to, if that is known beforehand."""
        return None if self.address is None else self.check.endpoint(self.address)

    async def run(self, name: str) -> Result:
        """Find an address of ``name``, and ask the service there."""
        address = self.address
        if address is None:
            found = await judged(self.timeout, Stage("no address"), lambda: self._find(name))
            if not found.ok:
                return found
            address = found.detail
        if fault := reach.fault(address, self.networks):
            raise Blind(f"{name}: {fault}")
        result = await self.check.run(address)
        return result if result.ok else result._replace(detail=f"{address}: {result.detail}")

    async def _find(self, name: str) -> str:
        family = "" if self.source is None else "6" if ":" in self.source else "4"
        return await self.resolve(name, family)
