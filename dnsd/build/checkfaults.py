"""How a pool is checked, against the configuration and the other pools of its policy.

Finds checks that this node cannot make, and calculated ones that look at what is not there or, in
the end, at themselves. Each fault is the key, a code, a sentence and how grave it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dnsd.checks import reach, stream
from dnsd.checks.targets import configured_fault, goes_out
from dnsd.config.anycast import SelfCheckQuery
from dnsd.config.checkkeys import each_check
from dnsd.config.dependencies import circle
from dnsd.config.references import SAME
from dnsd.zone.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dnsd.config import Failover
    from dnsd.config.dependencies import Key
    from dnsd.config.policy import Policy, PoolPolicy
    from dnsd.config.references import Reference

    Members = Callable[[PoolPolicy], tuple[str, ...]]


_CODES = {
    "command": "pool-command",
    "state_file": "pool-state-file",
    "tls_ca": "pool-tls",
    "tls_client": "pool-tls",
}
"""The code of what the configuration does not list, by key."""


class CheckFault(NamedTuple):
    """What is wrong, and with which key of the pool."""

    key: str
    code: str
    message: str
    severity: Severity = Severity.ERROR


def faults(
    pool: PoolPolicy, policy: Policy, failover: Failover | None, members: Members
) -> Iterator[CheckFault]:
    """Return what is wrong with the checks of ``pool``.

    ``members`` returns the addresses of a pool; ``failover`` is what the configuration says, if
    that is known.
    """
    for one in each_check(pool):
        for fault in _of_one(one, policy, failover, members):
            yield fault._replace(key="checks") if pool.checks else fault
    if path := circle(pool, _pools_of(policy)):
        told = " → ".join(f"{name} {rtype}" for name, rtype in path)
        message = f"depends on itself: {told}: remove one of these references"
        yield CheckFault("checks" if pool.checks else "of", "pool-calculated", message)


def _pools_of(policy: Policy) -> dict[Key, PoolPolicy]:
    return {(pool.name, pool.type): pool for pool in policy.pools}


def unreachable(
    pool: PoolPolicy, members: tuple[str, ...], failover: Failover | None
) -> Iterator[CheckFault]:
    """Return the members that no check may go to."""
    if failover is None or not any(goes_out(one) for one in each_check(pool)):
        return
    for address in pool.check_addresses.values() if pool.is_alias else members:
        if fault := reach.fault(address, failover.check_networks):
            yield CheckFault("", "pool-check-network", fault)


def _of_one(
    one: PoolPolicy, policy: Policy, failover: Failover | None, members: Members
) -> Iterator[CheckFault]:
    if one.check == "dns":
        yield from _query(one)
    if one.check == "calculated":
        for reference in one.of:
            yield from _reference(one, reference, _pools_of(policy), members)
    if failover is None:
        return
    if lacking := configured_fault(one, failover):
        yield CheckFault(lacking.key, _CODES[lacking.key], lacking.message)
    else:
        yield from _files(one, failover)


def _query(one: PoolPolicy) -> Iterator[CheckFault]:
    from dnsd.checks.question import question_of

    try:
        question_of(SelfCheckQuery(name=one.query or one.name, type=one.query_type))
    except ValueError as error:
        yield CheckFault("query_type", "pool-check", str(error))


def _files(one: PoolPolicy, failover: Failover) -> Iterator[CheckFault]:
    """Find files that cannot be used as they are now: the checks wait for better ones."""
    found = []
    if one.tls_ca is not None:
        found.append(("tls_ca", stream.fault_of_authority(failover.tls_ca[one.tls_ca])))
    if one.tls_client is not None:
        found.append(("tls_client", stream.fault_of_client(failover.tls_client[one.tls_client])))
    for key, fault in found:
        if fault:
            yield CheckFault(key, "pool-tls", fault, Severity.WARNING)


def _reference(
    one: PoolPolicy, reference: Reference, pools: Mapping[Key, PoolPolicy], members: Members
) -> Iterator[CheckFault]:
    target = pools.get((reference.name, reference.type))
    if target is None:
        message = f"{reference.name} {reference.type} has no policy: only pools have a state"
        yield CheckFault("of", "pool-calculated", message)
        return
    wanted = members(one) if reference.address == SAME else (reference.address,)
    there = members(target)
    for address in wanted:
        if address and address not in there:
            message = f"{address} is not a member of {target.name} {target.type}"
            yield CheckFault("of", "pool-calculated", f"{message} ({', '.join(there)})")
