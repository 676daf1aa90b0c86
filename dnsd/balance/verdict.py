"""Whether a service has enough backends for its VIPs to be announced.

Below ``min_backends`` the route is withdrawn, and another site serves; above, backends may fail or
return without any change of routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.announce.health import Level, NodeHealth
from dnsd.balance.backend import BackendState
from dnsd.text import shortlist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.balance.backend import Backend

NAMED = 4
"""Backends that are named in a reason; more would not be read."""


def verdict(backends: Mapping[str, Backend], least: int, *, all_checked: bool) -> NodeHealth | None:
    """Return the health of the service; None if it is not known yet.

    ``least`` backends must be up. ``all_checked``: there was time to check all of them, so unknown
    ones no longer delay the verdict.
    """
    states = [one.state for one in backends.values()]
    up = states.count(BackendState.UP)
    if not all_checked and BackendState.UNKNOWN in states:
        return None
    troubles = _troubles(backends)
    if up >= least:
        return NodeHealth(Level.HEALTHY, troubles)
    needed = f"{up} of {len(states)} backends up, {least} needed"
    return NodeHealth(Level.FAILED, (f"too few backends are up ({needed})", *troubles))


def _troubles(backends: Mapping[str, Backend]) -> tuple[str, ...]:
    down = [
        f"backend {name} is {one.state}" + (f": {one.why}" if one.why else "")
        for name, one in backends.items()
        if one.state != BackendState.UP
    ]
    return shortlist(down, NAMED, "{} more are not up")
