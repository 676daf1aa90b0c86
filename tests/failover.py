"""A world for pools: services that die, a checker that finds out, caches, on a clock that jumps.

Nothing here sleeps. The checker keeps to the intervals as the real one does at its slowest: the
next check begins a pause after the last one began, but never before that has ended.
"""

from __future__ import annotations

import heapq
from itertools import count

import msgspec

from dnsd.caches.judge import Safety, Verdict
from dnsd.config.policy import PoolPolicy
from dnsd.failover import drain, stored
from dnsd.failover.member import Forced, MemberOrder, MemberState
from dnsd.failover.pool import Decision, PoolState
from dnsd.failover.quorum import Vote
from dnsd.failover.stored import Moment

ADDRESSES = tuple(f"192.0.2.{number}" for number in range(1, 10))

LATENCY_S = 0.1
"""How long a service takes to answer, or to refuse."""

POLL_S = 1.0
"""How often other nodes are asked for their votes."""

PLAIN = PoolPolicy(name="www.example.com.", type="A", check="tcp", port=80)


def pool(**changes: object) -> PoolPolicy:
    """Return a policy that is usual but for ``changes``."""
    return msgspec.structs.replace(PLAIN, **changes)


def freeze(state: PoolState, why: str) -> None:
    """Have ``state`` keep what it knows: its members are not checked, because of ``why``."""
    for member in state.members.values():
        member.freeze(why)


def thaw(state: PoolState, now: float) -> None:
    """Have ``state`` count results again."""
    for member in state.members.values():
        member.thaw(now)


class World:
    """One pool and all around it, from ``now`` = 0 on.

    ``held`` says until when a cache may hold each address, of those that were answered.
    ``history`` has each decision that differs from the one before, with its time. ``others`` are
    nodes that vote, with what they say of each member.
    """

    def __init__(self, policy: PoolPolicy, members: tuple[str, ...], ttl: int = 300) -> None:
        self.now = 0.0
        self.policy, self.ttl = policy, ttl
        self.state = PoolState(policy, ttl, members, 0.0)
        self.services = dict.fromkeys(members, "lives")
        self.held: dict[str, float] = {}
        self.history: list[tuple[float, Decision]] = []
        self.checking = True
        self.others: dict[str, dict[str, MemberState]] = {}
        self._events: list[tuple[float, int, str, str]] = []
        self._number = count()
        self._began: dict[str, float] = {}
        for member in members:
            self._plan(0.0, "check", member)
        if policy.scope.kind == "quorum":
            self._plan(0.0, "poll", "")
        self.decide()

    @property
    def decision(self) -> Decision:
        return self.history[-1][1]

    def answered(self) -> list[str]:
        """Return the members that are answered now."""
        return [one for one in self.state.members if self.state.answered(one, self.decision)]

    def run(self, until: float) -> None:
        """Let everything happen that happens before ``until``, and then it is ``until``."""
        while True:
            wakeup = self.state.next_wakeup(self.now)
            due = min(self._events[0][0] if self._events else until, wakeup or until)
            if due >= until:
                break
            self._wait(due)
            while self._events and self._events[0][0] <= self.now:
                _, _, what, member = heapq.heappop(self._events)
                self._happen(what, member)
            self.decide()
        self._wait(until)

    def decide(self) -> None:
        found = self.state.decide(self.now)
        if not self.history or found[:3] != self.decision[:3]:
            self.history.append((self.now, found))

    def edit(self, members: tuple[str, ...], **changes: object) -> None:
        """Load the zone again."""
        self.policy = msgspec.structs.replace(self.policy, **changes)
        for member in members:
            if member not in self.services:
                self.services[member] = "lives"
                self._plan(self.now, "check", member)
        self.state.edit(self.policy, self.ttl, members, self.now)
        self.decide()

    def restart(self, pause: float) -> stored.Kept:
        """End dnsd, with its checks; ``pause`` seconds later another one begins."""
        data = stored.encode((self.state.to_stored(self.now),), Moment(1e9 + self.now))
        members = tuple(self.state.members)
        self._wait(self.now + pause)
        kept = stored.decode(data, Moment(1e9 + self.now))
        self.state = PoolState(self.policy, self.ttl, members, self.now)
        self.state.restore(kept, self.now)
        self._events = [event for event in self._events if event[2] == "poll"]
        for member in members:
            self._plan(self.now, "check", member)
        self.decide()
        return kept

    def drain(self, member: str, order: MemberOrder, *, directly: bool = False) -> None:
        horizon = self.held.get(member, self.now)
        begun = drain.direct(self.now) if directly else drain.lowered(self.now, horizon)
        self.state.drain(member, order, begun)
        self.decide()

    def judge(self) -> None:
        """Ask the caches about each member that is drained."""
        for member, one in self.state.drains.items():
            until = self.held.get(member, 0.0)
            free = until <= self.now and member not in self.answered()
            one.judge(self.now, Verdict(Safety.SAFE if free else Safety.WAIT, until, until, (), ()))

    def _wait(self, until: float) -> None:
        """Answer queries until then."""
        self.now = until
        for member in self.answered():
            self.held[member] = max(self.held.get(member, 0.0), until + self.decision.ttl)

    def _plan(self, when: float, what: str, member: str) -> None:
        heapq.heappush(self._events, (when, next(self._number), what, member))

    def _happen(self, what: str, member: str) -> None:
        if what == "poll":
            self._hear()
            self._plan(self.now + POLL_S, "poll", "")
        elif member not in self.state.members:
            del self.services[member]
        elif not self.checking:
            self._plan(self.now + 1.0, "check", member)
        elif what == "check":
            # What a service does is decided when it is asked: who dies later has answered.
            service = self.services[member]
            quick = min(LATENCY_S, self.policy.timeout)
            took = self.policy.timeout if service == "hangs" else quick
            self._plan(self.now + took, "ok" if service == "lives" else "failed", member)
            self._began[member] = self.now
        else:
            began = self._began[member]
            self.state.members[member].result(self.now, what == "ok", latency=self.now - began)
            pause = self.state.members[member].pause
            self._plan(max(self.now, began + pause), "check", member)

    def _hear(self) -> None:
        for node, states in self.others.items():
            votes = {one: Vote(node, state, self.now) for one, state in states.items()}
            self.state.hear(node, votes)


class Story:
    """A text of what happens and what is answered, which is lived through and told again.

    Lines with ``>`` are what happens; all others are found out. Members are letters. The story
    begins at the time of its first line, with a world that is older.

        0:00.0   a b       5  a is not checked yet
        5:00.0   > a dies

    With a quorum, there are the other nodes y and z, who see all well until they are said to see
    something else, or to be silent.
    """

    def __init__(self, text: str, members: str = "ab", ttl: int = 300, **changes: object) -> None:
        self._begins = _seconds(text.split(maxsplit=1)[0])
        self.script = [line.split(maxsplit=2) for line in text.splitlines() if "> " in line]
        self.world = World(pool(**changes), tuple(map(_address, members)), ttl)
        if self.world.policy.scope.kind == "quorum":
            self.world.others = {
                node: dict.fromkeys(self.world.services, MemberState.UP) for node in "yz"
            }
        self._kept: dict[str, dict[str, MemberState]] = {}
        self._told: list[str] = []
        self._seen = 0
        self._phases: dict[str, str] = {}

    def told(self, end: str) -> str:
        """Live until ``end`` and return the story."""
        for time, _, what in self.script:
            self._live(_seconds(time))
            self._tell(f"> {what}")
            self._act(what)
        self._live(_seconds(end))
        return "".join(f"{line}\n" for line in self._told)

    def _live(self, until: float) -> None:
        while self.world.now < until:
            self.world.run(min(until, float(int(self.world.now * 10 + 1.000001)) / 10))
            self.world.judge()
            self._listen()

    def _listen(self) -> None:
        """Tell what is new."""
        for when, found in self.world.history[self._seen :]:
            names = [
                _letter(one)
                for at, one in enumerate(self.world.state.members)
                if found.mask >> at & 1
            ]
            extra = found.mask >> len(self.world.state.members)
            answer = " ".join([*names, *(["fallback"] if extra else [])]) or found.mode.name
            because = found.why[-1].removeprefix("TTL: ")
            for address in ADDRESSES:
                because = because.replace(address, _letter(address))
            self._tell(f"{answer:8} {found.ttl:3}  {because}", when)
        self._seen = len(self.world.history)
        for address, one in self.world.state.drains.items():
            if self._phases.get(address) != one.phase:
                self._phases[address] = one.phase
                self._tell(f"the drain of {_letter(address)}: {one.phase}")

    def _tell(self, what: str, when: float | None = None) -> None:
        at = self.world.now if when is None else when
        if at + 1e-6 < self._begins:
            return
        self._told.append(f"{int(at + 1e-6) // 60}:{(at + 1e-6) % 60:04.1f}".ljust(9) + what)

    def _act(self, what: str) -> None:
        world, state = self.world, self.world.state
        match what.split():
            case [member, ("dies" | "hangs" | "lives") as how]:
                world.services[_address(member)] = how
            case [("y" | "z") as node, *how]:
                self._act_elsewhere(node, how)
            case ["the", "checker", "dies"]:
                world.checking = False
                freeze(state, "nobody checks")
            case ["the", "checker", "lives"]:
                world.checking = True
                thaw(state, world.now)
            case ["force", member, how, *span]:
                until = world.now + _seconds(span[1]) if span else None
                state.force(_address(member), MemberOrder(Forced(how), until, "by hand"))
            case ["free", member]:
                state.force(_address(member), None)
            case ["fail", "back", member]:
                assert state.members[_address(member)].fail_back(world.now)
            case ["drain", member, *directly]:
                world.drain(_address(member), MemberOrder(Forced.DRAIN), directly=bool(directly))
            case ["the", "zone", "has", *members]:
                world.edit(tuple(map(_address, members)))
            case ["dnsd", "is", "away", "for", span]:
                world.restart(_seconds(span))
            case _:
                raise AssertionError(f"nobody knows how to do {what!r}")
        world.decide()
        self._listen()

    def _act_elsewhere(self, node: str, what: list[str]) -> None:
        others = self.world.others
        match what:
            case ["sees", member, state]:
                others[node][_address(member)] = MemberState(state)
            case ["is", "silent"]:
                self._kept[node] = others.pop(node)
            case ["is", "heard", "again"]:
                others[node] = self._kept.pop(node)
            case _:
                raise AssertionError(f"{node} cannot do {what!r}")


def retold(text: str, end: str, members: str = "ab", ttl: int = 300, **changes: object) -> None:
    """Assert that ``text`` is what happens, down to the tenth of a second."""
    expected = "".join(f"{line.strip()}\n" for line in text.splitlines() if line.strip())
    assert Story(text, members, ttl, **changes).told(end) == expected


def _address(letter: str) -> str:
    return ADDRESSES["abcdefghi".index(letter)]


def _letter(address: str) -> str:
    return "abcdefghi"[ADDRESSES.index(address)]


def _seconds(text: str) -> float:
    minutes, seconds = text.split(":")
    return 60 * int(minutes) + float(seconds)
