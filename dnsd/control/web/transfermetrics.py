"""Transfers and catalogs as metrics: how many zones are as they should be, and the worst by name.

Of very many zones those are named that will expire first, so labels are bounded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.metrics.prometheus import MetricFamily
from dnsd.transfer.ipc import TransferSummary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dnsd.control.catalogs.consuming import CatalogKeeper
    from dnsd.control.transfers.link import TransferLink


class TransferFigures(NamedTuple):
    """What the transfer process has counted and says of its zones, and what catalogs have brought.

    ``catalogs`` are by name, each as ``dnsd zone status`` shows it.
    """

    counts: Mapping[str, int] = {}
    summary: TransferSummary = TransferSummary()
    catalogs: Mapping[str, Mapping[str, Any]] = {}


NOTHING = TransferFigures()
"""Where nothing is transferred."""


def figures(link: TransferLink | None, catalogs: CatalogKeeper) -> TransferFigures:
    """Return what there is, NOTHING without a transfer process."""
    if link is None:
        return NOTHING
    rows = {name: catalogs.row(name) for name in catalogs.brought.catalogs}
    return TransferFigures(link.counts, link.summary, rows)


def families(found: TransferFigures) -> Iterator[MetricFamily]:
    """Yield every metric of transfers."""
    yield MetricFamily(
        "dnsd_transfer_events_total",
        "counter",
        "What the transfer process has done, been asked for, and refused, since it started.",
        [({"event": what}, count) for what, count in sorted(found.counts.items())],
    )
    yield MetricFamily(
        "dnsd_fetched_zones",
        "gauge",
        "Zones that are fetched, by how that goes.",
        [({"state": state}, count) for state, count in found.summary.states().items()],
    )
    now, ages = time.time(), found.summary.soonest
    yield MetricFamily(
        "dnsd_zone_confirmed_age_seconds",
        "gauge",
        "Seconds since a primary has confirmed a zone; of many zones those that expire first.",
        [({"zone": one.zone}, round(max(0.0, now - one.confirmed_at), 3)) for one in ages],
    )
    yield MetricFamily(
        "dnsd_zone_expires_in_seconds",
        "gauge",
        "Seconds until a zone expires, if no primary confirms it; of many zones the first.",
        [({"zone": one.zone}, round(one.expires_at - now, 3)) for one in ages],
    )
    for key, text in (
        ("members", "Zones that a catalog has brought."),
        ("held", "Zones that a catalog would remove or reset, and that are held back."),
        ("clashes", "Members of a catalog that the configuration or another catalog has."),
    ):
        samples = [({"catalog": name}, row[key]) for name, row in found.catalogs.items()]
        yield MetricFamily(f"dnsd_catalog_{key}", "gauge", text, samples)
    yield MetricFamily(
        "dnsd_catalog_broken",
        "gauge",
        "Whether a catalog is not obeyed, because it is broken or cannot be kept.",
        [
            ({"catalog": name}, int(bool(row["catalog_fault"])))
            for name, row in found.catalogs.items()
        ],
    )
