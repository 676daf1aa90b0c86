"""Rules for a pool of CNAME records: its names, and how one is chosen.

Knows one pool and nothing of the zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dnsd.config.policy import PoolPolicy

Fault = tuple[str, str]
"""A key, and what is wrong with it."""

_ONE = ("first", "one", "weighted", "sticky")


def faults(pool: PoolPolicy, own: Collection[str]) -> Iterator[Fault]:
    """Return what is wrong with ``pool``; ``own`` are its keys that are not from [defaults]."""
    if not pool.members:
        what = 'the names that it may lead to, such as ["cdn-a.example.net.", "cdn-b.example.org."]'
        yield "members", f"are missing: {what}"
    yield from _names(pool)
    yield from _choice(pool)
    if pool.check_addresses and pool.source is not None:
        for address in pool.check_addresses.values():
            if (":" in address) != (":" in pool.source):
                yield (
                    "source",
                    f"{pool.source} cannot reach {address}, which is of the other family",
                )
    if "hints" in own:
        yield "hints", 'has no effect with type = "CNAME": its members are names, not addresses'


def _names(pool: PoolPolicy) -> Iterator[Fault]:
    found = [("tiers", member) for tier in pool.tiers for member in tier]
    found += [("weights", member) for member in pool.weights]
    found += [("check_addresses", name) for name in pool.check_addresses]
    for key, name in found:
        if pool.members and name not in pool.members:
            yield key, f"{name} is not among the members ({', '.join(pool.members)})"
    for name in pool.fallback:
        if not name.endswith("."):
            yield "fallback", f"{name} is an address, but a CNAME leads to a name"
        elif name in pool.members:
            yield "fallback", f"{name} is a member: a fallback is what is answered instead of them"
    if pool.name in (*pool.members, *pool.fallback):
        yield "members", f"{pool.name} cannot lead to itself"


def _choice(pool: PoolPolicy) -> Iterator[Fault]:
    if pool.select not in _ONE:
        yield (
            "select",
            f'"{pool.select}" does not fit CNAME records: a name has only one; '
            'write "first", "one", "weighted" or "sticky"',
        )
    if pool.select == "first" and pool.tiers:
        yield "tiers", 'have no effect with select = "first": the order of the members decides'
    if pool.select == "first" and pool.min_up != 1:
        yield "min_up", 'has no effect with select = "first": one member is enough'
