"""A log of queries as arrays: whose, for what, when."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from bench.ttl.demand import Floats, Indices


class Query(NamedTuple):
    """A query that a server got: at ``when`` (seconds), from the address ``source``.

    ``name`` is absolute and lower case, ``rtype`` a mnemonic.
    """

    when: float
    source: str
    name: str
    rtype: str


class RRset(NamedTuple):
    """What is asked for."""

    name: str
    rtype: str


class Log(NamedTuple):
    """Queries by pair (a source and an RRset), each pair's in order of time.

    ``pairs`` never decreases; ``sources`` and ``rrsets`` say, by pair, whose it is and for what,
    as indices into ``addresses`` and ``asked``. The log lasts from ``begin`` to ``end``.
    """

    pairs: Indices
    times: Floats
    sources: Indices
    rrsets: Indices
    addresses: list[str]
    asked: list[RRset]
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long the log is."""
        return self.end - self.begin

    def only(self, wanted: NDArray[np.bool_]) -> Log:
        """Return the log of the RRsets that are ``wanted``, a truth value for each of them."""
        pairs = wanted[self.rrsets]
        queries = pairs[self.pairs]
        number = np.cumsum(pairs) - 1
        rrset = np.cumsum(wanted) - 1
        return self._replace(
            pairs=number[self.pairs[queries]],
            times=self.times[queries],
            sources=self.sources[pairs],
            rrsets=rrset[self.rrsets[pairs]],
            asked=[one for one, keep in zip(self.asked, wanted.tolist(), strict=True) if keep],
        )


def gather(queries: Iterable[Query]) -> Log:
    """Return ``queries``, in any order, as a log from the first to the last."""
    pairs, addresses, asked = (dict[tuple[int, int], int](), dict[str, int](), dict[RRset, int]())
    whose, times = array("q"), array("d")
    for query in queries:
        source = addresses.setdefault(query.source, len(addresses))
        rrset = asked.setdefault(RRset(query.name, query.rtype), len(asked))
        whose.append(pairs.setdefault((source, rrset), len(pairs)))
        times.append(query.when)
    numbers = np.array(whose, dtype=np.int64)
    when = np.array(times, dtype=np.float64)
    order = np.lexsort((when, numbers))
    of_pair = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    return Log(
        numbers[order],
        when[order],
        of_pair[:, 0],
        of_pair[:, 1],
        list(addresses),
        list(asked),
        float(when.min()) if when.size else 0.0,
        float(when.max()) if when.size else 0.0,
    )
