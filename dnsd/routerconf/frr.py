"""The part of a site router's frr.conf that is about its nodes; the guards are BIRD's.

FRR reads its configuration from one file and has no include, so a password cannot be kept
in another one: the text says where to type it in. FRR takes a session with TTL security
for a multihop one and speaks BFD accordingly, which BIRD's session on a link does not answer:
one of them has to go, and a cut must be found by BFD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.errors import ConfigError
from dnsd.routerconf.families import IPV4
from dnsd.routerconf.timers import (
    CONNECT_RETRY_S,
    bfd_interval_ms,
    hold_time_s,
    keepalive_time_s,
)

if TYPE_CHECKING:
    from dnsd.routerconf.site import RouterSession, RouterSite

_DRAINED = "dnsd-drained"
_NOTHING = "dnsd-nothing"
_RESTART_MIN = 1


def router_frr(site: RouterSite) -> str:
    """Return the part of the router's configuration that is about its nodes."""
    if faults := [_too_secure(session) for session in site.sessions if session.ttl_security]:
        raise ConfigError(faults)
    lines = [*_head(site), *_shared()]
    for session in site.sessions:
        lines += [*_guards(session), "!"]
    lines += [f"router bgp {site.asn}"]
    for session in site.sessions:
        lines += [f" {line}" for line in _neighbor(session)]
    for session in site.sessions:
        lines += [f" {line}" for line in _address_family(session)]
    return "\n".join([*lines, "exit", ""])


def _too_secure(session: RouterSession) -> str:
    return (
        f"{session.name}: FRR cannot have TTL security together with BFD: set "
        f"ttl_security = false at this neighbor of {session.node}"
    )


def _head(site: RouterSite) -> list[str]:
    return [
        '! FRR on the router of a site, written by "dnsd bird-config router --frr". It goes into',
        "! frr.conf, in place of what was written before; frr-reload (systemctl reload frr) adds",
        "! what is new and removes what is gone. The daemons bgpd and bfdd must be on.",
        "!",
        "! To spread the queries over all nodes with the same VIP, the router itself needs",
        "! net.ipv4.fib_multipath_hash_policy = 1, net.ipv6.fib_multipath_hash_policy = 1, and",
        f"! in router bgp {site.asn}:",
        "!   bgp bestpath as-path multipath-relax",
        "!   address-family ipv4 unicast / maximum-paths 16 (and the same for ipv6)",
        "!",
    ]


def _shared() -> list[str]:
    return [
        f"bgp community-list standard {_DRAINED} seq 5 permit graceful-shutdown",
        f"route-map {_NOTHING} deny 10",
        "exit",
        "!",
    ]


def _guards(session: RouterSession) -> list[str]:
    """Return what lets in exactly the node's VIPs, straight from the node."""
    name = _name(session)
    ip = _ip(session)
    accepted = [
        f" match {ip} address prefix-list {name}",
        f" match as-path {name}",
        f" match {ip} next-hop address {session.address}",
    ]
    cleaned = [" set extcommunity none", " set large-community none", " set metric 0"]
    return [
        "bfd",
        f" profile {name}",
        f"  detect-multiplier {session.bgp.bfd_multiplier}",
        f"  receive-interval {bfd_interval_ms(session.bgp)}",
        f"  transmit-interval {bfd_interval_ms(session.bgp)}",
        " exit",
        "exit",
        *_prefix_lists(session),
        f"bgp as-path access-list {name} seq 5 permit ^{session.bgp.asn}$",
        f"route-map {name} deny 10",
        f" match {ip} address prefix-list {name}-outside",
        "exit",
        "! A drained node: every other one is preferred (RFC 8326).",
        f"route-map {name} permit 20",
        *accepted,
        f" match community {_DRAINED}",
        " set community graceful-shutdown",
        *cleaned,
        " set local-preference 0",
        "exit",
        f"route-map {name} permit 30",
        *accepted,
        " set community none",
        *cleaned,
        "exit",
    ]


def _prefix_lists(session: RouterSession) -> list[str]:
    """Return the list of the VIPs, and that of everything outside the subnets."""
    bits = session.family.bits
    name, ip = f"{_ip(session)} prefix-list {_name(session)}", _any(session)
    vips = [
        f"{name} seq {5 * number} permit {vip}/{bits}" for number, vip in enumerate(session.vips, 1)
    ]
    subnets = [
        f"{name}-outside seq {5 * number} deny {subnet}{_only_hosts(subnet, bits)}"
        for number, subnet in enumerate(session.subnets, 1)
    ]
    rest = f"{name}-outside seq {5 * len(subnets) + 5} permit {ip} le {bits}"
    return [*(vips or [f"{name} seq 5 deny {ip} le {bits}"]), *subnets, rest]


def _only_hosts(subnet: str, bits: int) -> str:
    """Return the condition for single addresses; FRR refuses one that is always true."""
    return "" if subnet.endswith(f"/{bits}") else f" ge {bits}"


def _neighbor(session: RouterSession) -> list[str]:
    peer = f"neighbor {session.address}"
    lines = [
        f"{peer} remote-as {session.bgp.asn}",
        f"{peer} description dnsd on {session.node}",
        f"{peer} update-source {session.local}",
        f"{peer} enforce-first-as",
        f"{peer} timers {keepalive_time_s(session.bgp)} {hold_time_s(session.bgp)}",
        f"{peer} timers connect {CONNECT_RETRY_S}",
        f"{peer} graceful-restart-disable",
        f"{peer} bfd",
        f"{peer} bfd profile {_name(session)}",
    ]
    if session.protected:
        lines.append(f'! The password of {session.node}, in vtysh: "{peer} password ...".')
    return lines


def _address_family(session: RouterSession) -> list[str]:
    peer = f"neighbor {session.address}"
    inner = [
        f"{peer} activate",
        f"{peer} soft-reconfiguration inbound",
        f"{peer} route-map {_name(session)} in",
        f"{peer} route-map {_NOTHING} out",
        f"{peer} maximum-prefix {session.offered} restart {_RESTART_MIN} force",
    ]
    lines = [f"address-family {session.family.channel} unicast", *(f" {line}" for line in inner)]
    lines.append("exit-address-family")
    if session.family != IPV4:
        # FRR would offer IPv4 routes in every session.
        lines[:0] = [
            "address-family ipv4 unicast",
            f" no {peer} activate",
            "exit-address-family",
        ]
    return lines


def _name(session: RouterSession) -> str:
    return f"dnsd-{session.name}"


def _ip(session: RouterSession) -> str:
    return "ip" if session.family == IPV4 else "ipv6"


def _any(session: RouterSession) -> str:
    return "0.0.0.0/0" if session.family == IPV4 else "::/0"
