"""What an authoritative server has answered while things happened, and what was wrong. Pure.

Times are seconds after the first thing that happened.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.failover.stories import Step


class Sample(NamedTuple):
    """One answer; ``rcode`` is "-" where there was none."""

    at: float
    name: str
    rcode: str
    ttl: int
    addresses: tuple[str, ...]


def parse(lines: Iterable[str], zero_ns: int) -> list[Sample]:
    """Read what a sampler has written; the last line may be cut."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) == 5:
            start, name, rcode, ttl, addresses = words
            members = () if addresses == "-" else tuple(addresses.split(","))
            found.append(Sample((int(start) - zero_ns) / 1e9, name, rcode, int(ttl), members))
    return found


class Span(msgspec.Struct, frozen=True):
    """Answers for ``name`` that were alike, one after the other: the first and the last asked."""

    name: str
    start: float
    end: float
    rcode: str
    ttl: int
    addresses: list[str]
    count: int


def spans(samples: Iterable[Sample]) -> list[Span]:
    """Join neighbouring answers of each name that are alike."""
    found: list[Span] = []
    latest: dict[str, int] = {}
    for sample in samples:
        at = round(sample.at, 2)
        new = Span(sample.name, at, at, sample.rcode, sample.ttl, list(sample.addresses), 1)
        place = latest.get(new.name)
        if place is not None and _alike(found[place], new):
            old = found[place]
            found[place] = msgspec.structs.replace(old, end=at, count=old.count + 1)
        else:
            latest[new.name] = len(found)
            found.append(new)
    return found


def _alike(one: Span, other: Span) -> bool:
    return (one.rcode, one.ttl, one.addresses) == (other.rcode, other.ttl, other.addresses)


class Window(NamedTuple):
    """A time in which the first service was down, from a death until its recovery."""

    start: float
    end: float


def downs(steps: Sequence[Step], until: float) -> list[Window]:
    """Return when the first service was down."""
    found, since = [], None
    for step in steps:
        if step.what in {"kill", "end", "stop", "cut"} and since is None:
            since = step.at
        elif step.what in {"start", "continue", "mend"} and since is not None:
            found.append(Window(since, step.at))
            since = None
    return found if since is None else [*found, Window(since, until)]


class Verdict(msgspec.Struct, frozen=True):
    """What a server's answers for one name were worth.

    ``answers`` were given in all from the first failure on, ``silent`` questions had none.
    ``flip_s``: from the first death until the first answer without the dead member (None: never);
    ``back_s``: from the last recovery until the first answer with it again. ``dead``: answers
    with the dead member later than ``detection`` seconds after its death. ``lacking``: answers
    without a member that was well all the time, or later than ``recovery`` seconds after the
    recovery of the one that was not. ``flips``: how often the set of addresses changed.
    """

    name: str
    answers: int
    silent: int
    flip_s: float | None
    back_s: float | None
    dead: int
    lacking: int
    flips: int


class Truth(NamedTuple):
    """What is right: the member that fails and when, the others that must always be there.

    ``detection`` and ``recovery``: after how many seconds a change has to be known.
    """

    victim: str
    others: frozenset[str]
    down: Sequence[Window]
    detection: float
    recovery: float


def judge(samples: Iterable[Sample], name: str, truth: Truth) -> Verdict:
    """Judge the answers for ``name`` from the first failure on."""
    first, last = truth.down[0], truth.down[-1]
    mine = [one for one in samples if one.name == name and one.at >= first.start]
    heard = [one for one in mine if one.rcode == "NOERROR"]
    flip = [one.at for one in heard if truth.victim not in one.addresses]
    back = [one.at for one in heard if one.at >= last.end and truth.victim in one.addresses]
    return Verdict(
        name=name,
        answers=len(heard),
        silent=sum(one.rcode == "-" for one in mine),
        flip_s=round(flip[0] - first.start, 2) if flip else None,
        back_s=round(back[0] - last.end, 2) if back else None,
        dead=sum(_has_dead(one, truth) for one in heard),
        lacking=sum(_lacks(one, truth) for one in heard),
        flips=sum(a.addresses != b.addresses for a, b in itertools.pairwise(heard)),
    )


def _has_dead(one: Sample, truth: Truth) -> bool:
    known = any(down.start + truth.detection <= one.at < down.end for down in truth.down)
    return known and truth.victim in one.addresses


def _lacks(one: Sample, truth: Truth) -> bool:
    if not truth.others <= set(one.addresses):
        return True
    before = [down for down in truth.down if down.start <= one.at]
    well = bool(before) and one.at >= before[-1].end + truth.recovery
    return well and truth.victim not in one.addresses
