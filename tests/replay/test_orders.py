"""What the operator orders: members forced up and down, and drained."""

from __future__ import annotations

from tests.failover import retold


def test_a_member_is_forced_down_for_a_while() -> None:
    """The end of an order is known beforehand: no answer outlives it."""
    retold(
        """
        5:01.0   > force a down for 0:08
        5:01.0   b          3  no member is about to change it
        5:06.0   b          2  a change is planned
        5:07.0   b          1  a change is planned
        5:09.0   a b        3  no member is about to change it
        """,
        "5:20.0",
        ttl=3,
    )


def test_a_member_is_forced_up() -> None:
    """Below an order the checks go on, and its end finds what they say."""
    retold(
        """
        5:30.0   > force a up
        5:31.0   > a dies
        5:55.0   > free a
        5:55.0   b        150  a is down
        """,
        "6:10.0",
    )


def test_a_drain() -> None:
    """It switches when answers with a longer TTL have expired, and soon is safe."""
    retold(
        """
        4:00.0   > drain a
        4:00.0   a b        5  a is about to leave
        4:00.0   the drain of a: lowering
        4:16.0   a b        4  a change is planned
        4:17.0   a b        3  a change is planned
        4:18.0   a b        2  a change is planned
        4:19.0   a b        1  a change is planned
        4:21.0   the drain of a: waiting
        4:21.0   b         20  no member is about to change it
        4:22.0   the drain of a: safe
        5:00.0   > free a
        5:00.0   a b       20  no member is about to change it
        """,
        "5:10.0",
        ttl=20,
    )


def test_a_direct_drain() -> None:
    """Who is drained does not come back, even if all others are down."""
    retold(
        """
        4:00.0   > drain a directly
        4:00.0   b         40  no member is about to change it
        4:00.0   the drain of a: waiting
        4:10.0   > b dies
        4:12.1   b          5  too few members are up
        4:40.0   the drain of a: safe
        """,
        "5:10.0",
        ttl=40,
    )


def test_a_drain_goes_on_after_a_restart() -> None:
    retold(
        """
        4:00.0   > drain a
        4:00.0   a b        5  a is about to leave
        4:00.0   the drain of a: lowering
        4:10.0   > dnsd is away for 0:03
        4:16.0   a b        4  a change is planned
        4:17.0   a b        3  a change is planned
        4:18.0   a b        2  a change is planned
        4:19.0   a b        1  a change is planned
        4:21.0   the drain of a: waiting
        4:21.0   b         20  no member is about to change it
        4:22.0   the drain of a: safe
        """,
        "4:30.0",
        ttl=20,
    )


def test_what_was_safe_is_looked_at_again_after_a_restart() -> None:
    retold(
        """
        4:00.0   > drain a directly
        4:00.0   b         20  no member is about to change it
        4:00.0   the drain of a: waiting
        4:20.0   the drain of a: safe
        4:30.0   > dnsd is away for 2:00
        6:30.0   the drain of a: waiting
        6:30.1   the drain of a: safe
        """,
        "6:40.0",
        ttl=20,
    )


def test_a_member_that_is_drained_dies() -> None:
    retold(
        """
        4:00.0   > drain a
        4:00.0   a b        5  a is about to leave
        4:00.0   the drain of a: lowering
        4:05.0   > a dies
        4:12.1   b        300  no member is about to change it
        4:12.2   the drain of a: waiting
        """,
        "5:50.0",
    )
