"""What is said of how a zone is built for transfers: its serial, who may have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dnsd.config import ZoneTransfers


class BuildTerms(NamedTuple):
    """The policy of the serial, whether others may have the zone, and nobody else (a catalog)."""

    serial: str = "file"
    is_given: bool = False
    is_catalog: bool = False

    @classmethod
    def of(cls, said: ZoneTransfers) -> BuildTerms:
        """Return what follows from what is ``said`` of the transfers of a zone."""
        return shared(cls(said.serial, said.is_primary, said.is_catalog))


AS_IN_FILE = BuildTerms()
"""The terms of a zone that nothing is said of."""


def shared(terms: BuildTerms) -> BuildTerms:
    """Return the same terms; of zones that nothing is said of, which are most, one object."""
    return AS_IN_FILE if terms == AS_IN_FILE else terms
