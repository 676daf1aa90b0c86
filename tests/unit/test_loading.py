"""Zones answer as soon as they are built, whatever else is being built; the node waits for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult
from dnsd.control.zones.reload import DIRECTORY, EVERYTHING
from dnsd.control.zones.table import apex_of
from dnsd.control.zones.ties import Ties
from dnsd.image.state import ControlCells, FirstLoad, StateVector
from tests.building import build_zone
from tests.support import zone
from tests.unit.test_control_node import PATIENCE, Site


class SlowSite(Site):
    """A node on which the zones ``slow`` are built when the test says so."""

    def __init__(self, directory: Path, more: str, **zones: str) -> None:
        self.slow: dict[str, asyncio.Event] = {}
        self.more = more
        super().__init__(directory, **zones)

    def configure(self, more: str = "") -> None:
        super().configure(more or self.more)

    def delay(self, *origins: str) -> None:
        self.slow |= {origin: asyncio.Event() for origin in origins}

    def release(self) -> None:
        while self.slow:
            self.slow.popitem()[1].set()

    async def build(
        self, jobs: Sequence[Job], deliver: Callable[[Sequence[BuildResult]], object]
    ) -> None:
        async def one(job: Job) -> None:
            if gate := self.slow.get(job.origin):
                await gate.wait()
            deliver([build_zone(job)])

        await asyncio.gather(*map(one, jobs))

    def serial(self, origin: str) -> int | None:
        """Return the serial number that a zone is served with: 0 means SERVFAIL, None no zone."""
        if apex_of(origin) not in self.node._publisher.published:
            return None
        served = self.node._reloader.rows[origin].served
        return served.serial if served else 0

    def run(self) -> None:
        self.task = asyncio.create_task(self.node.run())

    async def kill(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def restart(self) -> None:
        """Begin as the control process of another master."""
        await self.kill()
        self.vector = StateVector.create(1)
        self.control = self.vector.control
        self.begin()


def play(
    story: Callable[[SlowSite], Awaitable[None]], *slow: str, more: str = "", **zones: str
) -> None:
    """Run ``story`` with a node that has begun; ``more`` is configured of its zones."""

    async def run() -> None:
        with TemporaryDirectory(prefix="dnsd-") as name:
            site = SlowSite(Path(name), more, **zones)
            site.delay(*slow)
            async with asyncio.timeout(PATIENCE):
                site.run()
                await story(site)
                site.release()
                await site.kill()

    asyncio.run(run())


def test_a_small_zone_answers_while_a_large_one_is_built() -> None:
    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.serial("small.") == 1)
        assert site.serial("big.") == 0, "SERVFAIL until it is there"
        assert site.control[ControlCells.COMING] == 1
        assert site.control[ControlCells.LOADED] == FirstLoad.UNDER_WAY
        assert "big." in site.node.unwell()[-1]
        status = await site.node.command_status({})
        assert [one["zone"] for one in status["building"]] == ["big."]
        assert {one["zone"]: one["state"] for one in status["zones"]} == {
            "big.": "loading",
            "small.": "served",
        }
        site.release()
        await site.until(lambda: site.serial("big.") == 1)
        await site.until(lambda: site.control[ControlCells.LOADED] == FirstLoad.OVER)
        assert site.control[ControlCells.COMING] == 0

    play(story, "big.", big=zone(1), small=zone(1))


def test_an_edit_of_a_small_zone_does_not_wait_for_a_large_one() -> None:
    """Neither one that is seen, nor one that is ordered; the large one goes on with its last."""

    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        site.delay("big.")
        site.write("big", zone(2))
        large = asyncio.create_task(site.node.command_reload({"zones": ["big"]}))
        await site.until(lambda: site.node._reloader.building.since)
        site.write("small", zone(2))
        report = await site.node.command_reload({"zones": ["small"]})
        assert site.states(report) == {"small.": "loaded"}
        site.write("small", zone(3) + "more A 192.0.2.7\n")
        await site.until(lambda: site.serial("small.") == 3)
        assert not large.done()
        assert site.serial("big.") == 1
        site.release()
        assert site.states(await large) == {"big.": "loaded"}
        assert site.serial("big.") == 2

    play(story, big=zone(1), small=zone(1))


def test_what_changes_while_it_is_built_is_built_once_more() -> None:
    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        site.delay("big.")
        gate = site.slow["big."]
        site.write("big", zone(2))
        first = asyncio.create_task(site.node.command_reload({"zones": ["big"]}))
        await site.until(lambda: site.node._reloader.building.since)
        second = asyncio.create_task(site.node.command_reload({}))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not second.done()
        gate.set()
        assert site.states(await first) == {"big.": "loaded"}
        assert site.states(await second)["big."] == "unchanged"

    play(story, big=zone(1), small=zone(1))


def test_a_zone_that_is_about_to_leave_may_come_back() -> None:
    """It leaves with its parent, which takes its time; a look at the directory is enough."""

    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        site.delay("p.")
        site.write("p", zone(2) + "more A 192.0.2.7\n")
        file = site.zones / "sub.p.zone"
        text = file.read_text()
        file.unlink()
        first = asyncio.create_task(site.node._reloader.run({DIRECTORY, EVERYTHING}))
        await site.until(lambda: site.node._reloader.building.since)
        file.write_text(text)
        second = asyncio.create_task(site.node._reloader.run({DIRECTORY}))
        await site.until(lambda: site.node._reloader._roster.wanted.get("sub.p."))
        site.release()
        await first
        await second
        assert site.serial("p.") == 2
        assert site.serial("sub.p.") == 1

    play(story, more="watch = false\n", **{"p": zone(1), "sub.p": zone(1)})


def test_a_zone_that_is_about_to_leave_is_not_kept_when_more_are_gone() -> None:
    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        site.delay("p.")
        site.write("p", zone(2) + "more A 192.0.2.7\n")
        (site.zones / "sub.p.zone").unlink()
        first = asyncio.create_task(site.node._reloader.run({DIRECTORY, EVERYTHING}))
        await site.until(lambda: site.node._reloader.building.leaving)
        for name in "abc":
            (site.zones / f"{name}.zone").unlink()
        second = asyncio.create_task(site.node._reloader.run({DIRECTORY}))
        await site.until(lambda: site.node._reloader.odd)
        site.release()
        await first
        await second
        assert site.serial("sub.p.") is None
        assert [site.serial(f"{name}.") for name in "abc"] == [1, 1, 1]

    zones = {"p": zone(1), "sub.p": zone(1), **dict.fromkeys("abc", zone(1))}
    play(story, more="watch = false\n", **zones)


def test_a_zone_that_is_back_is_watched() -> None:
    """It is back before the reload that has dropped it ends."""

    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        reloader = site.node._reloader
        site.delay("big.")
        site.write("big", zone(2) + "more A 192.0.2.7\n")
        (site.zones / "small.zone").unlink()
        first = asyncio.create_task(reloader.run({DIRECTORY, EVERYTHING}))
        await site.until(lambda: site.serial("small.") is None)
        site.write("small", zone(3))
        await reloader.run({DIRECTORY})
        assert site.serial("small.") == 3
        site.release()
        await first
        assert str(site.zones / "small.zone") in site.node._watch.paths()

    play(story, more="watch = false\n", big=zone(1), small=zone(1))


def test_what_a_reload_is_done_with_may_be_the_next_ones() -> None:
    """When it ends at last, that one is still at it."""

    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        building = site.node._reloader.building
        site.delay("big.")
        gate = site.slow["big."]
        site.write("big", zone(2) + "more A 192.0.2.7\n")
        site.write("small", zone(2) + "more A 192.0.2.7\n")
        first = asyncio.create_task(site.node.command_reload({}))
        await site.until(lambda: site.serial("small.") == 2)
        site.delay("small.")
        site.write("small", zone(3) + "some more A 192.0.2.7\n")
        second = asyncio.create_task(site.node.command_reload({"zones": ["small"]}))
        await site.until(lambda: "small." in building.since)
        gate.set()
        await first
        assert building.since.keys() == {"small."}
        assert site.node._reloader.rows["small."].building
        site.release()
        await second

    play(story, more="watch = false\n", big=zone(1), small=zone(1))


def test_a_zone_leaves_once_and_waits_for_none_but_its_parent() -> None:
    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        site.delay("p.")
        site.write("p", zone(2) + "more A 192.0.2.7\n")
        for name in ("sub.p", "other"):
            (site.zones / f"{name}.zone").unlink()
        first = asyncio.create_task(site.node.command_reload({}))
        await site.until(lambda: site.serial("other.") is None)
        second = asyncio.create_task(site.node.command_reload({}))
        for _ in range(100):
            await asyncio.sleep(0)
        assert site.serial("sub.p.") == 1, "else its parent would answer as it was before"
        site.release()
        assert site.states(await first) == {
            "p.": "loaded",
            "sub.p.": "dropped",
            "other.": "dropped",
            "small.": "unchanged",
        }
        assert site.states(await second) == {"p.": "unchanged", "small.": "unchanged"}
        assert site.serial("p.") == 2

    zones = {"p": zone(1), "sub.p": zone(1), "other": zone(1), "small": zone(1)}
    play(story, more="watch = false\n", **zones)


def test_an_earlier_image_answers_until_the_zone_is_built() -> None:
    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED])
        await site.restart()
        site.write("big", zone(2) + "more A 192.0.2.7\n")
        site.delay("big.")
        site.run()
        await site.until(lambda: site.serial("small.") == 1)
        assert site.serial("big.") == 1
        assert site.control[ControlCells.COMING] == 0
        site.release()
        await site.until(lambda: site.serial("big.") == 2)

    play(story, big=zone(1), small=zone(1))


def test_a_node_does_not_wait_for_ever() -> None:
    async def story(site: SlowSite) -> None:
        await site.until(lambda: site.control[ControlCells.LOADED] == FirstLoad.LATE)
        (told,) = site.node._readiness.lacks()
        assert "big." in told
        assert told in site.node.notices()
        assert not any("big." in one for one in site.node.unwell())
        site.release()
        await site.until(lambda: site.control[ControlCells.LOADED] == FirstLoad.OVER)
        assert not site.node._readiness.lacks()

    play(story, "big.", more='ready_within = "300ms"\n', big=zone(1), small=zone(1))


_LABELS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda x: ".".join(x) + ".")


@given(
    load=st.sets(_LABELS, max_size=8),
    fresh=st.sets(_LABELS, max_size=6),
    drop=st.sets(_LABELS, max_size=4),
    seed=st.randoms(use_true_random=False),
)
def test_a_parent_never_comes_before_what_is_cut_out_of_it(
    load: set[str], fresh: set[str], drop: set[str], seed: object
) -> None:
    """In whatever order they are built; and nothing is held back for ever, or comes twice."""
    fresh &= load
    drop -= load
    order = sorted(load)
    seed.shuffle(order)  # type: ignore[attr-defined]
    ties = Ties(load, fresh, drop)
    came: dict[str, int] = {}
    dropped: dict[str, int] = {}
    for turn, origin in enumerate([*order, ""]):
        results = [BuildResult(origin=origin)] if origin else []
        now, gone = ties.ready(results)
        for one in now:
            assert one.origin not in came
            came[one.origin] = turn
        for name in gone:
            assert name not in dropped
            dropped[name] = turn
        if origin and origin not in came:
            assert any(_family(origin, other) for other in load | drop if other != origin)
    assert came.keys() == load
    assert dropped.keys() == drop
    for child, turns in (*((one, came) for one in fresh), *((one, dropped) for one in drop)):
        parents = [one for one in load if child.endswith("." + one)]
        if parents:
            assert came[max(parents, key=len)] == turns[child], "both at once"


def _family(one: str, other: str) -> bool:
    return one.endswith("." + other) or other.endswith("." + one) or one[-2:] == other[-2:]
