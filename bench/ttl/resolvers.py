"""Real caching resolvers: how each is configured to ask one server for the zone, and nothing else.

One thread, 127.0.0.1 only, no validation, everything else as its authors ship it; none knows a
root server, so none asks anybody outside of this machine. ``cache`` says what is documented of
how each treats TTLs: what the model is applied with.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query

from bench.peers.base import Peer, Setup, Start, program
from bench.server import ServerError
from bench.study.results import version
from bench.ttl.caches import Cache
from bench.ttl.names import ORIGIN, proof

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.server import Server

START_S = 30.0
POLL_S = 0.05
PREFETCH = 0.1
"""Unbound's: the last tenth of a TTL."""
EXPIRED_S = 86_400.0
"""For how long Unbound serves what is expired, as configured here."""

ROOT = ".\t3600\tNS\troot.invalid.\nroot.invalid.\t3600\tA\t127.0.0.1\n"
"""The only root server that a resolver knows; nobody is there."""

UNBOUND = """\
server:
  interface: 127.0.0.1@{port}
  num-threads: 1
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  module-config: "iterator"
  root-hints: "{directory}/root"
  do-not-query-localhost: no
{more}
stub-zone:
  name: "{origin}"
  stub-addr: 127.0.0.1@{upstream}
remote-control:
  control-enable: no
"""

PDNS = """\
daemon=no
disable-syslog=yes
quiet=yes
loglevel=3
threads=1
local-address=127.0.0.1
local-port={port}
socket-dir={directory}
hint-file={directory}/root
dnssec=off
security-poll-suffix=
dont-query=
write-pid=no
forward-zones={origin}=127.0.0.1:{upstream}
"""

BIND = """\
options {{
    directory "{directory}";
    pid-file none;
    session-keyfile none;
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    allow-query {{ 127.0.0.1; }};
    dnssec-validation no;
    empty-zones-enable no;
    querylog no;
}};
controls {{ }};
logging {{ category default {{ null; }}; }};
zone "." {{ type hint; file "{directory}/root"; }};
zone "{origin}" {{ type forward; forward only; forwarders {{ 127.0.0.1 port {upstream}; }}; }};
"""


@dataclass(frozen=True, slots=True)
class Resolver:
    """A kind of resolver: its configuration, its command, and what it does with TTLs."""

    name: str
    words: str
    program: str
    config: str
    arguments: Callable[[Setup], list[str]]
    versions: Callable[[], str]
    cache: Cache = field(default_factory=Cache)

    def peer(self, upstream: int) -> Peer:
        """Return it as what can be started, with the server to ask at port ``upstream``."""

        def prepare(setup: Setup) -> Start:
            (setup.directory / "root").write_text(ROOT)
            (setup.directory / "recursor.conf").write_text(
                self.config.format(
                    port=setup.port,
                    directory=setup.directory,
                    origin=ORIGIN.rstrip("."),
                    upstream=upstream,
                )
            )
            return Start([program(self.program), *self.arguments(setup)])

        return Peer(self.name, self.versions, prepare, self.words)


def _unbound(name: str, words: str, more: str, cache: Cache) -> Resolver:
    return Resolver(
        name,
        words,
        "unbound",
        UNBOUND.replace("{more}", more),
        lambda setup: ["-d", "-c", f"{setup.directory}/recursor.conf"],
        lambda: version(program("unbound"), "-V"),
        cache,
    )


_ALL = (
    _unbound("unbound", "as shipped", "", Cache()),
    _unbound("unbound-prefetch", "prefetch: yes", "  prefetch: yes\n", Cache(prefetch=PREFETCH)),
    _unbound(
        "unbound-expired",
        "serve-expired: yes",
        f"  serve-expired: yes\n  serve-expired-ttl: {EXPIRED_S:.0f}\n",
        Cache(stale=EXPIRED_S),
    ),
    Resolver(
        "pdns-recursor",
        "as shipped: minimum-ttl-override is 1",
        "pdns_recursor",
        PDNS,
        lambda setup: [f"--config-dir={setup.directory}"],
        lambda: version(program("pdns_recursor"), "--version", after="Recursor"),
        Cache(floor=1),
    ),
    Resolver(
        "bind",
        "as shipped: prefetch in the last 2 s of TTLs from 9 s on",
        "named",
        BIND,
        lambda setup: ["-f", "-n", "1", "-c", f"{setup.directory}/recursor.conf"],
        lambda: version(program("named"), "-v"),
        Cache(ahead=2.0, ahead_from=9.0),
    ),
)
RESOLVERS = {resolver.name: resolver for resolver in _ALL}
"""Every kind of resolver, by name."""


def wait(server: Server) -> None:
    """Return when the resolver answers from the zone, or raise ServerError."""
    name = proof().name
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        server.check_alive()
        try:
            query = dns.message.make_query(name, "A")
            found = dns.query.udp(query, "127.0.0.1", timeout=0.5, port=server.setup.port)
        except (dns.exception.Timeout, OSError):
            found = None
        if found is not None and found.answer:
            return
        time.sleep(POLL_S)
    raise ServerError(f"{server.peer.name} gave no answer within {START_S:g} s: {server.output()}")
