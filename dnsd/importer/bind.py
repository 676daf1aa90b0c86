"""From named.conf to dnsd.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.importer import bindsyntax
from dnsd.importer.bindadvice import FETCHED, LOST, MOOT, TYPES, ZONE_LOST
from dnsd.importer.bindlists import EVERYONE, Lists
from dnsd.importer.outcome import Outcome, Table, add, bounded, endpoint, networks, whole

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.importer.bindsyntax import Statement

_OF_ZONES = (
    "allow-transfer",
    "also-notify",
    "notify",
    "allow-notify",
    "directory",
    "transfer-source",
    "transfer-source-v6",
    "notify-source",
    "notify-source-v6",
)
_IN_ZONES = ("type", "file", "primaries", "masters", "allow-update", "update-policy")
_IN_LISTS = ("acl", "primaries", "masters", "remote-servers", "parental-agents", "tls", "key")


def read(path: Path) -> Outcome:
    """Return what the file ``path`` of BIND becomes."""
    found = Outcome()
    reader = _Named(found, bindsyntax.read(path), path)
    reader.server()
    reader.zones()
    return found


class _Named:
    def __init__(self, outcome: Outcome, statements: tuple[Statement, ...], path: Path) -> None:
        self._outcome = outcome
        self._top = self._of_first_view(statements)
        self._options = [one for part in self._top if part.name == "options" for one in part.block]
        self._directory = path.parent.absolute()
        for one in self._options:
            if one.name == "directory":
                self._directory /= one.value
        for one in self._top:
            if one.name == "key":
                parts = [one.last("algorithm"), one.last("secret")]
                if not one.words or not all(parts):
                    raise one.place.fault("a key needs a name, algorithm and secret")
                outcome.key(one.place, one.words[0], *(part.value for part in parts if part))
        self._lists = Lists(outcome, self._top)

    def _of_first_view(self, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """Return the statements, those of the first view among them."""
        views = [one for one in statements if one.name == "view"]
        for number, view in enumerate(views):
            what = f"view {' '.join(view.words[:1])}"
            advice = "dnsd answers everyone alike: run a node for each view"
            if not number:
                advice += "; the zones of this one are taken over"
            self._outcome.lost(view.place, what, advice)
        rest = tuple(one for one in statements if one.name != "view")
        return rest + (views[0].block if views else ())

    def server(self) -> None:
        """Take the options over."""
        for one in self._options:
            self._option(one)
        self._outcome.server.setdefault("listen", ["0.0.0.0:53", "[::]:53"])
        for one in self._top:
            if one.name not in ("options", "zone", *_IN_LISTS):
                self._told(one, one.name)

    def _option(self, one: Statement) -> None:
        place, server = one.place, self._outcome.server
        match one.name:
            case "listen-on" | "listen-on-v6":
                self._listen(one)
            case "server-id" if one.value not in ("none", "hostname"):
                server["server_id"] = one.value
            case "version":
                server["version"] = "" if one.value == "none" else one.value
            case "hostname" if one.value == "none":
                server.setdefault("server_id", "")
            case "tcp-clients":
                server["tcp_connections"] = whole(place, one.value, 1, 1_000_000)
            case "tcp-idle-timeout":
                server["tcp_idle"] = f"{whole(place, one.value, 1, 36_000) * 100}ms"
            case "max-udp-size":
                server["udp_payload"] = int(bounded(whole(place, one.value, 0, 65535), 512, 4096))
            case "rate-limit":
                self._rate_limit(one)
            case "catalog-zones":
                self._catalogs(one)
            case _ if not self._is_elsewhere(one):
                self._told(one, one.name)

    def _is_elsewhere(self, one: Statement) -> bool:
        """Tell whether each zone takes the option over, or it says what dnsd does anyway."""
        if one.name == "allow-query":
            return self._lists.allowed(one) == [{"network": EVERYONE}]
        if one.name in ("recursion", "server-id"):
            return one.value in ("no", "none", "hostname")
        return one.name in _OF_ZONES

    def _told(self, one: Statement, name: str) -> None:
        shown = " ".join((name, *one.words[:3]))
        if name in MOOT:
            self._outcome.moot(one.place, shown, MOOT[name])
        else:
            advice = LOST.get(name, "dnsd has nothing like it (dnsd config reference)")
            self._outcome.lost(one.place, shown, advice)

    def _listen(self, one: Statement) -> None:
        port = one.after("port") or "53"
        if one.after("tls") not in (None, "none") or one.after("http"):
            self._outcome.lost(
                one.place,
                f"{one.name} over TLS",
                "transfers: [transfers] tls_listen; queries: put dnsdist before dnsd",
            )
            return
        entries = self._outcome.server.setdefault("listen", [])
        for item in one.block:
            if item.name == "any":
                found = [f"0.0.0.0:{port}" if one.name == "listen-on" else f"[::]:{port}"]
            elif item.name == "none":
                found = []
            elif item.name in ("localhost", "localnets", "!", ""):
                self._outcome.lost(item.place, f"{one.name} {item.name}", "list the addresses")
                found = []
            else:
                address = networks(item.place, item.name)[0].partition("/")[0]
                found = [endpoint(item.place, address, port)]
            entries += [each for each in found if each not in entries]

    def _rate_limit(self, one: Statement) -> None:
        limits = self._outcome.others.setdefault("rate_limit", {})
        known = {
            "responses-per-second": ("per_second", 0, 10_000),
            "slip": ("slip", 0, 100),
            "ipv4-prefix-length": ("ipv4_prefix", 8, 32),
            "ipv6-prefix-length": ("ipv6_prefix", 16, 64),
        }
        for inner in one.block:
            if inner.name in known:
                key, low, high = known[inner.name]
                limits[key] = int(bounded(whole(inner.place, inner.value, 0, 1 << 31), low, high))
            elif inner.name == "exempt-clients":
                found = [
                    net for entry in self._lists.allowed(inner) for net in entry.get("network", [])
                ]
                limits["exempt"] = list(dict.fromkeys(found))
            else:
                self._outcome.lost(
                    inner.place, f"rate-limit {inner.name}", "dnsd has one limit for all answers"
                )

    def _catalogs(self, one: Statement) -> None:
        for inner in one.block:
            if inner.name != "zone" or not inner.words:
                continue
            is_given = {"default-primaries", "default-masters"} & {*inner.words}
            listed = self._outcome.others.setdefault("template", [])
            name = inner.words[0].removesuffix(".")
            template: Table = {"name": name}
            if is_given:
                template["primaries"] = self._lists.servers(inner, {})
            if not template.get("primaries"):
                self._outcome.lost(inner.place, f"catalog {name}", "give it default-primaries")
                continue
            listed.append(template)

    def zones(self) -> None:
        """Take the zones over."""
        templates = {one["name"]: one for one in self._outcome.others.get("template", [])}
        for one in self._top:
            if one.name != "zone":
                continue
            if not one.words:
                raise one.place.fault("the zone needs a name")
            self._zone(one)
            origin = one.words[0].removesuffix(".")
            if origin in templates and f"{origin.lower()}." in self._outcome.zones:
                zone = self._outcome.zones.pop(f"{origin.lower()}.")
                kept = {key: zone[key] for key in ("name", "primaries") if key in zone}
                add(self._outcome.others, "catalog", {**kept, "template": origin})

    def _zone(self, one: Statement) -> None:
        name = one.words[0]
        kind = one.last("type")
        if kind is None:
            raise one.place.fault(f"the zone {name} needs a type")
        what = kind.value
        if what not in ("primary", "master", "secondary", "slave"):
            told = self._outcome.moot if what == "hint" else self._outcome.lost
            told(
                one.place, f"zone {name} of type {what}", TYPES.get(what, "dnsd has no such zones")
            )
            return
        zone = self._outcome.zone(one.place, name)
        if what in ("secondary", "slave"):
            self._fetched(one, zone)
        else:
            self._primary(one, zone)
        if zone["name"] in self._outcome.zones:
            self._given(one, zone, what)

    def _said(self, zone: Statement, *names: str) -> Statement | None:
        """Return what the zone says, else what the options say."""
        if found := zone.last(*names):
            return found
        return next((one for one in self._options[::-1] if one.name in names), None)

    def _sources(self, zone: Statement, name: str) -> dict[bool, str]:
        found = {}
        for key, is_v6 in ((name, False), (f"{name}-v6", True)):
            if (said := self._said(zone, key)) and said.words and said.words[0] != "*":
                found[is_v6] = said.words[0]
        return found

    def _fetched(self, one: Statement, zone: Table) -> None:
        primaries = one.last("primaries", "masters")
        if primaries is None:
            raise one.place.fault(f"the zone {one.words[0]} has no primaries")
        found = self._lists.servers(primaries, self._sources(one, "transfer-source"))
        if not found:
            del self._outcome.zones[zone["name"]]
            self._outcome.lost(one.place, f"zone {one.words[0]}", FETCHED)
            return
        zone["primaries"] = list({str(entry): entry for entry in found}.values())
        if allowed := self._said(one, "allow-notify"):
            for entry in self._lists.allowed(allowed):
                add(zone, "allow_notify", entry)

    def _primary(self, one: Statement, zone: Table) -> None:
        file = one.last("file")
        if file is None:
            raise one.place.fault(f"the zone {one.words[0]} has no file")
        zone["file"] = str(self._directory / file.value)
        for inner in one.block:
            if inner.name == "allow-update":
                self._updates(inner, zone)
            elif inner.name == "update-policy":
                self._granted(inner, zone)

    def _updates(self, one: Statement, zone: Table) -> None:
        for entry in self._lists.allowed(one):
            if "key" in entry:
                add(zone, "update", {"key": entry["key"], "below": ["@"]})
                self._outcome.lost(
                    one.place,
                    "updates so far",
                    "write BIND's journal into the zone file first: rndc sync -clean",
                )
            else:
                self._outcome.lost(
                    one.place, "updates without a key", "dnsd takes only signed ones"
                )

    def _granted(self, one: Statement, zone: Table) -> None:
        if not one.block:
            advice = "dnsd takes only updates with a key: write update = [{ key, names, below }]"
            self._outcome.lost(one.place, " ".join((one.name, *one.words)), advice)
        for rule in one.block:
            words = [rule.name, *rule.words]
            scope = {"name": "names", "subdomain": "below", "zonesub": "below"}
            kind = words[2] if len(words) > 2 else ""
            if words[0] != "grant" or kind not in scope:
                self._outcome.lost(
                    rule.place, " ".join(words), "write update = [{ key, names, below, types }]"
                )
                continue
            rest = words[3:]
            name = "@"
            if kind != "zonesub" and rest:
                name = f"{rest.pop(0).removesuffix('.')}."
            if kind != "zonesub" and rest and rest[0] in scope:
                rest.pop(0)
            entry = {scope[kind]: [name], **({"types": rest} if rest and rest != ["ANY"] else {})}
            add(zone, "update", self._outcome.with_key(rule.place, entry, words[1]))

    def _given(self, one: Statement, zone: Table, what: str) -> None:
        """Take over who is notified of the zone, who may fetch it, and what else it says."""
        transfer = self._said(one, "allow-transfer")
        if transfer is None:
            self._outcome.lost(
                one.place,
                f"zone {one.words[0]} without allow-transfer",
                "BIND gave it to everyone; dnsd gives it to nobody: list clients in allow_transfer",
            )
        else:
            for entry in self._lists.allowed(transfer):
                add(zone, "allow_transfer", entry)
        notify = self._said(one, "notify")
        word = notify.value if notify else ("yes" if what in ("primary", "master") else "explicit")
        if word != "no":
            zone["notify_ns"] = word in ("yes", "true", "primary-only", "master-only")
            if also := self._said(one, "also-notify"):
                for entry in self._lists.servers(also, self._sources(one, "notify-source")):
                    if entry.pop("tls", None):
                        self._outcome.lost(also.place, "NOTIFY over TLS", "dnsd sends it over UDP")
                    entry.pop("tls_name", None)
                    entry.pop("tls_ca", None)
                    add(zone, "notify", entry)
        for inner in one.block:
            is_default = inner.words in (("no",), ("none",), ("text",))
            if inner.name in ZONE_LOST and not is_default:
                shown = " ".join((inner.name, *inner.words[:2]))
                self._outcome.lost(inner.place, shown, ZONE_LOST[inner.name])
            elif inner.name not in (*_OF_ZONES, *_IN_ZONES, *ZONE_LOST):
                self._told(inner, inner.name)
