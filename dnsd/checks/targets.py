"""What a policy wants checked: the targets of its pools, equal where pools can share a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.checks import reach
from dnsd.checks.command import CommandCheck
from dnsd.checks.dns import DnsCheck
from dnsd.checks.http import HttpCheck
from dnsd.checks.pushed import PushedCheck
from dnsd.checks.question import question_of
from dnsd.checks.statefile import FileCheck
from dnsd.checks.stream import Tls
from dnsd.checks.tcp import TcpCheck
from dnsd.config.anycast import Query
from dnsd.config.commandkinds import filled, places

if TYPE_CHECKING:
    from dnsd.checks.pushed import Board
    from dnsd.checks.result import Check
    from dnsd.config import Failover
    from dnsd.config.policy import Pool

PORTS = {"http": 80, "https": 443, "dns": 53}


@dataclass(frozen=True)
class Target:
    """A ``check`` of an ``address``, and how often it is made, in seconds.

    ``fast_interval`` holds while the result is in doubt.
    """

    address: str
    check: Check
    interval: float
    fast_interval: float


def target_of(
    pool: Pool, address: str, failover: Failover, board: Board | None = None
) -> Target | None:
    """Return how the member ``address`` of ``pool`` is checked; None: not at all.

    ``failover`` says what a check may do, ``board`` has what is pushed; ValueError, a sentence, if
    it cannot be made.
    """
    check = _check(pool, failover, board)
    here = check is None or isinstance(check, FileCheck | PushedCheck)
    if not here and (fault := reach.fault(address, failover.check_networks)):
        raise ValueError(fault)
    return None if check is None else Target(address, check, pool.interval, pool.fast_interval)


def _check(pool: Pool, failover: Failover, board: Board | None) -> Check | None:
    port = pool.port or PORTS.get(pool.check, 0)
    match pool.check:
        case "tcp":
            return TcpCheck(port, pool.timeout, pool.source)
        case "http" | "https":
            return _http(pool, port)
        case "dns":
            return _dns(pool, port)
        case "command":
            return CommandCheck(_line(pool, failover), pool.timeout)
        case "file":
            return FileCheck(_file(pool, failover), pool.believed, pool.timeout)
        case "pushed":
            return PushedCheck(pool.name, pool.type, pool.timeout, board)
    return None


def _file(pool: Pool, failover: Failover) -> str:
    if fault := state_file_fault(pool, failover):
        raise ValueError(fault)
    return failover.state_files[pool.state_file or ""]


def state_file_fault(pool: Pool, failover: Failover) -> str:
    """Return why ``pool`` cannot have its states read, as a sentence; empty if it can."""
    files = failover.state_files
    if pool.state_file in files:
        return ""
    listed = f" (which has {', '.join(files)})" if files else ""
    return (
        f"{pool.state_file} is not in [failover.state_files] of the configuration{listed}: list it "
        "there with its path, or choose another file"
    )


def _line(pool: Pool, failover: Failover) -> tuple[str, ...]:
    if fault := command_fault(pool, failover):
        raise ValueError(fault)
    return filled(failover.commands[pool.command or ""], pool.parameters)


def command_fault(pool: Pool, failover: Failover) -> str:
    """Return why ``pool`` cannot have its command run, as a sentence; empty if it can."""
    commands = failover.commands
    line = commands.get(pool.command or "")
    if line is None:
        listed = f" (which has {', '.join(commands)})" if commands else ""
        return (
            f"{pool.command} is not in [failover.commands] of the configuration{listed}: "
            "list it there with its program, or choose another command"
        )
    if missing := sorted(places(line) - pool.parameters.keys()):
        return f"{pool.command} needs {', '.join(missing)}: give it in parameters"
    if unknown := sorted(pool.parameters.keys() - places(line)):
        taken = ", ".join(sorted(places(line))) or "none"
        return f"{pool.command} takes no parameter {', '.join(unknown)} (it takes: {taken})"
    return ""


def _http(pool: Pool, port: int) -> HttpCheck:
    """A host that is given is asked for as it is written, the pool's name as RFC 9110 §7.2 says."""
    name = pool.name.removesuffix(".")
    host = pool.host or (name if port == PORTS[pool.check] else f"{name}:{port}")
    return HttpCheck(
        port=port,
        path=pool.path,
        host=host,
        timeout=pool.timeout,
        status=pool.expect_status,
        body=pool.expect_body,
        tls=_tls(pool, host) if pool.check == "https" else None,
        source=pool.source,
    )


def _tls(pool: Pool, host: str) -> Tls:
    return Tls(
        (pool.sni or _without_port(host)).removesuffix("."), pool.tls_verify, pool.tls_expiry
    )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _dns(pool: Pool, port: int) -> DnsCheck:
    question = question_of(Query(name=pool.query or pool.name, type=pool.query_type))
    return DnsCheck(question.of_service(), port, pool.timeout, pool.source)
