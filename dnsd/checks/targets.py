"""What a policy wants checked: the targets of its pools, equal where pools can share a check.

A kind of check that needs a library (dnspython, h2, h11) is imported with the first one of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.checks import reach
from dnsd.checks.calculated import CalculatedCheck, nothing_known
from dnsd.checks.command import CommandCheck
from dnsd.checks.file import FileCheck
from dnsd.checks.pushed import PushedCheck
from dnsd.checks.several import SeveralChecks
from dnsd.checks.stream import Tls
from dnsd.checks.tcp import TcpCheck
from dnsd.checks.tls import TlsCheck
from dnsd.config.anycast import SelfCheckQuery
from dnsd.config.checkkeys import each_check
from dnsd.config.commandkinds import filled, places
from dnsd.wire.member import is_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.checks.calculated import States
    from dnsd.checks.dns import DnsCheck
    from dnsd.checks.grpc import GrpcCheck
    from dnsd.checks.http import HttpCheck
    from dnsd.checks.pushed import Board
    from dnsd.checks.result import Check
    from dnsd.config import Failover
    from dnsd.config.policy import PoolPolicy

PORTS = {"http": 80, "https": 443, "tls": 443, "dns": 53}
"""The port of a check that names none."""

MEMBER = "{member}"
"""In a host or SNI: the name that a CNAME leads to."""

_STAY_HERE = ("calculated", "file", "pushed", "none")
_OVER_TLS = ("tls", "https", "grpcs")


@dataclass(frozen=True)
class Target:
    """A ``check`` of an ``address`` (or of a name), and how often it is made, in seconds.

    ``fast_interval`` holds while the result is in doubt.
    """

    address: str
    check: Check
    interval: float
    fast_interval: float


def target_of(
    pool: PoolPolicy,
    address: str,
    failover: Failover,
    board: Board | None = None,
    states: States = nothing_known,
) -> Target | None:
    """Return how the member ``address`` of ``pool`` is checked; None: not at all.

    ``failover`` says what a check may do, ``board`` has what is pushed, ``states`` knows how
    members are that a calculated check looks at; ValueError, a sentence, if it cannot be made.
    """
    if pool.check == "none":
        return None
    singles = each_check(pool)
    asked = pool.check_addresses.get(address) if is_name(address) else address
    if any(goes_out(one) for one in singles) and (
        fault := reach.fault(asked, failover.check_networks) if asked else ""
    ):
        raise ValueError(fault)
    checks = tuple(_check(one, address, failover, board, states) for one in singles)
    if is_name(address):
        checks = tuple(
            _of_name(check, one, asked, failover)
            for check, one in zip(checks, singles, strict=True)
        )
    check = SeveralChecks(checks, pool.need.of(len(checks))) if pool.checks else checks[0]
    return Target(address, check, pool.interval, pool.fast_interval)


def goes_out(one: PoolPolicy) -> bool:
    """Return whether the only check of ``one`` asks the member itself."""
    return one.check not in _STAY_HERE


def _of_name(check: Check, pool: PoolPolicy, address: str | None, failover: Failover) -> Check:
    """Return ``check`` as that of a name; a program is given the name itself."""
    if not goes_out(pool) or pool.check == "command":
        return check
    from dnsd.checks.named import NamedCheck

    return NamedCheck(check, address, pool.source, tuple(failover.check_networks))


def _check(
    pool: PoolPolicy, address: str, failover: Failover, board: Board | None, states: States
) -> Check:
    port = pool.port or PORTS.get(pool.check, 0)
    pool = _with_names(pool, address)
    if fault := configured_fault(pool, failover):
        raise ValueError(fault.message)
    match pool.check:
        case "tcp":
            return TcpCheck(port, pool.timeout, pool.source)
        case "tls":
            tls = _tls(pool, pool.name.removesuffix("."), failover)
            return TlsCheck(port, pool.timeout, tls, pool.source)
        case "http" | "https":
            return _http(pool, port, failover)
        case "grpc" | "grpcs":
            return _grpc(pool, port, failover)
        case "dns":
            return _dns(pool, port)
        case "command":
            return CommandCheck(_line(pool, failover), pool.timeout)
        case "file":
            path = failover.state_files[pool.state_file or ""]
            return FileCheck(path, pool.believed, pool.timeout)
        case "pushed":
            return PushedCheck(pool.name, pool.type, pool.timeout, board)
        case "calculated":
            of = tuple(one.of_member(address) for one in pool.of)
            return CalculatedCheck(of, pool.need.of(len(of)), pool.timeout, states)
    raise AssertionError(pool.check)


def _with_names(pool: PoolPolicy, member: str) -> PoolPolicy:
    """Return ``pool`` with the name of ``member`` where its host or SNI asks for it."""
    name = member.removesuffix(".")
    filled_in = {
        key: text.replace(MEMBER, name)
        for key in ("host", "sni")
        if (text := getattr(pool, key)) and MEMBER in text
    }
    return msgspec.structs.replace(pool, **filled_in) if filled_in else pool


def _line(pool: PoolPolicy, failover: Failover) -> tuple[str, ...]:
    return filled(failover.commands[pool.command or ""], pool.parameters)


class Lacking(NamedTuple):
    """What a check needs that the configuration has not: the policy's ``key``, and a sentence."""

    key: str
    message: str


def configured_fault(pool: PoolPolicy, failover: Failover) -> Lacking | None:
    """Return what ``failover`` does not allow, or does not list, of the check of ``pool``."""
    if pool.check == "command" and (fault := command_fault(pool, failover)):
        return Lacking("command", fault)
    if pool.check == "file" and pool.state_file not in failover.state_files:
        name = str(pool.state_file)
        return Lacking("state_file", _not_listed(name, "state_files", failover.state_files, "path"))
    for key, files in (("tls_ca", failover.tls_ca), ("tls_client", failover.tls_client)):
        name = getattr(pool, key)
        if pool.check in _OVER_TLS and name is not None and name not in files:
            return Lacking(key, _not_listed(name, key, files, "file"))
    return None


def _not_listed(name: str, table: str, names: Iterable[str], what: str) -> str:
    listed = ", ".join(names)
    return (
        f"{name} is not in [failover.{table}] of the configuration"
        f"{f' (which has {listed})' if listed else ''}: "
        f"list it there with its {what}, or choose another"
    )


def command_fault(pool: PoolPolicy, failover: Failover) -> str:
    """Return why ``pool`` cannot have its command run, as a sentence; empty if it can."""
    commands = failover.commands
    line = commands.get(pool.command or "")
    if line is None:
        return _not_listed(str(pool.command), "commands", commands, "program")
    if missing := sorted(places(line) - pool.parameters.keys()):
        return f"{pool.command} needs {', '.join(missing)}: give it in parameters"
    if unknown := sorted(pool.parameters.keys() - places(line)):
        taken = ", ".join(sorted(places(line))) or "none"
        return f"{pool.command} takes no parameter {', '.join(unknown)} (it takes: {taken})"
    return ""


def _http(pool: PoolPolicy, port: int, failover: Failover) -> HttpCheck:
    """A host that is given is asked for as it is written, the pool's name as RFC 9110 §7.2 says."""
    from dnsd.checks.http import HttpCheck

    host = _host(pool, port)
    return HttpCheck(
        port=port,
        path=pool.path,
        host=host,
        timeout=pool.timeout,
        status=pool.expect_status,
        body=pool.expect_body,
        tls=_tls(pool, host, failover) if pool.check == "https" else None,
        source=pool.source,
    )


def _grpc(pool: PoolPolicy, port: int, failover: Failover) -> GrpcCheck:
    from dnsd.checks.grpc import GrpcCheck

    host = _host(pool, port)
    return GrpcCheck(
        port=port,
        host=host,
        timeout=pool.timeout,
        service=pool.grpc_service,
        tls=_tls(pool, host, failover, protocol="h2") if pool.check == "grpcs" else None,
        source=pool.source,
    )


def _host(pool: PoolPolicy, port: int) -> str:
    name = pool.name.removesuffix(".")
    return pool.host or (name if port == PORTS.get(pool.check) else f"{name}:{port}")


def _tls(pool: PoolPolicy, host: str, failover: Failover, protocol: str | None = None) -> Tls:
    return Tls(
        name=(pool.sni or _without_port(host)).removesuffix("."),
        verify=pool.tls_verify,
        expiry=pool.tls_expiry,
        authority=None if pool.tls_ca is None else failover.tls_ca[pool.tls_ca],
        client=None if pool.tls_client is None else failover.tls_client[pool.tls_client],
        protocol=protocol,
    )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _dns(pool: PoolPolicy, port: int) -> DnsCheck:
    from dnsd.checks.dns import DnsCheck
    from dnsd.checks.question import question_of

    question = question_of(SelfCheckQuery(name=pool.query or pool.name, type=pool.query_type))
    return DnsCheck(question.of_service(), port, pool.timeout, pool.source)
