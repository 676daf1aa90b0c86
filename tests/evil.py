"""A director with routes that are not its own, by mistake or on purpose, and who stops them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.lab.hijack import prefixes
from tests.support import until

if TYPE_CHECKING:
    from tests.director import DirectorSite

EVIL = {
    # outside, a whole subnet, half of one, a VIP that is another's
    "4": ["198.51.100.77/32", "192.0.2.0/24", "192.0.2.0/25", "192.0.2.99/32"],
    "6": ["2001:db8:bad::7/128", "2001:db8:53::/48", "2001:db8:53::/49", "2001:db8:53::99/128"],
}
DEFAULTS = {"4": "0.0.0.0/0", "6": "::/0"}
CLAIMED = {prefix for family in EVIL.values() for prefix in family}
ALL = {*CLAIMED, *DEFAULTS.values()}


def by_mistake(site: DirectorSite) -> set[str]:
    """Have the first director know the routes as it knows VIPs; return what it offers its router.

    Its BIRD has the guards that dnsd writes for it.
    """
    director = site.directors[0]
    known: set[str] = set()
    offered: set[str] = set()

    def is_known() -> bool:
        # Again and again, as dnsd takes them away.
        director.space.ip(*(f"addr replace {_address(one)} dev vip-web" for one in sorted(CLAIMED)))
        for session in ("rtr4", "rtr6"):
            offered.update(prefixes(director.birdc("show", "route", "export", session)))
        known.update(prefixes(director.birdc("show", "route")))
        return known >= CLAIMED

    until(is_known, "the director's BIRD knows the routes")
    is_known()  # it has had the time to offer them
    return offered


def on_purpose(site: DirectorSite) -> set[str]:
    """Have the first director announce all of it, without guards; return what its router takes."""
    director = site.directors[0]
    file = director.directory / "bird.conf"
    guard = r"export filter \w+;\s*export limit [^;]*;"
    bare, count = re.subn(guard, "export all;", file.read_text())
    assert count == 2
    file.write_text(bare + "".join(_static(family) for family in EVIL))
    assert "Reconfigur" in director.birdc("configure")
    until(lambda: prefixes(site.birdc("show", "route", "filtered")) >= ALL, "all are offered")
    return ALL & prefixes(site.birdc("show", "route"))


def _address(prefix: str) -> str:
    """Return an address that makes an interface have the route ``prefix``."""
    network, _, length = prefix.partition("/")
    host = {"24": "192.0.2.24", "25": "192.0.2.25", "48": f"{network}48", "49": f"{network}49"}
    return f"{host.get(length, network)}/{length}" + (" nodad" if ":" in prefix else "")


def _static(family: str) -> str:
    routes = "".join(f"route {one} blackhole; " for one in [*EVIL[family], DEFAULTS[family]])
    return f"\nprotocol static evil{family} {{ ipv{family}; {routes}}}\n"
