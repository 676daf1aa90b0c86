"""What the keeper does to BIRD, and what it says of it; the BIRD is a few values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from dnsd.announce.announcer import Wanted
from dnsd.config import Anycast
from dnsd.config.anycast import BirdConfig
from dnsd.control.anycast import keeper as module
from dnsd.control.anycast.keeper import (
    GRACEFUL_SHUTDOWN,
    LONGEST_PAUSE_S,
    BirdReconciler,
    BirdView,
    cause_of,
    host,
    shortened,
)
from dnsd.control.anycast.replies import BgpSession, BirdRoute, Protocol, Status
from dnsd.control.anycast.statefile import read_state, write_state
from dnsd.errors import BirdError
from tests import jumping
from tests.jumping import Jumping

V4, V6 = "192.0.2.53", "2001:db8:53::53"
PREFIXES = {V4: f"{V4}/32", V6: f"{V6}/128"}

ANNOUNCED = Wanted(carrier=True, drain=False, enabled=True)
DRAINED = Wanted(carrier=True, drain=True, enabled=True)
WITHDRAWN = Wanted(carrier=False, drain=False, enabled=False)
STANDBY = Wanted(carrier=False, drain=False, enabled=True)

T = TypeVar("T")


class Bird:
    """Exports the VIPs while it has them (``carrier``), and reads the file when it is told to."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.said: list[str] = []
        self.dead = self.refusal = ""
        self.carrier = True
        self.disabled = False
        self.heeds = True  # the filter adds the mark
        self.mark = False
        self.up = {"rtr4": True, "rtr6": True}
        self.neighbors = {"rtr4": "198.51.100.1", "rtr6": "2001:db8:1::1"}
        self.info = "Active, Socket: Connection refused"
        self.others: tuple[BirdRoute, ...] = ()

    def _answer(self, what: str, value: T) -> T:
        if self.dead:
            raise BirdError(self.dead)
        self.said.append(what)
        return value

    async def status(self) -> Status:
        return self._answer("status", Status("2.0.12", "198.51.100.2", "noon", "noon"))

    async def protocol(self, name: str) -> Protocol:
        state = "down" if self.disabled else "up"
        return self._answer("protocol", Protocol(name, "Direct", state, self.disabled, "noon", ""))

    async def sessions(self) -> tuple[BgpSession, ...]:
        return self._answer(
            "sessions",
            tuple(
                BgpSession(name, up, self.neighbors[name], "Up", "" if up else self.info)
                for name, up in self.up.items()
            ),
        )

    async def exported(self, session: str) -> tuple[BirdRoute, ...]:
        vip = V6 if session == "rtr6" else V4
        marks = (GRACEFUL_SHUTDOWN,) if self.mark and self.heeds else ()
        gone = self.disabled or not self.carrier
        routes = () if gone else (BirdRoute(PREFIXES[vip], marks, "vip"),)
        return self._answer("exported", (*routes, BirdRoute("0.0.0.0/0", (), "other")))

    async def routes_for(self, vip: str) -> tuple[BirdRoute, ...]:
        mine = BirdRoute(PREFIXES[vip], (), "vip")
        return self._answer("routes", (mine, *self.others))

    async def enable(self, _name: str) -> None:
        self.disabled = self._answer("enable", False)

    async def disable(self, _name: str) -> None:
        self.disabled = self._answer("disable", True)

    async def configure(self) -> None:
        self._answer("configure", None)
        if self.refusal:
            raise BirdError(self.refusal)
        self.mark = bool(read_state(self.file))

    def orders(self) -> list[str]:
        """What it was told to do since the last time."""
        said = [one for one in self.said if one in ("configure", "enable", "disable")]
        self.said.clear()
        return said


def play(
    directory: Path, story: Callable[[BirdReconciler, Bird, Jumping], Awaitable[None]]
) -> None:
    file = directory / "state.conf"
    config = Anycast(
        vips=(V4, V6),
        subnets=("192.0.2.0/24", "2001:db8:53::/48"),
        bird=BirdConfig(state_file=file, sessions=("rtr4", "rtr6")),
    )
    bird = Bird(file)

    async def run(loop: Jumping) -> None:
        await story(BirdReconciler(config, bird), bird, loop)  # type: ignore[arg-type]

    jumping.play(run)


def test_it_reads_the_mark_once_and_then_only_looks(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        view = await keeper.turn(ANNOUNCED)
        assert bird.orders() == ["configure"]  # a predecessor may have ended in between
        assert view.well
        assert view.marked
        assert [one.exported for one in view.sessions] == [(V4,), (V6,)]
        assert (view.version, view.protocol, view.wanted) == ("2.0.12", "up", ANNOUNCED)
        await keeper.turn(ANNOUNCED)
        assert bird.orders() == []

    play(tmp_path, story)


@pytest.mark.parametrize("wanted", [STANDBY, ANNOUNCED, DRAINED])
def test_what_a_predecessor_wrote_and_did_not_tell_is_told_first(
    tmp_path: Path, wanted: Wanted
) -> None:
    """The file is as wanted, but BIRD has another mark, and may export nothing that shows it."""

    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        write_state(bird.file, wanted.drain)
        bird.mark, bird.carrier = not wanted.drain, wanted.carrier
        await keeper.turn(wanted)
        assert bird.orders() == ["configure"]
        assert bird.mark == wanted.drain

    play(tmp_path, story)


def test_a_drain_marks_and_its_end_takes_the_mark_away(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        await keeper.turn(ANNOUNCED)
        view = await keeper.turn(DRAINED)
        assert [one.drained for one in view.sessions] == [(V4,), (V6,)]
        assert view.well
        assert view.marked
        assert read_state(bird.file) is True
        assert (await keeper.turn(ANNOUNCED)).sessions[0].drained == ()
        assert bird.orders() == ["configure"] * 3

    play(tmp_path, story)


def test_the_protocol_is_switched_again_if_another_program_switches_it(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        await keeper.turn(ANNOUNCED)
        bird.orders()
        bird.carrier = False
        view = await keeper.turn(WITHDRAWN)
        assert bird.orders() == ["disable"]
        assert view.well
        assert view.protocol == "disabled"
        bird.disabled = False  # `configure` enables it
        await keeper.turn(WITHDRAWN)
        assert bird.orders() == ["disable"]
        bird.carrier = True
        assert (await keeper.turn(ANNOUNCED)).well
        assert bird.orders() == ["enable"]

    play(tmp_path, story)


def test_what_is_not_as_wanted_is_said(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        bird.carrier = False
        bird.up["rtr6"] = False
        assert (await keeper.turn(ANNOUNCED)).problems == (
            f"{V4} is not exported to rtr4",
            "the BGP session rtr6 is not established: Socket: Connection refused",
        )
        bird.carrier, bird.up["rtr6"] = True, True
        assert (await keeper.turn(STANDBY)).problems == (
            f"{V4} is still exported to rtr4",
            f"{V6} is still exported to rtr6",
        )
        del bird.up["rtr6"]
        view = await keeper.turn(ANNOUNCED)
        assert view.problems == ("the BGP session rtr6 is not established: BIRD does not have it",)

    play(tmp_path, story)


def test_the_phases_of_a_session_that_is_down_are_one_problem(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        bird.up["rtr4"] = False
        told = set()
        for phase in ("Idle", "Connect", "Active", "OpenSent"):
            bird.info = f"{phase}, Socket: Connection refused"
            view = await keeper.turn(ANNOUNCED)
            told.add(view.problems)
            assert view.sessions[0].info == bird.info
        assert len(told) == 1

    play(tmp_path, story)


def test_other_announcers_are_shown(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        bird.others = (BirdRoute(PREFIXES[V4], (), "rtr4"),)
        assert (V4, "rtr4") in (await keeper.turn(ANNOUNCED)).others

    play(tmp_path, story)


def test_without_bird_there_is_one_error_and_when_it_is_back_it_is_told_at_once(
    tmp_path: Path,
) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        bird.dead = "BIRD cannot be reached"
        for _ in range(6):
            view = await keeper.turn(DRAINED)
            assert view == BirdView(error="BIRD cannot be reached", wanted=DRAINED)
        bird.dead = ""
        view = await keeper.turn(DRAINED)
        assert view.well
        assert view.marked
        assert bird.orders() == ["configure"]

    play(tmp_path, story)


def test_a_configuration_that_is_refused_keeps_nothing_else_from_being_done(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, loop: Jumping) -> None:
        bird.refusal = "bird.conf:3:1 syntax error"
        bird.disabled = True
        view = await keeper.turn(DRAINED)
        assert not bird.disabled
        assert not view.marked
        assert view.problems[0] == bird.refusal
        assert view.sessions[0].established
        bird.refusal = ""
        loop.forward(LONGEST_PAUSE_S)
        view = await keeper.turn(DRAINED)
        assert view.well
        assert view.marked

    play(tmp_path, story)


def test_a_file_that_cannot_be_written_is_a_problem_and_the_mark_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, _drain: bool) -> bool:
        raise BirdError("cannot be written")

    async def story(keeper: BirdReconciler, bird: Bird, _loop: Jumping) -> None:
        await keeper.turn(ANNOUNCED)
        monkeypatch.setattr(module, "write_state", refuse)
        bird.disabled = True
        view = await keeper.turn(DRAINED)
        assert "cannot be written" in view.problems
        assert not view.marked
        assert not bird.disabled
        monkeypatch.setattr(module, "write_state", write_state)
        assert (await keeper.turn(DRAINED)).well

    play(tmp_path, story)


def test_a_filter_that_never_heeds_the_mark_is_not_configured_for_ever(tmp_path: Path) -> None:
    async def story(keeper: BirdReconciler, bird: Bird, loop: Jumping) -> None:
        bird.heeds = False
        for _ in range(100):
            view = await keeper.turn(DRAINED)
            loop.forward(1)
        assert f"{V4} is exported to rtr4 without the mark of a drain" in view.problems
        assert 100 / LONGEST_PAUSE_S <= len(bird.orders()) <= 20

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("info", "cause"),
    [
        ("Active, Socket: Connection refused", "Socket: Connection refused"),
        ("Idle", "Idle"),
        ("BIRD does not have it", "BIRD does not have it"),
        ("BGP Error: Hold timer expired, again", "BGP Error: Hold timer expired, again"),
    ],
)
def test_causes(info: str, cause: str) -> None:
    assert cause_of(info) == ("" if cause == "Idle" else cause)


def test_hosts_and_long_lists() -> None:
    assert [host(one) for one in (*PREFIXES.values(), "192.0.2.0/24", "::/0")] == [V4, V6, "", ""]
    assert shortened(("a",) * 4) == ("a",) * 4
    assert shortened(("a",) * 9)[4:] == ("5 more problems: `dnsd anycast` shows them",)
