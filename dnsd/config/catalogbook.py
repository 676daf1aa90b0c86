"""Which zones catalogs have brought, on disk, for after a restart.

All in one file of the state directory, so that a zone that moves from one catalog to another is
never in both, nor in neither. Control writes it before it acts on it, and after it a copy: nobody
else could say which zones were held.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.config import origins
from dnsd.config.zones import received_directory

if TYPE_CHECKING:
    from dnsd.config.catalogs import TemplateConfig
    from dnsd.config.model import Config

BOOKS = "catalogs.state"
"""The name of the file."""
COPY = "catalogs.state.copy"
"""The name of its copy."""


class CatalogMember(msgspec.Struct, frozen=True, array_like=True):
    """A member of a catalog: the ``label`` of its node, and its properties (RFC 9432 §4.4)."""

    label: str
    groups: tuple[str, ...] = ()
    coo: str = ""
    """The catalog that may take it over; empty if none may."""


class CatalogBook(msgspec.Struct, frozen=True):
    """The zones that one catalog has brought, by name.

    The zones in ``held`` were removed from the catalog (empty), or have another label now; dnsd
    keeps them, because too many would go at once.
    """

    serial: int | None = None
    members: dict[str, CatalogMember] = {}
    held: dict[str, str] = {}


Books = dict[str, CatalogBook]
"""The book of each catalog, by its name."""


class BooksRead(NamedTuple):
    """The ``books`` on disk, and whether they are in both files.

    ``fault`` is a sentence about the first file if they come from the copy, else empty.
    """

    books: Books
    are_in_both: bool
    fault: str = ""


class MemberZone(msgspec.Struct, frozen=True):
    """A zone that the ``catalog`` has brought; ``template`` is the name of its template."""

    catalog: str
    template: str
    file: Path


def encode(books: Books) -> bytes:
    """Return what :func:`decode` reads."""
    return msgspec.json.encode(books)


def decode(data: bytes) -> Books:
    """Return the books in ``data``; ValueError if they are damaged."""
    return msgspec.json.decode(data, type=Books)


def read(state_directory: Path) -> BooksRead:
    """Return the books, empty if there never were any; ValueError if no file of them is whole."""
    first, second = (_tried(state_directory / name) for name in (BOOKS, COPY))
    if first is None and second is None:
        return BooksRead({}, are_in_both=False)
    if isinstance(first, dict):
        return BooksRead(first, are_in_both=first == second)
    fault = first or f"{state_directory / BOOKS} is missing"
    if isinstance(second, dict):
        return BooksRead(second, are_in_both=False, fault=fault)
    raise ValueError(f"{fault}, and {second}" if second else fault)


def _tried(path: Path) -> Books | str | None:
    """Return the books in the file ``path``, or why it cannot be read; None if there is none."""
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    except ValueError as error:
        return f"{path} is damaged ({error})"


def members(config: Config, books: Books) -> dict[str, MemberZone]:
    """Return the zones that the catalogs of ``config`` have brought."""
    templates = {one.name: one for one in config.template}
    received = received_directory(config)
    found: dict[str, MemberZone] = {}
    for catalog in config.catalog:
        if catalog.produce or (book := books.get(catalog.name)) is None:
            continue
        for name, member in book.members.items():
            template = templates[catalog.template_for(member.groups)]
            file = _file_of(received, template, name, member.label)
            found[name] = MemberZone(catalog.name, template.name, file)
    return found


def _file_of(received: Path, template: TemplateConfig, origin: str, label: str) -> Path:
    """Return the file of a zone that a catalog has brought.

    The name of a fetched zone's file contains its label: with another label the zone begins again
    (RFC 9432 §5.4), without the old data.
    """
    if template.directory is not None:
        return template.directory / origins.file_name(origin)
    digest = hashlib.sha256(label.encode()).hexdigest()[:16]
    return received / f"{origins.file_stem(origin)}.{digest}.records"
