"""The bird.conf of a node: it exports one route for each VIP, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import ConfigError
from dnsd.routerconf.bird import (
    GRACEFUL_SHUTDOWN,
    Dialect,
    Security,
    exact_set,
    indented,
    session_options,
)
from dnsd.routerconf.families import FAMILIES, Family, family_of, is_link_local, of_family

if TYPE_CHECKING:
    from dnsd.config.anycast import Anycast, Bgp, Neighbor


def node_bird(config: Anycast, dialect: Dialect = Dialect.BIRD2) -> str:
    """Return the whole configuration of the node's BIRD."""
    if problems := faults(config):
        raise ConfigError(problems)
    bgp = config.bgp
    assert bgp is not None
    families = [family for family in FAMILIES if of_family(family, config.vips)]
    parts = [
        _head(config, bgp, dialect),
        *(_export(family, config) for family in families),
        *(_session(neighbor, config, dialect) for neighbor in config.neighbor),
    ]
    return "\n".join(parts)


def faults(config: Anycast) -> tuple[str, ...]:
    """Return what prevents the node from announcing its VIPs, a sentence for each."""
    found = []
    if not config.vips:
        found.append("[anycast] vips: there is no address to announce")
    if config.bgp is None:
        found.append("[anycast.bgp]: is missing: it says which AS number the node has")
    elif router_id(config) is None:
        found.append(
            "[anycast.bgp] router_id: is needed where no neighbor is reached from an IPv4 address"
        )
    if not config.neighbor:
        found.append("[[anycast.neighbor]]: is missing: no router is told about the VIPs")
    else:
        found += _unheard(config)
    names = [config.bird.protocol]
    for neighbor in config.neighbor:
        found += _faults_of(neighbor, config.bgp, names)
        names.append(neighbor.name)
    return tuple(found)


def router_id(config: Anycast) -> str | None:
    """Return the node's router ID, if it is given or can be chosen."""
    if config.bgp is not None and config.bgp.router_id is not None:
        return config.bgp.router_id
    return next((one.local for one in config.neighbor if ":" not in one.local), None)


def _unheard(config: Anycast) -> list[str]:
    """Return a sentence for each VIP that no session carries."""
    carried = {family_of(neighbor.address) for neighbor in config.neighbor}
    return [
        f"[anycast] vips: {vip} is not announced: no neighbor speaks IPv{family_of(vip).version}"
        for vip in config.vips
        if family_of(vip) not in carried
    ]


def _faults_of(neighbor: Neighbor, bgp: Bgp | None, names: list[str]) -> list[str]:
    found = []
    where = f"[[anycast.neighbor]] {neighbor.name}"
    if neighbor.name in names:
        found.append(f"{where}: BIRD has a protocol of that name already; names differ")
    if bgp is not None and neighbor.asn == bgp.asn:
        found.append(
            f"{where}: asn {neighbor.asn} is the node's own; the node needs one of its own, "
            "which may be a private one, so that the router can tell whose route it is"
        )
    if is_link_local(neighbor.address) or is_link_local(neighbor.local):
        found.append(f"{where}: both addresses must be global ones, not link-local")
    return found


def _head(config: Anycast, bgp: Bgp, dialect: Dialect) -> str:
    password = ""
    if bgp.password_file is not None:
        password = (
            '\n# define DNSD_PASSWORD = "..."; in a file that only BIRD can read.\n'
            f'include "{bgp.password_file}";\n'
        )
    return f"""\
# BIRD {dialect} on an anycast node, written by "dnsd bird-config node": change dnsd's
# configuration and write it again. The node announces its VIPs and takes no routes.

log syslog all;
router id {router_id(config)};

# dnsd writes it: define DNSD_DRAIN = true; or false;
include "{config.bird.state_file}";
{password}
protocol device {{
}}

# dnsd makes this interface and holds its carrier: it is up exactly while the node answers well,
# and it ends with dnsd, whatever ends dnsd.
protocol direct {config.bird.protocol} {{
    ipv4;
    ipv6;
    interface "{config.interface}";
    check link yes;
}}

protocol bfd {{
    accept direct;
}}
"""


def _export(family: Family, config: Anycast) -> str:
    vips = of_family(family, config.vips)
    return f"""\
{exact_set(_vips(family), vips, family.bits)}

# Nothing but the VIPs ever leaves, whatever else this BIRD learns.
filter {_filter(family)} {{
    if proto != "{config.bird.protocol}" then reject;
    if net !~ {_vips(family)} then reject;
    if DNSD_DRAIN then bgp_community.add({GRACEFUL_SHUTDOWN});
    accept;
}}
"""


def _session(neighbor: Neighbor, config: Anycast, dialect: Dialect) -> str:
    bgp = config.bgp
    assert bgp is not None
    family = family_of(neighbor.address)
    vips = of_family(family, config.vips)
    exported = (
        f"export filter {_filter(family)};\nexport limit {len(vips)} action block;"
        if vips
        else "export none;"
    )
    password = "DNSD_PASSWORD" if bgp.password_file is not None else None
    security = Security(password, neighbor.ttl_security)
    return f"""\
protocol bgp {neighbor.name} {{
    local {neighbor.local} as {bgp.asn};
    neighbor {neighbor.address} as {neighbor.asn};
{indented(session_options(bgp, security, dialect))}
    {family.channel} {{
        import none;
{indented(exported, 2)}
    }};
}}
"""


def _vips(family: Family) -> str:
    return f"DNSD_VIPS{family.version}"


def _filter(family: Family) -> str:
    return f"dnsd_export{family.version}"
