from typing_extensions import Buffer

from dnsd.wire.records import Record

class Misfit(Exception):
    why: str
    record: Record

def differ(old: Buffer, new: Buffer) -> tuple[bytes, bytes]: ...
def apply(version: Buffer, removed: Buffer, added: Buffer) -> bytes: ...
def join(
    first_removed: Buffer, first_added: Buffer, then_removed: Buffer, then_added: Buffer
) -> tuple[bytes, bytes]: ...
