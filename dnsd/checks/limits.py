"""How many checks are made at once: as many as is configured, or as descriptors allow.

Half of a process's descriptors are for everything else: the admin socket, HTTP and builders must
find some, whatever checks wait for.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dnsd.config import CheckLimits, Failover


def limits_in_force(failover: Failover) -> CheckLimits:
    """Return the limits of this process."""
    return _limits(failover, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def limits_of_a_node(failover: Failover) -> CheckLimits:
    """Return the limits of a node that is started from here: it raises its own as far as it may."""
    return _limits(failover, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _limits(failover: Failover, descriptors: int) -> CheckLimits:
    wanted = failover.limits
    if descriptors == resource.RLIM_INFINITY:
        return wanted
    return wanted._replace(total=max(1, min(wanted.total, descriptors // 2)))


def shortfall(failover: Failover, limits: CheckLimits) -> str:
    """Return that fewer checks are made at once than is configured, empty if that is not so."""
    if limits.total >= failover.max_checks:
        return ""
    return (
        f"max_checks is {failover.max_checks}, but half of the file descriptors of a process allow "
        f"only {limits.total} checks at once, and promises are checked against that: raise the "
        "limit (LimitNOFILE= or ulimit -n) or lower max_checks"
    )
