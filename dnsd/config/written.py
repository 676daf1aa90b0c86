"""Turns a configuration into plain values for TOML, from which it can be read again.

    plain(config)        every key, by table
    changed(now, before) those that differ
    flat(values)         each key with the tables that it stands in: server.listen

Durations, sizes and shares are written with their units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.config import kinds, netkinds
from dnsd.config.need import Need, NeedKind
from dnsd.config.tables import kinds_of
from dnsd.config.units import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_TEXTS: dict[type[Any], Callable[[Any], Any]] = {
    kinds.Duration: format_duration,
    kinds.Size: format_size,
    kinds.Share: lambda share: f"{share * 100:g}%",
    NeedKind: Need.written,
    netkinds.NodeUrl: "http://{}".format,
    netkinds.PeerUrls: lambda peers: [f"http://{one}" for one in peers],
}


def plain(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the keys of a table, and of those in it, as plain values.

    A key that is None or empty by default is left out when it has that value, because TOML has none
    for it. Tables in lists have only the keys that differ from their defaults.
    """
    found: dict[str, Any] = {}
    by_kind = kinds_of(type(struct))
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value == _usual(field) and not value and not isinstance(value, bool | int | float):
            continue
        if field.name in by_kind:
            found[field.name] = plain_value(by_kind[field.name], value)
        elif isinstance(value, tuple) and isinstance(value[0], msgspec.Struct):
            found[field.name] = [_entry(one) for one in value]
        elif isinstance(value, msgspec.Struct):
            found[field.name] = plain(value)
        # Other fields are not keys, such as the line of a table in its file.
    return found


def plain_value(kind: kinds.ValueKind, value: Any) -> Any:
    """Return the ``value`` of a key of this kind as a plain value."""
    return _TEXTS.get(type(kind), _toml)(value)


def _entry(struct: msgspec.Struct) -> dict[str, Any]:
    """Return the keys of a table in a list that differ from their defaults."""
    usual = {field.name: _usual(field) for field in msgspec.structs.fields(struct)}
    return {key: one for key, one in plain(struct).items() if getattr(struct, key) != usual[key]}


def _usual(field: msgspec.structs.FieldInfo) -> Any:
    """Return the default of ``field``, NODEFAULT if it has none."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def changed(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of ``now`` that differ from ``before``, table by table."""
    found: dict[str, Any] = {}
    for key, value in now.items():
        if isinstance(value, dict):
            if part := changed(value, before.get(key, {})):
                found[key] = part
        elif key not in before or before[key] != value:
            found[key] = value
    return found


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each key with the tables that it stands in, and its value: ``server.listen``."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _toml(value: Any) -> Any:
    """Return ``value`` as one of TOML's types, or as text."""
    if isinstance(value, dict):
        return {str(key): _toml(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_toml(one) for one in value]
    if isinstance(value, msgspec.Struct) and kinds_of(type(value)):
        return _entry(value)
    return value if isinstance(value, bool | int | float | str) else str(value)
