"""The zone file of a catalog made here (RFC 9432 §4), from the zones of this node.

Labels are digests of names: the same for a zone at all times, and on all nodes. The serial is set
when the zone is built, and grows with each change.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dnsd.config import produced_file
from dnsd.process import durablefile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dnsd.config import CatalogConfig, Config

_HEAD = """\
; Made by dnsd of the zones that it has; it is rewritten when they change.
$TTL 0
@ SOA invalid. invalid. 1 3600 600 2147483646 0
@ NS invalid.
version TXT "2"
"""


def produce(config: Config, zones: Iterable[str]) -> set[str]:
    """Write the catalogs of ``config`` that are made of ``zones``; return those that have changed.

    OSError if one cannot be written: it stays as it was.
    """
    made = [catalog for catalog in config.catalog if catalog.produce]
    if not made:
        return set()
    groups = {zone.name: zone.catalog_group for zone in config.zone if zone.catalog_group}
    members = set(zones) - {catalog.name for catalog in config.catalog}
    changed = set()
    for catalog in made:
        path = produced_file(config, catalog.name)
        text = zone_text(catalog, members, groups).encode()
        if path.exists() and path.read_bytes() == text:
            continue
        path.parent.mkdir(mode=0o755, exist_ok=True)
        durablefile.replace(path, text)
        changed.add(catalog.name)
    return changed


def zone_text(catalog: CatalogConfig, members: Collection[str], groups: Mapping[str, str]) -> str:
    """Return the zone file of ``catalog``; ``groups`` are those set for single zones."""
    lines = [_HEAD]
    for zone in sorted(set(members) - set(catalog.exclude)):
        label = hashlib.sha256(zone.encode()).hexdigest()[:32]
        lines.append(f"{label}.zones PTR {zone}\n")
        if group := groups.get(zone, catalog.group):
            lines.append(f"group.{label}.zones TXT {_quoted(group)}\n")
    return "".join(lines)


def _quoted(text: str) -> str:
    shown = "".join(
        f"\\{octet:03d}" if octet in b'"\\' or not 0x20 <= octet <= 0x7E else chr(octet)
        for octet in text.encode()
    )
    return f'"{shown}"'
