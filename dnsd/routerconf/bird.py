"""What a BIRD on a node and one on a router have in common: dialects, sets, sessions."""

from __future__ import annotations

import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from dnsd.routerconf.timers import (
    CONNECT_DELAY_S,
    CONNECT_RETRY_S,
    ERROR_FORGET_S,
    ERROR_WAIT_S,
    bfd_interval_ms,
    hold_time_s,
    keepalive_time_s,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dnsd.config.anycast import Bgp

GRACEFUL_SHUTDOWN = "(65535, 0)"
"""The community that makes routers prefer every other route (RFC 8326)."""


class Security(NamedTuple):
    """The protection of a session: the constant with its password, and TTL security."""

    password: str | None
    ttl: bool


class Dialect(StrEnum):
    """The major version of BIRD that will read the text."""

    BIRD2 = "2"
    BIRD3 = "3"


def exact_set(name: str, addresses: Iterable[str], bits: int) -> str:
    """Return the definition of a set of exactly these addresses, each as one prefix."""
    return f"define {name} = [ {', '.join(f'{address}/{bits}' for address in addresses)} ];"


def inside(subnets: Iterable[str], bits: int) -> str:
    """Return the set of all single addresses in ``subnets``."""
    return f"[ {', '.join(f'{subnet}{{{bits},{bits}}}' for subnet in subnets)} ]"


def session_options(bgp: Bgp, security: Security, dialect: Dialect) -> str:
    """Return the lines of a BGP protocol that are the same at both ends."""
    return _security(security, dialect) + _timers(bgp)


def _security(security: Security, dialect: Dialect) -> str:
    lines = ["direct;", f"ttl security {'on' if security.ttl else 'off'};"]
    if security.password is not None:
        if dialect == Dialect.BIRD3:
            lines.append("authentication md5;")
        lines.append(f"password {security.password};")
    return "\n".join(lines) + "\n"


def _timers(bgp: Bgp) -> str:
    interval = f"{bfd_interval_ms(bgp)} ms"
    return textwrap.dedent(f"""\
        hold time {hold_time_s(bgp)};
        keepalive time {keepalive_time_s(bgp)};
        connect delay time {CONNECT_DELAY_S};
        connect retry time {CONNECT_RETRY_S};
        error wait time {ERROR_WAIT_S[0]}, {ERROR_WAIT_S[1]};
        error forget time {ERROR_FORGET_S};
        # A route must not outlive the session: with it on, queries to a dead node are lost.
        graceful restart off;
        long lived graceful restart off;
        bfd {{
            min rx interval {interval};
            min tx interval {interval};
            multiplier {bgp.bfd_multiplier};
        }};
        """)


def indented(text: str, depth: int = 1) -> str:
    """Return ``text`` indented for this many blocks."""
    return textwrap.indent(text, "    " * depth).rstrip()
