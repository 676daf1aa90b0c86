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
            "needs either primaries, to fetch its zones from, or the directory of their files",
        )
    if template.primaries and template.serial not in (None, "file"):
        yield (
            (*place, "serial"),
            f'"{template.serial}" would change the serials of the primaries: remove this key',
        )
    if template.allow_notify and not template.primaries:
        yield (
            (*place, "allow_notify"),
            "has no effect without primaries: a NOTIFY makes dnsd ask them for the zone",
        )


def _of_catalog(config: Config, catalog: CatalogConfig, place: KeyPath) -> Iterator[Fault]:
    if catalog.produce == bool(catalog.primaries):
        yield (
            place,
            "needs either primaries, to fetch it from, or produce = true, to list the zones of "
            "this node",
        )
    wrong: tuple[str, ...] = _PRODUCED_ONLY
    what = "has no effect without produce = true"
    if catalog.produce:
        wrong, what = _CONSUMED_ONLY, "has no effect with produce = true: it brings no zones"
        if not (config.transfers.allow_transfer or catalog.allow_transfer):
            yield (
                (*place, "allow_transfer"),
                "no client may fetch the catalog: allow some, here or in [transfers]",
            )
        if catalog.serial == "file":
            yield (*place, "serial"), 'a produced catalog has no file: write "unixtime"'
    elif catalog.serial not in (None, "file"):
        yield (
            (*place, "serial"),
            f'"{catalog.serial}" would change the serials of the primaries: remove this key',
        )
    for key in wrong:
        if getattr(catalog, key):
            yield (*place, key), what


def _templates_of(catalog: CatalogConfig, templates: set[str], place: KeyPath) -> Iterator[Fault]:
    listed = ", ".join(sorted(templates)) or "none"
    if catalog.template is None:
        yield place, "needs template, the name of the [[template]] for its zones"
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
