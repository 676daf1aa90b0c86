"""What a policy wants checked: the targets of its pools, equal where pools can share a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dnsd.config.anycast import Query
from dnsd.control.anycast.questions import question_of
from dnsd.control.checks.command import CommandCheck
from dnsd.control.checks.dns import DnsCheck
from dnsd.control.checks.http import HttpCheck, Tls
from dnsd.control.checks.tcp import TcpCheck

if TYPE_CHECKING:
    from dnsd.config.policy import Pool
    from dnsd.control.checks.result import Check

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


def target_of(pool: Pool, address: str) -> Target | None:
    """Return how the member ``address`` of ``pool`` is checked; None: not at all.

    ``pool`` has been found to be right; ValueError if its query cannot be asked nevertheless.
    """
    check = _check(pool)
    return None if check is None else Target(address, check, pool.interval, pool.fast_interval)


def _check(pool: Pool) -> Check | None:
    port = pool.port or PORTS.get(pool.check, 0)
    match pool.check:
        case "tcp":
            return TcpCheck(port, pool.timeout, pool.source)
        case "http" | "https":
            return _http(pool, port)
        case "dns":
            return _dns(pool, port)
        case "command":
            return CommandCheck(pool.command, pool.timeout)
    return None


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
