"""Aliases of a running node, with a resolver and a clock of the test's; it counts builds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from dnsd.build import images, resolved
from dnsd.build.resolved import AliasMeta
from dnsd.checks.addresses import admitted
from dnsd.checks.result import Blind
from dnsd.config.endpoint import Endpoint
from dnsd.config.policy import AliasRule
from dnsd.control import aliases
from dnsd.control.aliases import AliasKeeper, AliasKey, TimeSources
from dnsd.control.zones.report import ReloadReport
from dnsd.control.zones.requests import ReloadRequest
from dnsd.control.zones.table import ServedImage, ZoneRow
from dnsd.failover.follower import RETRY_S, AddressAnswer

ORIGIN = "example.com."
CDN, OTHER, POOL = "cdn.example.net.", "cdn.example.org.", "www.example.com."
ONE, TWO, THREE = "198.51.100.1", "198.51.100.2", "198.51.100.3"
SIX = "2001:db8::1"
NETWORKS = ("198.51.100.0/24", "2001:db8::/32")


class Scene:
    """A keeper of the aliases of one zone, with a clock, a resolver and builds of the test's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = 1000.0
        self.answers: dict[tuple[str, str], AddressAnswer | Blind] = {}
        self.asked: list[tuple[str, str]] = []
        self.built: list[frozenset[str]] = []
        self.member: str | None = None
        self.build_s = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.rows = {ORIGIN: ZoneRow(ORIGIN, directory / "zone", 0.0)}
        self.describe(self.meta())
        self.begin()

    def meta(self, target: str = CDN, rtype: str = "A", **more: Any) -> AliasMeta:
        rule = AliasRule(name=ORIGIN, target=target, networks=NETWORKS, **more)
        return AliasMeta(rule=rule, type=rtype, ttl=300)

    def describe(self, *metas: AliasMeta) -> None:
        self.rows[ORIGIN].served = ServedImage("image", 1, 1, aliases=metas)

    def begin(self) -> None:
        """Begin, or begin again with what is on disk."""
        self.keeper = AliasKeeper(
            self.directory,
            self.rows.values,
            self.build,
            lambda name: self.member if name == POOL else None,
            lambda: ["198.51.100.53"],
            resolve=self.resolve,
            times=TimeSources(lambda: self.now, lambda: self.now),
        )

    async def resolve(self, name: str, rtype: str, _servers: Sequence[Endpoint]) -> AddressAnswer:
        self.asked.append((name, rtype))
        await self.gate.wait()
        found = self.answers.get((name, rtype), Blind(f"{name} does not exist"))
        if isinstance(found, Exception):
            raise found
        return found

    async def build(self, request: ReloadRequest) -> ReloadReport:
        self.built.append(request.due)
        self.now += self.build_s
        return cast("ReloadReport", None)

    def give(self, *addresses: str, name: str = CDN, ttl: int = 60, rtype: str = "A") -> None:
        self.answers[name, rtype] = AddressAnswer(addresses, ttl)

    async def turn(self, passed: float = 0.0) -> None:
        """Let time pass, ask what is due, and build what is other then."""
        self.now += passed
        await self.keeper.turn()
        await self.keeper.answered()
        await self.keeper.turn()

    @property
    def sources(self) -> list[str]:
        """The names whose addresses a build would take."""
        return [one.source for one in resolved.read(self.file)]

    @property
    def file(self) -> Path:
        return resolved.path_for(self.directory, images.stem(ORIGIN))

    def written(self, rtype: str = "A") -> tuple[str, ...] | None:
        """The addresses that a build would take, None: those of the zone file."""
        found = [one.addresses for one in resolved.read(self.file) if one.type == rtype]
        return found[0] if found else None

    def status(self) -> dict[str, Any]:
        return self.keeper.status()[0]


def play(tmp_path: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        await story(Scene(tmp_path))

    asyncio.run(run())


def test_addresses_are_on_disk_before_the_zone_is_built(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.give(TWO, ONE)
        build = scene.keeper._ask

        async def see(request: ReloadRequest) -> ReloadReport:
            assert scene.written() == (ONE, TWO)
            return await build(request)

        scene.keeper._ask = see
        await scene.turn()
        assert scene.built == [{ORIGIN}]
        assert scene.status()["addresses"] == [ONE, TWO]
        assert scene.status()["ttl"] == 60

    play(tmp_path, story)


def test_nothing_is_built_as_long_as_nothing_changes(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.give(ONE)
        for _ in range(50):
            await scene.turn(61)
        assert len(scene.built) == 1
        assert scene.asked == [(CDN, "A")] * 50

    play(tmp_path, story)


def test_it_is_not_asked_before_the_ttl_has_passed(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.give(ONE)
        await scene.turn()
        for _ in range(59):
            await scene.turn(1)
        assert len(scene.asked) == 1
        await scene.turn(1)
        assert len(scene.asked) == 2

    play(tmp_path, story)


def test_a_change_is_built(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.give(ONE)
        await scene.turn()
        scene.give(TWO)
        await scene.turn(60)
        assert scene.written() == (TWO,)
        assert len(scene.built) == 2

    play(tmp_path, story)


def test_flapping_builds_once_in_a_while(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        for second in range(600):
            scene.give((ONE, TWO, THREE)[second % 3], ttl=0)
            await scene.turn(1)
        assert 2 < len(scene.built) <= 1 + 600 / aliases.PAUSE_S

    play(tmp_path, story)


def test_a_large_zone_is_built_less_often(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.build_s = 30.0
        began = scene.now
        for second in range(1200):
            scene.give((ONE, TWO, THREE)[second % 3], ttl=0)
            await scene.turn(1)
        share = (scene.now - began) / (30.0 * aliases.BUILD_SHARE)
        assert 2 <= len(scene.built) <= 1 + share

    play(tmp_path, story)


def test_last_addresses_stay_for_a_bounded_time_and_then_the_zone_file_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(scene: Scene) -> None:
        scene.describe(scene.meta(stale=3600.0))
        scene.give(ONE)
        await scene.turn()
        del scene.answers[CDN, "A"]
        await scene.turn(60)
        assert scene.status()["fault"] == f"{CDN} does not exist"
        assert scene.status()["addresses"] == [ONE]
        for _ in range(70):
            await scene.turn(50)
        assert scene.written() == (ONE,)
        await scene.turn(50)
        assert scene.written() is None
        assert scene.status()["addresses"] == []
        assert len(scene.built) == 2
        scene.give(TWO)
        await scene.turn(RETRY_S)
        await scene.turn(aliases.PAUSE_S)
        assert scene.written() == (TWO,)
        assert scene.status()["fault"] == ""

    play(tmp_path, story)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert f"{CDN} does not exist; answering its last addresses" in lines[0]
    assert "is resolved again" in lines[1]


def test_a_name_that_was_never_resolved_builds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(scene: Scene) -> None:
        for _ in range(20):
            await scene.turn(RETRY_S)
        assert scene.built == []
        assert len(scene.asked) == 20

    play(tmp_path, story)
    (line,) = capsys.readouterr().err.splitlines()
    assert "answering the addresses in the zone file" in line


def test_a_restart_goes_on_with_what_is_on_disk(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.give(ONE)
        await scene.turn()
        scene.answers.clear()
        scene.begin()
        await scene.turn()
        assert scene.written() == (ONE,)
        assert len(scene.built) == 1
        assert scene.status()["addresses"] == [ONE]

    play(tmp_path, story)


def test_a_restart_makes_nothing_younger(tmp_path: Path) -> None:
    """The book says when addresses were confirmed; without it, when they were written does."""

    async def story(scene: Scene) -> None:
        scene.now = scene.directory.stat().st_mtime  # as files of now have it
        scene.describe(scene.meta(stale=3600.0))
        scene.give(ONE)
        for _ in range(100):
            await scene.turn(61)
        assert (scene.directory / aliases.BOOK).exists()
        scene.answers.clear()
        scene.begin()
        await scene.turn(3000)
        assert scene.status()["addresses"] == [ONE]
        scene.begin()
        await scene.turn(1000)
        assert scene.written() is None
        assert scene.status()["addresses"] == []

    play(tmp_path, story)


def test_another_type_makes_nothing_younger(tmp_path: Path) -> None:
    """The file is written for both; when each was confirmed, the book says."""

    async def story(scene: Scene) -> None:
        scene.now = scene.directory.stat().st_mtime - 5000
        scene.describe(scene.meta(stale=3600.0), scene.meta(rtype="AAAA", stale=3600.0))
        scene.give(ONE)
        await scene.turn()
        scene.answers.clear()
        scene.now += 3000
        scene.answers[CDN, "AAAA"] = AddressAnswer((SIX,), 60)
        scene.begin()
        await scene.turn()
        scene.now += 700
        scene.begin()
        await scene.turn()
        assert scene.written() is None

    play(tmp_path, story)


def test_a_resolver_that_breaks_is_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(scene: Scene) -> None:
        scene.answers[CDN, "A"] = cast("Blind", ZeroDivisionError("broken"))
        await scene.turn()
        assert "ZeroDivisionError: broken" in scene.status()["fault"]
        scene.give(ONE)
        await scene.turn(RETRY_S)
        assert scene.written() == (ONE,)

    play(tmp_path, story)
    assert "Traceback" in capsys.readouterr().err


def test_after_a_start_nothing_is_taken_away_before_the_target_was_asked(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.now = scene.directory.stat().st_mtime
        scene.give(ONE)
        await scene.turn()
        scene.begin()
        scene.gate.clear()
        scene.now += 30 * 86400
        await scene.keeper.turn()
        assert scene.written() == (ONE,)
        scene.gate.set()
        await scene.turn()
        assert scene.written() == (ONE,)
        assert len(scene.built) == 1

    play(tmp_path, story)


def test_an_edit_does_not_forget_when_addresses_were_confirmed(tmp_path: Path) -> None:
    """That stands in the book of long ago, and in no other place, if nothing remembers it."""

    async def story(scene: Scene) -> None:
        scene.give(ONE)
        await scene.turn()
        await scene.turn(aliases.BOOK_S)
        scene.begin()
        for _ in range(2000):
            await scene.turn(60)
        del scene.answers[CDN, "A"]
        scene.describe(scene.meta(ttl_min=20))
        await scene.turn(1)
        await scene.turn(aliases.PAUSE_S)
        assert scene.status()["fault"]
        assert scene.written() == (ONE,)
        scene.describe()
        await scene.turn(1)
        scene.describe(scene.meta())
        await scene.turn(aliases.PAUSE_S)
        await scene.turn(aliases.PAUSE_S)
        assert scene.written() == (ONE,)

    play(tmp_path, story)


def test_what_another_target_confirmed_makes_nothing_younger(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.describe(scene.meta(stale=60.0))
        scene.give(ONE, ttl=300)
        await scene.turn()
        await scene.turn(50)
        scene.give(TWO, name=OTHER, ttl=300)
        scene.keeper._not_before[ORIGIN] = scene.now + 1000  # its zone is large
        scene.describe(scene.meta(OTHER, stale=60.0))
        await scene.turn(1)
        assert scene.written() == (ONE,)
        scene.answers.clear()
        scene.describe(scene.meta(stale=60.0))
        await scene.turn(5)
        assert scene.status()["age"] == 56

    play(tmp_path, story)


@pytest.mark.parametrize("content", [None, b"", b"[{"])
def test_a_file_that_is_lost_is_written_again(tmp_path: Path, content: bytes | None) -> None:
    async def story(scene: Scene) -> None:
        scene.give(ONE)
        await scene.turn()
        if content is None:
            scene.file.unlink()
        else:
            scene.file.write_bytes(content)
        await scene.turn(aliases.PAUSE_S)
        assert scene.written() == (ONE,)
        assert scene.built == [{ORIGIN}] * 2
        await scene.turn(aliases.PAUSE_S)
        assert len(scene.built) == 2

    play(tmp_path, story)


def test_both_types_are_built_together(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.describe(
            scene.meta(),
            scene.meta(
                rtype="AAAA",
            ),
        )
        scene.give(ONE)
        scene.answers[CDN, "AAAA"] = Blind(f"{CDN} has no AAAA record")
        await scene.turn()
        assert len(scene.built) == 1
        assert (scene.written(), scene.written("AAAA")) == ((ONE,), None)
        assert [one["fault"] for one in scene.keeper.status()] == ["", f"{CDN} has no AAAA record"]

    play(tmp_path, story)


def test_another_target_does_not_inherit(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.give(ONE)
        await scene.turn()
        scene.describe(scene.meta(OTHER))
        await scene.turn(aliases.PAUSE_S)
        assert scene.written() is None
        assert scene.status()["addresses"] == []

    play(tmp_path, story)


def test_the_member_of_a_pool_is_followed_at_once(tmp_path: Path) -> None:
    """Two targets, each with its check: the pool of names chooses, the alias follows."""

    async def story(scene: Scene) -> None:
        scene.describe(scene.meta(POOL))
        scene.give(ONE, ttl=300)
        scene.give(TWO, name=OTHER, ttl=300)
        scene.member = CDN
        await scene.turn()
        assert scene.written() == (ONE,)
        assert scene.sources == [CDN]
        scene.member = OTHER
        del scene.answers[OTHER, "A"]
        await scene.turn(aliases.PAUSE_S)
        assert (scene.written(), scene.sources) == ((ONE,), [CDN])
        scene.begin()
        await scene.turn()
        assert (scene.written(), scene.sources) == ((ONE,), [CDN])
        scene.give(TWO, name=OTHER, ttl=300)
        await scene.turn(aliases.PAUSE_S)
        assert scene.asked == [(CDN, "A"), *3 * [(OTHER, "A")]]
        assert (scene.written(), scene.sources) == ((TWO,), [OTHER])
        assert scene.status()["source"] == OTHER
        scene.member = ""
        await scene.turn(1)
        assert scene.status()["fault"] == f"the pool {POOL} answers with no member"
        assert scene.written() == (TWO,)

    play(tmp_path, story)


def test_what_is_late_from_an_earlier_member_does_not_count(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.describe(scene.meta(POOL))
        scene.give(ONE)
        scene.give(TWO, name=OTHER)
        scene.member = CDN
        scene.gate.clear()
        await scene.keeper.turn()
        await asyncio.sleep(0)
        scene.member = OTHER
        await scene.keeper.turn()
        scene.gate.set()
        await scene.turn()
        assert scene.written() == (TWO,)

    play(tmp_path, story)


def test_a_disk_that_refuses_leaves_the_zone_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(scene: Scene) -> None:
        scene.give(ONE)
        with monkeypatch.context() as patch:

            def refuse(path: Path, _data: bytes) -> None:
                raise OSError(28, "No space left on device", str(path))

            patch.setattr("dnsd.process.durablefile.replace", refuse)
            await scene.turn()
            assert scene.built == []
            assert "No space left on device" in scene.keeper.fault
        await scene.turn(aliases.PAUSE_S)
        assert (scene.keeper.fault, len(scene.built)) == ("", 1)

    play(tmp_path, story)


def test_names_are_not_asked_for_all_at_once(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        metas = [
            AliasMeta(rule=AliasRule(name=f"h{number}.{ORIGIN}", target=CDN), type="A", ttl=300)
            for number in range(3 * aliases.MOST_AT_ONCE)
        ]
        scene.describe(*metas)
        scene.gate.clear()
        await scene.keeper.turn()
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(scene.asked) == aliases.MOST_AT_ONCE
        scene.gate.set()
        await scene.keeper.answered()
        assert len(scene.asked) == 3 * aliases.MOST_AT_ONCE

    play(tmp_path, story)


def test_own_addresses_are_not_followed(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.give("198.51.100.53", ONE)
        await scene.turn()
        assert scene.written() == (ONE,)

    play(tmp_path, story)


def test_an_alias_that_is_gone_is_not_asked_for(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.turn()
        scene.describe()
        await scene.turn(60)
        assert len(scene.asked) == 1
        assert AliasKey(ORIGIN, ORIGIN, "A") not in scene.keeper.aliases

    play(tmp_path, story)


# -- which addresses may be answered --------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "192.0.2.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff0e::1",
        "::ffff:10.0.0.1",
        "100.64.0.1",
        "fec0::1",
        "64:ff9b::10.0.0.1",
        "::10.0.0.1",
        "2002:a00:1::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_special_addresses_are_not_answered(address: str) -> None:
    found = AddressAnswer(("1.1.1.1", address), 60)
    assert admitted(found, (), ()).addresses == ("1.1.1.1",)
    with pytest.raises(Blind, match="not addresses that may be answered"):
        admitted(AddressAnswer((address,), 60), (), ())
    assert admitted(AddressAnswer((address,), 60), ("0.0.0.0/0", "::/0"), ()).addresses


@pytest.mark.parametrize("address", ["2606:4700::1", "2a00:1450::1", "2002:808:808::1"])
def test_addresses_of_the_internet_are_answered(address: str) -> None:
    assert admitted(AddressAnswer((address,), 60), (), ()).addresses == (address,)


def test_own_addresses_and_other_networks_are_not_answered() -> None:
    found = AddressAnswer((ONE, TWO, "203.0.113.1"), 60)
    assert admitted(found, NETWORKS, (TWO,)).addresses == (ONE,)
