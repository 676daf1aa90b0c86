"""The RRsets of a zone that is served, as versions; or a summary of them.

Made when the zone is built (:mod:`contents`), kept in its image, and read from there.
"""

from __future__ import annotations

import msgspec

from dnsd.caches.version import Version, VersionKind, everything, is_below

WILDCARD = "*."
"""Before a name: all below it."""


class GivenRRset(msgspec.Struct, frozen=True, array_like=True, order=True):
    """An RRset that is given out; the fields are those of its version, with its TTL."""

    owner: str
    type: str
    digest: str
    targets: tuple[str, ...]
    ttl: int

    @property
    def version(self) -> Version:
        """What caches hold of it."""
        return Version(VersionKind.RRSET, self.owner, self.type, self.digest, self.targets)


Listing = tuple[GivenRRset, ...]


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The summary of a zone without its list.

    Zones with the same ``digest`` have the same list; one that has none is never the same.
    ``ttl`` is the largest TTL of anything in it, ``negative`` the TTL of
    negative answers. ``names`` are those that a zone without a list leads to, None if they are too
    many.
    """

    digest: str = ""
    listed: bool = False
    ttl: int = 0
    negative: int = 0
    names: tuple[str, ...] | None = None

    def may_lead_to(self, name: str) -> bool:
        """Return whether a zone without a list may lead to ``name``."""
        if self.names is None or name in self.names:
            return True
        wildcards = [one for one in self.names if one.startswith(WILDCARD)]
        return any(is_below(name, one.removeprefix(WILDCARD)) for one in wildcards)

    def version(self, apex: str) -> Version:
        """Return what stands for all that the zone ``apex`` has."""
        return msgspec.structs.replace(everything(apex), digest=self.digest)


UNKNOWN = Contents()
UNREADABLE = Contents(ttl=604_800, negative=604_800)
"""A zone whose image cannot be read: no cache should keep anything longer."""

NO_LISTING = msgspec.Raw(b"null")

_decoder = msgspec.json.Decoder(Listing | None)


def decode(raw: bytes) -> Listing | None:
    """Return the listing in ``raw``, None if the zone has none; ValueError if that is damaged."""
    found: Listing | None = _decoder.decode(raw)
    return found
