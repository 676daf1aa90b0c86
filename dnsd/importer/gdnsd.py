"""From gdnsd's directory (config, zones) to dnsd.toml, zone files and policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config import origins
from dnsd.importer import vscf
from dnsd.importer.gdnsdadvice import LOST, MOOT, PLUGINS
from dnsd.importer.gdnsdchecks import Services
from dnsd.importer.gdnsdpools import Resources
from dnsd.importer.gdnsdzones import ZoneWriter
from dnsd.importer.outcome import Outcome, Place, add, bounded, endpoint, whole

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.importer.vscf import Value

DEFAULT_TTL = 86_400


def read(path: Path) -> Outcome:
    """Return what gdnsd's directory ``path``, or its file ``config`` there, becomes."""
    directory = path if path.is_dir() else path.parent
    found = Outcome()
    file = directory / "config"
    config = vscf.read(file).hash if file.exists() or not path.is_dir() else {}
    options = config["options"].hash if "options" in config else {}
    _Options(found).take(options)
    services = Services(found, config.get("service_types"), options)
    plugins = config["plugins"].hash if "plugins" in config else {}
    resources = Resources(found, plugins, services)
    for name, plugin in plugins.items():
        if name in PLUGINS:
            found.lost(plugin.place, f"plugin {name}", PLUGINS[name])
    for name, value in config.items():
        if name not in ("options", "service_types", "plugins"):
            found.lost(value.place, name, "dnsd has nothing like it")
    ttl = DEFAULT_TTL
    if "zones_default_ttl" in options:
        ttl = whole(
            options["zones_default_ttl"].place, options["zones_default_ttl"].string, 1, 1 << 31
        )
    _zones(found, directory / "zones", resources, ttl)
    return found


def _zones(outcome: Outcome, directory: Path, resources: Resources, ttl: int) -> None:
    if not directory.is_dir():
        raise Place(directory, 0).fault("there is no directory of zones")
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        place = Place(path, 0)
        try:
            # A slash stands in file names as @ (RFC 2317).
            name = "." if path.name == "ROOT_ZONE" else path.name.replace("@", "/")
            origin = origins.normal(name)
        except ValueError as error:
            raise place.fault(str(error)) from None
        writer = ZoneWriter(outcome, origin, resources)
        outcome.zone_texts[origin] = f"$TTL {ttl}\n{writer.text(path)}"
        if writer.pools:
            outcome.policies[origin] = {"pool": writer.pools}


class _Options:
    """Takes the hash ``options`` over."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def take(self, options: dict[str, Value]) -> None:
        port = options["dns_port"].string if "dns_port" in options else "53"
        server = self._outcome.server
        for name, value in options.items():
            match name:
                case "listen":
                    self._listen(value, port)
                case "chaos_response":
                    server["version"] = value.string
                case "nsid" | "nsid_ascii":
                    server["nsid"] = value.string
                case "udp_threads":
                    server["workers"] = whole(value.place, value.string, 1, 256)
                case "max_edns_response" | "max_edns_response_v6":
                    size = int(bounded(whole(value.place, value.string, 0, 65535), 512, 4096))
                    server["udp_payload"] = min(size, server.get("udp_payload", 4096))
                case "tcp_timeout":
                    server["tcp_idle"] = f"{whole(value.place, value.string, 1, 3600)}s"
                case "username":
                    server["user"] = value.string
                case "zones_default_ttl" | "dns_port" | "state_dir":
                    pass
                case _ if name in MOOT:
                    self._outcome.moot(value.place, name, MOOT[name])
                case _:
                    self._outcome.lost(
                        value.place, name, LOST.get(name, "dnsd has nothing like it")
                    )
        server.setdefault("listen", [f"0.0.0.0:{port}", f"[::]:{port}"])

    def _listen(self, value: Value, port: str) -> None:
        texts = [*value.pairs] if value.pairs is not None else [one.string for one in value.array]
        for text in texts:
            if text == "any":
                for every in ("0.0.0.0", "::"):
                    add(self._outcome.server, "listen", endpoint(value.place, every, port))
                continue
            address, own = text, ""
            if text.startswith("["):
                address, _, own = text[1:].partition("]")
            elif text.count(":") == 1:
                address, _, own = text.partition(":")
            add(
                self._outcome.server,
                "listen",
                endpoint(value.place, address, own.removeprefix(":") or port),
            )
