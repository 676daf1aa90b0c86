"""gdnsd's resources as members of pools: multifo, weighted, simplefo, static."""

from __future__ import annotations

import ipaddress
import math
from typing import TYPE_CHECKING, NamedTuple

from dnsd.importer.outcome import Outcome, Table, whole

if TYPE_CHECKING:
    from dnsd.importer.gdnsdchecks import Services
    from dnsd.importer.vscf import Value

KNOWN = ("multifo", "weighted", "simplefo", "static")
_FAMILIES = {"addrs_v4": "A", "addrs_v6": "AAAA"}
_PARAMETERS = ("service_types", "up_thresh", "ignore_health", "multi")


class Resource(NamedTuple):
    """What one type of records is answered from; ``policy`` is empty if nothing is checked."""

    rtype: str
    members: tuple[str, ...]
    policy: Table


class Resources:
    """The resources of all plugins, made when a zone asks for them."""

    def __init__(self, outcome: Outcome, plugins: dict[str, Value], services: Services) -> None:
        self._outcome = outcome
        self._plugins = plugins
        self._services = services
        self._made: dict[str, tuple[Resource, ...]] = {}

    def of(self, name: str) -> tuple[Resource, ...] | None:
        """Return the resource ``PLUGIN!NAME``; None if it cannot be had."""
        if name not in self._made:
            plugin, _, resource = name.partition("!")
            above = self._plugins.get(plugin)
            if plugin not in KNOWN or above is None or resource not in above.hash:
                return None
            self._made[name] = self._resource(plugin, above.hash, above.hash[resource])
        return self._made[name]

    def _resource(self, plugin: str, above: dict[str, Value], value: Value) -> tuple[Resource, ...]:
        if plugin == "static":
            text = value.string
            return (Resource(_type_of(value), (_written(text),), {}),)
        outer = {key: above[key] for key in _PARAMETERS if key in above}
        own = value.pairs or {}
        inherited = outer | {key: own[key] for key in _PARAMETERS if key in own}
        families = [(key, own[key]) for key in _FAMILIES if key in own]
        if not families:
            return (self._family(plugin, inherited, value),)
        return tuple(self._family(plugin, inherited, part) for _, part in families)

    def _family(self, plugin: str, inherited: dict[str, Value], value: Value) -> Resource:
        pairs = dict(value.pairs or {})
        given = inherited | {key: pairs.pop(key) for key in _PARAMETERS if key in pairs}
        if value.pairs is None:
            pairs = {str(number): one for number, one in enumerate(value.array, 1)}
        if not pairs:
            raise value.place.fault("this resource has no addresses")
        names = given["service_types"].array if "service_types" in given else ()
        policy = self._services.checks(names)
        make = {"multifo": self._multifo, "weighted": self._weighted, "simplefo": self._simplefo}
        found = make[plugin](value, pairs, given, policy)
        # What has one member is answered with that, whatever its checks say.
        return found if len(found.members) > 1 else found._replace(policy={})

    def _multifo(
        self, value: Value, pairs: dict[str, Value], given: dict[str, Value], policy: Table
    ) -> Resource:
        members = _members(pairs)
        if "ignore_health" in given and given["ignore_health"].is_true:
            self._outcome.lost(value.place, "ignore_health", "all addresses are plain records now")
            return Resource(_type_of(next(iter(pairs.values()))), members, {})
        if len(members) > 1:
            policy["min_up"] = _needed(given, len(members))
        return Resource(_type_of(next(iter(pairs.values()))), members, policy)

    def _simplefo(
        self, value: Value, pairs: dict[str, Value], given: dict[str, Value], policy: Table
    ) -> Resource:
        del given
        if pairs.keys() != {"primary", "secondary"}:
            raise value.place.fault("simplefo needs primary and secondary")
        first, second = _written(pairs["primary"].string), _written(pairs["secondary"].string)
        # With both down both servers answer with the primary.
        policy["tiers"] = [[first], [second]]
        return Resource(_type_of(pairs["primary"]), (first, second), policy)

    def _weighted(
        self, value: Value, pairs: dict[str, Value], given: dict[str, Value], policy: Table
    ) -> Resource:
        if any(one.pairs is not None for one in pairs.values()):
            self._outcome.lost(
                value.place,
                "groups of weighted",
                "all addresses are in one pool now, each with its own weight",
            )
            pairs = {
                f"{group} {key}": inner
                for group, one in pairs.items()
                for key, inner in one.hash.items()
            }
        weights = dict(_weight(one) for one in pairs.values())
        rtype = _type_of(next(iter(pairs.values())).array[0])
        is_multi = "multi" in given and given["multi"].is_true and rtype != "CNAME"
        if is_multi:
            self._outcome.lost(
                value.place, "multi", 'dnsd answers with all that are up; or select = "some:2"'
            )
        else:
            policy |= {"select": "weighted", "weights": weights}
        if len(weights) > 1:
            policy["min_up"] = _needed(given, len(weights))
            if len({*weights.values()}) > 1 and policy["min_up"] > 1:
                self._outcome.lost(
                    value.place,
                    "up_thresh by weight",
                    f"dnsd counts members: {policy['min_up']} of {len(weights)} must be up",
                )
        return Resource(rtype, tuple(weights), policy)


def _needed(given: dict[str, Value], total: int) -> int:
    """Return how many of ``total`` must not be down."""
    if "up_thresh" not in given:
        share = 0.5
    else:
        value = given["up_thresh"]
        try:
            share = float(value.string)
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            raise value.place.fault(f"up_thresh {value.string!r} is not above 0 and at most 1")
    return max(1, math.ceil(share * total))


def _members(pairs: dict[str, Value]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_written(one.string) for one in pairs.values()))


def _weight(value: Value) -> tuple[str, int]:
    items = value.array
    if len(items) != 2:
        raise value.place.fault("this needs [ ADDRESS, WEIGHT ]")
    weight = whole(items[1].place, items[1].string, 1, 1_048_575)
    return _written(items[0].string), min(weight, 1000)


def _written(text: str) -> str:
    """Return a member as dnsd writes it: an address in its usual form, or an absolute name."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return f"{text.removesuffix('.').lower()}."


def _type_of(value: Value) -> str:
    text = _written(value.string)
    if text.endswith("."):
        return "CNAME"
    return "AAAA" if ":" in text else "A"
