"""What ``bench ttl`` has found, as data. Reports and pictures are made from nothing else."""

from __future__ import annotations

import msgspec

from bench.study.results import Study


class People(msgspec.Struct, frozen=True):
    """A population, as in :class:`bench.ttl.demand.Population`."""

    caches: int
    names: int
    rate: float
    cache_skew: float
    name_skew: float


class _Point(msgspec.Struct, frozen=True, kw_only=True):
    """``asks`` for ``lookups`` in ``seconds``; ``expected`` (a second), ``sigma``: the model's."""

    seconds: float
    lookups: int
    asks: int
    expected: float
    sigma: float

    @property
    def rate(self) -> float:
        """Questions a second."""
        return self.asks / self.seconds

    @property
    def hit_rate(self) -> float:
        """Share of the lookups for which nobody was asked."""
        return 1 - self.asks / max(1, self.lookups)

    @property
    def deviation(self) -> float:
        """How many standard deviations the rate lies above the model's."""
        return (self.rate - self.expected) / self.sigma


class Real(_Point, frozen=True, kw_only=True):
    """Resolvers of one kind and the names with one TTL, in a window of ``seconds``.

    ``lookups``: what users asked; ``lost``: those without an answer; ``asks``: what dnsd was
    asked, of which ``repeated`` once more because the answer was late. ``expected`` (a second) and
    ``sigma`` (of the rate) are the model's, with the TTL as it stands; ``holds``: the T with which
    the model would be right. ``twins``: what caches of certain kinds would have asked, had they
    met the same lookups. Latencies of users in ms; ``longest``: the largest TTL that users were
    given.
    """

    kind: str
    resolvers: int
    ttl: int
    lost: int
    repeated: int
    holds: float
    twins: dict[str, int]
    mean_ms: float
    p50_ms: float
    p99_ms: float
    longest: int


class Simulated(_Point, frozen=True, kw_only=True):
    """A population of one profile at one TTL, in ``seconds`` of its own time.

    ``expected`` and ``finer`` are the model's, with the day's mean demand, and with the demand
    of each part of the day; ``as_it_stands``: with no regard for what the caches are like.
    ``waited`` and ``stale`` count lookups, as :class:`bench.ttl.simulate.Counts` does.
    """

    profile: str
    ttl: int
    waited: int
    stale: int
    finer: float
    as_it_stands: float


class Load(msgspec.Struct, frozen=True):
    """The simulated caches' questions, sent to dnsd for ``seconds`` of real time.

    ``wrong``: answers without the TTL that the simulation had assumed. ``cpu``: share of one
    core that dnsd used, with what it uses when nobody asks. Latencies in µs.
    """

    ttl: int
    seconds: float
    asked: int
    lost: int
    wrong: int
    cpu: float
    p50_us: float
    p99_us: float


class TtlStudy(Study, frozen=True, kw_only=True):
    """All of one run. ``trip``: the round trip between resolvers and dnsd, s.

    ``between``: queries of real resolvers for anything else, by kind. ``seen`` and ``counted``:
    all queries of real resolvers as they passed, and as dnsd counted them; ``late``: how late
    one in a hundred of their users' lookups was sent, s. ``idle``: share of a core that dnsd uses
    when nobody asks; ``speed``: how many times as quickly as they came the questions of simulated
    caches were sent to it. ``notes``: what to know of each kind.
    """

    trip: float
    population: People
    demand: People
    real: list[Real]
    between: dict[str, int]
    seen: int
    counted: int
    late: float
    simulated: list[Simulated]
    load: list[Load]
    idle: float
    speed: float
    notes: dict[str, str]


class Row(msgspec.Struct, frozen=True):
    """A line of the CSV: one kind at one TTL, whichever way it was measured."""

    part: str
    kind: str
    ttl: int
    seconds: float
    lookups: int
    asks: int
    asks_per_s: float
    hit_rate: float
    model_per_s: float | None = None
    sigma_per_s: float | None = None
    deviation_sigmas: float | None = None
    user_mean_ms: float | None = None
    user_p99_ms: float | None = None
    server_cpu_cores: float | None = None


def rows(study: TtlStudy) -> list[Row]:
    """Return the lines of the CSV."""
    found = [
        Row(
            "real",
            one.kind,
            one.ttl,
            one.seconds,
            one.lookups,
            one.asks,
            one.rate,
            one.hit_rate,
            one.expected,
            one.sigma,
            one.deviation,
            one.mean_ms,
            one.p99_ms,
        )
        for one in study.real
    ]
    cpu = {load.ttl: load.cpu for load in study.load}
    for each in study.simulated:
        found.append(
            Row(
                "simulated",
                each.profile,
                each.ttl,
                each.seconds,
                each.lookups,
                each.asks,
                each.rate,
                each.hit_rate,
                each.expected,
                each.sigma,
                each.deviation,
                each.waited / max(1, each.lookups) * study.trip * 1e3,
                server_cpu_cores=cpu.get(each.ttl) if each.profile == "plain" else None,
            )
        )
    return found
