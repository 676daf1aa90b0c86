"""Rules across keys, zones and ``[transfers]``, and the settings that result for a zone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dnsd.config.transfers import (
    AllowedPeer,
    NotifyPeer,
    PrimaryPeer,
    TransferKey,
    TransfersConfig,
    UpdateRight,
    name_in_zone,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dnsd.config.catalogs import CatalogConfig, TemplateConfig
    from dnsd.config.locate import KeyPath
    from dnsd.config.model import Config, ZoneFile

Fault = tuple["KeyPath", str]
"""The place of a key, and what is wrong there."""

LISTS = ("primaries", "notify", "allow_notify", "allow_transfer", "update")
"""The lists that name keys."""


class ZoneTransfers(msgspec.Struct, frozen=True, kw_only=True):
    """The settings for one zone's transfers: its own, else those of ``[transfers]``."""

    primaries: tuple[PrimaryPeer, ...] = ()
    notify: tuple[NotifyPeer, ...] = ()
    notify_ns: bool = False
    allow_notify: tuple[AllowedPeer, ...] = ()
    allow_transfer: tuple[AllowedPeer, ...] = ()
    serial: str = "file"
    journal: int = 0
    update: tuple[UpdateRight, ...] = ()
    file: Path | None = None
    """The zone file that updates are laid over."""
    is_catalog: bool = False

    @property
    def is_primary(self) -> bool:
        """Whether other servers are notified of it or may fetch it, so that versions are kept."""
        return bool(self.notify or self.notify_ns or self.allow_transfer)


def of_zone(
    transfers: TransfersConfig, zone: ZoneFile | CatalogConfig | TemplateConfig | None
) -> ZoneTransfers:
    """Return the settings for a zone; None: for one without a ``[[zone]]``."""
    own: dict[str, Any] = {}
    for field in ZoneTransfers.__struct_fields__:
        said = getattr(zone, field, None)
        value = getattr(transfers, field, None) if said is None else said
        if value is not None:
            own[field] = value
    found = ZoneTransfers(**own, is_catalog=hasattr(zone, "produce"))
    if found.primaries:
        # It is the primaries' serial, whatever is set for our own zones.
        return msgspec.structs.replace(found, serial="file")
    if found.is_catalog and getattr(zone, "serial", None) is None:
        # Whatever holds for other zones: it grows, even if what was given out is forgotten.
        return msgspec.structs.replace(found, serial="unixtime")
    return found


class TransferTerms:
    """The settings in ``config`` for each zone's transfers, worked out once."""

    def __init__(self, config: Config) -> None:
        self._transfers = config.transfers
        self._said: dict[str, ZoneFile | CatalogConfig] = {one.name: one for one in config.catalog}
        self._said |= {zone.name: zone for zone in config.zone}
        self._templates = {one.name: of_zone(self._transfers, one) for one in config.template}
        self._default = of_zone(self._transfers, None)
        self._found: dict[str, ZoneTransfers] = {}

    def of(self, origin: str, template: str | None = None) -> ZoneTransfers:
        """Return the settings for ``origin``; with ``template`` if a catalog has brought it."""
        said = self._said.get(origin)
        if said is None:
            return self._default if template is None else self._templates[template]
        if origin not in self._found:
            self._found[origin] = of_zone(self._transfers, said)
        return self._found[origin]


def has_transfers(config: Config) -> bool:
    """Return whether the configuration has something for the transfer process to do."""
    said = config.transfers
    if (
        config.catalog
        or config.key
        or said.notify
        or said.notify_ns
        or said.allow_transfer
        or said.tls_listen
    ):
        return True
    return any(
        zone.primaries or zone.update or zone.notify or zone.notify_ns or zone.allow_transfer
        for zone in config.zone
    )


def faults(config: Config) -> Iterator[Fault]:
    """Return what is wrong with keys, zones and ``[transfers]`` of ``config``."""
    yield from _twins(config.key)
    known = {key.name for key in config.key}
    for name in LISTS:
        yield from unknown_keys(("transfers", name), getattr(config.transfers, name, ()), known)
    for number, zone in enumerate(config.zone, 1):
        place: KeyPath = ("zone", number)
        for name in LISTS:
            yield from unknown_keys((*place, name), getattr(zone, name) or (), known)
        yield from _of_zone(config, zone, place)
    yield from _tls(config.transfers)


def _twins(keys: Iterable[TransferKey]) -> Iterator[Fault]:
    seen: dict[str, TransferKey] = {}
    for number, key in enumerate(keys, 1):
        if key.name in seen:
            first = seen[key.name].line
            yield (
                ("key", number, "name"),
                f"{key.name} stands in line {first} already: a name has one secret",
            )
        seen.setdefault(key.name, key)


def unknown_keys(
    place: KeyPath,
    peers: Iterable[PrimaryPeer | NotifyPeer | AllowedPeer | UpdateRight],
    known: set[str],
) -> Iterator[Fault]:
    """Return which of ``peers``, a list at ``place``, name a key that is not ``known``."""
    for number, peer in enumerate(peers, 1):
        if peer.key is not None and peer.key not in known:
            listed = ", ".join(sorted(known)) or "none"
            yield (
                (*place, number, "key"),
                f"there is no [[key]] with the name {peer.key}; there is {listed}",
            )


def _of_zone(config: Config, zone: ZoneFile, place: KeyPath) -> Iterator[Fault]:
    if zone.file is not None and zone.primaries:
        yield (
            (*place, "primaries"),
            "a zone comes from a file or from its primaries: leave out one of file and primaries",
        )
    if zone.primaries and zone.serial not in (None, "file"):
        yield (
            (*place, "serial"),
            f'"{zone.serial}" would change the serials of the primaries: remove this key',
        )
    if zone.file is None and not zone.primaries and config.zones.directory is None:
        yield place, "needs a file, or primaries to fetch it from"
    yield from _of_updates(zone, place)
    if zone.allow_notify and not zone.primaries:
        yield (
            (*place, "allow_notify"),
            "has no effect without primaries: a NOTIFY makes dnsd ask them for the zone",
        )


def _of_updates(zone: ZoneFile, place: KeyPath) -> Iterator[Fault]:
    if zone.update and zone.file is None:
        yield (*place, "update"), "updates are laid over a zone file: give the key file, too"
    for number, right in enumerate(zone.update, 1):
        for key in ("names", "below"):
            for name in getattr(right, key):
                try:
                    name_in_zone(name, zone.name)
                except ValueError as error:
                    yield (*place, "update", number, key), str(error)


def _tls(transfers: TransfersConfig) -> Iterator[Fault]:
    if transfers.tls_listen and transfers.tls_certificate is None:
        yield (
            ("transfers", "tls_listen"),
            "TLS needs tls_certificate, a PEM file with a certificate and its private key",
        )
