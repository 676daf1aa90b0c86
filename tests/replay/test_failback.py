"""The way back: by itself, after a hold time, or by hand."""

from __future__ import annotations

from dnsd.config.policy import Failback
from tests.failover import retold


def test_by_itself() -> None:
    """The TTL is short again at first, and half the longest before."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        150  a is down
        5:20.0   > a lives
        5:42.1   a b        5  a is up (0 successes)
        6:12.1   a b       10  a is up (3 successes)
        """,
        "6:20.0",
    )


def test_after_a_hold_time() -> None:
    """A failure in the hold time begins it anew."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        300  no member is about to change it
        5:20.0   > a lives
        6:20.0   > a dies
        6:30.0   > a lives
        7:52.1   a b        5  a is up (0 successes)
        """,
        "8:00.0",
        failback=Failback("hold", 60.0),
    )


def test_by_hand() -> None:
    """However long dnsd is away, the operator is waited for."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        300  no member is about to change it
        5:20.0   > a lives
        7:00.0   > dnsd is away for 0:20
        8:00.0   > dnsd is away for 5:00
        13:00.0  b          5  b is not checked yet
        13:30.1  b         10  b is up (3 successes)
        14:00.0  > fail back a
        14:00.0  a b        5  a is up (0 successes)
        """,
        "14:10.0",
        failback=Failback("manual"),
    )


def test_held_members_are_answered_rather_than_none() -> None:
    """It stays held, and is answered for the shortest time."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        300  no member is about to change it
        5:20.0   > a lives
        7:00.0   > b dies
        7:00.1   b          5  b is suspect (1 of 3 failures)
        7:02.1   a          5  a is held until an operator lets it come back
        9:00.0   > b lives
        9:22.1   a b        5  a is held until an operator lets it come back
        """,
        "11:00.0",
        failback=Failback("manual"),
        all_down="nodata",
    )
