"""The checker dies, dnsd is restarted, the zone is edited."""

from __future__ import annotations

from tests.failover import retold


def test_the_checker_dies() -> None:
    """Whoever was up stays up: nobody knows better. Their TTL is short while nobody looks."""
    retold(
        """
        5:01.0   > a dies
        5:05.0   > the checker dies
        5:05.0   a b        5  a is up (30 successes), last known: nobody checks
        5:30.0   > b dies
        8:00.0   > b lives
        9:00.0   > the checker lives
        9:02.1   b          5  b is up (1 success)
        9:20.1   b         10  b is up (3 successes)
        """,
        "9:40.0",
    )


def test_a_short_restart_forgets_nothing() -> None:
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        150  a is down
        5:20.0   > dnsd is away for 0:30
        """,
        "6:20.0",
    )


def test_a_long_restart_begins_anew() -> None:
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        150  a is down
        5:20.0   > dnsd is away for 1:01
        6:21.0   a b        5  a is not checked yet
        6:21.1   b          5  a is not checked yet (1 of 3 failures)
        """,
        "6:40.0",
    )


def test_the_zone_is_edited() -> None:
    """Who stays keeps its state; who is new has to be seen first, unless there is nobody else."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        150  a is down
        5:31.0   > the zone has a c
        5:31.0   c          5  c is not checked yet
        5:40.0   > the zone has a b c
        5:40.0   c          5  b is not checked yet
        5:40.1   b c        5  b is up (0 successes)
        6:10.1   b c       10  b is up (3 successes)
        """,
        "6:20.0",
    )
