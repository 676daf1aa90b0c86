"""The report of ``bench ttl``: tables and sentences, all of them made from the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tables import Table
from bench.ttl import reasons
from bench.ttl.model import LIMIT
from bench.ttl.profiles import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.study.text import Part
    from bench.ttl.results import Real, Simulated, TtlStudy

TITLE = "Queries at the authoritative server against the TTL"


def parts(study: TtlStudy) -> list[Part]:
    """Return the sections of the report."""
    found: list[Part] = [_summary(study)]
    if study.real:
        found += [real_table(study), _reasons("Real resolvers", reasons.of_real(study))]
        found.append(_passed(study))
    found += [
        simulated_table(study),
        _reasons("Simulated caches", reasons.of_simulated(study.simulated)),
    ]
    found += [load_table(study), _load_words(study), _words(study)]
    return found


def _summary(study: TtlStudy) -> str:
    real = _verdict("real", study.real)
    simulated = _verdict("simulated", study.simulated)
    plain = [point for point in study.simulated if point.profile == PLAIN]
    lines = [f"- {line}" for line in (real, simulated) if line]
    if study.late > study.trip:
        lines.append(
            f"- **The machine was too busy for real resolvers**: one lookup in a hundred was sent"
            f" {study.late:.2g} s late or more. Measure again when it is not."
        )
    if len(plain) > 1:
        first, last = plain[0], plain[-1]
        lines.append(
            f"- From a TTL of {first.ttl} s to one of {last.ttl:,} s the queries of"
            f" {study.population.caches:,} caches fall from {first.rate:,.1f} to"
            f" {last.rate:,.1f} a second, a factor of {first.rate / last.rate:,.1f}."
        )
    return "\n".join(lines)


def _verdict(what: str, points: Sequence[Real | Simulated]) -> str:
    if not points:
        return ""
    within = sum(map(reasons.within, points))
    explained = sum(map(reasons.explained, points)) - within
    return (
        f"{within} of {len(points)} {what} points lie within the model's {LIMIT:g} σ, {explained}"
        f" lie beyond it for a reason that is shown, {len(points) - within - explained} for none."
    )


def real_table(study: TtlStudy) -> Table:
    """Return what real resolvers asked, and what their users saw."""
    head = ["resolver", "TTL, s", "lookups", "asked", "asked/s", "model/s", "± σ", "deviation"]
    head += ["hits", "mean, ms", "median, ms", "p99, ms", "longest TTL given"]
    rows = [
        [
            f"{point.kind} × {point.resolvers}",
            str(point.ttl),
            f"{point.lookups:,}",
            f"{point.asks:,}",
            f"{point.rate:.2f}",
            f"{point.expected:.2f}",
            f"{point.sigma:.2f}",
            f"{point.deviation:+.1f} σ",
            f"{point.hit_rate:.1%}",
            f"{point.mean_ms:.1f}",
            f"{point.p50_ms:.1f}",
            f"{point.p99_ms:.1f}",
            str(point.longest),
        ]
        for point in study.real
    ]
    return Table("Real resolvers, in real seconds", head, rows)


def simulated_table(study: TtlStudy) -> Table:
    """Return what simulated caches asked."""
    head = ["caches", "TTL, s", "lookups", "asked/s", "model/s", "± σ", "deviation", "beside"]
    head += ["hits", "users waiting", "answers out of date"]
    rows = [
        [
            point.profile,
            f"{point.ttl}",
            f"{point.lookups:,}",
            f"{point.rate:.2f}",
            f"{point.expected:.2f}",
            f"{point.sigma:.3f}",
            f"{point.deviation:+.1f} σ",
            f"{point.rate / point.as_it_stands - 1:+.1%}",
            f"{point.hit_rate:.1%}",
            f"{point.waited / max(1, point.lookups):.1%}",
            f"{point.stale / max(1, point.lookups):.1%}",
        ]
        for point in study.simulated
    ]
    return Table("Simulated caches, in compressed time", head, rows)


def load_table(study: TtlStudy) -> Table:
    """Return what the questions of simulated caches cost dnsd."""
    head = ["TTL, s", "asked/s", "CPU, % of a core", "above idle, µs a query", "median, µs"]
    head += ["p99, µs", "lost", "with another TTL"]
    rows = [
        [
            str(load.ttl),
            f"{load.asked / load.seconds:,.1f}",
            f"{load.cpu:.2%}",
            f"{max(0.0, load.cpu - study.idle) * load.seconds / max(1, load.asked) * 1e6:.0f}",
            f"{load.p50_us:.0f}",
            f"{load.p99_us:.0f}",
            str(load.lost),
            str(load.wrong),
        ]
        for load in study.load
    ]
    return Table("The server's work, in real seconds", head, rows)


def _reasons(who: str, found: list[str]) -> str:
    head = f"### {who}: why points lie beyond {LIMIT:g} σ"
    lines = [f"- {line}." for line in found] or [f"- All points lie within {LIMIT:g} σ."]
    return "\n".join([head, "", *lines])


def _passed(study: TtlStudy) -> str:
    other = ", ".join(f"{kind} {number}" for kind, number in study.between.items())
    agree = "as many" if study.seen == study.counted else f"but {study.counted:,}"
    return (
        f"On their way {study.seen:,} queries were seen, and dnsd counted {agree}. Queries for"
        f" anything but the names asked: {other}. The way takes {study.trip * 1e3:g} ms there and"
        f" back. One lookup in a hundred was sent {study.late * 1e3:.1f} ms late or more, so busy"
        " was the machine; that lengthens users' times, too. Twins met lookups as they were sent."
    )


def _load_words(study: TtlStudy) -> str:
    return (
        "The first questions of the plain caches were sent to dnsd in their order and at their"
        f" distances, {study.speed:g} times as quickly, and each answer's TTL was compared with the"
        " one that the simulation had assumed: one that waits for every answer would have gone no"
        f" other way. When nobody asks, dnsd uses {study.idle:.2%} of a core."
    )


def _words(study: TtlStudy) -> str:
    notes = "\n".join(f"- {name}: {words}" for name, words in study.notes.items())
    return f"""## What the columns mean

The model is Σ λ/(1+λT) over all caches and names, σ that of the renewal process which a cache is
in a window of this length; demand is a Poisson process, by Zipf over names (and, where simulated,
over caches). For real resolvers T is the TTL, whatever their habits; for simulated ones it is what
each cache makes of it, and "beside" says how far the rate is from the model with the TTL as it
stands. "Users waiting" waited for dnsd, {study.trip * 1e3:g} ms and more; "out of date" answers
were older than their TTL. Simulated lookups are the same at every TTL of a profile.

{notes}"""
