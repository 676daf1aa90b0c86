from typing_extensions import Buffer

from dnsd.versions._collector import Collector
from dnsd.zone._table import Table

def add_stored(octets: Buffer, at: int, table: Table, file: int) -> tuple[int, int]: ...
def collect_table(table: Table, collector: Collector) -> None: ...
