"""Nodes disagree on a member, fall silent, and agree again. There are y and z besides this one."""

from __future__ import annotations

from dnsd.config.policy import Scope
from tests.failover import retold

TWO_OF_THREE = Scope("quorum", 2, 3)
BOTH_OF_TWO = Scope("quorum", 2, 2)


def test_this_node_alone_does_not_see_it() -> None:
    """The answer stays; its TTL is short for as long as this node's own checks can say nothing."""
    retold(
        """
        5:01.0   > a dies
        5:10.1   a b        5  a is suspect (1 of 3 failures); agreed to be up: 3 of 3 nodes say so
        6:01.0   > a lives
        6:52.1   a b       10  a is up (3 successes); agreed to be up: 3 of 3 nodes say so
        """,
        "7:10.0",
        scope=TWO_OF_THREE,
    )


def test_two_of_three_decide_and_the_ttl_is_short_before() -> None:
    retold(
        """
        5:03.0   > a dies
        5:10.0   > y sees a suspect
        5:10.0   a b        5  a is up (30 successes); agreed to be up: 3 of 3 nodes say so
        5:11.0   > z sees a down
        5:12.1   b        150  a is down; agreed to be down: 2 of 3 nodes say so
        5:20.0   > y sees a down
        5:40.0   > y sees a up
        5:41.0   > a lives
        6:02.1   a b        5  a is up (0 successes); agreed to be up: 2 of 3 nodes say so
        6:32.1   a b       10  a is up (3 successes); agreed to be up: 2 of 3 nodes say so
        """,
        "6:50.0",
        scope=TWO_OF_THREE,
    )


def test_two_nodes_disagree_and_no_third_one_decides() -> None:
    """What was agreed on stays as it is, in both directions, until both say something else."""
    retold(
        """
        5:01.0   > z is silent
        5:31.0   > a dies
        5:40.1   a b        5  a is suspect (1 of 3 failures); agreed to be up: 2 of 2 nodes say so
        6:23.0   > y sees a down
        6:23.0   b        150  a is down; agreed to be down: 2 of 2 nodes say so
        6:33.0   > a lives
        7:02.1   b          5  a is up (0 successes); not agreed on: 1 of 2 nodes say up, 1 down, and it takes 2; it stays down
        7:23.0   > y sees a up
        7:23.0   a b        5  a is up (2 successes); agreed to be up: 2 of 2 nodes say so
        7:32.1   a b       10  a is up (3 successes); agreed to be up: 2 of 2 nodes say so
        """,  # noqa: E501
        "7:40.0",
        scope=BOTH_OF_TWO,
    )


def test_the_others_fall_silent_and_nothing_changes() -> None:
    """Not when a member dies, nor when it lives again, until somebody is heard."""
    retold(
        """
        5:00.0   > y is silent
        5:00.0   > z is silent
        5:29.0   a b        5  a is up (32 successes); not agreed on: 1 of 3 nodes say up, 0 down, and it takes 2; it stays up
        5:41.0   > a dies
        6:41.0   > y is heard again
        6:51.0   > y sees a down
        6:51.0   b        150  a is down; agreed to be down: 2 of 3 nodes say so
        7:01.0   > y is silent
        7:30.0   b          5  a is down; not agreed on: 0 of 3 nodes say up, 1 down, and it takes 2; it stays down
        7:51.0   > a lives
        8:51.0   > z is heard again
        8:51.0   a b       10  a is up (3 successes); agreed to be up: 2 of 3 nodes say so
        """,  # noqa: E501
        "9:10.0",
        scope=TWO_OF_THREE,
    )


def test_an_order_holds_whatever_others_say() -> None:
    retold(
        """
        5:01.0   > force a down
        5:01.0   b        300  no member is about to change it
        5:11.0   > y sees a down
        5:11.0   > z sees a down
        5:20.0   > force a up
        5:20.0   a b      300  no member is about to change it
        5:30.0   > free a
        5:30.0   b        150  a is up (32 successes); agreed to be down: 2 of 3 nodes say so
        """,
        "5:40.0",
        scope=TWO_OF_THREE,
    )
