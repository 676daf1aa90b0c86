"""Which names the checks look at: all, or those that a native scan could not clear.

A check asks for the names that may have its fault. With a native table (see ``_look.pyx``), a
correct zone has few of them.
"""

from __future__ import annotations

from enum import IntFlag, auto
from typing import TYPE_CHECKING

from dnsd.wire.rdata import NSEC3
from dnsd.zone.hashing import is_affordable, is_proven
from dnsd.zone.table import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.config.limits import Limits
    from dnsd.zone._look import Look
    from dnsd.zone.records import RRset, Zone

SHA1 = 1
INSECURE_ITERATIONS = 50
"""Above this, some validators treat the zone as unsigned (RFC 9276 §3.2): BIND, Knot Resolver."""


class Suspicion(IntFlag):
    """A reason to check a name."""

    SIZE = auto()
    BESIDE = auto()
    """Records that must not stand beside a CNAME or DNAME."""
    WILDCARD = auto()
    REPEATED = auto()
    """The name contains the zone's name twice."""
    HIDDEN = auto()
    """Occluded data that is no glue."""
    DELEGATION = auto()
    """Data at a cut that is never answered."""
    SERVICE = auto()
    TARGET = auto()
    """A record leads where it should not."""
    LONE_DS = auto()
    SIGNATURE = auto()
    PARAMETER = auto()
    """Of NSEC3."""
    UNSIGNED = auto()
    LONG = auto()
    """A TTL."""
    HOST = auto()
    """A name that is no host name, where there should be one."""


class Suspects:
    """All names of ``zone``, for every suspicion: the readable twin."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def of(self, kind: Suspicion) -> Iterable[tuple[bytes, dict[int, RRset]]]:
        """Return the names with records that are to be looked at for ``kind``, and the RRsets."""
        del kind
        return self._zone.nodes.items()

    def signed(self) -> Iterable[tuple[bytes, dict[int, RRset]]]:
        """Return the names with signatures that are to be looked at, and the signatures."""
        return self._zone.signatures.items()

    def is_nsec_sound(self) -> bool:
        """Tell whether it is known that the chain of NSEC records is whole."""
        return False

    def has_nsec3(self) -> bool:
        """Tell whether there are NSEC3 records."""
        return any(NSEC3 in types for types in self._zone.nodes.values())

    def is_nsec3_sound(self) -> bool:
        """Tell whether it is known that each chain of NSEC3 records is whole."""
        return False


class SomeSuspects(Suspects):
    """The ``names`` of ``zone``, for every suspicion: what the others are is known."""

    def __init__(self, zone: Zone, names: Iterable[bytes]) -> None:
        super().__init__(zone)
        self._names = [name for name in sorted(names) if name in zone.nodes]

    def of(self, kind: Suspicion) -> Iterator[tuple[bytes, dict[int, RRset]]]:
        """See :class:`Suspects`."""
        del kind
        return ((name, self._zone.nodes[name]) for name in self._names)


class NativeSuspects(Suspects):
    """The names that the native scan could not clear."""

    def __init__(self, zone: Zone, look: Look) -> None:
        super().__init__(zone)
        self._look = look

    def of(self, kind: Suspicion) -> Iterator[tuple[bytes, dict[int, RRset]]]:
        """See :class:`Suspects`."""
        for owner in self._look.names(kind):
            yield owner, self._zone.nodes[owner]

    def signed(self) -> Iterator[tuple[bytes, dict[int, RRset]]]:
        """See :class:`Suspects`."""
        for owner in self._look.signed_names():
            yield owner, self._zone.signatures[owner]

    def is_nsec_sound(self) -> bool:
        """See :class:`Suspects`."""
        return self._look.is_nsec_sound()

    def has_nsec3(self) -> bool:
        """See :class:`Suspects`."""
        return self._look.has_nsec3()

    def is_nsec3_sound(self) -> bool:
        """See :class:`Suspects`."""
        return self._look.is_nsec3_sound()


def suspects_of(zone: Zone, now: float | None, limits: Limits) -> Suspects:
    """Return the names of ``zone`` to check; signatures are judged by ``now``."""
    table = table_of(zone)
    if table is None:
        return Suspects(zone)
    from dnsd.zone._look import Look

    def is_harmless(algorithm: int, iterations: int, salt: int) -> bool:
        """See :class:`Suspects`."""
        return (
            algorithm == SHA1
            and iterations <= min(limits.nsec3_iterations, INSECURE_ITERATIONS)
            and is_proven(iterations)
            and is_affordable(iterations, salt)
        )

    return NativeSuspects(zone, Look(table, now, int(limits.longest_ttl), is_harmless))
