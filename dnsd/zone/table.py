"""The native table of a zone's records, where it was built, and the zone as a view of it.

See ``_table.pyx``. Without it every record is a Python object, which is slower and larger and
otherwise the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING

from dnsd.zone.records import RRset, Zone

try:
    from dnsd.zone import _survey as survey
    from dnsd.zone._table import Table
except ImportError:
    survey = None  # type: ignore[assignment]
    Table = None  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FlaggedNames", "Table", "survey", "table_of", "zone_of"]

DUPLICATE, SECOND, OVERFULL = 1, 2, 3
"""Why :meth:`Table.add` has refused a record."""


FLAGS = {"cut": 2, "dname": 4, "occluded": 8, "hashed": 32, "exists": 64, "empty": 128}
"""What names are, as bits; see ``_tree.pxd``."""


class TableNodes(Mapping[bytes, dict[int, RRset]]):
    """The RRsets of a table by owner and type, made when they are asked for."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._at_apex: dict[int, RRset] = {}

    def __getitem__(self, owner: bytes) -> dict[int, RRset]:
        is_apex = owner == self.table.apex  # asked for ten times, in a zone of twenty records
        types = (is_apex and self._at_apex) or self.table.types(owner)
        if not types:
            raise KeyError(owner)
        if is_apex:
            self._at_apex = types
        return types

    def __contains__(self, owner: object) -> bool:
        return isinstance(owner, bytes) and self.table.has_records(owner)

    def __iter__(self) -> Iterator[bytes]:
        return self.table.owners()

    def __len__(self) -> int:
        return self.table.count()


class TableSignatures(Mapping[bytes, dict[int, RRset]]):
    """The signatures of a table by owner and type covered, made when they are asked for."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __getitem__(self, owner: bytes) -> dict[int, RRset]:
        if covered := self._table.covered(owner):
            return covered
        raise KeyError(owner)

    def __iter__(self) -> Iterator[bytes]:
        return self._table.signed_owners()

    def __len__(self) -> int:
        return self._table.count_signed()


class FlaggedNames(Set[bytes]):
    """The names of a table with a flag: ``kind`` is a key of ``FLAGS``."""

    def __init__(self, table: Table, kind: str) -> None:
        self._table, self._flags = table, FLAGS[kind]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, bytes) and self._table.flags_of(name) & self._flags != 0

    def __iter__(self) -> Iterator[bytes]:
        return self._table.flagged(self._flags)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @classmethod
    def _from_iterable(cls, names: Iterable[bytes]) -> set[bytes]:  # type: ignore[override]
        return set(names)


class _TableZone(Zone):
    """A zone that is a view of a table."""

    def replaced(self, rrsets: Iterable[RRset]) -> Zone:
        """See :class:`Zone`."""
        table = table_of(self)
        assert table is not None
        return zone_of(table.replaced(rrsets))


def zone_of(table: Table) -> Zone:
    """Return the zone whose records ``table`` has; it is finished."""
    return _TableZone(table.apex, TableNodes(table), TableSignatures(table))


def table_of(zone: Zone) -> Table | None:
    """Return the table behind ``zone``, None if its records are Python objects."""
    return zone.nodes.table if isinstance(zone.nodes, TableNodes) else None
