"""Which queries are asked: drawn by chance from what a zone has, by weights. Pure.

The same zone, mix, count and seed give the same queries on every machine; a shorter sequence
is the beginning of a longer one.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bench.queries.zone import random_child
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dns.name import Name
    from dns.rdatatype import RdataType

    from bench.queries.zone import AskedZone

ATTEMPTS = 100
"""How often a name that does not exist is sought before it is said that there is none."""


class Query(NamedTuple):
    """One question; ``do`` asks for DNSSEC records."""

    name: Name
    rtype: RdataType
    do: bool = False


@dataclass(frozen=True, slots=True)
class Mix:
    """What is asked how often; the shares are between 0 and 1.

    ``types``: only these (none: all that the zone has). ``nxdomain`` and ``wildcard`` are
    shares of all queries, the rest asks for names that own data. ``do`` of all queries ask
    for DNSSEC records. ``zipf``: the k-th name of a random order is asked with a weight of
    1/k^zipf; 0 asks all alike.
    """

    types: tuple[RdataType, ...] = ()
    nxdomain: float = 0.0
    wildcard: float = 0.0
    do: float = 0.0
    zipf: float = 1.0


def draw(zone: AskedZone, mix: Mix, count: int, seed: int) -> Iterator[Query]:
    """Yield ``count`` queries; StudyError if the zone has nothing of what ``mix`` wants."""
    if mix.nxdomain + mix.wildcard > 1:
        raise StudyError("the shares of NXDOMAIN and of wildcards are more than 1 together")
    rng = random.Random(seed)
    kinds: list[Callable[[], tuple[Name, RdataType]]] = []
    shares = (1 - mix.nxdomain - mix.wildcard, mix.nxdomain, mix.wildcard)
    for share, maker in zip(shares, (_present, _absent, _wild), strict=True):
        # Each kind has its own order of names, whatever the others' shares are.
        kinds.append(maker(zone, mix, rng, random.Random(f"{seed} {maker.__name__}"), share > 0))
    for _ in range(count):
        ask = rng.choices(kinds, shares)[0]
        name, rtype = ask()
        yield Query(name, rtype, rng.random() < mix.do)


def weights(count: int, exponent: float) -> list[float]:
    """Return the cumulative weights of ``count`` names by Zipf's law."""
    return list(itertools.accumulate(rank**-exponent for rank in range(1, count + 1)))


class _Ranked:
    """Names in a random order that says how often each is asked; each with its types."""

    def __init__(
        self, owned: Sequence[tuple[Name, RdataType]], mix: Mix, order: random.Random
    ) -> None:
        self._types: dict[Name, list[RdataType]] = {}
        for name, rtype in owned:
            if not mix.types or rtype in mix.types:
                self._types.setdefault(name, []).append(rtype)
        self._names = list(self._types)
        order.shuffle(self._names)
        self._weights = weights(len(self._names), mix.zipf)

    def __bool__(self) -> bool:
        return bool(self._names)

    def pick(self, rng: random.Random) -> tuple[Name, RdataType]:
        name = rng.choices(self._names, cum_weights=self._weights)[0]
        return name, rng.choice(self._types[name])


def _wanted(mix: Mix) -> str:
    return ", ".join(rtype.name for rtype in mix.types) or "any type"


def _present(
    zone: AskedZone, mix: Mix, rng: random.Random, order: random.Random, wanted: bool
) -> Callable[[], tuple[Name, RdataType]]:
    ranked = _Ranked(zone.data, mix, order)
    if wanted and not ranked:
        raise StudyError(f"{zone.apex} has no name with data of {_wanted(mix)}")
    return lambda: ranked.pick(rng)


def _wild(
    zone: AskedZone, mix: Mix, rng: random.Random, order: random.Random, wanted: bool
) -> Callable[[], tuple[Name, RdataType]]:
    ranked = _Ranked(zone.wilds, mix, order)
    if wanted and not ranked:
        raise StudyError(f"{zone.apex} has no wildcard with data of {_wanted(mix)}")

    def ask() -> tuple[Name, RdataType]:
        for _ in range(ATTEMPTS):
            encloser, rtype = ranked.pick(rng)
            name = random_child(encloser, _label(rng))
            if name is not None and not zone.has(name):
                return name, rtype
        raise StudyError(f"no name was found that a wildcard of {zone.apex} stands in for")

    return ask


def _absent(
    zone: AskedZone, mix: Mix, rng: random.Random, _order: random.Random, _wanted: bool
) -> Callable[[], tuple[Name, RdataType]]:
    types = mix.types or tuple(sorted({rtype for _, rtype in zone.data}))

    def ask() -> tuple[Name, RdataType]:
        for _ in range(ATTEMPTS):
            name = random_child(zone.apex, _label(rng))
            if name is not None and zone.denies(name):
                return name, rng.choice(types)
        raise StudyError(
            f"every name below {zone.apex} exists, as far as {ATTEMPTS} attempts can tell"
            " (a wildcard at the apex?): ask for no NXDOMAIN"
        )

    return ask


def _label(rng: random.Random) -> str:
    return f"x{rng.getrandbits(40):010x}"
