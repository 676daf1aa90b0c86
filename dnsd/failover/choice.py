"""Which members are answered, given the eligibility of each: no time, no counters.

A pool asks it twice: for the answer, and for what the answer would be if one member changed.
Members are bits, the first one is bit 0; the fallback addresses follow behind them.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from dnsd.image.selection import Members, Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.config.policy import PoolPolicy


class Eligibility(Enum):
    """Whether a member may be part of the next answer."""

    IN = "in"
    OPEN = "open"
    """It has not been checked yet: better than nothing."""
    HELD = "held"
    """It is healthy, but stays out for now: better than what is answered when all are down."""
    OUT = "out"
    REMOVED = "removed"
    """Taken out by the operator: worse than one that is down."""


class Grade(IntEnum):
    """How good an answer is."""

    GOOD = 0
    OPEN = 1
    """Enough members only if unchecked ones count."""
    HELD = 2
    """Enough members only if held ones count, too."""
    DOWN = 3
    """Too few members: the answer that ``all_down`` asks for."""


class PoolAnswer(NamedTuple):
    """What is answered; ``why`` is one sentence, empty if everything is as it should be."""

    mask: int
    mode: Mode
    grade: Grade
    why: str


class Tier(NamedTuple):
    """Members that are tried together, by number, and how many of them must be up."""

    members: tuple[int, ...]
    need: int


_WHY = {
    Grade.OPEN: "too few members are up; unchecked members are included",
    Grade.HELD: "too few members are up; held members are included",
}
_EMPTY = {"nodata": Mode.NODATA, "servfail": Mode.SERVFAIL, "refuse": Mode.REFUSED}


class Choice:
    """Chooses among ``members`` (addresses, or names that a CNAME leads to) as ``policy`` says.

    ``weights`` are those of the members and of the fallback addresses behind them.
    """

    def __init__(self, policy: PoolPolicy, members: Sequence[str]) -> None:
        self._all_down = policy.all_down
        self._members = tuple(members)
        self._is_in_order = policy.select == "first"
        self.tiers = _tiers(policy, members)
        self._mode = Mode.ANSWER if policy.take is None else Mode.SOME
        weighted = policy.weights if policy.is_weighted else {}
        self.weights = (
            *(weighted.get(address, 1) for address in members),
            *(1 for _ in policy.fallback),
        )
        self._fallback = range(len(members), len(self.weights))

    def answer(self, eligible: Sequence[Eligibility], last_good: int) -> PoolAnswer:
        """Return the answer; ``last_good`` is the mask of the last one that was GOOD, or 0."""
        enough: Callable[[Eligibility], bool]
        for grade, enough in (
            (Grade.GOOD, lambda one: one is Eligibility.IN),
            (Grade.OPEN, lambda one: one in {Eligibility.IN, Eligibility.OPEN}),
            (Grade.HELD, lambda one: one in {Eligibility.IN, Eligibility.OPEN, Eligibility.HELD}),
        ):
            for number, tier in enumerate(self.tiers):
                up = [member for member in tier.members if enough(eligible[member])]
                if len(up) >= tier.need:
                    return PoolAnswer(self._mask(up), self._mode, grade, self._why(number, grade))
        return self._when_down(eligible, last_good)

    def _why(self, number: int, grade: Grade) -> str:
        if grade in _WHY:
            return _WHY[grade]
        if self._is_in_order and number:
            return f"answering with {self._members[number]}: no member before it is up"
        return (
            f"answering with tier {number + 1}: too few members before it are up" if number else ""
        )

    def _when_down(self, eligible: Sequence[Eligibility], last_good: int) -> PoolAnswer:
        why = f'too few members are up: all_down = "{self._all_down}"'
        if mode := _EMPTY.get(self._all_down):
            return PoolAnswer(0, mode, Grade.DOWN, why)
        mask = 0
        if self._all_down == "fallback":
            mask = Members.of(self._fallback)
        elif self._all_down == "last_good":
            mask = last_good & ~Members.of(
                member for member, one in enumerate(eligible) if one is Eligibility.REMOVED
            )
        return PoolAnswer(mask or self._as_if_up(eligible), self._mode, Grade.DOWN, why)

    def _as_if_up(self, eligible: Sequence[Eligibility]) -> int:
        """Return the mask if all members were up but those that the operator has removed.

        If there are no others, the removed ones are answered: an RRset is never empty.
        """
        for tier in self.tiers:
            up = [member for member in tier.members if eligible[member] is not Eligibility.REMOVED]
            if up:
                return self._mask(up)
        return self._mask(self.tiers[0].members)

    def _mask(self, up: Sequence[int]) -> int:
        """Return the mask of ``up``, without members of weight 0 unless there are no others."""
        return Members.of(member for member in up if self.weights[member]) or Members.of(up)


def _tiers(policy: PoolPolicy, members: Sequence[str]) -> list[Tier]:
    """Return the tiers that have members; the first one holds those that no tier names.

    If the first one that is up is answered, each member is a tier.
    """
    if policy.select == "first":
        return [Tier((member,), 1) for member in range(len(members))]
    number = {address: at for at, address in enumerate(members)}
    named = [tuple(number[one] for one in tier if one in number) for tier in policy.tiers]
    known = {member for tier in named for member in tier}
    rest = tuple(member for member in range(len(members)) if member not in known)
    return [Tier(tier, _need(policy.min_up, len(tier))) for tier in _joined(rest, named) if tier]


def _joined(rest: tuple[int, ...], named: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return [rest + named[0], *named[1:]] if named else [rest]


def _need(min_up: float, size: int) -> int:
    """Return how many of ``size`` must be up: ``min_up`` is a number, or a part below 1."""
    count = ceil(min_up * size - 1e-9) if 0 < min_up < 1 else int(min_up)
    return max(1, min(count, size))
