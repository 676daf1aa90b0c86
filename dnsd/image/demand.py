"""The memory of demand: which caches ask for what, and how often, in a bounded sample.

A **pair** is a source and an RRset. Its digest, a hash under a key that is in this memory only,
says at random which pairs are kept: of each of SETS sets of pairs those WAYS with the least
digests. What is kept is counted from its first query to its last. The least digest that was ever
turned away is the **limit** of its set: a pair is kept with the chance limit / 2**64, so each one
that is kept stands for 2**64 / limit of them, and every sum over pairs is estimated without bias.
While a set has no more than WAYS pairs, all of them are kept.

All workers have the same key. So they keep the same pairs, and those below the least of their
limits are together what one worker would have counted (:func:`merged`).

Two **windows** of time take turns. Control begins one, with a new key: then each worker empties
its part of the older one, and the other stays as it ended. Sources are in it as hashes; when a key
is overwritten, no source can be found from them any more.

    control     CONTROL words: what control says of both windows
    head        HEAD words for each window: the worker's counts of all queries
    keys        the digest of each pair; 0: none
    limits      of each set
    hot, cold   HOT and COLD octets for each pair: what a query changes, and what it does not
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SETS, WAYS = 1024, 8
PAIRS = SETS * WAYS
"""Pairs that one worker keeps: sums over many more of them are known within 1 to 2 %."""
GAPS = 14
"""Classes of pauses between two queries of a pair: less than 2 s, less than 4 s, and so on."""
NAME = 96
"""Octets of a name, on the wire; queries for longer ones are counted among the others."""
HOT = 64
COLD = 128
HOURS = 24
OTHERS = 7
"""Kinds of answers, as rate limits know them; only ANSWER and NODATA are taken apart into pairs."""
OPEN = (1 << 64) - 1
"""The limit of a set that has never turned a pair away."""
CONTROL = HEAD = 64


class Window:
    """Control's words of a window, from ``CONTROL_AT + CONTROL_SIZE * half`` on.

    KEY are two words. BEGAN is monotonic (ns), DAY the same moment in POSIX seconds; ENDED is
    monotonic, 0 while it lasts.
    """

    KEY, BEGAN, DAY, ENDED = 0, 2, 3, 4


class Head:
    """A worker's words of a window.

    NUMBER is the window's. TAKEN are the queries that pairs are sampled from, from HOUR on by
    hours of the day (UTC); LONG those for names that are too long, from OTHER on all others by
    kind of their answers.
    """

    NUMBER, TAKEN, LONG, OTHER, HOUR = 0, 1, 2, 8, 16


CURRENT, LATEST = 0, 1
"""Control's first words: the number of the window that is counted in, 0 if none is; and the
largest that there was. A window's half is the lowest bit of its number."""
CONTROL_AT, CONTROL_SIZE = 8, 8

_HOT = Struct(f"<{2 + GAPS}I")
_COLD = Struct(f"<QQIHBB8x{NAME}s")
assert (_HOT.size, _COLD.size) == (HOT, COLD)

SIZE = 8 * (HEAD + PAIRS + SETS) * 2 + (HOT + COLD) * PAIRS * 2
"""Octets that one worker needs."""


class SketchCells(NamedTuple):
    """What a worker's sketch works on; ``hot`` has format ``I``, ``cold`` ``B``, the rest ``Q``."""

    control: memoryview
    head: memoryview
    keys: memoryview
    limits: memoryview
    hot: memoryview
    cold: memoryview


def cells(control: memoryview, memory: memoryview) -> SketchCells:
    """Return ``memory`` (of SIZE octets) as a worker's cells; ``control`` are control's words."""
    parts, at = [], 0
    for size, form in (
        (8 * HEAD, "Q"),
        (8 * PAIRS, "Q"),
        (8 * SETS, "Q"),
        (HOT * PAIRS, "I"),
        (COLD * PAIRS, "B"),
    ):
        parts.append(memory[at : at + 2 * size].cast(form))  # type: ignore[call-overload]
        at += 2 * size
    return SketchCells(control, *parts)


def private() -> SketchCells:
    """Return cells that no other process sees."""
    control = memoryview(bytearray(8 * CONTROL)).cast("Q")
    return cells(control, memoryview(bytearray(SIZE)))


# -- control's side ------------------------------------------------------------------------------


def begin(control: memoryview, key: bytes, now: int, day: int) -> None:
    """Begin a window with a ``key`` of 16 octets at ``now`` (monotonic, ns; ``day`` is POSIX)."""
    end(control, now)
    number = control[LATEST] + 1
    at = CONTROL_AT + CONTROL_SIZE * (number & 1)
    words = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    control[at + Window.KEY], control[at + Window.KEY + 1] = words
    control[at + Window.BEGAN], control[at + Window.DAY] = now, day
    control[at + Window.ENDED] = 0
    control[LATEST] = control[CURRENT] = number


def end(control: memoryview, now: int) -> None:
    """End the current window, if any; nothing is counted from then on."""
    if number := control[CURRENT]:
        control[CURRENT] = 0
        control[CONTROL_AT + CONTROL_SIZE * (number & 1) + Window.ENDED] = now


def began(control: memoryview, number: int) -> int:
    """Return when the window ``number`` began (monotonic, ns)."""
    found: int = control[CONTROL_AT + CONTROL_SIZE * (number & 1) + Window.BEGAN]
    return found


class PairCount(NamedTuple):
    """What one worker has counted of a pair: queries, and pauses between them by GAPS classes."""

    queries: int
    gaps: tuple[int, ...]


class Pair(NamedTuple):
    """A source and an RRset: hashes of the source and of its network, and what it asks for.

    ``share`` is the chance with which it is kept. ``parts`` are those of the workers that had
    queries of it. ``ttl`` is that of the answer to its first query; ``negative``: there are no
    such records.
    """

    source: int
    network: int
    name: bytes
    rtype: int
    negative: bool
    ttl: int
    share: float
    parts: tuple[PairCount, ...]

    @property
    def queries(self) -> int:
        """Its queries, of all workers."""
        return sum(part.queries for part in self.parts)


class WindowSummary(NamedTuple):
    """A window of all workers; times as in :class:`Window`, counts as in :class:`Head`."""

    began: int
    ended: int
    day: int
    taken: int
    long: int
    others: tuple[int, ...]
    hours: tuple[int, ...]
    pairs: tuple[Pair, ...]


def summary(workers: Sequence[SketchCells], number: int, now: int) -> WindowSummary | None:
    """Return the window ``number``; None if it is not there (any more). ``now`` as in begin."""
    control = workers[0].control
    at = CONTROL_AT + CONTROL_SIZE * (number & 1)
    if not 0 < number <= control[LATEST] or number <= control[LATEST] - 2:
        return None
    began, day = control[at + Window.BEGAN], control[at + Window.DAY]
    ended = control[at + Window.ENDED] or now
    half = number & 1
    parts = [one for one in workers if one.head[HEAD * half + Head.NUMBER] == number]
    heads = [one.head[HEAD * half : HEAD * (half + 1)] for one in parts]

    def total(first: int, count: int) -> tuple[int, ...]:
        return tuple(sum(head[first + i] for head in heads) for i in range(count))

    (taken, long), others = total(Head.TAKEN, 2), total(Head.OTHER, OTHERS)
    pairs = tuple(merged(parts, half))
    return WindowSummary(began, ended, day, taken, long, others, total(Head.HOUR, HOURS), pairs)


def merged(workers: Sequence[SketchCells], half: int) -> Iterator[Pair]:
    """Yield the pairs that all ``workers`` would have kept, with their counts added up."""
    for each in range(SETS * half, SETS * (half + 1)):
        limit = min((one.limits[each] for one in workers), default=OPEN)
        found: dict[int, Pair] = {}
        for one in workers:
            for digest, pair in _kept(one, each, limit):
                before = found[digest].parts if digest in found else ()
                found[digest] = pair._replace(parts=before + pair.parts)
        yield from found.values()


def _kept(one: SketchCells, each: int, limit: int) -> Iterator[tuple[int, Pair]]:
    share = 1.0 if limit == OPEN else limit / (1 << 64)
    for place in range(WAYS * each, WAYS * (each + 1)):
        digest = one.keys[place]
        if not 0 < digest < limit:
            continue
        _, count, *gaps = _HOT.unpack(one.hot[16 * place : 16 * (place + 1)].tobytes())
        source, network, ttl, rtype, length, negative, name = _COLD.unpack(
            one.cold[COLD * place : COLD * (place + 1)]
        )
        if one.keys[place] == digest:  # or it has become another pair's meanwhile
            parts = (PairCount(count, tuple(gaps)),)
            rrset = name[:length], rtype, bool(negative), ttl
            yield digest, Pair(source, network, *rrset, share, parts)


def used(workers: Iterable[SketchCells], number: int) -> tuple[int, int]:
    """Return how many queries were taken in the window ``number``, and how many sets are full."""
    half = number & 1
    parts = [one for one in workers if one.head[HEAD * half + Head.NUMBER] == number]
    taken = sum(one.head[HEAD * half + Head.TAKEN] for one in parts)
    full = sum(
        any(one.limits[each] != OPEN for one in parts)
        for each in range(SETS * half, SETS * (half + 1))
    )
    return taken, full
