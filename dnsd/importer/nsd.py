"""From nsd.conf to dnsd.toml."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from dnsd.importer import nsdsyntax
from dnsd.importer.nsdadvice import FETCHED, LOST, MOOT, USUAL, ZONE_LOST, ZONE_MOOT
from dnsd.importer.outcome import Outcome, Place, Table, add, bounded, endpoint, networks, whole

if TYPE_CHECKING:
    from dnsd.importer.nsdsyntax import Attribute, Section

_DEEPEST = 16

_NUMBERS = {
    "server-count": ("server", "workers", 1, 256),
    "tcp-count": ("server", "tcp_connections", 1, 1_000_000),
    "ipv4-edns-size": ("server", "udp_payload", 512, 4096),
    "ipv6-edns-size": ("server", "udp_payload", 512, 4096),
    "receive-buffer-size": ("server", "udp_receive_buffer", 64 << 10, 1 << 30),
    "rrl-ratelimit": ("rate_limit", "per_second", 0, 10_000),
    "rrl-slip": ("rate_limit", "slip", 0, 100),
    "rrl-ipv4-prefix-length": ("rate_limit", "ipv4_prefix", 8, 32),
    "rrl-ipv6-prefix-length": ("rate_limit", "ipv6_prefix", 16, 64),
}
"""Numbers: the table and key of dnsd's, and its bounds."""


def read(path: Path) -> Outcome:
    """Return what the file ``path`` of NSD becomes."""
    found = Outcome()
    reader = _Nsd(found, nsdsyntax.read(path))
    reader.server(path)
    reader.keys()
    reader.zones()
    return found


class _Nsd:
    def __init__(self, outcome: Outcome, sections: list[Section]) -> None:
        self._outcome = outcome
        self._sections = sections
        self._patterns: dict[str, Section] = {}
        self._authorities: dict[str, Section] = {}
        self._directory = Path("/etc/nsd")
        for section in sections:
            named = section.last("name")
            if section.name in ("pattern", "tls-auth") and named:
                kind = self._patterns if section.name == "pattern" else self._authorities
                kind[named.value] = section

    def server(self, path: Path) -> None:
        """Take the sections over that are about the server."""
        self._directory = path.parent.absolute()
        attributes = [
            one for part in self._sections if part.name == "server" for one in part.attributes
        ]
        port = next((one.value for one in attributes if one.name == "port"), "53")
        for attribute in attributes:
            self._setting(attribute, port)
        self._outcome.server.setdefault("listen", [f"0.0.0.0:{port}", f"[::]:{port}"])
        for section in self._sections:
            if section.name == "remote-control":
                self._outcome.moot(section.place, "remote-control", "the admin socket does that")
            elif section.name in ("verify", "dnstap"):
                self._outcome.lost(section.place, section.name, LOST[section.name])

    def _setting(self, attribute: Attribute, port: str) -> None:
        place, name, server = attribute.place, attribute.name, self._outcome.server
        if name in _NUMBERS:
            self._number(attribute)
            return
        match name:
            case "ip-address" | "interface":
                self._listen(attribute, port)
            case "identity" | "version":
                server["server_id" if name == "identity" else name] = attribute.value
            case "hide-identity" | "hide-version" if attribute.value == "yes":
                server["server_id" if name == "hide-identity" else "version"] = ""
            case "nsid":
                self._nsid(attribute)
            case "username" if attribute.value:
                server["user"] = attribute.value.partition(".")[0]
            case "tcp-timeout":
                server["tcp_idle"] = f"{whole(place, attribute.value, 1, 3600)}s"
            case "cookie-secret":
                self._outcome.secrets["keys/cookie-secrets"] = f"{attribute.value}\n"
                server["cookie_secret_file"] = "keys/cookie-secrets"
            case "cookie-secret-file" if attribute.value:
                server["cookie_secret_file"] = str(self._directory / attribute.value)
            case "zonesdir":
                self._directory /= attribute.value
            case _:
                self._told(attribute, LOST, MOOT)

    def _nsid(self, attribute: Attribute) -> None:
        """Take the NSID over, which is text behind ``ascii_``, or hexadecimal."""
        value = attribute.value
        try:
            octets = value[6:].encode() if value.startswith("ascii_") else bytes.fromhex(value)
            self._outcome.server["nsid"] = octets.decode()
        except UnicodeDecodeError:
            self._outcome.lost(attribute.place, f"nsid: {value}", "in dnsd it is a text")
        except ValueError:
            message = f"nsid {value!r} is neither hexadecimal nor text behind ascii_"
            raise attribute.place.fault(message) from None

    def _number(self, attribute: Attribute) -> None:
        table, key, low, high = _NUMBERS[attribute.name]
        found = int(bounded(whole(attribute.place, attribute.value, 0, 1 << 40), low, high))
        keys = self._outcome.table(table)
        # Of two limits that are one here, the smaller holds.
        keys[key] = min(found, keys.get(key, found))

    def _told(self, attribute: Attribute, lost: dict[str, str], moot: dict[str, str]) -> None:
        if attribute.values == (USUAL.get(attribute.name),):
            return
        shown = f"{attribute.name}: {' '.join(attribute.values)}"
        if attribute.name in moot:
            self._outcome.moot(attribute.place, shown, moot[attribute.name])
        else:
            advice = lost.get(attribute.name, "dnsd has nothing like it (dnsd config reference)")
            self._outcome.lost(attribute.place, shown, advice)

    def _listen(self, attribute: Attribute, port: str) -> None:
        place = attribute.place
        if not attribute.values:
            raise place.fault(f"{attribute.name} needs an address")
        address, _, own = attribute.values[0].partition("@")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            self._outcome.lost(
                place,
                f"{attribute.name}: {address}",
                "write the addresses of the interface into [server] listen",
            )
            return
        add(self._outcome.server, "listen", endpoint(place, address, own or port))
        if attribute.values[1:]:
            options = " ".join(attribute.values[1:])
            self._outcome.moot(place, options, "all workers listen on all addresses")

    def keys(self) -> None:
        """Take the keys over."""
        for section in self._sections:
            if section.name == "key":
                parts = [section.last(name) for name in ("name", "algorithm", "secret")]
                if not all(parts):
                    raise section.place.fault("a key needs name, algorithm and secret")
                name, algorithm, secret = (part.value for part in parts if part)
                self._outcome.key(section.place, name, algorithm, secret)

    def zones(self) -> None:
        """Take the zones over, with what their patterns say."""
        for section in self._sections:
            if section.name != "zone":
                continue
            name = section.last("name")
            if name is None:
                raise section.place.fault("the zone needs a name")
            self._zone(name, self._with_patterns(section, 0))

    def _with_patterns(self, section: Section, depth: int) -> list[Attribute]:
        """Return the attributes of a zone, those of its patterns in their place."""
        found: list[Attribute] = []
        for attribute in section.attributes:
            if attribute.name != "include-pattern":
                found.append(attribute)
                continue
            pattern = self._patterns.get(attribute.value)
            if pattern is None or depth > _DEEPEST:
                why = "is not there" if pattern is None else "includes itself"
                raise attribute.place.fault(f"the pattern {attribute.value} {why}")
            found += [one for one in self._with_patterns(pattern, depth + 1) if one.name != "name"]
        return found

    def _zone(self, name: Attribute, attributes: list[Attribute]) -> None:
        place, zone = name.place, self._outcome.zone(name.place, name.value)
        file, source = "", {}
        for attribute in attributes:
            match attribute.name:
                case "name":
                    pass
                case "zonefile":
                    file = _expanded(attribute.value, name.value)
                case "outgoing-interface":
                    address = attribute.value.partition("@")[0]
                    source[":" in address] = address
                case "request-xfr" | "notify" | "provide-xfr" | "allow-notify":
                    pass
                case _:
                    self._told(attribute, ZONE_LOST, ZONE_MOOT)
        for attribute in attributes:
            self._peer(zone, attribute, source)
        if "primaries" not in zone:
            zone.pop("allow_notify", None)
            if any(one.name == "request-xfr" for one in attributes):
                del self._outcome.zones[zone["name"]]
                self._outcome.lost(place, f"zone {name.value}", FETCHED)
                return
            zone["file"] = str(self._directory / (file or name.value))

    def _peer(self, zone: Table, attribute: Attribute, source: dict[bool, str]) -> None:
        place, values = attribute.place, list(attribute.values)
        if attribute.name not in ("request-xfr", "notify", "provide-xfr", "allow-notify"):
            return
        if values and values[0] in ("AXFR", "UDP"):
            values = values[1:]
        if len(values) < 2:
            raise place.fault(f"{attribute.name} needs an address and a key, or NOKEY")
        where, key, *tls = values
        if key == "BLOCKED":
            self._outcome.lost(
                place,
                f"{attribute.name}: {where} BLOCKED",
                "dnsd allows only what is listed: see that no wider network is",
            )
            return
        named = None if key == "NOKEY" else key
        address, _, port = where.partition("@")
        if attribute.name in ("provide-xfr", "allow-notify"):
            entry = self._outcome.with_key(place, {"network": networks(place, address)}, named)
            if tls:
                self._outcome.lost(
                    place,
                    f"{attribute.name}: {' '.join(tls)}",
                    "dnsd does not ask clients for certificates: use a key",
                )
            add(
                zone,
                attribute.name.replace("provide-xfr", "allow_transfer").replace("-", "_"),
                entry,
            )
            return
        peer: Table = {"address": networks(place, address)[0].partition("/")[0]}
        if (":" in address) in source:
            peer["source"] = source[":" in address]
        if port:
            peer["port"] = whole(place, port, 1, 65535)
        if tls and attribute.name == "request-xfr":
            peer |= self._tls(place, tls[0])
        add(
            zone,
            {"request-xfr": "primaries", "notify": "notify"}[attribute.name],
            self._outcome.with_key(place, peer, named),
        )

    def _tls(self, place: Place, name: str) -> Table:
        section = self._authorities.get(name)
        if section is None:
            raise place.fault(f"tls-auth {name} is not there")
        found: Table = {"tls": True}
        domain = section.last("auth-domain-name")
        if domain:
            found["tls_name"] = domain.value
        bundle = next((one for part in self._sections for one in part.all("tls-cert-bundle")), None)
        if bundle and bundle.value:
            found["tls_ca"] = bundle.value
        return found


def _expanded(pattern: str, name: str) -> str:
    """Return a zone's file: %s is the zone, %1 its first character, %z its last label."""
    plain = name.removesuffix(".")
    labels = plain.split(".")
    parts = {"%s": plain or ".", "%%": "%"}
    parts |= {f"%{number}": plain[number - 1 : number] or "." for number in (1, 2, 3)}
    parts |= {f"%{letter}": (labels[::-1] + ["."] * 3)[at] for at, letter in enumerate("zyx")}
    found = ""
    at = 0
    while at < len(pattern):
        part = parts.get(pattern[at : at + 2])
        found += pattern[at] if part is None else part
        at += 1 if part is None else 2
    return found
