from collections.abc import Iterator

from typing_extensions import Buffer

def canonical_form(octets: Buffer, apex: bytes) -> Iterator[bytes]: ...
