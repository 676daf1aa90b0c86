"""The anycast plane as metrics: whether the VIPs are announced, and what is in the way.

Reads what ``dnsd anycast`` shows, so both say the same. A node without anycast has no samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dnsd.announce.announcer import RouteState
from dnsd.announce.health import Level
from dnsd.metrics.prometheus import MetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Said = Mapping[str, Any]
    Value = Callable[[Said], float]

_OF_NODE: dict[str, tuple[str, Value]] = {
    "dnsd_route_changed_timestamp_seconds": (
        "Since when the node is in that state (POSIX seconds).",
        lambda node: round(node["since"], 3),
    ),
    "dnsd_route_as_ordered": (
        "Whether the route is as the operator has ordered: without an order, announced.",
        lambda node: node["as_ordered"],
    ),
    "dnsd_route_problems": (
        "What keeps the route from being as dnsd wants it; dnsd anycast names it.",
        lambda node: len(node["problems"]),
    ),
    "dnsd_route_held_down_seconds": (
        "How long the node stays off the route because it has changed so often.",
        lambda node: node["held_down"],
    ),
    "dnsd_bird_up": ("Whether BIRD answers.", lambda node: node["bird"]["error"] is None),
}

_OF_VIP: dict[str, tuple[str, Value]] = {
    "dnsd_vip_wanted": (
        "Whether dnsd wants a VIP announced.",
        lambda vip: vip["wanted"] == "announced",
    ),
    "dnsd_vip_address": (
        "Whether a VIP is an address of this machine.",
        lambda vip: vip["address"],
    ),
    "dnsd_vip_carrier": (
        "Whether the interface of a VIP has its carrier.",
        lambda vip: vip["carrier"],
    ),
    "dnsd_vip_in_bird": (
        "Whether BIRD's protocol that has the route of a VIP is up.",
        lambda vip: vip["in_bird"] == "up",
    ),
    "dnsd_vip_exports": (
        "Routers that BIRD exports the route of a VIP to.",
        lambda vip: len(vip["exported_to"]),
    ),
    "dnsd_vip_drained_exports": (
        "Those of these routers that are told to prefer other nodes.",
        lambda vip: len(vip["drained_to"]),
    ),
}


def families(found: Said | None) -> Iterator[MetricFamily]:
    """Yield the metrics of ``found``, the report of the plane."""
    nodes = [] if found is None else [found]
    yield MetricFamily(
        "dnsd_route_state",
        "gauge",
        "What the node does with its VIPs; 1 for the state that it is in.",
        [({"state": one}, float(node["state"] == one)) for node in nodes for one in RouteState],
    )
    for name, (text, value) in _OF_NODE.items():
        yield MetricFamily(name, "gauge", text, [({}, float(value(node))) for node in nodes])
    vips = [vip for node in nodes for vip in node["vips"]]
    for name, (text, value) in _OF_VIP.items():
        samples = [({"vip": vip["vip"]}, float(value(vip))) for vip in vips]
        yield MetricFamily(name, "gauge", text, samples)
    yield from _why(nodes)
    yield from _sessions([one for node in nodes for one in node["bird"]["sessions"]])


def _why(nodes: list[Said]) -> Iterator[MetricFamily]:
    """Yield what the state of a node follows from; ``dnsd anycast`` has it as sentences."""
    yield MetricFamily(
        "dnsd_node_health",
        "gauge",
        "What the node's checks of itself come to; 1 for the level that it has.",
        [
            ({"level": level.name.lower()}, float(node["health"] == level.name.lower()))
            for node in nodes
            for level in Level
        ],
    )
    yield MetricFamily(
        "dnsd_route_ordered",
        "gauge",
        "Whether an operator has ordered to drain the node, or to withdraw its route.",
        [
            ({"order": name}, float(order is not None))
            for node in nodes
            for name, order in node["orders"].items()
        ],
    )


def _sessions(sessions: list[Said]) -> Iterator[MetricFamily]:
    labelled = [
        ({"session": one["name"], "router": one["neighbor"] or ""}, one) for one in sessions
    ]
    yield MetricFamily(
        "dnsd_bird_session_established",
        "gauge",
        "Whether a BGP session of BIRD's is established.",
        [(labels, float(one["established"])) for labels, one in labelled],
    )
    yield MetricFamily(
        "dnsd_bird_session_bfd_up",
        "gauge",
        "Whether BFD sees the router of a BGP session; without BFD there is no sample.",
        [(labels, float(one["bfd"].lower() == "up")) for labels, one in labelled if one["bfd"]],
    )
