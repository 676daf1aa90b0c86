"""From knot.conf to dnsd.toml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.importer import knotsyntax
from dnsd.importer.knotadvice import FETCHED, LOST, MOOT, SECTIONS, SIGNED
from dnsd.importer.outcome import Outcome, Place, Table, add, bounded, endpoint, networks, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.importer.knotsyntax import KnotItem, Setting

_TIME = re.compile(r"(\d{1,9})([smhdwMy]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}
_SERIALS = ("increment", "unixtime", "dateserial")


def read(path: Path) -> Outcome:
    """Return what the file ``path`` of Knot becomes."""
    found = Outcome()
    reader = _Knot(found, knotsyntax.read(path))
    reader.server()
    reader.keys()
    reader.zones()
    return found


class _Knot:
    def __init__(self, outcome: Outcome, items: list[KnotItem]) -> None:
        self._outcome = outcome
        self._items = items
        self._templates = self._by_id("template")
        self._remotes = self._by_id("remote")
        self._groups = self._by_id("remotes")
        self._acls = self._by_id("acl")
        # Who is notified may fetch, and primaries may notify: they may in dnsd anyway.
        flags = [one for item in self._of("server") for one in item.settings]
        self._is_automatic = any(one.name == "automatic-acl" and one.is_on for one in flags)

    def _by_id(self, section: str) -> dict[str, KnotItem]:
        return {item.id: item for item in self._of(section)}

    def _of(self, section: str) -> Iterator[KnotItem]:
        return (item for item in self._items if item.section == section)

    def server(self) -> None:
        """Take over what is about the server."""
        for item in self._items:
            if item.section == "server":
                for setting in item.settings:
                    self._setting(setting)
            elif item.section == "mod-rrl":
                self._rate_limit(item)
            elif item.section in SECTIONS:
                is_open, advice = SECTIONS[item.section]
                tell = self._outcome.lost if is_open else self._outcome.moot
                tell(item.place, item.section, advice)
            elif item.section.startswith("mod-"):
                self._outcome.lost(item.place, item.section, "dnsd has no modules")
        # Knot without "listen" answers nobody; dnsd would answer on its port for trials.
        self._outcome.server.setdefault("listen", ["0.0.0.0:53", "[::]:53"])

    def _setting(self, one: Setting) -> None:
        place, server = one.place, self._outcome.server
        match one.name:
            case "listen":
                for text in one.values:
                    self._listen(place, text)
            case "identity" | "version":
                server["server_id" if one.name == "identity" else "version"] = one.value
            case "nsid":
                server["nsid"] = one.value
            case "user":
                user, _, group = one.value.partition(":")
                server |= {"user": user, **({"group": group} if group else {})}
            case "udp-workers":
                server["workers"] = whole(place, one.value, 1, 256)
            case "tcp-max-clients":
                server["tcp_connections"] = whole(place, one.value, 1, 1_000_000)
            case "tcp-idle-timeout":
                server["tcp_idle"] = f"{int(bounded(_seconds(one), 1, 3600))}s"
            case "udp-max-payload" | "udp-max-payload-ipv4" | "udp-max-payload-ipv6":
                size = int(bounded(whole(place, one.value, 0, 65535), 512, 4096))
                server["udp_payload"] = min(size, server.get("udp_payload", 4096))
            case "automatic-acl":
                pass
            case _:
                self._told(one)

    def _told(self, one: Setting) -> None:
        shown = f"{one.name}: {', '.join(one.values)}"
        if one.name in MOOT:
            self._outcome.moot(one.place, shown, MOOT[one.name])
        else:
            advice = LOST.get(one.name, "dnsd has nothing like it (dnsd config reference)")
            self._outcome.lost(one.place, shown, advice)

    def _listen(self, place: Place, text: str) -> None:
        address, _, port = text.partition("@")
        if address.startswith("/"):
            self._outcome.lost(place, f"listen: {text}", "dnsd answers over UDP and TCP only")
            return
        add(self._outcome.server, "listen", endpoint(place, address, port or "53"))

    def _rate_limit(self, item: KnotItem) -> None:
        limits = self._outcome.others.setdefault("rate_limit", {})
        for one in item.settings:
            if one.name == "rate-limit":
                limits["per_second"] = int(
                    bounded(whole(one.place, one.value, 0, 1 << 31), 0, 10_000)
                )
            elif one.name == "slip":
                limits["slip"] = int(bounded(whole(one.place, one.value, 0, 1 << 31), 0, 100))
            elif one.name == "whitelist":
                limits["exempt"] = [net for text in one.values for net in networks(one.place, text)]
            elif one.name != "id":
                self._told(one)

    def keys(self) -> None:
        """Take the keys over."""
        for item in self._of("key"):
            parts = [item.get(name) for name in ("id", "algorithm", "secret")]
            if not all(parts):
                raise item.place.fault("a key needs id, algorithm and secret")
            name, algorithm, secret = (part.value for part in parts if part)
            self._outcome.key(item.place, name, algorithm, secret)

    def zones(self) -> None:
        """Take the zones over, with what their templates say."""
        for item in self._of("zone"):
            if item.settings[0].name != "domain":
                raise item.place.fault("a zone begins with its domain")
            self._zone(item, self._whole(item))

    def _whole(self, item: KnotItem) -> KnotItem:
        """Return the zone with the settings of its template, which its own take the place of."""
        named = item.get("template")
        template = self._templates.get(named.value if named else "default")
        if named and template is None:
            raise named.place.fault(f"the template {named.value} is not there")
        own = {one.name for one in item.settings}
        above = template.settings if template else []
        more = [one for one in above if one.name != "id" and one.name not in own]
        return item._replace(settings=[*item.settings, *more])

    def _zone(self, item: KnotItem, whole_item: KnotItem) -> None:
        zone = self._outcome.zone(item.place, item.id)
        role = whole_item.get("catalog-role")
        word = role.value if role else "none"
        if word not in ("none", "member"):
            self._catalog(whole_item, zone, word)
            return
        self._peers(whole_item, zone)
        if whole_item.values("master"):
            if not zone.get("primaries"):
                del self._outcome.zones[zone["name"]]
                self._outcome.lost(item.place, f"zone {item.id}", FETCHED)
                return
        else:
            zone.pop("allow_notify", None)
            zone["file"] = str(_file(whole_item))
        for one in whole_item.settings:
            self._of_zone(one, zone)

    def _of_zone(self, one: Setting, zone: Table) -> None:
        match one.name:
            case "domain" | "template" | "file" | "storage" | "master" | "notify" | "acl":
                pass
            case "catalog-role" | "catalog-zone":
                pass
            case "module" | "global-module" if all(
                value.startswith("mod-rrl") for value in one.values
            ):
                pass
            case "catalog-group":
                zone["catalog_group"] = one.value
            case "serial-policy" if one.value in _SERIALS and "primaries" not in zone:
                zone["serial"] = one.value
            case "dnssec-signing" if not one.is_on:
                pass
            case "dnssec-signing":
                self._outcome.lost(one.place, f"{zone['name']} dnssec-signing", SIGNED)
            case _:
                self._told(one)

    def _catalog(self, item: KnotItem, zone: Table, role: str) -> None:
        self._outcome.zones.pop(zone["name"])
        catalog: Table = {"name": zone["name"]}
        self._peers(item, catalog)
        if role == "generate":
            catalog.pop("allow_notify", None)
            catalog["produce"] = True
            self._outcome.moot(
                item.place, f"catalog-zone {item.id}", "the catalog lists all zones but exclude"
            )
        elif role == "interpret" and catalog.get("primaries"):
            used = item.values("catalog-template")
            if not used or used[0] not in self._templates:
                raise item.place.fault(f"the catalog {item.id} needs a catalog-template")
            catalog["template"] = used[0]
            self._template(used[0])
        else:
            advice = (
                "dnsd fetches catalogs: give it primaries, or fetch it from the node with the file"
            )
            self._outcome.lost(item.place, f"catalog {item.id}", advice)
            return
        add(self._outcome.others, "catalog", catalog)

    def _template(self, name: str) -> None:
        template: Table = {"name": name}
        self._peers(self._templates[name], template)
        if not template.get("primaries"):
            template.pop("allow_notify", None)
            template["directory"] = str(_file(self._templates[name]).parent)
        if template not in self._outcome.others.get("template", []):
            add(self._outcome.others, "template", template)

    def _peers(self, item: KnotItem, table: Table) -> None:
        for key, ours in (("master", "primaries"), ("notify", "notify")):
            for name in item.values(key):
                for entry in self._servers(item, name):
                    given = dict(entry)
                    if ours == "notify" and given.pop("tls", None):
                        given.pop("tls_name", None)
                        self._outcome.lost(
                            item.place, f"NOTIFY to {name} over TLS", "dnsd sends it over UDP"
                        )
                    add(table, ours, given)
                    if self._is_automatic and ours == "notify":
                        add(table, "allow_transfer", _client(item.place, entry))
        for name in item.values("acl"):
            self._allowed(item, name, table)

    def _servers(self, item: KnotItem, name: str) -> Iterator[Table]:
        """Yield the addresses of a remote, or of a group of them."""
        if name in self._groups:
            for inner in self._groups[name].values("remote"):
                yield from self._servers(item, inner)
            return
        remote = self._remotes.get(name)
        if remote is None:
            raise item.place.fault(f"the remote {name} is not there")
        key = remote.get("key")
        sources = {":" in via: via.partition("@")[0] for via in remote.values("via")}
        for text in remote.values("address"):
            address, _, port = text.partition("@")
            entry: Table = {"address": networks(remote.place, address)[0].partition("/")[0]}
            if port:
                entry["port"] = whole(remote.place, port, 1, 65535)
            if (":" in address) in sources:
                entry["source"] = sources[":" in address]
            for secured in ("tls", "quic"):
                if (flag := remote.get(secured)) and flag.is_on:
                    entry["tls"] = True
            if entry.get("tls") and remote.values("cert-hostname"):
                entry["tls_name"] = remote.values("cert-hostname")[0]
            keyed = self._outcome.with_key(remote.place, entry, key.value if key else None)
            if keyed:
                yield keyed

    def _allowed(self, item: KnotItem, name: str, table: Table) -> None:
        acl = self._acls.get(name)
        if acl is None:
            raise item.place.fault(f"the acl {name} is not there")
        deny = acl.get("deny")
        if deny and deny.is_on:
            self._outcome.lost(
                acl.place,
                f"acl {name} with deny",
                "dnsd allows only what is listed: see that no wider acl is",
            )
            return
        for action in acl.values("action"):
            ours = {"transfer": "allow_transfer", "notify": "allow_notify"}.get(action)
            if ours:
                for entry in self._clients(item, acl):
                    add(table, ours, entry)
            elif action == "update":
                self._updates(acl, table)
            else:
                self._outcome.lost(acl.place, f"acl {name}: {action}", "dnsd answers everyone")

    def _clients(self, item: KnotItem, acl: KnotItem) -> Iterator[Table]:
        nets = [net for text in acl.values("address") for net in networks(acl.place, text)]
        for remote in acl.values("remote"):
            for entry in self._servers(item, remote):
                yield _client(acl.place, entry)
        keys: tuple[str | None, ...] = acl.values("key")
        if not nets and not keys:
            if not acl.values("remote"):
                yield {"network": ["0.0.0.0/0", "::/0"]}
            return
        for key in keys or (None,):
            client = {"network": nets} if nets else {}
            keyed = self._outcome.with_key(acl.place, client, key)
            if keyed:
                yield keyed

    def _updates(self, acl: KnotItem, table: Table) -> None:
        owners, match = acl.values("update-owner-name"), acl.get("update-owner-match")
        owner = acl.get("update-owner")
        if owner and owner.value != "name":
            advice = "write update = [{ key, names, below, types }]"
            self._outcome.lost(acl.place, f"update-owner: {owner.value}", advice)
            return
        where = "names" if match and match.value == "equal" else "below"
        entry: Table = {where: list(owners) or ["@"]}
        if types := acl.values("update-type"):
            entry["types"] = list(types)
        for key in acl.values("key"):
            add(table, "update", self._outcome.with_key(acl.place, entry, key))
        if not acl.values("key"):
            self._outcome.lost(acl.place, "updates without a key", "dnsd takes only signed ones")


def _client(place: Place, server: Table) -> Table:
    """Return a server as one that may do something."""
    found: Table = {"network": networks(place, server["address"])}
    return found | ({"key": server["key"]} if "key" in server else {})


def _file(item: KnotItem) -> Path:
    """Return the zone file, where Knot looks for it."""
    storage, file = item.get("storage"), item.get("file")
    name = item.id.removesuffix(".").lower()
    pattern = file.value if file else "%s.zone"
    text = (
        pattern.replace("%%", "\0").replace("%s", name.replace("/", "_") or "").replace("\0", "%")
    )
    return Path(storage.value if storage else "/var/lib/knot") / text


def _seconds(one: Setting) -> int:
    match = _TIME.fullmatch(one.value)
    if not match:
        raise one.place.fault(f"{one.value!r} is not a time, such as 10s")
    return int(match[1]) * _SECONDS[match[2]]
