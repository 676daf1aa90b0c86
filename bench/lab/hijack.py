"""A node that announces what is not its own, and whether anybody believes it.

by_mistake(lab)   the routes come to the node's BIRD, which has its guards
on_purpose(lab)   the node's BIRD has no guards any more: only the router's are left
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple

from bench.lab import faults, files, namespaces
from bench.lab.errors import LabError
from bench.lab.events import VICTIM
from bench.lab.topology import BY_NAME

if TYPE_CHECKING:
    from bench.lab.cities import City
    from bench.lab.lab import Lab

PATIENCE_S = 5.0
INTERFACE = "anycast0"


class Claim(NamedTuple):
    """Addresses that are not the node's, of both families."""

    what: str
    prefixes: tuple[str, str]


CLAIMS = (
    Claim("an address outside the subnets", ("198.51.100.7/32", "2001:db8:bad::7/128")),
    Claim("a whole subnet", ("192.0.2.0/24", "2001:db8:53::/48")),
    Claim("half a subnet", ("192.0.2.0/25", "2001:db8:53::/49")),
    Claim("another node's VIP", ("192.0.2.99/32", "2001:db8:53::99/128")),
    Claim("a default route", ("0.0.0.0/0", "::/0")),
)


class Finding(NamedTuple):
    """How far a prefix has come: known to the node, offered to the router, believed by ``by``."""

    what: str
    prefix: str
    known: bool
    offered: bool
    by: tuple[str, ...]


def by_mistake(lab: Lab) -> list[Finding]:
    """Bring the routes into the node's BIRD, which stays as dnsd wants it.

    Those that can be on an interface come on the one that carries the VIPs: they pass for VIPs
    in all but their prefix. Control would take them away again within milliseconds, so it is
    stopped meanwhile: the guards of BIRD and of the router stand alone.
    """
    city = lab[VICTIM]
    on_interface = [claim for claim in CLAIMS if not claim.prefixes[0].endswith("/0")]
    own = (city.directory / "node.conf").read_text()
    lines = [
        f"address add {_host(prefix)} dev {INTERFACE}"
        for claim in on_interface
        for prefix in claim.prefixes
    ]
    faults.hang_control(lab)
    try:
        _configure(city, own + _static([claim for claim in CLAIMS if claim not in on_interface]))
        namespaces.batch(lines, city.namespace("node"))
        return _findings(lab)
    finally:
        faults.wake_control(lab)
        _configure(city, own)


def on_purpose(lab: Lab) -> list[Finding]:
    """Have the node's BIRD announce everything: no filter, no limit."""
    city = lab[VICTIM]
    own = (city.directory / "node.conf").read_text()
    bare, count = re.subn(r"export filter \w+;\s*export limit [^;]*;", "export all;", own)
    if count != len(files.SESSIONS):
        raise LabError("the node's bird.conf has other guards than the lab knows")
    try:
        _configure(city, bare + _static(CLAIMS))
        return _findings(lab)
    finally:
        _configure(city, own)


def _host(prefix: str) -> str:
    """Return an address with which an interface has the route ``prefix``: others for others."""
    network, _, length = prefix.partition("/")
    if ":" in network:
        return f"{network}{length if network.endswith('::') else ''}/{length} nodad"
    return f"{network[:-1]}{length}/{length}" if network.endswith(".0") else prefix


def _static(claims: tuple[Claim, ...] | list[Claim]) -> str:
    parts = []
    for index, (family, channel, _, _) in enumerate(files.FAMILIES):
        routes = "".join(f"  route {claim.prefixes[index]} blackhole;\n" for claim in claims)
        parts.append(f"protocol static claim{family} {{\n  {channel};\n{routes}}}\n")
    return "\n" + "".join(parts)


def _configure(city: City, text: str) -> None:
    (city.directory / "node.conf").write_text(text)
    said = city.birdc("node", "configure")
    if "econfigur" not in said:
        raise LabError(f"BIRD does not take the configuration: {said.strip()}")


def _findings(lab: Lab) -> list[Finding]:
    """Wait until the node knows all the routes, and for what follows from that; then look."""
    city = lab[VICTIM]
    wanted = {prefix for claim in CLAIMS for prefix in claim.prefixes}
    until = time.monotonic() + PATIENCE_S
    known: set[str] = set()
    while wanted - known and time.monotonic() < until:
        known |= prefixes(city.birdc("node", "show", "route"))
    time.sleep(0.2)
    offered = {
        prefix
        for name in files.SESSIONS
        for prefix in (
            prefixes(city.birdc("node", "show", "route", "export", name))
            | prefixes(city.birdc("router", "show", "route", "filtered", "protocol", _at(name)))
        )
    }
    believed = {name: _believed(other) for name, other in lab.cities.items()}
    return [
        Finding(
            claim.what,
            prefix,
            prefix in known,
            prefix in offered,
            tuple(BY_NAME[name].city for name, held in believed.items() if prefix in held),
        )
        for claim in CLAIMS
        for prefix in claim.prefixes
    ]


def _believed(city: City) -> set[str]:
    """Return all routes of a router: BIRD's and the kernel's, where it has no default route."""
    found = prefixes(city.birdc("router", "show", "route"))
    for option, default, bits in (("-4", "0.0.0.0/0", 32), ("-6", "::/0", 128)):
        listed = namespaces.run(city.namespace("router"), "ip", option, "route").stdout
        for first in (line.split()[0] for line in listed.splitlines()):
            network = default if first == "default" else first
            found.add(network if "/" in network else f"{network}/{bits}")
    return found


def _at(session: str) -> str:
    return f"{VICTIM}_{session}"


def prefixes(text: str) -> set[str]:
    """Return the prefixes in what BIRD answers to ``show route``."""
    return {line.split()[0] for line in text.splitlines() if re.match(r"[0-9a-f.:]+/\d+\s", line)}
