"""Catalogs of zones (RFC 9432): ``[[catalog]]`` and ``[[template]]``.

A consumed catalog brings zones, each configured by a template; a produced catalog tells other
servers which zones this node has. :mod:`dnsd.config.catalogrules` checks combinations of keys.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from dnsd.config import origins
from dnsd.config.kinds import FilePath, Flag, OneOf, Origin, Share, Size, Text, Texts, wanted
from dnsd.config.transfers import SERIALS, AllowedPeer, NotifyPeer, PrimaryPeer

_GROUP = "it goes into a TXT record"
_DISK = "it is kept on disk"


class GroupTemplates(msgspec.Struct, frozen=True):
    """A table of groups, each with the name of a template."""

    def read(self, value: object, _base: Path) -> dict[str, str]:
        """Return the table."""
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise wanted('a table of groups and templates, such as { signed = "signed" }', value)
        return value


class OriginNames(msgspec.Struct, frozen=True):
    """A list of names of zones."""

    def read(self, value: object, base: Path) -> tuple[str, ...]:
        """Return the names, absolute and in lower case."""
        return tuple(origins.normal(one) for one in Texts().read(value, base))


class TemplateConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[template]]``: in place of a ``[[zone]]`` for zones that catalogs bring.

    The zones are fetched (``primaries``), or are files ``NAME.zone`` in a ``directory``. None means
    the value in ``[transfers]``.
    """

    name: Annotated[str, Text(255, "it is only a name")]
    directory: Annotated[Path | None, FilePath()] = None
    primaries: tuple[PrimaryPeer, ...] = ()
    notify: tuple[NotifyPeer, ...] | None = None
    notify_ns: Annotated[bool | None, Flag()] = None
    allow_notify: tuple[AllowedPeer, ...] | None = None
    allow_transfer: tuple[AllowedPeer, ...] | None = None
    serial: Annotated[str | None, OneOf(SERIALS)] = None
    journal: Annotated[int | None, Size("0B", "64GiB", _DISK)] = None
    line: int = 0


class CatalogConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[catalog]]``: a catalog zone, which is consumed (from ``primaries``) or produced.

    None means the value in ``[transfers]``. ``template`` is for members without a group, or with a
    group that is not in ``groups``.
    """

    name: Annotated[str, Origin()]
    primaries: tuple[PrimaryPeer, ...] = ()
    template: Annotated[str | None, Text(255, "it is only a name")] = None
    groups: Annotated[dict[str, str], GroupTemplates()] = {}
    vanish: Annotated[float | None, Share()] = None
    """None: the value in ``[zones]``."""

    produce: Annotated[bool, Flag()] = False
    group: Annotated[str | None, Text(255, _GROUP)] = None
    """The group of members whose ``[[zone]]`` has none."""
    exclude: Annotated[tuple[str, ...], OriginNames()] = ()

    notify: tuple[NotifyPeer, ...] | None = None
    notify_ns: Annotated[bool | None, Flag()] = None
    allow_notify: tuple[AllowedPeer, ...] | None = None
    allow_transfer: tuple[AllowedPeer, ...] | None = None
    serial: Annotated[str | None, OneOf(SERIALS)] = None
    journal: Annotated[int | None, Size("0B", "64GiB", _DISK)] = None
    line: int = 0

    def template_for(self, groups: tuple[str, ...]) -> str:
        """Return the name of the template for a member that is in ``groups``."""
        assert self.template is not None, "catalogs that are consumed have one"
        return next((self.groups[one] for one in groups if one in self.groups), self.template)
