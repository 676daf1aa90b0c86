"""Real caching resolvers: how each is configured to ask one server for a zone, and nothing else.

One thread, 127.0.0.1 only, no validation, room for all names, everything else as its authors ship
it; none knows a root server, so none asks anybody outside of this machine. ``cache`` says what is
documented of how each treats TTLs, and how it counts seconds; :mod:`bench.ttl.habits` tries that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query

from bench.peers.base import Peer, Setup, Start, program
from bench.server import ServerError
from bench.study.results import version
from bench.ttl.caches import Cache, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.server import Server
    from bench.ttl.names import RRset

START_S = 30.0
POLL_S = 0.05
PREFETCH = 0.1
"""Unbound's: the last tenth of a TTL."""
EXPIRED_S = 86_400.0
"""For how long Unbound serves what is expired, as configured here."""
DAY_S, WEEK_S = 86_400.0, 604_800.0

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
  local-zone: "{origin}." nodefault
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

KNOT = """\
net.ipv6 = false
net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})
modules.unload('priming')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('detect_time_skew')
trust_anchors.remove('.')
cache.open(100 * MB, 'lmdb://{directory}/cache')
policy.add(policy.suffix(policy.FORWARD('127.0.0.1@{upstream}'), {{todname('{origin}')}}))
"""

DNSMASQ = """\
port={port}
listen-address=127.0.0.1
bind-interfaces
user=root
pid-file=
no-resolv
no-hosts
cache-size=10000
dns-forward-max=10000
server=/{origin}/127.0.0.1#{upstream}
"""

RESOLVED = """\
[Resolve]
DNS=127.0.0.1:{upstream}
FallbackDNS=
Domains=~.
LLMNR=no
MulticastDNS=no
DNSSEC=no
DNSOverTLS=no
Cache=yes
CacheFromLocalhost=yes
DNSStubListener=no
DNSStubListenerExtra=127.0.0.1:{port}
ReadEtcHosts=no
"""
ALONE = """\
mount -t tmpfs none /run/systemd
mkdir -p /run/systemd/resolved.conf.d
cp "$1/recursor.conf" /run/systemd/resolved.conf.d/
exec "$0"
"""
"""It has one place for its configuration and its state: in a mount namespace, one of its own."""


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
        """Return it as what can be started, with the way to the server at port ``upstream``."""

        def prepare(setup: Setup) -> Start:
            (setup.directory / "root").write_text(ROOT)
            (setup.directory / "recursor.conf").write_text(
                self.config.format(
                    port=setup.port,
                    directory=setup.directory,
                    origin=setup.origin.rstrip("."),
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


_UNBOUND = Cache(cap=DAY_S, clock=Clock.LATER)
_ALL = (
    _unbound("unbound", "as shipped", "", _UNBOUND),
    _unbound(
        "unbound-prefetch",
        "prefetch: yes, in the last tenth of a TTL",
        "  prefetch: yes\n",
        replace(_UNBOUND, prefetch=PREFETCH),
    ),
    _unbound(
        "unbound-expired",
        "serve-expired: yes",
        f"  serve-expired: yes\n  serve-expired-ttl: {EXPIRED_S:.0f}\n",
        replace(_UNBOUND, stale=EXPIRED_S),
    ),
    Resolver(
        "knot-resolver",
        "as shipped: cache.min_ttl is 5",
        "kresd",
        KNOT,
        lambda setup: ["-n", "-q", "-c", f"{setup.directory}/recursor.conf", str(setup.directory)],
        lambda: version(program("kresd"), "--version", after="version"),
        Cache(floor=5, cap=DAY_S, clock=Clock.LATER),
    ),
    Resolver(
        "pdns-recursor",
        "as shipped: minimum-ttl-override is 1",
        "pdns_recursor",
        PDNS,
        lambda setup: [f"--config-dir={setup.directory}"],
        lambda: version(program("pdns_recursor"), "--version", after="Recursor"),
        Cache(floor=1, cap=DAY_S, clock=Clock.EARLIER),
    ),
    Resolver(
        "bind",
        "as shipped: prefetch in the last 2 s of TTLs from 9 s on",
        "named",
        BIND,
        lambda setup: ["-f", "-n", "1", "-c", f"{setup.directory}/recursor.conf"],
        lambda: version(program("named"), "-v"),
        Cache(ahead=2.0, ahead_from=9.0, cap=WEEK_S, clock=Clock.EARLIER),
    ),
    Resolver(
        "dnsmasq",
        "as shipped, but with room for 10,000 names",
        "dnsmasq",
        DNSMASQ,
        lambda setup: ["-k", "-C", f"{setup.directory}/recursor.conf"],
        lambda: version(program("dnsmasq"), "--version", after="version"),
        Cache(clock=Clock.EARLIER),
    ),
    Resolver(
        "systemd-resolved",
        "as shipped, but caching what comes from this machine; nothing is held for more than 2 h",
        "unshare",
        RESOLVED,
        lambda setup: ["-m", "sh", "-ec", ALONE, program("systemd-resolved"), str(setup.directory)],
        lambda: version(program("systemd-resolved"), "--version", after="systemd"),
        Cache(cap=7200.0),
    ),
)
RESOLVERS = {resolver.name: resolver for resolver in _ALL}
"""Every kind of resolver, by name."""


def wait(server: Server, asked: RRset) -> None:
    """Return when the resolver answers ``asked`` with data, or raise ServerError."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        server.check_alive()
        try:
            query = dns.message.make_query(asked.name, asked.rtype)
            found = dns.query.udp(query, "127.0.0.1", timeout=0.5, port=server.setup.port)
        except (dns.exception.DNSException, OSError):
            found = None
        if found is not None and found.answer:
            return
        time.sleep(POLL_S)
    raise ServerError(f"{server.peer.name} gave no answer within {START_S:g} s: {server.output()}")
