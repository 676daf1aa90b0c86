from collections.abc import Collection
from typing import final

from typing_extensions import Buffer

@final
class Index:
    types: frozenset[int]
    def __init__(self, octets: Buffer) -> None: ...
    def at(self, name: bytes) -> bytes: ...
    def has_below(self, name: bytes) -> bool: ...
    def leading_to(
        self,
        exactly: Collection[bytes],
        by_alias: Collection[bytes],
        or_below: Collection[bytes],
        most: int,
    ) -> set[bytes] | None: ...
