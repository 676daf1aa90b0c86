from collections.abc import Collection

from dnsd.zone._table import Table

def listing_of(table: Table, pools: Collection[tuple[bytes, int]]) -> bytes: ...
