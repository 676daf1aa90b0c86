"""What a measurement found, as data, and the JSON file it is kept in."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

DIRECTORY = Path(__file__).parent / "results"


class Sample(msgspec.Struct, frozen=True):
    """One load of one kind on one server.

    ``mix``: what was asked and how. ``cpu_us``: user + system time of the server's processes for
    each answer, µs. ``core_us``: all busy time of its cores for each answer, interrupts and
    strangers included. ``loss``: share of the queries without an answer. ``wrong``: answers with
    a wrong rcode. ``busy``: cores that the server used. ``foreign``: share of both cores that
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
    ``kind``: "zone" for the zone of the loads, "cold" and "warm" for the large one, else what
    kind of zone it was (:mod:`bench.zonekinds`).
    """

    server: str
    round: int
    seconds: float
    cpu: float
    pss_peak: int
    pss: int
    rss_peak: int
    kind: str = "zone"


class Latency(msgspec.Struct, frozen=True):
    """How long answers took under a load: percentiles in µs. ``rate``: queries sent a second."""

    server: str
    round: int
    load: str
    rate: float
    p50: float
    p99: float
    p999: float
    loss: float


class Reload(msgspec.Struct, frozen=True):
    """A zone with one changed record was reloaded under a load.

    ``p99_before`` and ``p99_during`` in µs, of the seconds before the signal and of those from
    the signal until shortly after the new answer; ``seconds`` until then; ``lost`` of ``sent``.
    """

    server: str
    round: int
    load: str
    seconds: float
    p99_before: float
    p99_during: float
    max_during: float
    sent: int
    lost: int


Row = TypeVar("Row", Sample, Start, Latency, Reload)


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
    latencies: list[Latency] = []
    reloads: list[Reload] = []
    command: str = "python -m bench peers"


def save(report: Report, path: Path) -> None:
    """Write ``report`` as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def load(path: Path) -> Report:
    """Read what :func:`save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def merge(reports: list[Report]) -> Report:
    """Join runs into one: the rounds of the later ones are counted on from the earlier ones'."""
    merged = reports[0]
    for later in reports[1:]:
        moved = _moved(later, _rounds(merged))
        merged = msgspec.structs.replace(
            merged,
            created=_joined(merged.created, later.created),
            machine={
                key: _joined(merged.machine.get(key, value), value)
                for key, value in later.machine.items()
            },
            settings={
                key: _joined(merged.settings.get(key, value), value)
                for key, value in later.settings.items()
            },
            servers={
                name: _joined(merged.servers.get(name, later.servers.get(name, "")), version)
                for name, version in {**merged.servers, **later.servers}.items()
            },
            notes=merged.notes | later.notes,
            skipped=merged.skipped | later.skipped,
            samples=merged.samples + moved.samples,
            starts=merged.starts + moved.starts,
            latencies=merged.latencies + moved.latencies,
            reloads=merged.reloads + moved.reloads,
            command=_joined(merged.command, later.command, " && "),
        )
    return merged


def _rounds(report: Report) -> int:
    """Return the number of the last round."""
    samples, starts = report.samples, report.starts
    return max([0, *(row.round for row in samples), *(row.round for row in starts)])


def _moved(report: Report, rounds: int) -> Report:
    """Return ``report`` with its rounds counted from ``rounds`` + 1."""
    return msgspec.structs.replace(
        report,
        samples=_counted_on(report.samples, rounds),
        starts=_counted_on(report.starts, rounds),
        latencies=_counted_on(report.latencies, rounds),
        reloads=_counted_on(report.reloads, rounds),
    )


def _counted_on(rows: list[Row], rounds: int) -> list[Row]:
    return [msgspec.structs.replace(row, round=row.round + rounds) for row in rows]


def _joined(one: str, other: str, separator: str = "; ") -> str:
    """Return both texts, or the one when they are the same."""
    return one if other in one.split(separator) else f"{one}{separator}{other}"
