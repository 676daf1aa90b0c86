"""What the keys of one pool say together: whether its check can be made, its choice be meant.

Knows one pool and nothing of the zone. A key that has no effect where it stands is a mistake
as an unknown one is; what ``[defaults]`` says for other pools is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dnsd.config.policy import Checking, Pool

Fault = tuple[str, str]
"""A key, and what is wrong with it."""

_HTTP = ("http", "https")
_OVER_IP = ("tcp", *_HTTP, "dns")
USED_BY = {
    "port": _OVER_IP,
    "source": _OVER_IP,
    "path": _HTTP,
    "host": _HTTP,
    "expect_status": _HTTP,
    "expect_body": _HTTP,
    "sni": ("https",),
    "tls_verify": ("https",),
    "tls_expiry": ("https",),
    "query": ("dns",),
    "query_type": ("dns",),
    "command": ("command",),
    "parameters": ("command",),
    "state_file": ("file",),
    "believed": ("file",),
}
"""The keys that only some checks use."""


def faults(pool: Pool, own: Collection[str]) -> Iterator[Fault]:
    """Return what is wrong with ``pool``; ``own`` are its keys that are not from [defaults]."""
    yield from check_faults(pool, own)
    if pool.check == "file" and not pool.state_file:
        yield "state_file", 'check = "file" needs the name of one in [failover.state_files]'
    if pool.check in _HTTP and pool.host is None and pool.name.startswith("*."):
        yield "host", f"{pool.name} is no name that can be asked for: say which one to ask for"
    yield from _addresses(pool)
    yield from _all_down(pool, own)
    if "scope" in own and pool.check == "none" and pool.scope.kind == "quorum":
        yield "scope", 'is of no use with check = "none": there is nothing to agree on'
    if len(pool.tiers) == 1:
        yield "tiers", "one tier is the same as none: list those behind it, too"
    if "weights" in own and not pool.is_weighted:
        yield "weights", f'are of no use with select = "{pool.select}": "weighted" needs them'


def check_faults(pool: Checking, own: Collection[str]) -> Iterator[Fault]:
    """Return what is wrong with how ``pool`` checks; ``own`` are the keys that it says itself."""
    yield from _check(pool)
    yield from _times(pool)
    for key in own:
        if pool.check != "none" and pool.check not in USED_BY.get(key, (pool.check,)):
            yield key, f'is of no use with check = "{pool.check}": remove it'


def _check(pool: Checking) -> Iterator[Fault]:
    if pool.check == "tcp" and pool.port is None:
        yield "port", 'check = "tcp" needs the port to connect to'
    if pool.check == "dns" and pool.query is None:
        yield "query", 'check = "dns" needs the name to ask for'
    if pool.check == "command" and not pool.command:
        yield "command", 'check = "command" needs the name of one in [failover.commands]'


def _times(pool: Checking) -> Iterator[Fault]:
    """The time to detect a failure counts on it that a check ends before the next one begins."""
    interval = format_duration(pool.interval)
    for key, why in (
        ("timeout", "a check must end before the next one begins"),
        ("fast_interval", "a suspect is to be checked more often, not less"),
    ):
        seconds = getattr(pool, key)
        if seconds > pool.interval and pool.check != "none":
            longer = f"{format_duration(seconds)} is longer than the interval of {interval}"
            yield key, f"{longer}: {why}"


def _addresses(pool: Pool) -> Iterator[Fault]:
    found = [("fallback", address) for address in pool.fallback]
    found += [("tiers", address) for tier in pool.tiers for address in tier]
    found += [("weights", address) for address in pool.weights]
    found += [("source", pool.source)] if pool.source else []
    wanted = 6 if pool.type == "AAAA" else 4
    for key, address in found:
        family = 6 if ":" in address else 4
        if family != wanted:
            yield key, f"{address} is an IPv{family} address, but the pool is of type {pool.type}"


def _all_down(pool: Pool, own: Collection[str]) -> Iterator[Fault]:
    if pool.all_down == "fallback" and not pool.fallback:
        yield "fallback", 'all_down = "fallback" needs the addresses to answer with'
    if "fallback" in own and pool.all_down != "fallback":
        used = f'all_down = "{pool.all_down}"'
        yield "fallback", f'is of no use with {used}: all_down = "fallback" needs it'
