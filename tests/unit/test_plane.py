"""The anycast plane: what it orders of the master, and what must not end it."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dnsd.announce.announcer import RouteState, Wanted
from dnsd.announce.health import TRANSPORTS
from dnsd.announce.observation import CheckResult, Observation, SelfCheckOutcome, WorkerView
from dnsd.announce.orders import Orders, RouteOrder, decode
from dnsd.config import Anycast, Config, Server
from dnsd.config.anycast import BirdConfig, SelfCheckConfig
from dnsd.control.anycast import addresses
from dnsd.control.anycast import plane as module
from dnsd.control.anycast.addresses import CONFLICTS_S, LOOK_S
from dnsd.control.anycast.commands import commands
from dnsd.control.anycast.keeper import BirdView
from dnsd.control.anycast.plane import MARK_S, Plane
from dnsd.control.anycast.statefile import write_state
from dnsd.control.anycast.vip import VipSurvey
from dnsd.errors import AdminError, VipError
from dnsd.image.state import ControlCells, MasterCells, StateVector
from dnsd.process import durablefile
from tests import jumping
from tests.jumping import Jumping

VIP = "192.0.2.53"


class World:
    """All that the plane looks at: the interface, BIRD, the node itself, and the master."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.vector = StateVector.create(1)
        self.doorbell = os.eventfd(0, os.EFD_NONBLOCK)
        self.log: list[str] = []
        self.exists, self.up, self.carrier = True, False, False
        self.addresses: frozenset[str] = frozenset()
        self.claims: tuple[str, ...] = ()
        self.advised: tuple[str, ...] = ("ip_forward is 1",)
        self.outcome = SelfCheckOutcome.OK
        self.survey_fault: Exception | None = None
        self.bird_fault: Exception | None = None
        self.check_fault: Exception | None = None
        self.bird = BirdView(version="2.0.12", booted="noon", marked=True)
        self.master_follows = True
        self.master_lag = 0.0
        self.not_ready = ""
        self.orders_seen: list[int] = []
        directory.joinpath("state").mkdir()
        self.state_file = directory / "dnsd-state.conf"
        self.config = Config(
            server=Server(state_directory=directory / "state"),
            anycast=Anycast(
                enabled=True,
                vips=(VIP,),
                subnets=("192.0.2.0/24",),
                check=SelfCheckConfig(interval=0.05, fall=3, rise=3),
                bird=BirdConfig(state_file=self.state_file),
                drain_linger=1.0,
            ),
        )
        for name in ("BirdReconciler", "SelfCheck", "Observer"):
            patch.setattr(module, name, lambda *_, **__: self)
        for name in ("Vips", "LinkEvents"):
            patch.setattr(addresses, name, lambda *_: self)
        patch.setattr("dnsd.process.log.write", self.log.append)

    def begin(self) -> Plane:
        """Return the plane of a new control process."""
        return Plane(self.config, self.vector, self.doorbell, tuple, lambda: self.not_ready)

    # -- interface ----------------------------------------------------------------------------

    def open(self) -> None:
        """Listen to the kernel: it tells nothing here, so looks are timed."""

    def close(self) -> None:
        pass

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def survey(self) -> VipSurvey:
        if self.survey_fault:
            raise self.survey_fault
        return VipSurvey(self.exists, self.up, self.carrier, self.addresses, {})

    async def conflicts(self) -> tuple[str, ...]:
        return self.claims

    async def establish(self) -> None:
        self.up, self.addresses = True, frozenset({VIP})

    async def advice(self) -> tuple[str, ...]:
        return self.advised

    # -- BIRD, the node -----------------------------------------------------------------------

    async def turn(self, wanted: Wanted) -> BirdView:
        if self.bird_fault:
            raise self.bird_fault
        return self.bird._replace(wanted=wanted)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            if self.check_fault:
                raise self.check_fault

    def take(self) -> tuple[CheckResult, ...]:
        return tuple(CheckResult(VIP, how, "a. SOA", self.outcome, "x", 0) for how in TRANSPORTS)

    def look(self, now: float, checks: tuple[CheckResult, ...]) -> Observation:
        return Observation(now, checks, (WorkerView(0, True, 0, 0),), 1, 0, 0, "", False)

    # -- the master ---------------------------------------------------------------------------

    async def follow(self) -> None:
        while True:
            order = self.vector.control[ControlCells.CARRIER]
            if order not in self.orders_seen[-1:] and self.master_follows:
                self.orders_seen.append(order)
                await asyncio.sleep(self.master_lag)
                if not self.exists:  # made again
                    self.exists, self.up, self.addresses = True, False, frozenset()
                    order = 0
                self.carrier = bool(order & 1)
                self.vector.master[MasterCells.CARRIER] = self.carrier
            await asyncio.sleep(0.001)

    def silence(self) -> None:
        """Take the carrier away, as the master does when no worker is left."""
        self.vector.master[MasterCells.SILENCED] = self.vector.control[ControlCells.CARRIER]
        self.vector.master[MasterCells.CARRIER] = self.carrier = False

    def told(self, text: str) -> int:
        return sum(text in line for line in self.log)


Story = Callable[[World, Plane], Awaitable[None]]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def play(world: World, story: Story) -> None:
    async def run(_loop: Jumping) -> None:
        plane = world.begin()
        tasks = [asyncio.ensure_future(plane.run()), asyncio.ensure_future(world.follow())]
        await story(world, plane)
        assert not any(task.done() for task in tasks)

    try:
        jumping.play(run)
    finally:
        os.close(world.vector.fd)
        os.close(world.doorbell)


async def until(plane: Plane, state: RouteState, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while plane.view().state != state:
        assert time.monotonic() < end, (plane.view().state, plane.view().why)
        await asyncio.sleep(0.01)


async def announced(world: World, plane: Plane) -> None:
    await until(plane, RouteState.ANNOUNCED)
    await asyncio.sleep(0.05)
    assert world.carrier


def test_addresses_answers_carrier(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        view = plane.view()
        assert world.addresses == {VIP}
        assert view.survey is not None
        assert view.survey.addresses == {VIP}
        assert (view.obstacle, view.blind, view.carrier) == ("", "", True)
        assert view.advice == ("ip_forward is 1",)

    play(world, story)


def test_no_client_is_sent_here_before_pools_are_decided(world: World) -> None:
    world.not_ready = "1 pool has members that have not been checked yet"

    async def story(world: World, plane: Plane) -> None:
        await asyncio.sleep(5)
        assert plane.view().state == RouteState.INIT
        assert plane.view().why == (world.not_ready,)
        assert not world.carrier
        world.not_ready = ""
        await announced(world, plane)
        # Who is on the route is not taken away for that.
        world.not_ready = "1 pool has members that have not been checked yet"
        await asyncio.sleep(5)
        await announced(world, plane)
        assert world.carrier

    play(world, story)


def test_silence_of_all_workers_withdraws_and_it_comes_back(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.silence()
        await until(plane, RouteState.WITHDRAWN)
        await asyncio.sleep(LOOK_S * 3)
        assert not world.carrier
        assert plane.view().held > 0
        await announced(world, plane)

    play(world, story)


def test_wrong_answers_drain(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.outcome = SelfCheckOutcome.WRONG
        await until(plane, RouteState.DRAINED)
        assert world.carrier

    play(world, story)


def test_a_drained_node_waits_for_the_mark_but_not_for_ever(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        world.bird = world.bird._replace(marked=False)
        plane.orders.put(Orders(drain=RouteOrder(since=0.0)))
        await until(plane, RouteState.DRAINED)
        await asyncio.sleep(MARK_S - 0.5)
        assert not world.carrier
        await asyncio.sleep(1)
        assert world.carrier

    play(world, story)


def test_a_stop_drains_withdraws_and_says_so(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.vector.master[MasterCells.STOPPING] = 1
        await until(plane, RouteState.STOPPING)
        assert plane.view().wanted == Wanted(carrier=True, drain=True, enabled=True)
        await until(plane, RouteState.STOPPED)
        assert world.vector.control[ControlCells.STOPPED] == 1
        await asyncio.sleep(0.05)
        assert not world.carrier

    play(world, story)


@pytest.mark.parametrize("drained", [False, True])
def test_a_new_control_changes_nothing(world: World, drained: bool) -> None:
    order = 5 << 1 | 1
    world.vector.control[ControlCells.CARRIER] = order
    world.vector.master[MasterCells.CARRIER] = 1
    world.up, world.carrier, world.addresses = True, True, frozenset({VIP})
    write_state(world.state_file, drained)
    world.outcome = SelfCheckOutcome.WRONG if drained else SelfCheckOutcome.OK

    async def story(world: World, plane: Plane) -> None:
        for _ in range(100):
            assert plane.view().state == (RouteState.DRAINED if drained else RouteState.ANNOUNCED)
            await asyncio.sleep(0.05)
        assert world.orders_seen == [order]
        assert world.told("→") == 0

    play(world, story)


def test_a_deleted_interface_is_made_again(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.exists = world.carrier = False
        world.addresses = frozenset()
        await until(plane, RouteState.INIT)
        assert "has been deleted" in plane.view().obstacle
        await announced(world, plane)
        assert world.addresses == {VIP}

    play(world, story)


def test_one_that_was_made_again_without_anybody_seeing_it_gets_its_carrier(world: World) -> None:
    """It was deleted a moment before the order; the master's new one has no carrier."""

    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.up, world.carrier, world.addresses = False, False, frozenset()
        world.vector.master[MasterCells.CARRIER] = 0
        await asyncio.sleep(LOOK_S * 3)
        assert world.carrier
        assert world.told("has no carrier, which is not what was ordered") == 1

    play(world, story)


def test_a_carrier_that_was_not_ordered_is_taken_away(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        plane.orders.put(Orders(withdraw=RouteOrder(since=0.0)))
        await until(plane, RouteState.WITHDRAWN)
        await asyncio.sleep(LOOK_S * 2)
        world.carrier = True
        await asyncio.sleep(LOOK_S * 2)
        assert not world.carrier
        assert plane.view().state == RouteState.WITHDRAWN

    play(world, story)


def test_a_kernel_that_does_not_tell_is_no_reason_to_withdraw(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        for fault in (VipError("no netlink"), ValueError("a bug")):
            world.survey_fault = fault
            await asyncio.sleep(LOOK_S * 5)
            assert plane.view().state == RouteState.ANNOUNCED
            assert str(fault) in plane.view().blind
        assert world.told("anycast: no netlink") == 1
        world.survey_fault = None
        await asyncio.sleep(LOOK_S * 2)
        assert plane.view().blind == ""

    play(world, story)


def test_but_who_cannot_look_does_not_begin(world: World) -> None:
    world.survey_fault = VipError("no netlink")

    async def story(world: World, plane: Plane) -> None:
        await asyncio.sleep(LOOK_S * 5)
        assert plane.view().state == RouteState.INIT
        assert world.told("anycast: no netlink") == 1
        world.survey_fault = None
        await announced(world, plane)

    play(world, story)


def test_a_vip_of_another_machine_is_not_taken(world: World) -> None:
    world.claims = (f"the VIP {VIP} is somebody's",)

    async def story(world: World, plane: Plane) -> None:
        await asyncio.sleep(LOOK_S * 5)
        assert plane.view().state == RouteState.INIT
        assert world.addresses == frozenset()
        assert world.told("is somebody's") == 1
        world.claims = ()
        await announced(world, plane)

    play(world, story)


def test_what_is_repaired_while_announced_takes_nothing_away(world: World) -> None:
    """Whatever else is wrong: here somebody has a VIP, which was rightly ignored so far."""

    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        since = plane.view().since
        world.claims = (f"the VIP {VIP} is somebody's",)
        world.addresses |= {"203.0.113.9"}  # nobody's business, and no repair of a VIP
        await asyncio.sleep(LOOK_S * 3)
        assert world.addresses == {VIP}
        assert world.told("repaired it") == 0
        world.addresses = frozenset()
        await asyncio.sleep(LOOK_S * 3)
        assert world.addresses == {VIP}
        assert world.told(f"{VIP} had disappeared from anycast0; dnsd has repaired it") == 1
        assert (plane.view().state, plane.view().since) == (RouteState.ANNOUNCED, since)
        await asyncio.sleep(CONFLICTS_S)
        assert any("is somebody's" in line for line in plane.view().advice)
        assert plane.view().state == RouteState.ANNOUNCED
        # the second time is no accident any more
        world.up = False
        await until(plane, RouteState.WITHDRAWN)
        assert world.told("the link was down: anycast0; dnsd has repaired it") == 1
        assert "keep disappearing" in plane.view().why[0]
        world.claims = ()
        await announced(world, plane)

    play(world, story)


def test_an_order_to_drain_is_obeyed_before_a_new_control_has_looked(world: World) -> None:
    world.vector.control[ControlCells.CARRIER] = 1
    world.vector.master[MasterCells.CARRIER] = 1
    world.up, world.addresses, world.outcome = True, frozenset({VIP}), SelfCheckOutcome.SILENT

    async def story(_world: World, plane: Plane) -> None:
        assert plane.view().state == RouteState.ANNOUNCED
        found = await commands(plane)["drain"]({"reason": "new disks"})
        assert isinstance(found, dict)
        assert (found["state"], found["vips"][0]["wanted"]) == ("drained", "drained")

    play(world, story)


@pytest.mark.parametrize("killed", ["control", "node"])
def test_a_hold_down_outlives_who_began_it(world: World, killed: str) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.silence()
        await until(plane, RouteState.WITHDRAWN)
        await asyncio.sleep(0.1)  # it is written meanwhile
        if killed == "node":
            world.vector.control[:] = memoryview(bytes(world.vector.control.nbytes)).cast("Q")
        again = world.begin()
        assert again.view().held > 5

    play(world, story)


def test_faults_of_its_own_end_nothing_and_are_told_once(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.bird_fault = IndexError("a reply")
        world.check_fault = OSError("a socket")
        await asyncio.sleep(LOOK_S * 30)
        assert plane.view().state == RouteState.ANNOUNCED
        assert "IndexError: a reply" in plane.view().bird.error
        assert world.told("IndexError: a reply; trying again") == 1
        assert world.told("OSError: a socket; trying again") <= 2  # selfcheck, observer
        world.bird_fault = world.check_fault = None
        await asyncio.sleep(LOOK_S * 3)
        assert plane.view().bird.error == ""
        assert world.told("BIRD is in the wanted state") == 1

    play(world, story)


def test_advice_is_looked_at_again_and_told_once(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await asyncio.sleep(60)
        assert world.told("ip_forward is 1") == 1
        world.advised = ()
        await asyncio.sleep(15)
        assert plane.view().advice == ()

    play(world, story)


# -- commands -------------------------------------------------------------------------------------


def test_orders_are_carried_out_answered_and_outlive_control(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        desk = commands(plane)
        found = await desk["drain"]({"for": 60, "reason": "new disks"})
        assert isinstance(found, dict)
        assert (found["state"], found["problems"]) == ("drained", [])
        assert found["orders"]["drain"]["reason"] == "new disks"
        assert world.begin().orders.at(time.time()).drain is not None
        assert world.begin().orders.at(time.time() + 61).drain is None
        await desk["undrain"]({})
        assert plane.view().state == RouteState.ANNOUNCED
        await desk["withdraw"]({})
        assert plane.view().state == RouteState.WITHDRAWN
        found = await desk["announce"]({})
        assert isinstance(found, dict)
        assert found["vips"][0]["wanted"] == "announced"

    play(world, story)


def test_an_order_is_answered_when_a_slow_master_has_obeyed(world: World) -> None:
    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        world.master_lag = 3.0
        desk = commands(plane)
        for order, there in (("withdraw", False), ("announce", True)):
            found = await desk[order]({})
            assert isinstance(found, dict)
            assert found["vips"][0]["carrier"] is there

    play(world, story)


def test_a_broken_disk_does_not_keep_a_node_from_being_withdrawn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        monkeypatch.setattr(os, "fsync", refuse)
        found = await commands(plane)["withdraw"]({})
        assert isinstance(found, dict)
        assert found["state"] == "withdrawn"
        assert "Input/output error" in found["problems"][0]
        await asyncio.sleep(0.05)
        assert not world.carrier
        monkeypatch.undo()

    play(world, story)


@pytest.mark.parametrize(
    "request_",
    [
        {"for": 0},
        {"for": -1},
        {"for": "1h"},
        {"reason": 1},
        {"reason": "a\nb"},
        {"reason": "x" * 501},
    ],
)
def test_what_is_no_order_is_refused(world: World, request_: dict[str, object]) -> None:
    async def story(_world: World, plane: Plane) -> None:
        with pytest.raises(AdminError):
            await commands(plane)["drain"](request_)

    play(world, story)


def test_without_a_plane_every_command_says_why() -> None:
    without = commands(None)
    assert asyncio.run(_call(without.pop("leave"))) == {}
    for command in without.values():
        with pytest.raises(AdminError, match="anycast is not enabled"):
            asyncio.run(_call(command))


async def _call(command: Callable[[dict[str, object]], Awaitable[object]]) -> object:
    return await command({})


@pytest.mark.parametrize("text", [b"", b"[]", b'{"drain":{"since":0,"reason":"\xff"}}', b"\xff"])
def test_with_orders_that_cannot_be_read_a_node_is_drained_until_it_is_told_what_holds(
    world: World, text: bytes
) -> None:
    file = world.config.server.state_directory / "orders.json"
    file.write_bytes(text)

    async def story(world: World, plane: Plane) -> None:
        assert world.told("orders may be lost and the node is drained") == 1
        await until(plane, RouteState.DRAINED)
        found = await commands(plane)["anycast"]({})
        assert isinstance(found, dict)
        assert "orders.json cannot be read" in found["why"][0]
        assert "orders may be lost" in str(found["problems"])
        found = await commands(plane)["undrain"]({})
        assert isinstance(found, dict)
        assert (found["state"], found["problems"]) == ("announced", [])
        assert decode(file.read_bytes()) == Orders()

    play(world, story)


def test_the_file_of_orders_is_there_before_the_past_and_put_back(world: World) -> None:
    directory = world.config.server.state_directory

    async def story(world: World, plane: Plane) -> None:
        await announced(world, plane)
        await asyncio.sleep(0.1)  # it is written meanwhile
        for name in ("orders.json", "anycast.past"):
            assert (directory / name).exists()
        (directory / "orders.json").unlink()
        await asyncio.sleep(2.1)
        assert decode((directory / "orders.json").read_bytes()) == Orders()

    play(world, story)


def test_lost_orders_are_not_no_orders(world: World) -> None:
    """A node that has run before has a file of orders; without it, it is drained and says so."""
    directory = world.config.server.state_directory
    file = directory / "orders.json"
    (directory / "anycast.past").write_text("of another boot")

    async def story(_world: World, plane: Plane) -> None:
        await until(plane, RouteState.DRAINED)
        found = await commands(plane)["anycast"]({})
        assert isinstance(found, dict)
        assert "orders.json is gone, so its orders are unknown" in found["why"][0]
        await asyncio.sleep(10.0)
        assert not file.exists(), "that nothing is known must not become that nothing is ordered"
        found = await commands(plane)["undrain"]({})
        assert isinstance(found, dict)
        assert (found["state"], found["problems"]) == ("announced", [])
        assert decode(file.read_bytes()) == Orders()

    play(world, story)


def test_nothing_says_that_a_node_has_run_before_its_orders_are_on_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = world.config.server.state_directory
    replace = durablefile.replace

    def refuse(path: Path, data: bytes) -> None:
        if path.name == "orders.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, data)

    async def story(world: World, plane: Plane) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(durablefile, "replace", refuse)
            await announced(world, plane)
            await asyncio.sleep(5.0)
            assert not (directory / "anycast.past").exists()
        await asyncio.sleep(2.1)
        assert (directory / "anycast.past").exists()

    play(world, story)
