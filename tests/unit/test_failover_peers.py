"""Other nodes are asked, told, and heard again; what follows in the engine, and over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dnsd.checks.result import ServiceFault
from dnsd.config import Endpoint, Failover
from dnsd.config.policy import Scope
from dnsd.control.failover.commands import commands
from dnsd.control.failover.engine import FailoverEngine
from dnsd.control.failover.peers import Peers, get_votes
from dnsd.control.failover.recallfile import FILE, RecallFile
from dnsd.control.failover.report import ballot
from dnsd.control.failover.statefile import StateFile
from dnsd.control.failover.table import OrderTarget
from dnsd.control.web.server import WebServer
from dnsd.control.web.talk import Page
from dnsd.failover import quorum
from dnsd.failover.member import Forced, Member, MemberOrder, MemberState
from dnsd.failover.orders import Directive, PlannedOrder
from dnsd.failover.quorum import Ballot, Recall, SpokenVote
from dnsd.failover.recall import Recalls, of_before
from tests import jumping
from tests.jumping import Jumping
from tests.plane import ORIGIN, A, B, World, close, meta, only, play
from tests.remembering import OwnMemory
from tests.serving import free_port

Y, Z = Endpoint("192.0.2.54", 9153), Endpoint("2001:db8::55", 9153)
OK, BAD = True, False


class Others:
    """What other nodes answer: votes, octets that are none, an error, or nothing."""

    def __init__(self) -> None:
        self.names = {Y: "y", Z: "z"}
        self.answers: dict[Endpoint, dict[str, MemberState] | bytes | Exception | None] = {
            Y: {},
            Z: {},
        }
        self.asked = 0
        self.recalls: tuple[Recall, ...] = ()

    def say(self, **states: MemberState) -> None:
        """Let both say this of the members "a" and "b"."""
        members = {"a": A, "b": B}
        for endpoint in self.answers:
            self.answers[endpoint] = {members[one]: state for one, state in states.items()}

    async def ask(self, endpoint: Endpoint) -> bytes:
        self.asked += 1
        answer = self.answers[endpoint]
        if answer is None:
            await asyncio.sleep(1e6)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, bytes) else self._votes(endpoint, answer or {})

    def _votes(self, endpoint: Endpoint, states: dict[str, MemberState]) -> bytes:
        votes = tuple(
            SpokenVote(name="www.example.com.", type="A", address=one, state=state, age=0.5)
            for one, state in states.items()
        )
        ballot = Ballot(node=self.names[endpoint], votes=votes, recalls=self.recalls)
        return msgspec.json.encode(ballot)


class SharedWorld(World):
    """A node x that asks y and z."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(directory, patch)
        self.others = Others()

    def engine(self) -> FailoverEngine:
        peers = Peers("x", Failover(peers=(Y, Z)), self.others.ask)
        memory = OwnMemory(time.monotonic())
        return FailoverEngine(self.vector, StateFile(self.directory), memory, self._make, peers)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedWorld]:
    world = SharedWorld(tmp_path, monkeypatch)
    yield world
    close(world)


SHARED = meta(scope=Scope("quorum", 2, 3))


async def checked(world: World, *, a: bool = OK, b: bool = OK) -> None:
    """Let this node's checks see this three times."""
    for _ in range(3):
        world.see((A, a), (B, b))
        await asyncio.sleep(0.5)


# -- what others remember ---------------------------------------------------------------------


@pytest.mark.parametrize("forgets", [True, False])
def test_a_node_that_has_lost_all_hears_that_it_had_orders(
    world: SharedWorld, forgets: bool
) -> None:
    """Until one is given; not if it knows them."""

    async def story(_world: World, engine: FailoverEngine) -> None:
        engine.place(ORIGIN, [SHARED], 0)
        world.others.recalls = (Recall(node="x", instance="before", ago=7.0),)
        await asyncio.sleep(2)
        assert bool(engine.doubt) == forgets
        assert world.told("node y heard 7s ago that this node had orders") == forgets
        at = OrderTarget(*only(engine).key[1:], A)
        await engine.order({at: lambda _: Directive()})
        await asyncio.sleep(2)
        assert not engine.doubt

    if not forgets:
        play(world, _at_rest)
    play(world, story)


async def _at_rest(_world: World, engine: FailoverEngine) -> None:
    engine.place(ORIGIN, [SHARED], 0)
    await engine.save()


def test_what_is_remembered_of_others() -> None:
    recalls = Recalls()
    ballot = Ballot(node="y", instance="1", ordering=True)
    recalls.hear(ballot, 10.0)
    (recall,) = recalls.told(12.0)
    assert recall == Recall(node="y", instance="1", ago=2.0)
    recalls.hear(Ballot(node="y", instance="2"), 13.0)  # it may not have been told yet
    assert recalls.told(14.0)
    recalls.hear(Ballot(node="y", instance="2", missing=True), 15.0)
    assert recalls.told(16.0)
    recalls.hear(Ballot(node="y", instance="2"), 17.0)  # it has been given another one
    assert not recalls.told(18.0)
    recalls.hear(ballot, 20.0)
    recalls.hear(Ballot(node="y", instance="1"), 21.0)  # they were taken back
    assert not recalls.told(22.0)
    here = Ballot(node="z", recalls=(recall,))
    assert of_before(here, "y", "2") == recall
    assert of_before(here, "y", "1") is None  # of this very run
    assert of_before(here, "x", "2") is None


def test_what_is_remembered_of_others_outlives_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = Recalls(), Recalls()
    file = RecallFile(tmp_path)
    file.read_into(after)
    assert not after.told(0.0)
    assert before.hear(Ballot(node="y", instance="1", ordering=True), time.monotonic() - 7.0)
    assert not before.hear(Ballot(node="y", instance="1", ordering=True), time.monotonic() - 7.0)
    assert before.hear(Ballot(node="y", instance="2", missing=True), time.monotonic())
    assert asyncio.run(file.write(before))
    file.read_into(after)
    (recall,) = after.told(time.monotonic())
    assert (recall.node, recall.instance, round(recall.ago)) == ("y", "1", 7)
    after.hear(Ballot(node="y", instance="2"), time.monotonic())  # it misses them no more
    assert not after.told(time.monotonic())
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-1])
    file.read_into(Recalls())
    assert f"{path} is damaged" in (capsys.readouterr().err)
    assert not asyncio.run(RecallFile(tmp_path / "nowhere").write(before))


def test_orders_are_told_to_others(world: SharedWorld) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        engine.place(ORIGIN, [SHARED], 0)
        assert not ballot(engine).ordering
        at = OrderTarget(*only(engine).key[1:], A)
        plan = PlannedOrder(time.monotonic() + 60, MemberOrder(Forced.DOWN))
        await engine.order({at: lambda _: Directive(plan=plan)})
        assert ballot(engine).ordering
        engine.remove(ORIGIN)
        assert ballot(engine).ordering
        await engine.order({at: lambda _: Directive()})
        assert not ballot(engine).ordering

    play(world, story)


# -- the engine -------------------------------------------------------------------------------


def test_others_decide_together_and_it_is_told_once(world: SharedWorld) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        engine.place(ORIGIN, [SHARED], 0)
        engine.loaded()
        world.others.say(a=MemberState.UP, b=MemberState.UP)
        await asyncio.sleep(1)
        assert engine.not_ready() == ""
        await checked(world)
        world.others.say(a=MemberState.DOWN, b=MemberState.UP)
        await asyncio.sleep(1)
        assert world.answers(SHARED) == (B,)
        assert only(engine).state.members[A].state == MemberState.UP
        assert world.told(f"{A} is agreed to be down: 2 of 3 nodes say so (this node says") == 1
        for answer in (None, OSError(101, "Network is unreachable")):
            world.others.answers = {Y: answer, Z: answer}
            for _ in range(9):
                world.see((A, OK), (B, OK))
                await asyncio.sleep(10)
        assert world.answers(SHARED) == (B,)
        assert world.selection(SHARED).ttl == 5
        assert world.told(f"{A} is not agreed on: 1 of 3 nodes say up, 0 down, and it takes 2") == 1
        missing = "cannot get votes of http://192.0.2.54:9153: did not answer within 1s; trying"
        assert world.told(missing) == 1
        world.others.say(a=MemberState.UP)
        await asyncio.sleep(2)
        assert world.told("responds again (before: cannot be asked: Network is unreach") == 2
        assert world.answers(SHARED) == (A, B)

    play(world, story)


def test_a_node_whose_peers_are_never_heard_begins_all_the_same(world: SharedWorld) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        world.others.answers = {Y: ServiceFault("is away"), Z: None}
        engine.place(ORIGIN, [SHARED], 0)
        engine.loaded()
        await asyncio.sleep(0.1)
        await checked(world, a=BAD)
        assert engine.not_ready()
        await asyncio.sleep(9)
        assert engine.not_ready() == ""
        assert world.answers(SHARED) == (A, B)
        assert world.told("not agreed on") == 0
        for _ in range(3):
            await checked(world, a=BAD)
            await asyncio.sleep(9)
        assert world.told(f"{A} is not agreed on") == 1
        assert world.told("nothing was agreed before") == 2

    play(world, story)


def test_a_node_that_is_cut_off_says_so(world: SharedWorld) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        engine.place(ORIGIN, [SHARED], 0)
        world.others.say(a=MemberState.UP, b=MemberState.UP)
        await asyncio.sleep(1)
        await checked(world)
        assert engine.cut_off() == ""
        await checked(world, a=BAD, b=BAD)
        await asyncio.sleep(8)
        assert engine.cut_off() == "", "what others say may be older than what is seen here"
        await checked(world, a=BAD, b=BAD)
        assert engine.cut_off().startswith(
            "this node reaches no member of www.example.com. A, but enough others reach "
            f"{A}, and 1 more,"
        )
        assert world.answers(SHARED) == (A, B)
        world.others.answers[Z] = None
        await asyncio.sleep(31)
        await checked(world, a=BAD, b=BAD)
        assert engine.cut_off() == "", "too few are heard: keep announcing"
        world.others.say(a=MemberState.UP, b=MemberState.UP)
        await asyncio.sleep(2)
        assert engine.cut_off(), "the other one is heard again"
        engine.remove(ORIGIN)
        assert engine.cut_off() == ""

    play(world, story)


def test_what_it_votes_and_what_it_shows(world: SharedWorld) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        local = meta(name="local.example.com.", cell=SHARED.cells)
        engine.place(ORIGIN, [SHARED, local], 0)
        await asyncio.sleep(0.1)
        ask: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = commands(engine)
        assert await ask["votes"]({}) == Ballot(node="x")
        world.others.say(a=MemberState.UP)
        await checked(world, b=BAD)
        await asyncio.sleep(1)
        (a, b) = (await ask["votes"]({})).votes
        assert (a.name, a.type, a.address, a.state) == ("www.example.com.", "A", A, MemberState.UP)
        assert (b.address, b.state) == (B, MemberState.DOWN)
        assert a.age == pytest.approx(1.5)
        shown = await ask["failover"]({})
        assert shown["node"] == "x"
        assert [(peer["node"], peer["fault"]) for peer in shown["peers"]] == [
            ("y", None),
            ("z", None),
        ]
        pools = {pool["name"]: pool for pool in shown["pools"]}
        assert pools["local.example.com."]["scope"] == "local"
        assert pools["local.example.com."]["members"][0]["agreement"] is None
        assert pools["www.example.com."]["scope"] == "quorum:2/3"
        seen = pools["www.example.com."]["members"][0]["agreement"]
        assert (seen["agreed"], seen["firm"]) == ("up", True)
        assert [(vote["node"], vote["state"]) for vote in seen["votes"]] == [
            (None, "up"),
            ("y", "up"),
            ("z", "up"),
        ]
        (dispute,) = shown["disputes"]
        assert dispute["address"] == B

    play(world, story)


# -- who is counted ---------------------------------------------------------------------------


def heard_by(others: Others, *, seconds: float = 1.5) -> tuple[Peers, list[str]]:
    """Let x ask for a while; return what it knows and whom it has heard."""
    heard: list[str] = []
    peers = Peers("x", Failover(peers=(Y, Z)), others.ask)

    async def story(_loop: Jumping) -> None:
        task = asyncio.ensure_future(peers.run(lambda node, _votes: heard.append(node)))
        await asyncio.sleep(seconds)
        assert not task.done()

    jumping.play(story)
    return peers, heard


@pytest.mark.parametrize("name", ["x", "z"])
def test_who_calls_itself_as_another_does_is_not_counted(name: str) -> None:
    others = Others()
    others.names = {Y: name, Z: "z"}
    peers, heard = heard_by(others)
    faults = [peer.fault for peer in peers.peers]
    assert sum(f"has the name of another node, {name}," in fault for fault in faults) == 1
    assert len(set(heard)) == 1


def test_who_changes_its_name_is_forgotten_under_the_old_one() -> None:
    others = Others()
    told: dict[str, object] = {}
    peers = Peers("x", Failover(peers=(Y,)), others.ask)

    async def story(_loop: Jumping) -> None:
        others.say(a=MemberState.UP)
        task = asyncio.ensure_future(peers.run(told.__setitem__))
        await asyncio.sleep(0.5)
        others.names[Y] = "new"
        await asyncio.sleep(1)
        assert not task.done()

    jumping.play(story)
    assert told["y"] == {}
    assert told["new"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", "answers with invalid votes: "),
        (b"[]", "answers with invalid votes: "),
        (b'{"node": "y", "votes": 1}', "answers with invalid votes: "),
        (b'{"node": "y", "votes": [], "x": ' + b"[" * 100_000, "answers with invalid votes: "),
        (ServiceFault("is odd"), "is odd"),
        (OSError("no errno"), "cannot be asked: no errno"),
        (None, "did not answer within 1s"),
    ],
)
def test_what_are_no_votes_stops_nobody(answer: bytes | Exception | None, fault: str) -> None:
    others = Others()
    others.answers[Y] = answer
    peers, heard = heard_by(others)
    assert peers.peers[0].fault.startswith(fault)
    assert heard == ["z", "z"]


def test_each_is_asked_once_in_each_interval() -> None:
    others = Others()
    heard_by(others, seconds=10.5)
    assert others.asked == 22


# -- over HTTP --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_votes_come_over_http(size: int) -> None:
    body = b"v" * size

    async def page(_arguments: object) -> Page:
        return Page("application/json", body)

    async def ask() -> bytes:
        endpoint = Endpoint("127.0.0.1", free_port())
        server = WebServer((endpoint,), {"/votes": page})
        task = asyncio.ensure_future(server.run())
        while not server.addresses:
            await asyncio.sleep(0.01)
        found = await get_votes(endpoint)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    assert asyncio.run(ask()) == body


def test_a_node_that_has_no_such_page() -> None:
    async def ask() -> bytes:
        endpoint = Endpoint("127.0.0.1", free_port())
        server = WebServer((endpoint,), {})
        task = asyncio.ensure_future(server.run())
        while not server.addresses:
            await asyncio.sleep(0.01)
        try:
            return await get_votes(endpoint)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    with pytest.raises(ServiceFault, match="answers with status 404"):
        asyncio.run(ask())


# -- hostile votes ----------------------------------------------------------------------------


def vote_of(**changes: str) -> str:
    fields = {
        "name": '"www.example.com."',
        "type": '"A"',
        "address": f'"{A}"',
        "state": '"down"',
        "age": "0.5",
    } | changes
    return "{" + ",".join(f'"{key}":{value}' for key, value in fields.items()) + "}"


def ballot_with(vote: str, node: str = "y") -> bytes:
    good = vote_of(address=f'"{B}"', state='"up"')
    return f'{{"node":"{node}","votes":[{good},{vote}]}}'.encode()


HOSTILE = [
    b"[" * 200_000,
    b'{"node":"y","votes":' + b'[{"x":' * 100_000,
    ballot_with("null"),
    ballot_with(vote_of(age="1e308")),
    ballot_with(vote_of(age="1e999")),
    ballot_with(vote_of(age="NaN")),
    ballot_with(vote_of(age="-1")),
    ballot_with(vote_of(age="1" + "0" * 400)),
    ballot_with(vote_of(state='"up\\u001b[2J"')),
    ballot_with(vote_of(name='"\\ud800"')),
    ballot_with(vote_of(), node="\\u001b[31my\\u202e"),
    ballot_with(vote_of(), node="y" * 300),
    ballot_with(vote_of(name='"' + "x" * 100_000 + '"', address='"\\u001b[2J"')),
    b"\xff\xfe",
    b"",
]


@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: answer[:40].decode("latin-1"))
def test_a_bad_vote_is_the_fault_of_its_node_alone(world: SharedWorld, answer: bytes) -> None:
    async def story(_world: World, engine: FailoverEngine) -> None:
        engine.place(ORIGIN, [SHARED], 0)
        world.others.say(a=MemberState.UP, b=MemberState.UP)
        await checked(world)
        world.others.answers = {Y: answer, Z: {A: MemberState.DOWN, B: MemberState.UP}}
        for _ in range(10):
            world.see((A, BAD), (B, OK))
            await asyncio.sleep(1)
        assert world.answers(SHARED) == (B,)
        assert [vote.node for vote in only(engine).state.agreements[A].down][:2] != []
        assert world.told("dnsd failed") == 0
        assert len([line for line in world.log if "votes" in line]) <= 2
        peers = {peer.endpoint: peer for peer in engine.peers.peers}
        assert peers[Z].fault == ""
        world.others.say(a=MemberState.UP, b=MemberState.UP)
        await asyncio.sleep(2)
        assert peers[Y].fault == ""

    play(world, story)


def test_a_fault_of_ours_with_the_votes_of_one_node_is_told_and_stops_no_other() -> None:
    others = Others()
    others.say(a=MemberState.UP)
    heard: list[str] = []
    peers = Peers("x", Failover(peers=(Y, Z)), others.ask)

    def hear(node: str, _votes: object) -> None:
        if node == "y":
            raise ZeroDivisionError
        heard.append(node)

    async def story(_loop: Jumping) -> None:
        task = asyncio.ensure_future(peers.run(hear))
        await asyncio.sleep(3.5)
        assert not task.done()

    jumping.play(story)
    assert heard == ["z"] * 4
    assert "ZeroDivisionError" in peers.peers[0].fault


def test_a_result_that_is_very_old_is_told_as_old_as_votes_can_be() -> None:
    member = Member(A, SHARED.policy, 0.0)
    member.result(0.0, ok=True)
    (vote,) = quorum.said("www.example.com.", "A", [member], 1e12)
    assert msgspec.json.decode(msgspec.json.encode(vote), type=SpokenVote) == vote
