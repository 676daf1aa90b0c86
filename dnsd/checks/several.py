"""Several checks of one member that count as one: all, any, or a number of them must pass.

They are made at the same time; :mod:`dnsd.failover.combine` says what they mean together.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.checks.result import Blind, FailureKind, PartResult, Result
from dnsd.failover.combine import combined, in_words

if TYPE_CHECKING:
    from dnsd.checks.result import Check


@dataclass(frozen=True)
class SeveralChecks:
    """``checks``, of which ``need`` must pass."""

    checks: tuple[Check, ...]
    need: int

    def __str__(self) -> str:
        return f"{self.need} of {len(self.checks)} checks"

    @property
    def timeout(self) -> float:
        """Seconds after which the last one has given up."""
        return max(one.timeout for one in self.checks)

    def endpoint(self, _address: str) -> None:
        """Return None: one connection that does not come about decides nothing."""

    async def run(self, address: str) -> Result:
        """Make them; Blind if what is missing decides."""
        began = time.monotonic()
        made = await asyncio.gather(*(_made(one, address) for one in self.checks))
        parts = tuple(part for part, _ in made)
        verdicts = [part.ok for part in parts]
        ok = combined(verdicts, self.need)
        told = "; ".join(f"{part.check}: {part.detail}" for part in parts if part.ok is not True)
        detail = f"{in_words(verdicts, self.need)}: {told}" if told else ""
        if ok is None:
            raise Blind(detail)
        failed = next((reason for part, reason in made if part.ok is False), FailureKind.NONE)
        reason = FailureKind.NONE if ok else failed
        return Result(ok, detail, time.monotonic() - began, parts, reason)


def singles(check: Check) -> tuple[Check, ...]:
    """Return the checks that ``check`` is made of."""
    return check.checks if isinstance(check, SeveralChecks) else (check,)


async def _made(check: Check, address: str) -> tuple[PartResult, FailureKind]:
    """Return the result of one check, and the kind of its failure.

    An error in it says nothing about the others.
    """
    began = time.monotonic()
    try:
        result = await check.run(address)
    except Blind as why:
        return PartResult(str(check), None, str(why), time.monotonic() - began), FailureKind.NONE
    except Exception as error:  # a fault of dnsd's
        what = f"the check itself failed: {type(error).__name__}: {error}"
        return PartResult(str(check), None, what, time.monotonic() - began), FailureKind.NONE
    return PartResult(str(check), result.ok, result.detail, result.latency), result.reason
