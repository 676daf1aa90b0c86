"""Rules across catalogs, templates and zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.config.transferrules import unknown_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.config.catalogs import CatalogConfig, TemplateConfig
    from dnsd.config.locate import KeyPath
    from dnsd.config.model import Config
    from dnsd.config.transferrules import Fault

LISTS = ("primaries", "notify", "allow_notify", "allow_transfer")
"""The keys of a table that are lists of peers, which may name TSIG keys."""

_PRODUCED_ONLY = ("group", "exclude")
_CONSUMED_ONLY = ("template", "groups", "vanish", "allow_notify")


def faults(config: Config) -> Iterator[Fault]:
    """Return what is wrong with the catalogs and templates of ``config``."""
    known = {key.name for key in config.key}
    templates: set[str] = set()
    for number, template in enumerate(config.template, 1):
        place: KeyPath = ("template", number)
        if template.name in templates:
            yield (*place, "name"), f"there is a template {template.name} already"
        templates.add(template.name)
        yield from _of_template(template, place)
        for name in LISTS:
            yield from unknown_keys((*place, name), getattr(template, name) or (), known)
    zones = {zone.name for zone in config.zone}
    seen: set[str] = set()
    for number, catalog in enumerate(config.catalog, 1):
        place = ("catalog", number)
        if catalog.name in seen | zones:
            yield (*place, "name"), f"there is a zone {catalog.name} already: keep one of them"
        seen.add(catalog.name)
        for name in LISTS:
            yield from unknown_keys((*place, name), getattr(catalog, name) or (), known)
        yield from _of_catalog(config, catalog, place)
        if not catalog.produce:
            yield from _templates_of(catalog, templates, place)
    yield from _groups_of_zones(config)


def _of_template(template: TemplateConfig, place: KeyPath) -> Iterator[Fault]:
    if bool(template.primaries) == (template.directory is not None):
        yield (
            place,
            "needs primaries, that its zones are fetched from, or a directory, that has their "
            "files: one of the two",
        )
    if template.primaries and template.serial not in (None, "file"):
        yield (
            (*place, "serial"),
            f'"{template.serial}" would give other serials than the primaries: leave it out',
        )
    if template.allow_notify and not template.primaries:
        yield (
            (*place, "allow_notify"),
            "only zones with primaries are asked for anew when a NOTIFY comes",
        )


def _of_catalog(config: Config, catalog: CatalogConfig, place: KeyPath) -> Iterator[Fault]:
    if catalog.produce == bool(catalog.primaries):
        yield (
            place,
            "needs primaries, that it is fetched from, or produce = true, if it is to list the "
            "zones that are here: one of the two",
        )
    wrong: tuple[str, ...] = _PRODUCED_ONLY
    what = "only a catalog with produce = true has members of ours"
    if catalog.produce:
        wrong, what = _CONSUMED_ONLY, "a catalog that is produced brings no zones: leave it out"
        if not (config.transfers.allow_transfer or catalog.allow_transfer):
            yield (
                (*place, "allow_transfer"),
                "nobody may fetch the catalog: say who, here or in [transfers]",
            )
        if catalog.serial == "file":
            yield (*place, "serial"), 'there is no file whose serial it could have: "unixtime" is'
    elif catalog.serial not in (None, "file"):
        yield (
            (*place, "serial"),
            f'"{catalog.serial}" would give other serials than the primaries: leave it out',
        )
    for key in wrong:
        if getattr(catalog, key):
            yield (*place, key), what


def _templates_of(catalog: CatalogConfig, templates: set[str], place: KeyPath) -> Iterator[Fault]:
    listed = ", ".join(sorted(templates)) or "none"
    if catalog.template is None:
        yield place, "needs template, the [[template]] that says what holds for its zones"
    elif catalog.template not in templates:
        yield (
            (*place, "template"),
            f"there is no [[template]] with the name {catalog.template}; there is {listed}",
        )
    for group, name in catalog.groups.items():
        if name not in templates:
            yield (
                (*place, "groups"),
                f"{group}: there is no [[template]] with the name {name}; there is {listed}",
            )


def _groups_of_zones(config: Config) -> Iterator[Fault]:
    if any(catalog.produce for catalog in config.catalog):
        return
    for number, zone in enumerate(config.zone, 1):
        if zone.catalog_group is not None:
            yield (
                ("zone", number, "catalog_group"),
                "there is no catalog that the zone could be in: give a [[catalog]] produce = true",
            )
