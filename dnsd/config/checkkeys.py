"""The keys of one check, and a list of checks as the value of one key.

Pools and balanced services have these keys, and so has each of several checks of a member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

import msgspec

from dnsd.config.commandkinds import CommandName, ListedName, Parameters
from dnsd.config.kinds import Count, Duration, Flag, OneOf, wanted
from dnsd.config.need import Need, NeedKind
from dnsd.config.netkinds import IpAddress
from dnsd.config.policykinds import FreeText, Name, Regex, RequestToken, StatusCodes, TypeName
from dnsd.config.references import Reference, References
from dnsd.config.tables import kinds_of

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.config.policy import CheckPolicy

    C = TypeVar("C", bound=CheckPolicy)

CheckName = Literal[
    "tcp",
    "tls",
    "http",
    "https",
    "grpc",
    "grpcs",
    "dns",
    "command",
    "file",
    "pushed",
    "calculated",
    "none",
]
CHECKS: tuple[str, ...] = get_args(CheckName)

MOST_CHECKS = 8
"""Checks of one member, at most: they run at the same time."""

_LONGEST_SERVICE = 255


class CheckKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a check: the request, and the expected response."""

    check: Annotated[Literal["", CheckName], OneOf(CHECKS)] = ""
    """Empty: there are several."""

    port: Annotated[int | None, Count(1, 65535, "a port has 16 bits")] = None
    """None: the usual port of the check (80, 443, 53); "tcp" and "grpc" have none."""

    path: Annotated[str, RequestToken("a path", "/")] = "/"
    host: Annotated[str | None, RequestToken("a host name")] = None
    """None: the pool's name."""

    sni: Annotated[str | None, RequestToken("a host name")] = None
    """None: the host."""

    expect_status: Annotated[tuple[int, ...], StatusCodes()] = (200,)
    expect_body: Annotated[str | None, Regex()] = None
    tls_verify: Annotated[bool, Flag()] = True
    tls_expiry: Annotated[
        float | None, Duration("1m", "365d", "certificates live for days or months")
    ] = None
    tls_ca: Annotated[str | None, ListedName("failover.tls_ca")] = None
    """One of ``[failover.tls_ca]`` in the configuration; None: the system's authorities."""

    tls_client: Annotated[str | None, ListedName("failover.tls_client")] = None
    """One of ``[failover.tls_client]`` in the configuration; None: no certificate is shown."""

    grpc_service: Annotated[str, FreeText(_LONGEST_SERVICE)] = ""
    query: Annotated[str | None, Name()] = None
    query_type: Annotated[str, TypeName()] = "SOA"
    command: Annotated[str | None, CommandName()] = None
    """One of ``[failover.commands]`` in the configuration."""

    parameters: Annotated[dict[str, str], Parameters()] = {}
    """The values for the placeholders of the command."""

    state_file: Annotated[str | None, ListedName("failover.state_files")] = None
    """One of ``[failover.state_files]`` in the configuration."""

    believed: Annotated[float, Duration("1s", "7d", "an old state says nothing about now")] = 60.0
    """For how long a state in a file counts after it was written."""

    of: Annotated[tuple[Reference, ...], References()] = ()
    need: Annotated[Need, NeedKind()] = Need()
    source: Annotated[str | None, IpAddress()] = None


class OneCheck(CheckKeys, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several checks; ``own`` are the keys that it has."""

    own: tuple[str, ...] = ()


class CheckList(msgspec.Struct, frozen=True):
    """A list of tables, each of them a check."""

    def read(self, value: object, base: Path) -> tuple[OneCheck, ...]:
        """Return the checks in their order; ValueError tells every fault, a line each."""
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise wanted('a list of tables, such as [{ check = "tcp", port = 443 }]', value)
        if not value:
            raise ValueError('needs at least one check, such as { check = "tcp", port = 443 }')
        if len(value) > MOST_CHECKS:
            raise ValueError(f"{len(value)} checks; {MOST_CHECKS} are allowed")
        found: list[OneCheck] = []
        faults: list[str] = []
        for number, table in enumerate(value, 1):
            try:
                found.append(_one(table, base))
            except ValueError as error:
                faults += [f"check {number}: {line}" for line in str(error).splitlines()]
        if faults:
            raise ValueError("\n".join(faults))
        return tuple(found)


def _one(table: dict[str, Any], base: Path) -> OneCheck:
    known = kinds_of(OneCheck)
    fields: dict[str, Any] = {}
    faults = []
    for key, value in table.items():
        if key not in known:
            faults.append(f"{key}: is unknown{_nearest(key, [*known])}")
            continue
        try:
            fields[key] = known[key].read(value, base)
        except ValueError as error:
            faults += [f"{key}: {line}" for line in str(error).splitlines()]
    if "check" not in table:
        faults.append("needs the key check")
    if table.get("check") == "none":
        faults.append('check: "none" cannot be one of several')
    if faults:
        raise ValueError("\n".join(faults))
    return OneCheck(**fields, own=tuple(fields))


def _nearest(key: str, known: list[str]) -> str:
    import difflib  # imported only to explain a mistake

    close = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ": one of several checks has no such key"


def each_check(pool: C) -> tuple[C, ...]:
    """Return ``pool`` once for each of its checks, as if that were the only one.

    The keys of the pool are the defaults for each check.
    """
    if not pool.checks:
        return (pool,)
    return tuple(
        msgspec.structs.replace(
            pool,
            checks=(),
            **{"of": (), "need": Need()} | {key: getattr(one, key) for key in one.own},
        )
        for one in pool.checks
    )
