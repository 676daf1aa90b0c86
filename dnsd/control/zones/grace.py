"""A policy file that is missing: for a time its zone keeps the pools that it had.

Editors and deployments take files away for a moment; without its policy a zone would answer
members that are down. Pure: given the time (seconds, monotonic).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping


class Grace:
    """Knows since when the policies of zones (by origin) have been away."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._told: dict[str, str] = {}

    @property
    def told(self) -> Mapping[str, str]:
        """What is to be said of each zone that goes on without its policy, as a sentence."""
        return self._told

    def forget(self, origin: str) -> None:
        """Note that a policy is there, or that its absence is meant."""
        self._since.pop(origin, None)
        self._told.pop(origin, None)

    def missing(
        self, origin: str, policy: str, pools: int, seconds: float, now: float
    ) -> str | None:
        """Return why the zone goes on as it is although its ``policy`` is away.

        None when it has been for more than ``seconds``: then its absence counts. ``pools`` is
        how many it had.
        """
        left = self._since.setdefault(origin, now) + seconds - now
        if left <= 0:
            self._told.pop(origin, None)
            return None
        what = "its pool goes" if pools == 1 else f"its {pools} pools go"
        self._told[origin] = (
            f"the policy {policy} is gone: {what} on as before for {format_duration(seconds)} "
            f"([zones] policy_grace), and dnsd does not load the zone meanwhile; restore the "
            f"file, or run dnsd reload --force {origin} if this is intended"
        )
        return self._told[origin]
