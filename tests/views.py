"""What the oracle sees of a zone that dnspython has read, not dnsd."""

from __future__ import annotations

import dns.zone

from dnsd.zone.view import View, ViewRRset


def view_of(zone: dns.zone.Zone) -> View:
    """View a zone that was read with ``relativize=False``."""
    assert zone.origin is not None
    nodes = {
        owner: {
            (rdataset.rdtype, rdataset.covers): ViewRRset(
                owner, rdataset.rdtype, rdataset.covers, rdataset.ttl, tuple(rdataset)
            )
            for rdataset in node.rdatasets
        }
        for owner, node in zone.nodes.items()
    }
    return View(zone.origin, nodes)
