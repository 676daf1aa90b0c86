"""A check that asks no service: it looks at states of members that this node checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dnsd.checks.result import Blind, FailureKind, PartResult, Result
from dnsd.failover.combine import combined, in_words

if TYPE_CHECKING:
    from dnsd.config.references import Reference

LOOK_S = 0.05
"""Seconds between two looks while the first result of a dependency is missing."""


class CalculatedState(NamedTuple):
    """Whether something is up, and why not; None: unknown, with ``soon`` only at the beginning."""

    ok: bool | None
    why: str = ""
    soon: bool = False


States = Callable[["Reference"], CalculatedState]


def nothing_known(_reference: Reference) -> CalculatedState:
    """Return the state to report where no members are known."""
    return CalculatedState(None, "this node knows nothing about it")


@dataclass(frozen=True)
class CalculatedCheck:
    """``need`` of the references ``of`` must be up; ``states`` knows how they are."""

    of: tuple[Reference, ...]
    need: int
    timeout: float
    states: States = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.need} of {', '.join(map(str, self.of))}"

    def endpoint(self, _address: str) -> None:
        """It connects to nothing."""

    async def run(self, _address: str) -> Result:
        """Look, and again for some time while results are missing; Blind if one of them decides."""
        began = time.monotonic()
        while True:
            verdicts = [self.states(one) for one in self.of]
            ok = combined([one.ok for one in verdicts], self.need)
            late = time.monotonic() + LOOK_S > began + self.timeout
            if ok is not None or late or not any(one.soon for one in verdicts):
                break
            await asyncio.sleep(LOOK_S)
        told = "; ".join(
            f"{one}: {found.why}"
            for one, found in zip(self.of, verdicts, strict=True)
            if found.ok is not True
        )
        words = in_words([one.ok for one in verdicts], self.need).replace("passed", "up")
        detail = f"{words}: {told}" if told else ""
        if ok is None:
            raise Blind(detail)
        parts = tuple(
            PartResult(str(one), found.ok, found.why, 0.0)
            for one, found in zip(self.of, verdicts, strict=True)
        )
        reason = FailureKind.NONE if ok else FailureKind.ANSWER
        return Result(ok, detail, time.monotonic() - began, parts, reason)
