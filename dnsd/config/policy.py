"""The policy of a zone, as frozen values: its pools, which are RRsets that follow health.

What a key means is told in deploy/policy.example.toml, which a test holds to the fields here.
What one key says is checked by its kind; what they say together, in
:mod:`dnsd.config.policyrules`; what they say of the zone, where both are known.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from dnsd.config.commandkinds import CommandName, Parameters
from dnsd.config.kinds import Choice, Count, Duration, Flag
from dnsd.config.netkinds import IpAddress
from dnsd.config.policykinds import (
    Addresses,
    Failback,
    FailbackKind,
    KeyFiles,
    Name,
    Owner,
    Quorum,
    Regex,
    Scope,
    ScopeKind,
    Selection,
    StatusCodes,
    Tiers,
    Token,
    Ttl,
    TypeName,
    Weights,
)
from dnsd.config.statekinds import StateFileName

__all__ = ["MOST_MEMBERS", "Checking", "Failback", "Policy", "Pool", "Rules", "Scope", "Signing"]

MOST_MEMBERS = 32
"""Members of a pool and its fallback addresses together: each is a bit of a mask."""

CHECKS = ("tcp", "http", "https", "dns", "command", "file", "pushed", "none")
ALL_DOWN = ("all", "last_good", "fallback", "nodata", "servfail", "refuse")

_RESULTS = "one result is a sign at best, and so many never come"


class Checking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an address is checked: the keys that pools and balanced services share."""

    check: Annotated[
        Literal["tcp", "http", "https", "dns", "command", "file", "pushed", "none"],
        Choice(CHECKS),
    ]

    port: Annotated[int | None, Count(1, 65535, "a port has 16 bits")] = None
    """None: the usual one of the check (80, 443, 53), which "tcp" has not."""

    path: Annotated[str, Token("a path", "/")] = "/"
    host: Annotated[str | None, Token("a host name")] = None
    """None: the pool's name."""

    sni: Annotated[str | None, Token("a host name")] = None
    """None: the host."""

    expect_status: Annotated[tuple[int, ...], StatusCodes()] = (200,)
    expect_body: Annotated[str | None, Regex()] = None
    tls_verify: Annotated[bool, Flag()] = True
    tls_expiry: Annotated[
        float | None, Duration("1m", "365d", "certificates live for days or months")
    ] = None
    query: Annotated[str | None, Name()] = None
    query_type: Annotated[str, TypeName()] = "SOA"
    command: Annotated[str | None, CommandName()] = None
    """One of ``[failover.commands]`` in the configuration."""

    parameters: Annotated[dict[str, str], Parameters()] = {}
    """What is filled in for the places that the command has."""

    state_file: Annotated[str | None, StateFileName()] = None
    """One of ``[failover.state_files]`` in the configuration."""

    believed: Annotated[
        float, Duration("1s", "7d", "a state that nobody writes anew is none any more")
    ] = 60.0
    """How long after it was written a state in a file counts."""

    source: Annotated[str | None, IpAddress()] = None

    interval: Annotated[
        float, Duration("100ms", "1h", "every check costs its target, and a slow one sees late")
    ] = 10.0
    timeout: Annotated[
        float, Duration("10ms", "5m", "no answer in this time counts as a failure")
    ] = 2.0
    fast_interval: Annotated[
        float, Duration("50ms", "1h", "every check costs its target, and a slow one sees late")
    ] = 1.0
    down: Annotated[int, Count(1, 1000, _RESULTS)] = 3
    up: Annotated[int, Count(1, 1000, _RESULTS)] = 3


class Rules(Checking, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[defaults]``: every key of a pool but its name."""

    type: Annotated[Literal["A", "AAAA"], Choice(("A", "AAAA"))]
    ok: Annotated[int, Count(1, 1000, _RESULTS)] = 3
    ttl_min: Annotated[int, Ttl()] = 5
    failback: Annotated[Failback, FailbackKind()] = Failback()
    scope: Annotated[Scope, ScopeKind()] = Scope()
    all_down: Annotated[
        Literal["all", "last_good", "fallback", "nodata", "servfail", "refuse"], Choice(ALL_DOWN)
    ] = "all"
    fallback: Annotated[tuple[str, ...], Addresses()] = ()
    min_up: Annotated[int | float, Quorum()] = 1
    tiers: Annotated[tuple[tuple[str, ...], ...], Tiers()] = ()
    """Members that none of them names belong to the first one."""

    select: Annotated[str, Selection()] = "all"
    """See :attr:`take`, :attr:`is_weighted` and :attr:`is_sticky`."""
    weights: Annotated[dict[str, int], Weights()] = {}
    """By address; a member that is not named has 1."""

    hints: Annotated[Literal["keep", "follow"], Choice(("keep", "follow"))] = "keep"

    rto: Annotated[
        float | None, Duration("1s", "7d", "caches count whole seconds, and none forgets later")
    ] = None
    rto_mode: Annotated[Literal["refuse", "warn"], Choice(("refuse", "warn"))] = "refuse"

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
        return self.select not in {"all", "one"}

    @property
    def is_sticky(self) -> bool:
        """Whether the same network gets the same member."""
        return self.select == "sticky"


class Pool(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[pool]]``: one RRset, how its members are checked, and what is answered then."""

    name: Annotated[str, Owner()]
    """The owner: absolute, in lower case."""

    line: int = 0
    """Where in the policy file it begins."""

    lines: dict[str, int] = {}
    """Where in the policy file its keys stand, those from ``[defaults]`` too."""

    def at(self, key: str) -> int:
        """Return the line of ``key``, or the pool's own."""
        return self.lines.get(key, self.line)


class Signing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[signing]``: what answers are signed with that are not in a signed zone file."""

    keys: Annotated[tuple[str, ...], KeyFiles()] = ()
    """Paths of pairs of files, without ".key" and ".private"."""

    line: int = 0
    """Where in the policy file the keys stand."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pools of the zone ``origin`` (absolute, lower case), no two for one RRset."""

    origin: str
    pools: tuple[Pool, ...] = ()
    signing: Signing = Signing()
    file: str = ""
    """The file it was read from, for messages."""
