"""Rules for the keys of one pool: whether its check is possible, and its choice makes sense.

Knows one pool and nothing of the zone. A key without effect is an error, like an unknown key;
keys in ``[defaults]`` that are meant for other pools are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnsd.config import aliasrules
from dnsd.config.checkkeys import CHECKS, each_check
from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from collections.abc import Set as AbstractSet

    from dnsd.config.need import Need
    from dnsd.config.policy import CheckPolicy, PoolPolicy

Fault = tuple[str, str]
"""A key, and what is wrong with it."""

_HTTP = ("http", "https")
_GRPC = ("grpc", "grpcs")
_TLS = ("tls", "https", "grpcs")
_OVER_IP = ("tcp", "tls", *_HTTP, *_GRPC, "dns")
_OF_ADDRESSES = ("select", "tiers", "weights", "fallback", "source")
USED_BY = {
    "port": _OVER_IP,
    "source": _OVER_IP,
    "path": _HTTP,
    "host": (*_HTTP, *_GRPC),
    "expect_status": _HTTP,
    "expect_body": _HTTP,
    "sni": _TLS,
    "tls_verify": _TLS,
    "tls_expiry": _TLS,
    "tls_ca": _TLS,
    "tls_client": _TLS,
    "grpc_service": _GRPC,
    "query": ("dns",),
    "query_type": ("dns",),
    "command": ("command",),
    "parameters": ("command",),
    "state_file": ("file",),
    "believed": ("file",),
    "of": ("calculated",),
    "need": ("calculated",),
}
"""The keys that only some checks use."""


def faults(pool: PoolPolicy, own: Collection[str]) -> Iterator[Fault]:
    """Return what is wrong with ``pool``; ``own`` are its keys that are not from [defaults]."""
    yield from check_faults(pool, own)
    if pool.name.startswith("*.") and any(_names_pool(one) for one in each_check(pool)):
        yield "host", f"{pool.name} cannot be queried: say which name to query"
    yield from aliasrules.faults(pool, own) if pool.is_alias else _addresses(pool)
    yield from _all_down(pool, own)
    if "scope" in own and pool.check == "none" and pool.scope.kind == "quorum":
        yield "scope", 'has no effect with check = "none": there is nothing to agree on'
    if pool.select == "first" and not pool.is_alias:
        told = 'has no order here, because addresses have none: list tiers, and say "all" or "one"'
        yield "select", f'"first" {told}'
    if len(pool.tiers) == 1:
        yield "tiers", "one tier is the same as none: list those behind it, too"
    if "weights" in own and not pool.is_weighted:
        yield "weights", f'have no effect with select = "{pool.select}": "weighted" needs them'


def _names_pool(one: PoolPolicy) -> bool:
    """Return whether the check uses the pool's name in its request."""
    if one.check in (*_HTTP, *_GRPC):
        return one.host is None
    return one.check == "tls" and one.sni is None


def merged(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return ``own`` keys over those from [defaults].

    A pool's one check replaces several checks of [defaults], and the other way round; if [defaults]
    has both, the several count. A pool of CNAME records does not inherit a choice among addresses:
    by default it answers the first member that is up.
    """
    over = {"check": {"checks", "need"}, "checks": {"check", "need"}}
    gone = set().union(*(theirs for ours, theirs in over.items() if ours in own))
    if "checks" in defaults and "checks" not in gone:
        gone.add("check")
    both = {key: value for key, value in defaults.items() if key not in gone} | own
    if both.get("type") != "CNAME":
        return both
    if defaults.get("type") != "CNAME":
        both = {key: one for key, one in both.items() if key in own or key not in _OF_ADDRESSES}
    return {"select": "first"} | both


def check_faults(pool: CheckPolicy, own: Collection[str]) -> Iterator[Fault]:
    """Return the faults of the pool's checks; ``own`` are its keys that are not from [defaults]."""
    if not pool.check and not pool.checks:
        yield "check", f"is missing: one of {', '.join(CHECKS)}"
        return
    if pool.checks:
        yield from _several(pool)
    else:
        yield from _check(pool)
    yield from _times(pool)
    kinds = {one.check for one in each_check(pool)}
    for key in own:
        if kinds != {"none"} and not _is_used(key, kinds, pool):
            yield key, f'has no effect with check = "{", ".join(sorted(kinds))}": remove it'


def _is_used(key: str, kinds: AbstractSet[str], pool: CheckPolicy) -> bool:
    if key == "need" and pool.checks:
        return True
    return not kinds.isdisjoint(USED_BY.get(key, kinds))


def _several(pool: CheckPolicy) -> Iterator[Fault]:
    if pool.check:
        yield "checks", f'conflicts with check = "{pool.check}": remove one of them'
    yield from _need(pool.need, len(pool.checks))
    for number, (one, said) in enumerate(zip(each_check(pool), pool.checks, strict=True), 1):
        place = f"check {number} ({one.check})"
        for key, message in _check(one):
            yield "checks", f"{place}: {key}: {message}"
        for key in said.own:
            if one.check not in USED_BY.get(key, (one.check,)):
                yield (
                    "checks",
                    f'{place}: {key}: has no effect with check = "{one.check}": remove it',
                )


def _need(need: Need, total: int) -> Iterator[Fault]:
    try:
        need.of(total)
    except ValueError as error:
        yield "need", str(error)


_NEEDS = {
    "tcp": ("port", "the port to connect to"),
    "grpc": ("port", "the port to connect to"),
    "grpcs": ("port", "the port to connect to"),
    "dns": ("query", "the name to ask for"),
    "command": ("command", "the name of one in [failover.commands]"),
    "file": ("state_file", "the name of one in [failover.state_files]"),
    "calculated": ("of", "the names or members to look at"),
}
"""The key that each check requires."""


def _check(pool: CheckPolicy) -> Iterator[Fault]:
    key, what = _NEEDS.get(pool.check, ("", ""))
    if key and not getattr(pool, key):
        yield key, f'check = "{pool.check}" needs {what}'
    if pool.check == "calculated" and pool.of:
        yield from _need(pool.need, len(pool.of))


def _times(pool: CheckPolicy) -> Iterator[Fault]:
    """Check that a check ends before the next one begins: detection times rely on that."""
    interval = format_duration(pool.interval)
    for key, why in (
        ("timeout", "a check must end before the next one begins"),
        ("fast_interval", "a suspect member must be checked more often, not less"),
    ):
        seconds = getattr(pool, key)
        if seconds > pool.interval and pool.check != "none":
            longer = f"{format_duration(seconds)} is longer than the interval of {interval}"
            yield key, f"{longer}: {why}"


def _addresses(pool: PoolPolicy) -> Iterator[Fault]:
    found = [("fallback", address) for address in pool.fallback]
    found += [("tiers", address) for tier in pool.tiers for address in tier]
    found += [("weights", address) for address in pool.weights]
    found += [("source", pool.source)] if pool.source else []
    for key in ("host", "sni"):
        if any("{member}" in (getattr(one, key) or "") for one in each_check(pool)):
            yield key, "{member} is a name, but the members are addresses"
    for key in ("members", "check_addresses"):
        if getattr(pool, key):
            yield key, f'has no effect with type = "{pool.type}": the zone has the members'
    wanted = 6 if pool.type == "AAAA" else 4
    for key, address in found:
        family = 6 if ":" in address else 4
        if address.endswith("."):
            yield key, f"{address} is a name, but a pool of type {pool.type} has addresses"
        elif family != wanted:
            yield key, f"{address} is an IPv{family} address, but the pool is of type {pool.type}"


def _all_down(pool: PoolPolicy, own: Collection[str]) -> Iterator[Fault]:
    if pool.all_down == "fallback" and not pool.fallback:
        yield "fallback", 'all_down = "fallback" needs the addresses to answer with'
    if "fallback" in own and pool.all_down != "fallback":
        used = f'all_down = "{pool.all_down}"'
        yield "fallback", f'has no effect with {used}: all_down = "fallback" needs it'
