"""What a site router's bird.conf includes: a session to each node, with its guards.

The router believes no node: it takes exactly the VIPs that this node's configuration names,
and these only inside the anycast subnets and straight from the node.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.routerconf.bird import (
    GRACEFUL_SHUTDOWN,
    Dialect,
    Security,
    exact_set,
    indented,
    inside,
    session_options,
)
from dnsd.routerconf.families import IPV4

if TYPE_CHECKING:
    from dnsd.routerconf.site import RouterSession, RouterSite

PASSWORDS = Path("/etc/bird/dnsd-passwords.conf")
"""Where the router has its nodes' passwords, unless told otherwise."""


def router_bird(
    site: RouterSite, dialect: Dialect = Dialect.BIRD2, passwords: Path = PASSWORDS
) -> str:
    """Return the part of the router's configuration that is about its nodes."""
    parts = [_head(site, dialect), _passwords(site, passwords)]
    for session in site.sessions:
        parts += [_filter(session), _session(session, site.asn, dialect)]
    return "\n".join(part for part in parts if part)


def _head(site: RouterSite, dialect: Dialect) -> str:
    own = next((one.local for one in site.sessions if one.family == IPV4), "198.51.100.1")
    return f"""\
# BIRD {dialect} on the router of a site, written by "dnsd bird-config router": include it in
# bird.conf, and write it again when a node's configuration changes.
#
# The rest of bird.conf is the router's own. It needs at least this, where "merge paths" spreads
# the queries over all nodes with the same VIP (with net.ipv4.fib_multipath_hash_policy = 1 and
# net.ipv6.fib_multipath_hash_policy = 1, so that a client stays with its node):
#
#   router id {own};
#   protocol device {{ }}
#   protocol direct {{ ipv4; ipv6; }}
#   protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; merge paths on; }}
#   protocol kernel {{ ipv6 {{ export where source = RTS_BGP; }}; merge paths on; }}

# Leave it out where bird.conf has one already.
protocol bfd dnsd_bfd {{
    accept direct;
}}
"""


def _passwords(site: RouterSite, passwords: Path) -> str:
    protected = [one.node for one in site.sessions if one.protected]
    if not protected:
        return ""
    lines = "\n".join(f'#   define {_password(node)} = "...";' for node in dict.fromkeys(protected))
    return f"""\
# In a file that only BIRD can read, what each node has as DNSD_PASSWORD:
{lines}
include "{passwords}";
"""


def _filter(session: RouterSession) -> str:
    if not session.vips:
        return ""
    bits, asn = session.family.bits, session.bgp.asn
    return f"""\
{exact_set(_vips(session), session.vips, bits)}

filter {_import(session)} {{
    if net !~ {_vips(session)} || net !~ {inside(session.subnets, bits)}
        || bgp_path.len != 1 || bgp_path.first != {asn} || bgp_path.last != {asn}
        || bgp_next_hop != {session.address}
    then {{
        print "dnsd: refused ", net, " from {session.node}, ", bgp_path, ", next hop ",
            bgp_next_hop;
        reject;
    }}
    # A node says nothing about its routes but that they are to be avoided (RFC 8326).
    unset(bgp_med);
    unset(bgp_ext_community);
    unset(bgp_large_community);
    if {GRACEFUL_SHUTDOWN} ~ bgp_community then {{
        bgp_community = filter(bgp_community, [{GRACEFUL_SHUTDOWN}]);
        bgp_local_pref = 0;
    }}
    else unset(bgp_community);
    accept;
}}
"""


def _session(session: RouterSession, asn: int, dialect: Dialect) -> str:
    imported = "import none;"
    if session.vips:
        # "action block" would let routes that are refused keep out the ones that are not.
        imported = (
            "import keep filtered on;\n"
            f"import filter {_import(session)};\n"
            f"import limit {len(session.vips)} action restart;\n"
            f"receive limit {session.offered} action restart;"
        )
    password = _password(session.node) if session.protected else None
    options = session_options(session.bgp, Security(password, session.ttl_security), dialect)
    return f"""\
protocol bgp {session.name} {{
    description "dnsd on {session.node}";
    local {session.local} as {asn};
    neighbor {session.address} as {session.bgp.asn};
    enforce first as on;
{indented(options)}
    {session.family.channel} {{
{indented(imported, 2)}
        export none;
    }};
}}
"""


def _password(node: str) -> str:
    return f"DNSD_PASSWORD_{node}"


def _vips(session: RouterSession) -> str:
    return f"VIPS_{session.name}"


def _import(session: RouterSession) -> str:
    return f"from_{session.name}"
