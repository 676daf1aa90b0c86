"""Names of hosts that are none (RFC 1123 §2.1): letters, digits, and hyphens inside of labels.

dnsd answers them like all others, but some resolvers, libraries and other name servers refuse them
(BIND does not load a zone that has one). Names of services, below a label that begins with an
underscore, are no names of hosts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnsd.wire.name import ROOT, labels, to_text
from dnsd.wire.rdata import AAAA, MX, NS, SRV, A, target
from dnsd.zone.faults import SharedFault
from dnsd.zone.suspects import Suspicion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.zone.findings import Finding
    from dnsd.zone.suspects import Suspects

_LABEL = re.compile(rb"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


def check_hosts(suspects: Suspects) -> Iterator[Finding]:
    """Warn of names that have addresses, or that servers are called by, and are no host names."""
    owners, targets = SharedFault(), SharedFault()
    for owner, types in suspects.of(Suspicion.HOST):
        if not _may_have_address(owner):
            owners.rrsets += [types[rtype] for rtype in (A, AAAA) if rtype in types][:1]
        for rtype in (NS, MX, SRV):
            if rtype in types and not all(map(_is_server, _targets(rtype, types[rtype].rdatas))):
                targets.rrsets.append(types[rtype])
    rule = "some software refuses it: use letters, digits and hyphens"
    yield from owners.warn("host-name", "the name of {} is no host name, and " + rule)
    if targets.rrsets:
        first = targets.rrsets[0]
        named = next(one for one in _targets(first.rtype, first.rdatas) if not _is_server(one))
        yield from targets.warn(
            "host-name", f"{{}} points to {to_text(named)}, which is no host name, and {rule}"
        )


def _targets(rtype: int, rdatas: Sequence[bytes]) -> list[bytes]:
    return [target(rtype, rdata) or ROOT for rdata in rdatas]


def _may_have_address(owner: bytes) -> bool:
    found = labels(owner)
    if found[:1] == (b"*",):
        found = found[1:]
    return any(one.startswith(b"_") for one in found) or all(map(_LABEL.fullmatch, found))


def _is_server(name: bytes) -> bool:
    return all(map(_LABEL.fullmatch, labels(name)))
