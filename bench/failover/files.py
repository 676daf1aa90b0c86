"""The configuration files of all stacks and of the resolvers; only the ``write_*`` touch a disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.failover.settings import EACH, WWW, ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.failover.settings import Checks

STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
"""Where Debian's libnginx-mod-stream puts it."""
LONG = 3600
"""The TTL of what never changes."""


def zone(names: Mapping[str, Sequence[str]], ttl: int | str, serial: int | str = 1) -> str:
    """Return the zone file: names with their IPv4 addresses, all with one TTL."""
    lines = [
        f"$ORIGIN {ZONE}.",
        f"$TTL {LONG}",
        f"@ IN SOA ns hostmaster {serial} 3600 600 86400 5",
        "@ IN NS ns",
        "ns IN A 192.0.2.53",
    ]
    for name, addresses in names.items():
        lines += [f"{name}. {ttl} IN A {address}" for address in addresses]
    return "\n".join(lines) + "\n"


def write_zone(directory: Path, text: str, policy_text: str = "") -> None:
    """Write a zone, with its policy if it has one, for dnsd."""
    directory.mkdir(exist_ok=True)
    if policy_text:
        (directory / f"{ZONE}.toml").write_text(policy_text)
    (directory / f"{ZONE}.zone").write_text(text)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


# -- NSD and the script -----------------------------------------------------------------------


def write_nsd(directory: Path, address: str, text: str) -> None:
    """Write NSD's configuration and zone."""
    (directory / "nsd.zone").write_text(text)
    (directory / "nsd.conf").write_text(f"""server:
  ip-address: {address}
  username: ""
  server-count: 1
  zonesdir: "{directory}"
  database: ""
  pidfile: "{directory}/nsd.pid"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  zonelistfile: "{directory}/zone.list"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {ZONE}
  zonefile: nsd.zone
""")


def write_switch(directory: Path, ttl: int) -> Path:
    """Write the script that has NSD answer with another address; return its path."""
    path = directory / "switch.sh"
    text = zone({WWW: ["{address}"]}, ttl, "{serial}").replace("$", "\\$")
    text = text.format(address="$1", serial="$(date +%s)")
    path.write_text(f"""set -e
cat >{directory}/nsd.zone.new <<END
{text}END
mv {directory}/nsd.zone.new {directory}/nsd.zone
kill -HUP "$(cat {directory}/nsd.pid)"
""")
    return path


# -- gdnsd ------------------------------------------------------------------------------------


def write_gdnsd(
    directory: Path, address: str, services: Sequence[str], ttls: tuple[int, int], checks: Checks
) -> None:
    """Write gdnsd's configuration and zone below ``gdnsd``; ``ttls``: longest and shortest."""
    home = directory / "gdnsd"
    (home / "zones").mkdir(parents=True)
    (home / "config").write_text(gdnsd(home, address, services, checks))
    longest, shortest = ttls
    dynamic = "".join(
        f"{name}. {longest}/{shortest} DYNA {resource}\n"
        for name, resource in ((WWW, "simplefo!www"), (EACH, "multifo!each"))
    )
    (home / "zones" / ZONE).write_text(zone({}, longest) + dynamic)


def gdnsd(home: Path, address: str, services: Sequence[str], checks: Checks) -> str:
    """Return gdnsd's configuration."""
    members = ", ".join(services)
    return f"""options => {{
    listen => {{ {address}:53 => {{ udp_threads = 1, tcp_threads = 1 }} }}
    run_dir = {home}/run
    state_dir = {home}/state
    min_ttl = 1
}}
service_types => {{
    shop => {{
        plugin => http_status,
        interval => {checks.interval:g}, timeout => {checks.timeout:g},
        down_thresh => {checks.down}, ok_thresh => {checks.ok}, up_thresh => {checks.up}
    }}
}}
plugins => {{
    simplefo => {{
        service_types => shop,
        www => {{ primary => {services[0]}, secondary => {services[1]} }}
    }}
    multifo => {{
        service_types => shop,
        up_thresh => 0.01,
        each => {{ addrs_v4 => [ {members} ] }}
    }}
}}
"""


# -- dnsd -------------------------------------------------------------------------------------


def write_dnsd(directory: Path, address: str, text: str, policy_text: str) -> None:
    """Write dnsd's configuration, zone and policy."""
    write_zone(directory / "zones", text, policy_text)
    (directory / "dnsd.toml").write_text(f"""[server]
listen = ["{address}:53"]
workers = 1
state_directory = "{directory}/state"

# All resolvers are in one network.
[rate_limit]
per_second = 0

[zones]
directory = "{directory}/zones"
""")


def policy(services: Sequence[str], shortest: int, checks: Checks) -> str:
    """Return the policy of the zone: the first two services one after the other, or each."""
    name = WWW.removesuffix(f".{ZONE}")
    each = EACH.removesuffix(f".{ZONE}")
    return f"""[defaults]
check = "http"
interval = "{_ms(checks.interval)}"
timeout = "{_ms(checks.timeout)}"
fast_interval = "{_ms(checks.fast)}"
down = {checks.down}
ok = {checks.ok}
up = {checks.up}
ttl_min = {shortest}

[[pool]]
name = "{name}"
type = "A"
tiers = [["{services[0]}"], ["{services[1]}"]]

[[pool]]
name = "{each}"
type = "A"
"""


# -- HAProxy and Unbound ----------------------------------------------------------------------


def in_turn(services: Sequence[str]) -> str:
    """Return HAProxy's servers: the first service, and the others for when it is down."""
    return "".join(
        f"    server s{number} {service} check{' backup' if number else ''}\n"
        for number, service in enumerate(services)
    )


def sharing(services: Sequence[str]) -> str:
    """Return HAProxy's servers: all services at once."""
    lines = (f"    server s{number} {service} check\n" for number, service in enumerate(services))
    return "    balance roundrobin\n" + "".join(lines)


def haproxy(listen: str, servers: str, checks: Checks, directory: Path) -> str:
    """Return HAProxy's configuration for ``servers``, lines of :func:`in_turn` or others.

    It counts as failures of checks what users' connections run into, which no name server sees.
    """
    passive = f"observe layer4 error-limit {checks.down} on-error mark-down"
    times = f"inter {_ms(checks.interval)} fastinter {_ms(checks.fast)}"
    return f"""global
    stats socket {directory}/haproxy.sock level admin

defaults
    mode tcp
    timeout connect {_ms(checks.timeout)}
    timeout client 30s
    timeout server 30s
    timeout check {_ms(checks.timeout)}
    retries 1
    option redispatch 1
    default-server {times} fall {checks.down} rise {checks.up} {passive}

listen shop
    bind {listen}
    option httpchk GET /
{servers}"""


# -- directors --------------------------------------------------------------------------------


def checked(checks: Checks) -> str:
    """Return how directors share out and check the study's services."""
    return f"""protocol = "tcp"
ports = [80]
check = "http"
path = "/"
interval = "{_ms(checks.interval)}"
fast_interval = "{_ms(checks.fast)}"
timeout = "{_ms(checks.timeout)}"
down = {checks.down}
up = {checks.up}"""


def director(
    home: Path, ends: tuple[str, str], vip: str, services: Sequence[str], keys: str
) -> str:
    """Return dnsd's configuration for a director; ``ends`` are its address and the router's.

    ``keys`` say what the service is and how it is checked, as :func:`checked` does.
    """
    local, router = ends
    backends = "".join(
        f'[[service.backend]]\nname = "s{number}"\naddress = "{address}"\n'
        for number, address in enumerate(services)
    )
    return f"""[server]
state_directory = "{home}/state"
[anycast]
subnets = ["{vip}/32"]
hold_down = "1s"
drain_linger = "300ms"
[anycast.bird]
ctl = "{home}/bird.ctl"
state_file = "{home}/dnsd-state.conf"
timeout = "5s"
[anycast.bgp]
asn = 65020
bfd_interval = "500ms"
[[anycast.neighbor]]
name = "rtr"
address = "{router}"
local = "{local}"
asn = 65001
[balance]
hash_seed = 4711
[[service]]
name = "shop"
vips = ["{vip}/32"]
{keys}
idle = "2s"
{backends}"""


def dns_proxy(listen: str, servers: Sequence[str]) -> str:
    """Return HAProxy's configuration for DNS over TCP, shared out to ``servers``."""
    return f"""global
    nbthread 1
defaults
    mode tcp
    timeout connect 1s
    timeout client 30s
    timeout server 30s
listen dns
    bind {listen}
{sharing(servers)}"""


def dns_stream(directory: Path, listen: str, servers: Sequence[str]) -> str:
    """Return nginx's configuration for DNS over UDP, shared out to ``servers``."""
    upstream = " ".join(f"server {server};" for server in servers)
    return f"""load_module {STREAM};
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
stream {{
  upstream dns {{ {upstream} }}
  server {{ listen {listen} udp; proxy_pass dns; proxy_responses 1; proxy_timeout 2s; }}
}}
"""


def farm_router(sessions: str) -> str:
    """Return the configuration of the BIRD that directors tell their routes."""
    return f"""router id 10.0.0.254;
protocol device {{ scan time 10; }}
protocol kernel {{ ipv4 {{ import none; export all; }}; merge paths on; }}
{sessions}
"""


def unbound(directory: Path, address: str, outgoing: str, authority: str) -> str:
    """Return the configuration of a caching resolver that asks ``authority`` for the zone."""
    return f"""server:
  interface: {address}
  outgoing-interface: {outgoing}
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  do-ip6: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  module-config: "iterator"
  do-not-query-localhost: no
  num-threads: 1
  msg-cache-size: 1m
  rrset-cache-size: 1m
  local-zone: "test." nodefault
  root-hints: ""
remote-control:
  control-enable: no
stub-zone:
  name: "{ZONE}"
  stub-addr: {authority}
"""
