"""The files of one city: BIRD's for router and node, dnsd's configuration and its zone. Pure.

What an operator would have rendered comes from :mod:`dnsd.routerconf`; the lab adds what is the
network's: how the routers of the cities speak with each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lab.topology import (
    NODE_AS,
    SUBNETS,
    VIPS,
    backbone,
    distance,
    lan,
    others,
)
from dnsd import routerconf

if TYPE_CHECKING:
    from pathlib import Path

    from bench.lab.topology import Site
    from dnsd.config import Anycast

ZONE = "anycast.test"
HTTP_PORT = 9153
PASSWORD = "no secret in a lab"
LOG = "log stderr all;\n"
"""There is no syslog in a namespace."""
SESSIONS = ("rtr4", "rtr6")
"""The node's sessions with its router."""

FAMILIES = ((4, "ipv4", SUBNETS[0], 32), (6, "ipv6", SUBNETS[1], 128))


def toml(site: Site, directory: Path, workers: int) -> str:
    """Return dnsd's configuration for the node of ``site``, whose files lie in ``directory``."""
    router, node = lan(site, 1), lan(site, 2)
    neighbors = "".join(
        f"""
[[anycast.neighbor]]
name = "{name}"
address = "{address}"
local = "{local}"
asn = {site.asn}
"""
        for name, address, local in zip(SESSIONS, router, node, strict=True)
    )
    probes = "".join(
        f"""
[[anycast.probe]]
url = "http://{lan(other, 2).v4}:{HTTP_PORT}"
servers = ["{lan(other, 2).v4}:53", "[{lan(other, 2).v6}]:53"]
"""
        for other in others(site)
    )
    return f"""[server]
listen = ["127.0.0.1:5300", "{node.v4}:53", "[{node.v6}]:53"]
workers = {workers}
server_id = "{site.name}"
nsid = "{site.name}"
state_directory = "{directory}/state"

# The probers ask a thousand times a second from one network.
[rate_limit]
per_second = 0

[zones]
directory = "{directory}/zones"

[http]
listen = ["{node.v4}:{HTTP_PORT}"]

[anycast]
enabled = true
vips = ["{VIPS[0]}/32", "{VIPS[1]}/128"]
subnets = ["{SUBNETS[0]}", "{SUBNETS[1]}"]
# The network is small and nobody is harmed: a city comes back soon.
hold_down = "1s"
drain_linger = "1s"

[[anycast.query]]
name = "city.{ZONE}"
type = "TXT"
expect = ['"{site.name}"']

[anycast.bird]
ctl = "{directory}/node.ctl"
state_file = "{directory}/dnsd-state.conf"

[anycast.bgp]
asn = {NODE_AS}
password_file = "{directory}/password"
{neighbors}{probes}"""


def zone(site: Site) -> str:
    """Return the text of the zone that every node serves, with its own city in it."""
    return f"""$TTL 60
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A {VIPS[0]}
ns IN AAAA {VIPS[1]}
city IN TXT "{site.name}"
"""


def router(site: Site, announcers: dict[str, Anycast], passwords: Path) -> str:
    """Return the whole bird.conf of the router of ``site``, which hears these machines."""
    nodes = routerconf.site_of(announcers)
    return f"""{LOG}router id {lan(site, 1).v4};

protocol device {{ }}
protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; merge paths on; }}
protocol kernel {{ ipv6 {{ export where source = RTS_BGP; }}; merge paths on; }}

{routerconf.router_bird(nodes, passwords=passwords)}
{between_cities(site)}"""


def between_cities(site: Site) -> str:
    """Return what the router of ``site`` needs besides its node: sessions with its peers.

    Anycast addresses alone are told, with our AS before the path as often as the peer is far;
    GRACEFUL_SHUTDOWN (RFC 8326) is heeded from peers as well, or two drained cities would each
    prefer the other.
    """
    return "\n".join(_peer(site, peer) for peer in others(site))


def _peer(site: Site, peer: Site) -> str:
    parts = []
    for index, (family, channel, subnet, length) in enumerate(FAMILIES):
        prepend = f"bgp_path.prepend({site.asn}); " * distance(site, peer)
        parts.append(f"""
# {peer.city}
protocol bgp {peer.name}{family} {{
  local {backbone(site, peer)[index]} as {site.asn};
  neighbor {backbone(peer, site)[index]} as {peer.asn};
  hold time 9;
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  {channel} {{
    import filter {{
      if !(net ~ [ {subnet}{{{length},{length}}} ]) then reject;
      if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
      accept;
    }};
    export filter {{
      if source = RTS_BGP && net ~ [ {subnet}{{{length},{length}}} ] then {{ {prepend}accept; }}
      reject;
    }};
  }};
}}
""")
    return "".join(parts)
