"""The nodes that decide together on the members of one pool: what they say, and what they agree on.

Knows whose votes there are; what follows from votes is :mod:`quorum`'s. Pure: it is given the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnsd.failover import quorum
from dnsd.failover.member import OUT, Agreed, MemberState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dnsd.config.policy import PoolPolicy
    from dnsd.failover.member import Member
    from dnsd.failover.quorum import Agreement, Vote


def is_shared(policy: PoolPolicy) -> bool:
    """Return whether several nodes decide how the members of a pool are."""
    return policy.scope.kind == "quorum" and policy.check != "none"


class Council:
    """Says by ``agreements`` (by address) how far nodes agree; none if this one decides alone.

    What was agreed last, each :class:`Member` keeps.
    """

    def __init__(self, policy: PoolPolicy) -> None:
        self.agreements: dict[str, Agreement] = {}
        self.is_shared = is_shared(policy)
        self._policy = policy
        self._heard: dict[str, Mapping[str, Vote]] = {}

    def edit(self, policy: PoolPolicy, members: Mapping[str, Member]) -> None:
        """Go on under another policy.

        A node that decided alone before has agreed with itself: nothing changes without the others.
        """
        was_shared, self.is_shared, self._policy = self.is_shared, is_shared(policy), policy
        if not self.is_shared:
            self.agreements, self._heard = {}, {}
            for member in members.values():
                member.agreed = None
        elif not was_shared:
            for member in members.values():
                if member.state != MemberState.INIT:
                    member.agreed = Agreed.DOWN if member.state in OUT else Agreed.UP

    def hear(self, node: str, votes: Mapping[str, Vote]) -> bool:
        """Take in all that another node says now, by address.

        Return whether there is something to decide.
        """
        if not self.is_shared:
            return False
        before, self._heard[node] = self._heard.get(node, {}), votes
        changed = _states(before) != _states(votes)
        return changed or not all(found.firm for found in self.agreements.values())

    def agree(self, members: Mapping[str, Member], now: float) -> None:
        """Find out what is agreed on each of ``members``."""
        if not self.is_shared:
            return
        found = {}
        for one, member in members.items():
            votes = [votes[one] for votes in self._heard.values() if one in votes]
            if own := quorum.own_vote(member):
                votes.append(own)
            found[one] = quorum.agreement(
                self._policy.scope, votes, member.agreed, self._policy.interval, now
            )
            member.agreed = found[one].agreed
        self.agreements = found

    def wakeups(self) -> list[float]:
        """Return when a vote will be too old, if nothing new is heard."""
        return [at for one in self.agreements.values() if (at := one.until) is not None]


def _states(votes: Mapping[str, Vote]) -> dict[str, MemberState]:
    return {address: vote.state for address, vote in votes.items()}
