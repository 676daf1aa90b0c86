"""Counters of one worker: 64-bit cells in shared memory, one writer each, no locks.

A counter is an index into a ``memoryview`` of type ``Q``; the hot path adds to it with a
plain ``cells[i] += 1``. Readers (control) may see a value a moment old, never a torn one.
The list below *is* the layout: add at the end of a group, names are the exported metric names.
"""

from __future__ import annotations

Counters = memoryview  # of format "Q", at least len(NAMES) cells

QTYPES = (1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 43, 46, 47, 48, 50, 52, 64, 65, 251, 252, 255, 257)
"""Query types counted by number; every other is counted as ``qtype_other``."""

RCODES = 24
"""Response codes counted: 0 to 23 (extended rcodes as far as BADCOOKIE)."""

KINDS = ("answer", "wildcard", "any", "referral", "nodata", "nxdomain", "other")
"""Kinds of answers that rate limits distinguish, see :mod:`dnsd.hotpath.limiter`."""

_PLAIN = (
    "queries_udp",
    "queries_tcp",
    "responses_udp",
    "responses_tcp",
    "truncated",
    "edns",
    "dnssec_ok",
    "cookies_valid",
    # queries dropped without an answer
    "drop_short",
    "drop_response",
    "drop_send_blocked",
    "drop_send_error",
    "drop_send_no_route",
    "drop_send_forbidden",
    "drop_send_late",
    "drop_receive_queue",
    # odd input that is answered: one of these goes up by one, exactly
    "odd_no_question",
    "odd_many_questions",
    "odd_bad_name",
    "odd_records",
    "odd_opcode",
    "odd_notify",
    "odd_update",
    "odd_class",
    "odd_transfer",
    "odd_edns",
    "odd_edns_version",
    "odd_cookie",
    "odd_tsig_key",
    "odd_tsig_place",
    "odd_meta_type",
    "not_authoritative",
    "not_ready",
    "chaos",
    "internal_error",
    # what was given to the transfer process, and what was dropped instead
    "handed_over",
    "handed_over_dropped",
    # TCP connections
    "tcp_accepted",
    "tcp_refused_source",
    "tcp_evicted",
    "tcp_closed_idle",
    "tcp_closed_slow_message",
    "tcp_closed_bad_length",
    "tcp_reset_unread",
    "tcp_reset_late",
    # answers that rate limits withheld, and those of them that were sent truncated
    "limited",
    "limited_slipped",
)

NAMES: tuple[str, ...] = (
    *_PLAIN,
    *(f"qtype_{number}" for number in QTYPES),
    "qtype_other",
    *(f"rcode_{number}" for number in range(RCODES)),
    *(f"limited_{kind}" for kind in KINDS),
)
"""Every counter's name; its position is its index."""

INDEX: dict[str, int] = {name: index for index, name in enumerate(NAMES)}
"""The index of each counter, by name."""

SIZE = len(NAMES)
"""Cells that one worker's counters need."""


def fresh() -> Counters:
    """Return zeroed counters in private memory (tests, ``dnsd explain``)."""
    return memoryview(bytearray(SIZE * 8)).cast("Q")


def total(workers: list[Counters]) -> dict[str, int]:
    """Sum the counters of all ``workers`` by name."""
    return {name: sum(cells[index] for cells in workers) for name, index in INDEX.items()}
