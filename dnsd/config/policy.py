"""The policy of a zone, as frozen values: its pools, which are RRsets that follow health.

deploy/policy.example.toml explains the keys; a test compares it with the fields here. The kind of
each key checks its value; :mod:`dnsd.config.policyrules` checks combinations of keys; the build
checks them against the zone.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from dnsd.config.checkkeys import CheckKeys, CheckList, OneCheck
from dnsd.config.endpoint import Endpoint
from dnsd.config.kinds import Count, Duration, Endpoints, OneOf
from dnsd.config.members import CheckAddresses, NameList, TargetName
from dnsd.config.netkinds import Networks
from dnsd.config.policykinds import (
    Failback,
    FailbackKind,
    KeyFiles,
    MemberNames,
    Owner,
    PoolType,
    Quorum,
    Scope,
    ScopeKind,
    SelectKind,
    Tiers,
    Ttl,
    Weights,
)

__all__ = [
    "MOST_ALIASES",
    "MOST_MEMBERS",
    "AliasRule",
    "CheckPolicy",
    "Failback",
    "Policy",
    "PoolPolicy",
    "Rules",
    "Scope",
    "Signing",
]

MOST_MEMBERS = 32
"""Members of a pool and its fallback addresses together: each is a bit of a mask."""

MOST_ALIASES = 100
"""Names of a zone that follow others, at most: each is resolved again as its TTL says."""

ALL_DOWN = ("all", "last_good", "fallback", "nodata", "servfail", "refuse")

_RESULTS = "one result may be chance, and higher counts take too long"


class CheckPolicy(CheckKeys, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an address is checked: the keys that pools and balanced services share."""

    checks: Annotated[tuple[OneCheck, ...], CheckList()] = ()
    """Several checks, of which ``need`` must pass; then ``check`` is empty."""

    interval: Annotated[
        float,
        Duration(
            "100ms", "1h", "every check loads its target, and rare checks notice failures late"
        ),
    ] = 10.0
    timeout: Annotated[
        float, Duration("10ms", "5m", "no answer in this time counts as a failure")
    ] = 2.0
    fast_interval: Annotated[
        float,
        Duration(
            "50ms", "1h", "every check loads its target, and rare checks notice failures late"
        ),
    ] = 1.0
    down: Annotated[int, Count(1, 1000, _RESULTS)] = 3
    up: Annotated[int, Count(1, 1000, _RESULTS)] = 3


class Rules(CheckPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[defaults]``: every key of a pool but its name."""

    type: Annotated[Literal["A", "AAAA", "CNAME"], PoolType()]
    ok: Annotated[int, Count(1, 1000, _RESULTS)] = 3
    ttl_min: Annotated[int, Ttl()] = 5
    failback: Annotated[Failback, FailbackKind()] = Failback()
    scope: Annotated[Scope, ScopeKind()] = Scope()
    all_down: Annotated[
        Literal["all", "last_good", "fallback", "nodata", "servfail", "refuse"], OneOf(ALL_DOWN)
    ] = "all"
    fallback: Annotated[tuple[str, ...], MemberNames()] = ()
    min_up: Annotated[int | float, Quorum()] = 1
    tiers: Annotated[tuple[tuple[str, ...], ...], Tiers()] = ()
    """Members that none of them names belong to the first one."""

    select: Annotated[str, SelectKind()] = "all"
    """See :attr:`take`, :attr:`is_weighted` and :attr:`is_sticky`."""
    weights: Annotated[dict[str, int], Weights()] = msgspec.field(default_factory=dict)
    """By member; one that is not named has 1."""

    hints: Annotated[Literal["keep", "follow"], OneOf(("keep", "follow"))] = "keep"

    rto: Annotated[
        float | None, Duration("1s", "7d", "caches count whole seconds, and none forgets later")
    ] = None
    rto_mode: Annotated[Literal["refuse", "warn"], OneOf(("refuse", "warn"))] = "refuse"

    @property
    def take(self) -> int | None:
        """How many of the eligible members an answer has; None: all of them."""
        if self.select == "all":
            return None
        kind, _, number = self.select.partition(":")
        return int(number) if kind == "some" else 1

    @property
    def is_weighted(self) -> bool:
        """Whether weights count."""
        return self.select not in {"all", "first", "one"}

    @property
    def is_sticky(self) -> bool:
        """Whether the same network gets the same member."""
        return self.select == "sticky"


class PoolPolicy(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[pool]]``: one RRset, how its members are checked, and how it is answered."""

    name: Annotated[str, Owner()]
    """The owner: absolute, in lower case."""

    members: Annotated[tuple[str, ...], NameList()] = ()
    """The names that a CNAME leads to, the preferred one first; of addresses, the zone has them."""

    check_addresses: Annotated[dict[str, str], CheckAddresses()] = msgspec.field(
        default_factory=dict
    )
    """Where such a member is checked; the others are resolved."""

    line: int = 0
    """Its line in the policy file."""

    lines: dict[str, int] = msgspec.field(default_factory=dict)
    """Where in the policy file its keys stand, those from ``[defaults]`` too."""

    @property
    def is_alias(self) -> bool:
        """Whether it answers with a CNAME record."""
        return self.type == "CNAME"

    @property
    def checked_by(self) -> str:
        """The check of its members, in a word or two."""
        return self.check or f"{self.need.of(len(self.checks))} of {len(self.checks)} checks"

    def at(self, key: str) -> int:
        """Return the line of ``key``, or the pool's own."""
        return self.lines.get(key, self.line)


class AliasRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[alias]]``: a name whose A and AAAA records follow the addresses of another name."""

    name: Annotated[str, Owner()]
    """The owner: absolute, in lower case."""

    target: Annotated[str, TargetName()]
    """The name whose addresses are answered: absolute, in lower case."""

    resolver: Annotated[tuple[Endpoint, ...], Endpoints()] = ()
    """The resolvers that are asked for them; empty: those of the system."""

    networks: Annotated[tuple[str, ...], Networks()] = ()
    """Where the addresses may be; without any, everywhere in the Internet."""

    ttl_min: Annotated[int, Ttl()] = 30
    stale: Annotated[
        float, Duration("1m", "30d", "addresses that nobody confirms are not the target's for long")
    ] = 86400.0

    line: int = 0
    """Its line in the policy file."""


class Signing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[signing]``: what answers are signed with that are not in a signed zone file."""

    keys: Annotated[tuple[str, ...], KeyFiles()] = ()
    """Paths of pairs of files, without ".key" and ".private"."""

    line: int = 0
    """Where in the policy file the keys stand."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pools of the zone ``origin`` (absolute, lower case), no two for one RRset.

    Of ``aliases``, there are no two for one name.
    """

    origin: str
    pools: tuple[PoolPolicy, ...] = ()
    aliases: tuple[AliasRule, ...] = ()
    signing: Signing = Signing()
    file: str = ""
    """The file it was read from, for messages."""
