"""All members are down: what each policy answers, and how the pool comes back."""

from __future__ import annotations

from tests.failover import retold


def test_all_are_answered_as_if_they_were_up() -> None:
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        150  a is down
        5:22.0   > b dies
        5:30.1   b          5  b is suspect (1 of 3 failures)
        5:32.1   a b        5  too few members are up
        5:42.0   > b lives
        6:02.1   b          5  b is up (0 successes)
        """,
        "6:10.0",
    )


def test_nothing_is_answered() -> None:
    retold(
        """
        5:01.0   > a dies
        5:02.0   > b dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   SERVFAIL   5  too few members are up
        5:42.0   > a lives
        6:02.1   a          5  a is up (0 successes)
        """,
        "6:10.0",
        all_down="servfail",
    )


def test_the_last_good_answer_stays() -> None:
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures)
        5:12.1   b        150  a is down
        5:22.0   > b dies
        5:32.1   b          5  too few members are up
        """,
        "5:40.0",
        all_down="last_good",
    )


def test_an_address_that_apologizes() -> None:
    """A fallback's answer is kept for ten seconds at most, whatever the policy's shortest TTL."""
    retold(
        """
        5:01.0   > a hangs
        5:02.0   > b hangs
        5:12.0   a b       20  a is suspect (1 of 3 failures)
        5:16.0   fallback  10  too few members are up
        5:42.0   > b lives
        6:04.1   b         20  b is up (0 successes)
        """,
        "6:10.0",
        all_down="fallback",
        fallback=("198.51.100.1",),
        ttl_min=20,
    )


def test_a_backup_takes_over() -> None:
    """A backup that is not needed shortens no TTL."""
    retold(
        """
        4:30.0   > b dies
        4:34.0   > b lives
        5:01.0   > a dies
        5:10.1   a          5  a is suspect (1 of 3 failures)
        5:12.1   b          5  b is up (1 success)
        5:22.0   > b dies
        5:24.1   a          5  too few members are up
        5:42.0   > b lives
        5:43.0   > a lives
        6:04.1   b          5  b is up (0 successes)
        6:12.1   a          5  a is up (0 successes)
        """,
        "6:20.0",
        tiers=(("192.0.2.1",), ("192.0.2.2",)),
    )


def test_too_few_are_up() -> None:
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b c      5  a is suspect (1 of 3 failures)
        5:11.0   > b dies
        5:12.1   b c      150  a is down
        5:20.1   b c        5  b is suspect (1 of 3 failures)
        5:22.1   NODATA     5  too few members are up
        5:42.0   > b lives
        6:02.1   b c        5  b is up (0 successes)
        """,
        "6:10.0",
        members="abc",
        min_up=0.5,
        all_down="nodata",
    )
