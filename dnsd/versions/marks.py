"""The first octets of files with records, by which a reader tells them from text files."""

from __future__ import annotations

RECORDS = b"dnsdrec\x01"
"""Record files; the last octet counts the changes of the format."""
JOURNAL = b"dnsdjnl\x01"


def is_record_file(data: bytes) -> bool:
    """Tell whether ``data`` begins as a record file does, of this format or another one."""
    return data.startswith(RECORDS[:-1])
