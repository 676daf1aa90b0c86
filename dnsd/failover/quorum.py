"""What several nodes agree on about a member, from what the checks of each of them say: pure.

A **vote** is a state that a node's own checks say, and when the last of their results was. UP and
SUSPECT are votes for up; DOWN, RECOVERING and HELD for down; INIT is none. A vote counts while it
is **fresh**: younger than three intervals.

Enough votes for one side, and not for the other, are an **agreement**. Without one, what was
agreed last stays as it is. So it takes the votes of enough nodes to change anything; silence
changes nothing, nor does a node that is cut off; and nodes with the same votes that agreed before
agree again.

Nodes tell each other for how many seconds they have known something, never what their clocks say.
Given the time (seconds, monotonic).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

from dnsd.config.units import format_duration
from dnsd.failover.member import OUT, SERVED, Agreed, MemberState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dnsd.config.policy import Scope
    from dnsd.failover.member import Member

FRESH_INTERVALS = 3
"""Votes are fresh for so many intervals of the checks: a member may be late once."""

OWN = ""
"""This node among those that vote."""

LONGEST_NAME = 255

LONGEST_AGE_S = 1e9
"""The greatest age that is told; older results are told as this old."""


class SpokenVote(msgspec.Struct, frozen=True, kw_only=True):
    """A vote as it travels: about the member ``address`` of the pool ``name`` and ``type``.

    ``age`` is for how many seconds the last result of a check has been known.
    """

    name: str
    type: str
    address: str
    state: MemberState
    age: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_AGE_S)]


class Recall(msgspec.Struct, frozen=True, kw_only=True):
    """The report that the run ``instance`` of ``node`` had orders, ``ago`` seconds ago.

    Orders about members: those in force, and those that are planned.
    """

    node: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    instance: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    ago: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_AGE_S)]


class Ballot(msgspec.Struct, frozen=True, kw_only=True):
    """All votes of ``node``; ``instance`` is another one for each of its runs.

    It is ``ordering`` if something is ordered of its members, ``missing`` if it has lost what was.
    ``recalls`` says which other nodes were ordering.
    """

    node: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
    votes: tuple[SpokenVote, ...] = ()
    instance: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)] = ""
    ordering: bool = False
    missing: bool = False
    recalls: tuple[Recall, ...] = ()


class Vote(NamedTuple):
    """What ``node`` says of one member, by a result that was there at ``at``, or later."""

    node: str
    state: MemberState
    at: float


class Agreement(NamedTuple):
    """How far nodes agree on one member; ``votes`` are in the order of the nodes' names.

    ``agreed`` is what was agreed last (None: nothing yet); if it is ``firm``, there are the votes
    for it now. They are up to ``until``, if nothing new is heard (None: there are none).
    """

    scope: Scope
    agreed: Agreed | None
    firm: bool
    up: tuple[Vote, ...]
    down: tuple[Vote, ...]
    silent: tuple[Vote, ...]
    until: float | None

    @property
    def suspected(self) -> bool:
        """Whether another node has begun to count failures."""
        return any(vote.node != OWN and vote.state == MemberState.SUSPECT for vote in self.up)

    def sentence(self) -> str:
        """Return how it stands, as the rest of a sentence about the member."""
        need, nodes = self.scope.need, self.scope.nodes
        if self.firm:
            votes = self.up if self.agreed == Agreed.UP else self.down
            return f"agreed to be {self.agreed}: {len(votes)} of {nodes} nodes say so"
        kept = f"it stays {self.agreed}" if self.agreed else "nothing was agreed before"
        return (
            f"not agreed on: {len(self.up)} of {nodes} nodes say up, {len(self.down)} down, and "
            f"it takes {need}; {kept}"
        )


def own_vote(member: Member) -> Vote | None:
    """Return what this node says of ``member``; None if its checks have not said anything yet."""
    if member.last is None or member.state == MemberState.INIT:
        return None
    return Vote(OWN, member.state, member.last.at)


def agreement(
    scope: Scope, votes: Iterable[Vote], before: Agreed | None, interval: float, now: float
) -> Agreement:
    """Return what is agreed at ``now`` of a member that is checked each ``interval`` seconds.

    ``before`` is what was agreed last. A node that votes twice is counted with its latest vote.
    """
    fresh_for = FRESH_INTERVALS * interval
    up, down, silent = [], [], []
    for vote in _one_each(votes):
        if now >= vote.at + fresh_for:
            silent.append(vote)
        elif vote.state in SERVED:
            up.append(vote)
        elif vote.state in OUT:
            down.append(vote)
    is_up, is_down = len(up) >= scope.need, len(down) >= scope.need
    firm = is_up != is_down
    agreed = (Agreed.UP if is_up else Agreed.DOWN) if firm else before
    until = min((vote.at + fresh_for for vote in (*up, *down)), default=None)
    return Agreement(scope, agreed, firm, tuple(up), tuple(down), tuple(silent), until)


def sees_nobody(members: Iterable[Member], agreements: Mapping[str, Agreement]) -> tuple[str, ...]:
    """Return the members that enough other nodes see, if this one sees none of ``members``.

    Empty if it sees one, cannot say, or is not contradicted. Only results count that others have
    had after this node has called the member down: when a service dies, not all see it at once.
    """
    contradicted = []
    for member in members:
        found = agreements[member.address]
        if not any(vote.node == OWN and vote.state == MemberState.DOWN for vote in found.down):
            return ()
        since = [
            vote for vote in found.up if vote.state == MemberState.UP and vote.at > member.since
        ]
        if len(since) >= found.scope.need:
            contradicted.append(member.address)
    return tuple(contradicted)


def heard(ballot: Ballot, asked: float) -> dict[tuple[str, str], dict[str, Vote]]:
    """Return the votes of ``ballot`` by pool (name and type) and address.

    It was ``asked`` for at that time: each result is as old as it says, and possibly younger.
    """
    found: dict[tuple[str, str], dict[str, Vote]] = {}
    for said in ballot.votes:
        votes = found.setdefault((said.name, said.type), {})
        votes[said.address] = Vote(ballot.node, said.state, asked - said.age)
    return found


def said(name: str, rtype: str, members: Iterable[Member], now: float) -> list[SpokenVote]:
    """Return this node's votes on the ``members`` of a pool."""
    return [
        SpokenVote(
            name=name,
            type=rtype,
            address=member.address,
            state=vote.state,
            age=min(max(0.0, now - vote.at), LONGEST_AGE_S),
        )
        for member in members
        if (vote := own_vote(member))
    ]


def told(vote: Vote, now: float) -> str:
    """Return the votes in words."""
    who = vote.node or "this node"
    return f"{who} says {vote.state}, {format_duration(max(0, int(now - vote.at)))} ago"


def _one_each(votes: Iterable[Vote]) -> list[Vote]:
    latest: dict[str, Vote] = {}
    for vote in votes:
        before = latest.get(vote.node)
        if before is None or (vote.at, vote.state) > (before.at, before.state):
            latest[vote.node] = vote
    return [latest[node] for node in sorted(latest)]
