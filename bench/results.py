"""What a measurement found, as data: samples, their medians and ratios, and the JSON file."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DIRECTORY = Path(__file__).parent / "results"


class Sample(msgspec.Struct, frozen=True):
    """One load of one kind on one server.

    ``cpu_us``: user + system time of the server's processes for each answer, µs.
    ``core_us``: all busy time of its core for each answer, interrupts and strangers included.
    ``loss``: share of the queries without an answer. ``wrong``: answers with a wrong rcode.
    ``busy``: share of its core that the server used. ``foreign``: share of both cores that
    was used by neither the server nor the load generator: how much the machine disturbed.
    """

    server: str
    round: int
    mix: str
    qps: float
    cpu_us: float
    core_us: float
    latency_us: float
    loss: float
    wrong: int
    busy: float
    foreign: float


class Start(msgspec.Struct, frozen=True):
    """One start of one server: seconds and CPU seconds up to the first right answer; bytes.

    ``pss_peak`` is the largest size seen while it loaded, ``pss`` the size at the end of the
    round's load, ``rss_peak`` the sum of its processes' VmHWM (shared pages count each time).
    """

    server: str
    round: int
    seconds: float
    cpu: float
    pss_peak: int
    pss: int
    rss_peak: int


class Report(msgspec.Struct, frozen=True):
    """All of one run. ``servers`` maps names to versions, ``skipped`` to reasons."""

    created: str
    machine: dict[str, str]
    settings: dict[str, str]
    reference: str
    servers: dict[str, str]
    notes: dict[str, str]
    skipped: dict[str, str]
    samples: list[Sample]
    starts: list[Start]


class Spread(NamedTuple):
    """The median of some values and the range they were found in."""

    median: float
    low: float
    high: float

    @property
    def deviation(self) -> float:
        """Half the range as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def spread(values: Iterable[float]) -> Spread | None:
    """Summarise ``values``; None when there are none."""
    found = list(values)
    if not found:
        return None
    return Spread(statistics.median(found), min(found), max(found))


def ratio(
    rows: Iterable[Sample], server: str, reference: str, value: Callable[[Sample], float]
) -> float | None:
    """Return the median over the rounds of ``server``'s value divided by ``reference``'s.

    Values of the same round and kind of load are compared with each other, so that a machine
    that grows slower during the run does not tilt the result.
    """
    by_key = {(row.server, row.round, row.mix): value(row) for row in rows}
    quotients = [
        mine / theirs
        for (name, round_, mix), mine in by_key.items()
        if name == server and (theirs := by_key.get((reference, round_, mix), 0.0))
    ]
    return statistics.median(quotients) if quotients else None


def save(report: Report, path: Path) -> None:
    """Write ``report`` as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def load(path: Path) -> Report:
    """Read what :func:`save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Report)
