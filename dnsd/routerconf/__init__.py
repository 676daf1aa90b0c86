"""Configurations of routing daemons, as text: for the node's BIRD and for the site's router.

    faults(anycast)                  what keeps a node from having one, a sentence each
    node_bird(anycast, dialect)      the whole bird.conf of a node
    site_of({name: anycast, ...})    what its nodes' configurations say about a router
    router_bird(site, dialect)       what the router's bird.conf includes
    router_frr(site)                 the same for FRR

Both ends let through exactly a node's VIPs, so that neither a mistake nor a broken node can
take anybody else's traffic. All of them raise ConfigError with a sentence for each fault. Knows
no files: a password is named by the file it lies in, and never read.
"""

from __future__ import annotations

from dnsd.routerconf.bird import Dialect
from dnsd.routerconf.frr import router_frr
from dnsd.routerconf.node import faults, node_bird
from dnsd.routerconf.router import PASSWORDS, router_bird
from dnsd.routerconf.site import RouterSession, RouterSite, site_of

__all__ = [
    "PASSWORDS",
    "Dialect",
    "RouterSession",
    "RouterSite",
    "faults",
    "node_bird",
    "router_bird",
    "router_frr",
    "site_of",
]
