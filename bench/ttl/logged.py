"""The demand at a server that is given: from a log of what it is asked, with its own TTLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import uvloop

from bench.study.errors import StudyError
from bench.ttl.asking import Address, Ask, ask
from bench.ttl.groups import Demand, playable
from bench.ttl.names import RRset, question
from bench.ttl.site import Authority

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SPACING_S = 0.005
"""Between two questions that ask for TTLs: no server is hurried."""


def read(address: Address, origin: str, path: Path) -> tuple[Authority, Demand, list[int]]:
    """Return the server at ``address``, the demand of the log at ``path``, its RRsets' TTLs.

    StudyError if nothing in the log is data of the server's zone ``origin``.
    """
    from bench.demand.estimate import estimate
    from bench.demand.reading import read as read_log

    origin = origin.lower().rstrip(".") + "."
    log = read_log(path)
    within = np.array([f".{one.name}".endswith(f".{origin}") for one in log.asked], dtype=bool)
    log = log.only(within)
    found = ttls(address, [RRset(*one) for one in log.asked])
    known = np.array([ttl is not None for ttl in found], dtype=bool)
    if not known.any():
        raise StudyError(
            f"{address[0]}:{address[1]} has no data for anything in {path} below {origin}"
        )
    log = log.only(known)
    own = [ttl for ttl in found if ttl is not None]
    demand = estimate(log, np.array(own, dtype=np.float64))
    caches = np.maximum(np.round(demand.caches), 1).astype(np.int64)
    rrsets = [RRset(*one) for one in log.asked]
    whole = Demand(np.repeat(demand.rates, caches), np.repeat(demand.rrsets, caches), rrsets)
    return Authority(address, origin, rrsets[0]), playable(whole), own


def ttls(address: Address, rrsets: Sequence[RRset]) -> list[int | None]:
    """Return the TTL with which the server answers each RRset; None without data."""
    asks = [Ask(i * SPACING_S, address, question(rrset)) for i, rrset in enumerate(rrsets)]
    return [answer.ttl for answer in uvloop.run(ask(asks))]
