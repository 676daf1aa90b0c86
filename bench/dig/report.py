"""The report of a check: all figures come from the rows. Pure."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from bench.dig.study import best, watched
from bench.dig.ways import LABELS
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.dig.study import Check, Step, Times
    from bench.study.text import Part

LATE_MS = 5.0
"""An asker that is later than this blames the server for its own lag."""
TIMES = """\
Times are counted from when a query was due, whether others had been answered or not: what waits
behind a stall is in them. A query without an answer took longer than any."""


def parts(check: Check) -> list[Part]:
    """Return the report's sections."""
    found: list[Part] = [_summary(check)]
    if check.answers:
        found.append(_answers(check))
    if check.times:
        found += [TIMES, _times(check), *_late(check)]
    if check.steps:
        found += ["\n".join(f"- {sentence}" for sentence in largest(check)), _ramp(check)]
    if check.samples:
        found.append(_ttls(check))
    if check.faults:
        found.append(_faults(check))
    return found


def _summary(check: Check) -> str:
    asked = sum(each.asked for each in check.answers)
    missing = sum(each.missing for each in check.answers)
    compared = f"compared with {check.compared}" if check.compared else "compared with nothing"
    return (
        f"{check.server} was asked {asked:,} queries by dig: {missing:,} had no answer,"
        f" {check.wrong:,} had a wrong one ({compared})."
    )


def _answers(check: Check) -> Table:
    head = ["transport", "asked", "a second", "missing", "wrong", "not judged", "shorter TTL"]
    rows = []
    for each in check.answers:
        rate = each.asked / each.seconds if each.seconds else 0.0
        counts = (each.missing, each.wrong, each.unjudged, each.shorter)
        cells = [f"{each.asked:,}", f"{rate:,.0f}", *(f"{n:,}" for n in counts)]
        rows.append([each.transport, *cells])
    return Table("What dig was answered", head, rows)


def _times(check: Check) -> Table:
    head = ["way", "rate wanted", "asked", "answered", "lost"]
    head += ["p50, ms", "p90, ms", "p99, ms", "p99.9, ms", "max, ms", "asker late by, ms"]
    return Table("How long answers took", head, [_time(each) for each in check.times])


def _time(each: Times) -> list[str]:
    wanted = f"{each.wanted:,.0f}/s" if each.wanted else "as recorded"
    rates = [f"{each.asked_rate:,.0f}/s", f"{each.answered_rate:,.0f}/s"]
    lost = f"{each.lost:,} of {each.asked:,}"
    times = map(millis, (each.p50, each.p90, each.p99, each.p999, each.max))
    return [LABELS.get(each.way, each.way), wanted, *rates, lost, *times, f"{each.late:.2f}"]


def millis(value: float | None) -> str:
    """Return a time, or what is said where so many queries had no answer."""
    return "no answer" if value is None else f"{value:.2f}"


def _late(check: Check) -> list[str]:
    late = dict.fromkeys(each.way for each in check.times if each.late > LATE_MS)
    if not late:
        return []
    return [
        f"**The asker itself was late with 1 % of its queries by more than {LATE_MS:g} ms"
        f" ({'; '.join(late)}): these times are not the server's alone.**"
    ]


def largest(check: Check) -> list[str]:
    """Return a sentence for each ramp: which rate is the largest within the limits."""
    ramps: dict[tuple[str, int], list[Step]] = {}
    for step in check.steps:
        ramps.setdefault((step.way, step.repeat), []).append(step)
    limits = f"p99 below {check.limit_ms:g} ms and less than {check.limit_loss:.2%} lost"
    return [f"{way}: {_largest(steps, limits)}" for (way, _), steps in ramps.items()]


def _largest(steps: Sequence[Step], limits: str) -> str:
    kept = best(steps)
    if kept is None:
        least = min(step.rate for step in steps)
        return f"not even {least:,.0f} queries a second have {limits}."
    beyond = [step for step in steps if step.rate > kept.rate]
    sentence = f"{kept.rate:,.0f} queries a second is the largest rate with {limits}"
    if not beyond or (first := min(beyond, key=lambda step: step.rate)).verdict == "asker":
        return f"{sentence} that was asked: the asker can do no more, the server may."
    return f"{sentence}; at {first.rate:,.0f} {_missed(first)}."


def _missed(step: Step) -> str:
    p99 = "1 % have no answer" if step.p99 is None else f"p99 is {step.p99:.2f} ms"
    return f"{p99}, {step.loss:.2%} lost"


def _ramp(check: Check) -> Table:
    head = ["way", "rate", "asked", "p99, ms", "lost", "within the limits"]
    verdicts = {"kept": "yes", "missed": "no", "asker": "the asker was too slow"}
    rows = [
        [
            step.way,
            f"{step.rate:,.0f}/s",
            f"{step.asked_rate:,.0f}/s",
            millis(step.p99),
            f"{step.loss:.2%}",
            verdicts[step.verdict],
        ]
        for step in check.steps
        if step.repeat == 1
    ]
    return Table("The steps of the first ramp", head, rows)


def _ttls(check: Check) -> Table:
    head = ["watched", "TTL in the zone, s", "samples", "least TTL", "most TTL"]
    head += ["times it rose", "other data", "no answer"]
    rows = []
    for key, samples in watched(check).items():
        ttls = [sample.ttl for sample in samples if sample.ttl is not None]
        data = [sample.data for sample in samples if sample.ttl is not None]
        rose = sum(later > earlier for earlier, later in itertools.pairwise(ttls))
        other = sum(later != earlier for earlier, later in itertools.pairwise(data))
        origin = check.origins.get(key)
        lost = len(samples) - len(ttls)
        cells = [len(samples), min(ttls, default=""), max(ttls, default=""), rose, other, lost]
        rows.append([key, "" if origin is None else str(origin), *map(str, cells)])
    return Table("TTLs over time", head, rows)


def _faults(check: Check) -> Table:
    rows = [[fault.kind, fault.transport, fault.query, fault.why] for fault in check.faults]
    return Table(f"The first {len(rows)} faults", ["kind", "transport", "query", "why"], rows)
