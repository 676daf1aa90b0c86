"""The entries of the reference: a table each, with its keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dnsd.config import policyfile, reader
from dnsd.config.catalogs import CatalogConfig, TemplateConfig
from dnsd.config.model import Server, ZoneFile
from dnsd.config.policy import Rules
from dnsd.config.recording import DnstapConfig, QuerylogConfig
from dnsd.config.reference import (
    anycasttexts,
    failovertexts,
    nodetexts,
    recordingtexts,
    transfertexts,
)
from dnsd.config.reference.kindtexts import written
from dnsd.config.tables import kinds_of
from dnsd.config.transfers import PrimaryPeer
from dnsd.config.written import plain_value

if TYPE_CHECKING:
    from dnsd.config.kinds import ValueKind
    from dnsd.config.tables import Structs

_TEXTS = (nodetexts, recordingtexts, transfertexts, failovertexts, anycasttexts)

_AS_TRANSFERS = "that of `[transfers]`"
_DEFAULTS: dict[tuple[type, str], str] = {
    (Server, "state_directory"): "`$STATE_DIRECTORY`, else `/var/lib/dnsd` for root, else "
    "`~/.local/state/dnsd`",
    (Server, "admin_socket"): "`admin.sock` in the state directory",
    (Server, "server_id"): "the host's name",
    (Server, "version"): "dnsd's version",
    (QuerylogConfig, "file"): "`queries.log` in the state directory",
    (DnstapConfig, "identity"): "that of `[server] server_id`",
    (DnstapConfig, "version"): "that of `[server] version`",
    (PrimaryPeer, "port"): "53, or 853 with `tls`",
    (CatalogConfig, "vanish"): "that of `[zones]`",
    (CatalogConfig, "serial"): '`"unixtime"`',
    (Rules, "check"): "none: `check` or `checks` is needed",
    **{
        (struct, key): _AS_TRANSFERS
        for struct, keys in (
            (ZoneFile, ("notify_ns", "serial", "journal")),
            (TemplateConfig, ("notify_ns", "serial", "journal")),
            (CatalogConfig, ("notify_ns", "journal")),
        )
        for key in keys
    },
}
"""Defaults that no field has: they depend on the machine, or on another key."""


class KeyEntry(NamedTuple):
    """A key: what may be written, its default (both in Markdown), and what it means."""

    name: str
    type: str
    default: str
    meaning: str
    why: str

    @property
    def explained(self) -> str:
        """All that is said of it, in Markdown."""
        default = self.default if self.default == "required" else f"default {self.default}"
        why = f" Bounded: {self.why}." if self.why else ""
        return f"{self.type}; {default}. {self.meaning}{why}"


class TableEntry(NamedTuple):
    """A table, by all of its headers: ``[server]``, ``[[zone.notify]]``."""

    headers: tuple[str, ...]
    meaning: str
    keys: tuple[KeyEntry, ...]


def configuration() -> tuple[TableEntry, ...]:
    """Return the tables of the configuration."""
    return _tables(reader.TABLES, reader.LISTS)


def policies() -> tuple[TableEntry, ...]:
    """Return the tables of a policy."""
    return _tables(policyfile.TABLES, policyfile.LISTS)


def _tables(tables: Structs, lists: Structs) -> tuple[TableEntry, ...]:
    headers: dict[type[msgspec.Struct], list[str]] = {}
    for path, struct in tables.items():
        headers.setdefault(struct, []).append(f"[{'.'.join(map(str, path))}]")
    for path, struct in lists.items():
        headers.setdefault(struct, []).append(f"[[{'.'.join(map(str, path))}]]")
    return tuple(
        TableEntry(tuple(headers[struct]), meaning, _keys(struct, source.KEYS[struct]))
        for source in _TEXTS
        for struct, meaning in source.TABLES.items()
        if struct in headers
    )


def _keys(struct: type[msgspec.Struct], meanings: dict[str, str]) -> tuple[KeyEntry, ...]:
    by_kind = kinds_of(struct)
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    return tuple(
        KeyEntry(key, kind.type, _default(struct, fields[key], by_kind[key]), meaning, kind.why)
        for key, meaning in meanings.items()
        for kind in (written(by_kind[key]),)
    )


def _default(
    struct: type[msgspec.Struct], field: msgspec.structs.FieldInfo, kind: ValueKind
) -> str:
    """Return the default in Markdown; "required" if there is none."""
    special = _DEFAULTS.get((struct, field.name))
    if special is not None:
        return special
    if field.required:
        return "required"
    value: Any = field.default
    if value is msgspec.NODEFAULT:
        assert callable(field.default_factory)
        value = field.default_factory()
    if value is None or value in ((), {}):
        return "none"
    return f"`{json.dumps(plain_value(kind, value))}`"
