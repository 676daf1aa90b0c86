"""gdnsd's service types as checks of pools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dnsd.importer.outcome import Outcome, Table, bounded, whole

if TYPE_CHECKING:
    from dnsd.importer.vscf import Value

ITEM = "%%ITEM%%"
_STATE_DIRECTORY = "/var/lib/gdnsd"
_TIMES = ("interval", "fast_interval", "timeout")
_COUNTS = ("up", "ok", "down")


class Services:
    """The service types, by name: each is the keys of a check."""

    def __init__(self, outcome: Outcome, types: Value | None, options: dict[str, Value]) -> None:
        self._outcome = outcome
        self._types = types.hash if types else {}
        state = options.get("state_dir")
        self._state = state.string if state else _STATE_DIRECTORY
        self._known: dict[str, Table] = {}

    def checks(self, names: tuple[Value, ...]) -> Table:
        """Return the keys of a pool whose members are checked with the service types ``names``."""
        used = [self._check(one) for one in names] or [self._default()]
        real = [one for one in used if one["check"] != "none"]
        if len(real) < 2:
            return dict(real[0]) if real else {"check": "none"}
        pool = {
            # "Worst of all": it is down as soon as the slowest of them says so.
            **{key: max(one[key] for one in real) for key in _COUNTS},
            **{
                key: min((one[key] for one in real), key=_seconds)
                for key in ("interval", "timeout")
            },
        }
        pool["fast_interval"] = pool["interval"]
        if _seconds(pool["timeout"]) > _seconds(pool["interval"]):
            pool["timeout"] = pool["interval"]
        common = {*_TIMES, *_COUNTS}
        pool["checks"] = [{key: one[key] for key in one if key not in common} for one in real]
        return pool

    def _default(self) -> Table:
        return self._made("default") if "default" in self._types else {"check": "none"}

    def _check(self, name: Value) -> Table:
        word = name.string
        if word in self._types:
            return self._made(word)
        if word == "up":
            return {"check": "none"}
        if word == "down":
            self._outcome.lost(
                name.place,
                "service type down",
                "order it: dnsd failover force NAME TYPE MEMBER down",
            )
            return {"check": "none"}
        raise name.place.fault(f"the service type {word} is not there")

    def _made(self, name: str) -> Table:
        if name not in self._known:
            self._known[name] = self._translated(name, self._types[name])
        return self._known[name]

    def _translated(self, name: str, value: Value) -> Table:
        given = value.hash
        if "plugin" not in given:
            raise value.place.fault(f"the service type {name} needs a plugin")
        interval = self._number(given, "interval", 10)
        timeout = self._number(given, "timeout", max(1, interval // 2))
        found: Table = {
            "interval": f"{interval}s",
            "fast_interval": f"{interval}s",
            "timeout": f"{min(timeout, interval)}s",
            "up": self._number(given, "up_thresh", 20),
            "ok": self._number(given, "ok_thresh", 10),
            "down": self._number(given, "down_thresh", 10),
        }
        if "direct" in given and given["direct"].is_true:
            found |= {"up": 1, "ok": 1, "down": 1}
        return found | self._request(name, value)

    def _number(self, given: dict[str, Value], key: str, default: int) -> int:
        if key not in given:
            return default
        return int(bounded(whole(given[key].place, given[key].string, 1, 1 << 31), 1, 1000))

    def _request(self, name: str, value: Value) -> Table:
        given = value.hash
        plugin = given["plugin"].string
        port = (
            {"port": whole(given["port"].place, given["port"].string, 1, 65535)}
            if "port" in given
            else {}
        )
        match plugin:
            case "tcp_connect":
                if not port:
                    raise value.place.fault(f"the service type {name} needs a port")
                return {"check": "tcp", **port}
            case "http_status":
                return {"check": "http", **port, **self._http(given)}
            case "extmon":
                return {"check": "command", "command": self._command(name, value)}
            case "extfile":
                return self._file(name, value)
            case "static":
                if "state" in given and not given["state"].string.upper().startswith("UP"):
                    self._outcome.lost(
                        value.place, f"service type {name}", "order it: dnsd failover force"
                    )
                return {"check": "none"}
        self._outcome.lost(
            value.place, f"service type {name} ({plugin})", 'write a check = "command"'
        )
        return {"check": "none"}

    def _http(self, given: dict[str, Value]) -> Table:
        found: Table = {}
        if "url_path" in given:
            found["path"] = given["url_path"].string
        if "vhost" in given:
            found["host"] = given["vhost"].string
        if "ok_codes" in given:
            found["expect_status"] = [
                whole(one.place, one.string, 100, 599) for one in given["ok_codes"].array
            ]
        return found

    def _command(self, name: str, value: Value) -> str:
        if "cmd" not in value.hash or not value.hash["cmd"].array:
            raise value.place.fault(f"the service type {name} needs cmd")
        program, *arguments = (one.string for one in value.hash["cmd"].array)
        if ITEM in program:
            raise value.place.fault(f"the program of {name} cannot depend on {ITEM}")
        ours = _name(name)
        commands = self._outcome.others.setdefault("failover", {}).setdefault("commands", {})
        commands[ours] = [program, *(text.replace(ITEM, "{address}") for text in arguments)]
        return ours

    def _file(self, name: str, value: Value) -> Table:
        if "file" not in value.hash:
            raise value.place.fault(f"the service type {name} needs a file")
        file = value.hash["file"].string
        if not file.startswith("/"):
            file = f"{self._state}/extfile/{file}"
        ours = _name(name)
        failover = self._outcome.others.setdefault("failover", {})
        failover.setdefault("state_files", {})[ours] = file
        if "def_down" in value.hash and value.hash["def_down"].is_true:
            self._outcome.lost(
                value.place, f"def_down of {name}", "a member that the file lacks keeps its state"
            )
        self._outcome.lost(
            value.place,
            f"service type {name}",
            "gdnsd believes the file for ever, dnsd for a week: set believed to less",
        )
        return {"check": "file", "state_file": ours, "believed": "7d"}


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def _name(text: str) -> str:
    """Return a name that dnsd allows for a command or a file."""
    plain = re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]
    return plain if plain[:1].isalpha() else f"s{plain}"
