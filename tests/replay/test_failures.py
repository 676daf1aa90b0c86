"""Members that die, hang, are slow to die or flap; and that come back."""

from __future__ import annotations

from dnsd.config.policy import Failback
from tests.failover import retold


def test_a_pool_begins() -> None:
    """Whoever was never seen is answered only for want of others, for a short time."""
    retold(
        """
        0:00.0   a b        5  a is not checked yet
        0:30.1   a b       10  a is up (3 successes)
        1:00.1   a b       20  a is up (6 successes)
        1:30.1   a b       40  a is up (9 successes)
        2:00.1   a b       80  a is up (12 successes)
        2:30.1   a b      160  a is up (15 successes)
        3:00.1   a b      300  no member is about to change it
        """,
        "3:30.0",
    )


def test_who_is_dead_at_the_start_is_out_after_the_first_round() -> None:
    retold(
        """
        0:00.0   > a dies
        0:00.0   a b        5  a is not checked yet
        0:00.1   b          5  a is not checked yet (1 of 3 failures)
        0:30.1   b         10  b is up (3 successes)
        """,
        "0:40.0",
    )


def test_a_member_dies_and_comes_back() -> None:
    retold(
        """
        5:09.9   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        150  a is down
        6:05.0   > a lives
        6:32.1   a b        5  a is up (0 successes)
        7:02.1   a b       10  a is up (3 successes)
        7:32.1   a b       20  a is up (6 successes)
        8:02.1   a b       40  a is up (9 successes)
        8:32.1   a b       80  a is up (12 successes)
        9:02.1   a b      160  a is up (15 successes)
        9:32.1   a b      300  no member is about to change it
        """,
        "9:40.0",
    )


def test_a_member_hangs() -> None:
    """The first failure is seen after a whole timeout, each other one after one more."""
    retold(
        """
        5:09.9   > a hangs
        5:12.0   a b        5  a is suspect (1 of 3 failures)
        5:16.0   b        150  a is down
        """,
        "5:40.0",
    )


def test_a_slow_death() -> None:
    """Failures are counted, not only rows of them; the TTL falls with them."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b       15  a is suspect (1 of 5 failures)
        5:15.1   a b       10  a is suspect (2 of 5 failures)
        5:17.0   > a lives
        5:22.0   > a dies
        5:25.1   a b        5  a is suspect (3 of 5 failures)
        5:26.0   > a lives
        5:36.0   > a hangs
        5:48.0   b        150  a is down
        """,
        "6:10.0",
        down=5,
        ok=4,
        fast_interval=5.0,
        timeout=3.0,
    )


def test_who_recovers_in_time_stays() -> None:
    """Three successes in a row clear what was counted."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:11.5   > a lives
        5:44.1   a b       10  a is up (3 successes)
        6:14.1   a b       20  a is up (6 successes)
        """,
        "6:20.0",
    )


def test_a_member_flaps() -> None:
    """Who comes and goes does it out of sight."""
    retold(
        """
        4:05.0   > a dies
        4:10.1   a b        5  a is suspect (1 of 3 failures)
        4:10.5   > a lives
        4:12.0   > a dies
        4:13.1   b        300  no member is about to change it
        4:14.5   > a lives
        4:50.0   > a dies
        4:53.5   > a lives
        5:01.0   > a dies
        5:19.0   > a lives
        6:43.1   a b        5  a is up (0 successes)
        """,
        "7:00.0",
        failback=Failback("hold", 60.0),
    )
