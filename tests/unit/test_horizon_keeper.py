"""The keeper of the ledger: never SAFE while a cache holds it, and SAFE when none does."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from dnsd.caches.judge import MARGIN_S, Safety, Verdict
from dnsd.caches.ledger import declarations
from dnsd.caches.listing import Contents
from dnsd.caches.report import NEVER, WEEK_S, Use
from dnsd.caches.version import CacheQuestion, Version, VersionKind, about_name, about_target
from dnsd.control.failover.selections import LATE_S
from dnsd.control.horizon import lease, ledgerfile
from dnsd.control.horizon.ask import CHANGING, NOT_YET
from dnsd.control.horizon.declared import version_of
from dnsd.control.horizon.keeper import LedgerKeeper
from dnsd.control.horizon.lease import RENEW_S, RUNNING_S, STOPPED_S
from dnsd.control.horizon.ledgerfile import LedgerFile
from dnsd.control.horizon.served import ServedSearch
from dnsd.errors import AdminError
from dnsd.image.selection import Mode
from dnsd.image.stock import Stock
from dnsd.process import durablefile
from dnsd.process.statedir import IMAGES
from tests.horizonsite import APEX, POOL, Content, Site, remove_images

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
TARGETS = (A, B, C)
BOTH = Content(members=(A, B))
MIXED = Content(
    (("www", A, 600),),
    more=(
        "six 60 AAAA 2001:db8::1",
        "alias 60 CNAME www",
        "svc 60 HTTPS 1 . ipv4hint=192.0.2.76,192.0.2.77",
    ),
)


@pytest.fixture(scope="module", autouse=True)
def _images() -> Iterator[None]:
    yield
    remove_images()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


def is_open(found: Verdict, began: float) -> bool:
    """Return whether anything may be held that was given out before ``began``."""
    (held,) = [one for one in found.held if one.version is None]
    return found.safety != Safety.SAFE and held.until == began + WEEK_S


def host(address: str, ttl: int = 60, name: str = "www") -> Content:
    return Content(((name, address, ttl),))


# -- zones ------------------------------------------------------------------------------------


def test_what_stands_in_a_zone_is_given_out_until_every_worker_has_another_one(
    directory: Path,
) -> None:
    site = Site(directory, host(A))
    assert "answers with it now: www.example.com. A → 192.0.2.1" in site.about(A).reasons[0]
    site.load(host(B))
    site.now += 7
    assert "answers with it now" in site.about(A).reasons[0]
    site.reach()
    found = site.about(A)
    assert (found.safety, found.until) == (Safety.WAIT, site.now + 60 + MARGIN_S)
    assert "answers with it now" in site.about(B).reasons[0]
    site.now += 60 + MARGIN_S
    assert site.about(A).safety == Safety.SAFE


def test_only_what_differs_is_waited_for(directory: Path) -> None:
    two = Content((("www", A, 60), ("other", B, 600)))
    site = Site(directory, two)
    site.load(Content((("www", C, 60), ("other", B, 600))))
    site.reach()
    question = about_name("other.example.com", "A")
    assert not site.verdict(question).held
    assert site.verdict(about_name("www.example.com", "A")).safety == Safety.WAIT


def test_a_smaller_ttl_is_a_change(directory: Path) -> None:
    site = Site(directory, host(A, 600))
    site.load(host(A, 10))
    site.reach()
    site.load(host(B, 10))
    site.reach()
    assert site.about(A).until == site.now + 600 + MARGIN_S


def test_a_zone_that_is_dropped_is_waited_for(directory: Path) -> None:
    site = Site(directory, host(A))
    site.load(None)
    assert site.about(A).safety == Safety.WAIT
    site.reach()
    assert site.about(A).until == site.now + 60 + MARGIN_S


def test_when_is_a_new_name_visible_everywhere(directory: Path) -> None:
    site = Site(directory, host(A))
    site.load(Content((("www", A, 60), ("new", B, 60))))
    site.reach()
    found = site.verdict(about_name("new.example.com", "A"))
    assert (found.safety, found.until) == (Safety.WAIT, site.now + 20 + MARGIN_S)
    assert "that there is no new.example.com. A" in str(found.held[0].version)
    assert site.verdict(about_name("www.example.com", "A")).safety != Safety.WAIT


def test_what_a_wildcard_answered_before_the_name_came(directory: Path) -> None:
    site = Site(directory, host(A, 300, "*"))
    assert "answers with it now" in site.about(A).reasons[0]
    site.load(Content((("*", A, 300), ("new", B, 60))))
    site.reach()
    found = site.verdict(about_name("new.example.com", "A"))
    assert (found.safety, found.until) == (Safety.WAIT, site.now + 300 + MARGIN_S)
    site.now += 400
    assert site.verdict(about_name("new.example.com", "A")).safety == Safety.SAFE


def test_what_is_not_published_was_never_given_out(directory: Path) -> None:
    site = Site(directory, host(A))
    asyncio.run(site.keeper.declare({APEX: site.zone(host(B))}))
    site.keeper.undo()
    site.reach()
    assert "answers with it now" in site.about(A).reasons[0]
    assert "no node has answered with 192.0.2.2" in site.about(B).reasons[0]


def test_what_is_replaced_before_its_own_change_is_done_is_given_out_still(directory: Path) -> None:
    site = Site(directory, host(A))
    site.load(host(B))
    site.reached = len(site.generations) - 1
    site.load(host(C))  # no worker has got there
    site.keeper.retire()
    assert "answers with it now" in site.about(B).reasons[0]
    asyncio.run(site.keeper.declare({APEX: site.zone(host(A))}))
    site.keeper.undo()
    assert "answers with it now" in site.about(B).reasons[0]
    site.reach()
    assert site.about(B).until == site.now + 60 + MARGIN_S
    assert "answers with it now" in site.about(C).reasons[0]


@pytest.mark.parametrize(
    ("target", "ttl"), [("192.0.2.1", 600), ("2001:db8::1", 60), ("192.0.2.77", 0)]
)
def test_addresses_are_found_in_an_image_without_a_listing(
    directory: Path, target: str, ttl: int
) -> None:
    site = Site(directory)
    (shelf, zone) = site.keeper.shelf, site.zone(MIXED)
    bare = zone.shelved._replace(contents=Contents(listed=False))
    found = shelf.served(APEX, bare, about_target(target))
    assert found == {Version(VersionKind.RRSET, APEX, targets=(target,)): ttl}
    assert shelf.served(APEX, bare, about_target("192.0.2.78")) == {}


def test_a_name_in_an_image_without_a_listing_is_what_a_query_gets(directory: Path) -> None:
    site = Site(directory)
    (shelf, zone) = site.keeper.shelf, site.zone(MIXED)
    bare = zone.shelved._replace(contents=Contents(listed=False))
    for name, rtype in (("www", "A"), ("six", "AAAA"), ("svc", "HTTPS"), ("alias", "A")):
        question = about_name(f"{name}.example.com", rtype)
        found = shelf.served(APEX, bare, question)
        assert found == shelf.served(APEX, zone.shelved, question)
        assert len(found) == 1
    for question in (about_name("www.example.com", "NOTYPE!"), about_name("www.test", "A")):
        assert shelf.served(APEX, bare, question) == {}


# -- pools ------------------------------------------------------------------------------------


def test_a_member_that_is_drained_is_forgotten_with_the_last_answer(directory: Path) -> None:
    site = Site(directory, BOTH)
    site.ttl = 30
    site.decide()
    site.ask()
    site.now += 10
    site.removed, site.ttl = frozenset({A}), 5
    site.decide()
    site.ask()
    found = site.about(A)
    assert (found.safety, found.until) == (Safety.WAIT, site.now - 10 + 30 + MARGIN_S)
    assert site.horizon.latest(*POOL, A) == site.now + 20
    assert site.horizon.latest(*POOL, C) == NEVER
    site.now += 20 + MARGIN_S
    assert site.about(A).safety == Safety.SAFE
    assert site.about(B).safety == Safety.WAIT


def test_a_member_that_may_come_back_by_itself_is_never_safe(directory: Path) -> None:
    site = Site(directory, BOTH)
    site.wanted = frozenset({B})
    site.decide()
    site.now += 1000
    assert "may answer with it again by itself" in site.about(A).reasons[0]


def test_more_answers_than_slots(directory: Path) -> None:
    many = tuple(f"192.0.2.{number}" for number in range(1, 13))
    site = Site(directory, Content(members=many))
    site.ttl = 30
    for address in many:
        site.wanted = frozenset({address})
        site.decide()
        site.ask()
        site.now += 0.5
    site.removed = frozenset(many[:1])
    site.decide()
    # Slots that were bound again soon count for what they stood for before, too.
    until = site.about(many[0]).until
    assert until is not None
    assert 1030 + MARGIN_S <= until <= site.now + 30 + MARGIN_S


def test_an_undecided_pool_is_bounded_by_its_ttl(directory: Path) -> None:
    site = Site(directory)
    zone = site.zone(BOTH)
    asyncio.run(site.keeper.declare({APEX: zone}))
    site.keeper.published(1)
    assert "answers with it now" in site.about(A).reasons[0]
    asyncio.run(site.keeper.declare({APEX: None}))
    site.keeper.published(2)
    site.reached = 2
    site.keeper.retire()
    assert site.about(A).until == site.now + 2 + MARGIN_S


# -- over restarts ----------------------------------------------------------------------------


def test_after_a_crash_what_was_declared_is_bounded_by_the_start(directory: Path) -> None:
    site = Site(directory, Content((("www", C, 60),), (A, B)))
    site.turn()
    site.crash(5.0, Content((("www", C, 60),), (B,)))
    assert site.about(A).until == site.now + 30 + MARGIN_S
    # C stands in a zone that has not changed.
    found = site.about(C)
    assert [one.use for one in found.held] == [Use.SERVED]


@pytest.mark.parametrize("comes", ["unchanged", "changed", "never"])
def test_what_a_zone_had_counts_until_it_is_loaded_again(directory: Path, comes: str) -> None:
    """A zone that comes later than others after a start is no zone that is gone."""
    site = Site(directory, host(A))
    site.turn()
    site.begin()
    asyncio.run(site.keeper.declare({}, {APEX}))
    assert not site.keeper.ready
    site.begin()  # killed before it came: what it had is still declared
    asyncio.run(site.keeper.declare({}, {APEX}))
    site.now += 100
    if comes != "never":
        site.load(host(A if comes == "unchanged" else B))
        site.reach()
        site.keeper.retire()
    asyncio.run(site.keeper.complete())
    came = site.now
    site.now += 1
    found = site.about(A)
    if comes == "unchanged":
        assert [one.use for one in found.held] == [Use.SERVED]
        site.load(host(B))
        site.reach()
        site.keeper.retire()
        came = site.now
    until = site.about(A).until
    assert until is not None
    assert until >= came + 60


@pytest.mark.parametrize("dumps", [0, 1, 2])
def test_the_last_answers_outlive_a_crash_within_a_second_of_an_order(
    directory: Path, dumps: int
) -> None:
    """The notes of the last moment are in memory only: a dump in between must not forget them."""
    site = Site(directory, BOTH)
    site.ttl = 5
    site.decide()
    site.turn()
    site.ttl = 30
    site.decide()
    site.ask()
    site.removed = frozenset({A})
    site.decide()
    for _ in range(dumps):
        site.keeper.pools.changed = True
        asyncio.run(site.keeper.turn())  # which reads no notes
    site.generations = [site.generations[0]]
    site.reached = site.released = 0
    site.begin()
    site.load(Content(members=(B,)))
    assert site.about(A).until == site.now + 30 + MARGIN_S


def test_what_left_long_ago_is_not_waited_for_after_a_restart(directory: Path) -> None:
    """When no worker can note it any more, and all notes are read, the account ends."""
    site = Site(directory, BOTH)
    site.ask()
    site.removed = frozenset({A})
    site.decide()
    site.now += LATE_S
    site.turn()
    site.now += 100
    site.turn()
    site.crash(1.0, Content(members=(B,)))
    assert site.about(A).safety == Safety.SAFE


def test_what_an_edit_took_away_while_the_node_was_down(directory: Path) -> None:
    site = Site(directory, Content((("www", A, 600), ("b", B, 60))))
    site.crash(5.0, Content((("www", C, 600), ("b", B, 60))))
    assert site.about(A).until == site.now + 600 + MARGIN_S
    name = site.verdict(about_name("b.example.com", "A"))
    assert not [one for one in name.held if one.until > site.now]


def test_where_the_old_image_is_gone_the_whole_zone_is_bounded(directory: Path) -> None:
    site = Site(directory, Content((("www", A, 600), ("b", B, 60))))
    for path in (directory / IMAGES).iterdir():
        path.unlink()
    site.crash(5.0, Content((("www", C, 600), ("b", B, 60))))
    found = site.verdict(about_name("b.example.com", "A"))
    assert (found.safety, found.until) == (Safety.WAIT, site.now + 600 + MARGIN_S)


def test_a_bound_outlives_restarts(directory: Path) -> None:
    site = Site(directory, host(A, 600))
    site.load(host(B))
    site.reach()
    until = site.about(A).until
    site.turn()
    site.crash(0.0, host(B))
    site.crash(10.0, host(B))
    assert until is not None
    assert site.about(A).until == until + 10.0


def test_a_ledger_that_cannot_be_read_is_distrusted(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(directory, host(A))
    (directory / ledgerfile.NAME).write_bytes(b"dnsd-ledger 1 00000000\n{}")
    site.crash(1.0, host(B))
    assert "horizon: the ledger is damaged" in capsys.readouterr().err
    assert is_open(site.about("192.0.2.99"), site.now)


def test_a_ledger_that_is_missing_where_there_are_images_is_distrusted(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its workers may have answered until this process knows of what."""
    site = Site(directory, host(A))
    (directory / ledgerfile.NAME).unlink()
    site.begin()
    site.now += 3.0
    site.load(host(B))
    site.reach()
    assert "horizon: the ledger is missing, but" in capsys.readouterr().err
    assert is_open(site.about("192.0.2.99"), site.now)


def test_nothing_is_reported_before_the_zones_are_loaded(directory: Path) -> None:
    site = Site(directory, host(A))
    site.begin()
    for question in (None, about_target(A)):
        with pytest.raises(AdminError, match="the zones are being loaded"):
            asyncio.run(site.horizon.report(question))

    async def judged() -> Verdict:
        return site.horizon.judge(about_target(A), site.now, site.now)

    assert asyncio.run(judged()).reasons == (NOT_YET,)
    site.load(host(A))
    assert asyncio.run(site.horizon.report(about_target(A))).lines


@pytest.mark.parametrize("question", [None, about_target(A)])
def test_what_workers_have_just_noted_is_reported(
    directory: Path, question: CacheQuestion | None
) -> None:
    site = Site(directory, BOTH)
    site.ttl = 30
    site.decide()
    site.sweep()
    site.now += 20
    site.ask()
    lines = asyncio.run(site.horizon.report(question)).lines
    assert [line.left for line in lines if line.use == Use.SERVED] == [30.0]


def test_it_is_on_disk_before_it_is_served(directory: Path) -> None:
    site = Site(directory, host(A))
    zone = site.zone(host(B))
    asyncio.run(site.keeper.declare({APEX: zone}))
    on_disk = declarations((directory / ledgerfile.NAME).read_bytes())
    assert version_of(APEX, zone) in on_disk
    assert len(on_disk) == 2


class Disk:
    """A disk that is ``full``, or ``read_only``: then it does not remove a file either."""

    full = False
    read_only = False


@contextmanager
def disk() -> Iterator[Disk]:
    """The disk of the ledger."""
    replace, unlink, rename, there = durablefile.replace, Path.unlink, Path.replace, Disk()

    def refusing(path: Path, data: bytes) -> None:
        if there.read_only:
            raise OSError(errno.EROFS, "Read-only file system")
        if there.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, data)

    def keeping(path: Path, missing_ok: bool = False) -> None:
        if there.read_only and path.name.startswith(ledgerfile.NAME):
            raise OSError(errno.EROFS, "Read-only file system")
        unlink(path, missing_ok)

    def staying(path: Path, target: Path) -> None:
        if there.read_only and path.name.startswith(ledgerfile.NAME):
            raise OSError(errno.EROFS, "Read-only file system")
        rename(path, target)

    with (
        patch.object(durablefile, "replace", refusing),
        patch.object(Path, "unlink", keeping),
        patch.object(Path, "replace", staying),
    ):
        yield there


def test_what_cannot_be_written_is_served_and_nothing_is_safe_until_it_can(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(directory, host(A))
    site.now += 1000
    with disk() as there:
        there.full = True
        site.load(host(B))
        site.reach()
        assert "answers with it now" in "".join(site.about(B).reasons)
        site.now += WEEK_S
        found = site.about(A)
        assert found.safety == Safety.UNKNOWN
        assert "ledger cannot be written (No space left on device)" in found.reasons[0]
        for _ in range(3):
            site.turn()
        assert not (directory / ledgerfile.NAME).exists(), "it is true no more"
        there.full = False
        site.turn()
        assert site.about(A).safety == Safety.SAFE
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert told[1] == "dnsd: horizon: the account is on disk again [ledger-written]"


def test_after_a_restart_an_account_that_could_not_be_written_is_missed(directory: Path) -> None:
    site = Site(directory, host(A))
    with disk() as there:
        there.full = True
        site.load(host(B))
        site.reach()
    site.crash(1000.0, host(A))
    assert is_open(site.about(B), site.now)


def test_nothing_is_written_when_nothing_is_new(directory: Path) -> None:
    site = Site(directory, BOTH)
    site.turn()
    before = (directory / ledgerfile.NAME).stat().st_mtime_ns
    for _ in range(5):
        site.ask()
        site.now += 1
        site.turn()
    assert (directory / ledgerfile.NAME).stat().st_mtime_ns == before


def test_before_the_zones_are_loaded_nothing_is_safe(directory: Path) -> None:
    site = Site(directory)
    question = about_target(A)
    site.keeper.served.search(question)

    async def ask() -> Safety:
        return site.horizon.judge(question, site.now, site.now).safety

    assert asyncio.run(ask()) == Safety.UNKNOWN


def test_after_a_restart_nothing_is_said_before_it_is_known_what_is_served(
    directory: Path,
) -> None:
    """The account of before is read first; that zones are served again is known a moment later."""
    site = Site(directory, host(A))
    site.begin()
    keeper, ready = site.keeper, []

    def come(zones: Any) -> None:
        ready.append(keeper.ready)
        ServedSearch.come(keeper.served, zones)

    with patch.object(keeper.served, "come", come):
        site.load(host(A))
    assert ready == [False]
    assert keeper.ready


def test_a_writer_that_comes_late_does_not_undo_a_later_one(tmp_path: Path) -> None:
    file = ledgerfile.LedgerFile(tmp_path)
    file.write(2, b"new")
    file.write(1, b"old")
    assert file.read() == b"new"


# -- the law ----------------------------------------------------------------------------------

ADDRESS = st.sampled_from(TARGETS)
TTL = st.sampled_from((1, 7, 40))
CONTENTS = st.builds(
    Content,
    st.lists(st.tuples(st.sampled_from(("www", "*", "a.b")), ADDRESS, TTL), max_size=2).map(tuple),
    st.sets(ADDRESS, max_size=3).map(lambda members: tuple(sorted(members))),
    TTL.map(lambda ttl: max(ttl, 2)),
    st.just(()),
    st.sampled_from(("all", "some:2", "sticky")),
).map(lambda content: content._replace(hosts=_one_ttl_each(content.hosts)))
MODES = st.sampled_from((Mode.ANSWER, Mode.ANSWER, Mode.SOME, Mode.NODATA))
STEPS = st.one_of(
    st.tuples(st.just("load"), st.none() | CONTENTS),
    st.tuples(st.just("reach"), st.none()),
    st.tuples(st.just("turn"), st.none()),
    st.tuples(st.just("flip"), st.tuples(st.frozensets(ADDRESS, min_size=1), TTL, MODES)),
    st.tuples(st.just("remove"), st.frozensets(ADDRESS, max_size=2)),
    st.tuples(st.just("crash"), st.tuples(st.sampled_from((0.0, 3.0, 100.0)), CONTENTS)),
    st.tuples(st.just("crash control"), st.none()),
    st.tuples(st.just("disk"), st.sampled_from(("full", "read-only", "well"))),
    st.tuples(st.just("wait"), st.sampled_from((0.3, 2.0, 20.0, 100.0))),
)


def _one_ttl_each(hosts: tuple[tuple[str, str, int], ...]) -> tuple[tuple[str, str, int], ...]:
    """Records of one name have one TTL (RFC 2181 §5.2), and none stands there twice."""
    ttls = {name: ttl for name, _, ttl in hosts}
    return tuple(sorted({(name, address, ttls[name]) for name, address, _ in hosts}))


def act(site: Site, what: str, how: Any) -> None:
    match what, how:
        case "load", content:
            site.load(content)
        case "reach", _:
            site.reach()
        case "turn", _:
            site.turn()
        case "flip", (wanted, ttl, mode):
            site.wanted, site.ttl = wanted, ttl
            # No TTL is above that of the zone file.
            most = min((one.meta.ttl for one in site.placements()), default=ttl)
            site.ttl = min(ttl, most)
            site.decide(mode)
        case "remove", removed:
            site.removed = removed
            site.decide()
        case "crash", (away, content):
            site.ttl = 1
            site.crash(away, content)
        case "crash control", _:
            site.crash_control()
        case "wait", seconds:
            site.now += seconds


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.generate, Phase.shrink],
)
@given(CONTENTS, st.lists(st.tuples(STEPS, st.booleans()), min_size=3, max_size=10))
def test_it_is_never_safe_while_a_cache_holds_it(
    begin: Content, steps: list[tuple[tuple[str, object], bool]]
) -> None:
    with TemporaryDirectory(prefix="dnsd-") as name, patch("os.fsync"), disk() as there:
        site = Site(Path(name) / "state", begin, ceiling=60)
        for (what, how), asks in steps:
            site.ask()
            if what == "disk":
                there.full, there.read_only = how == "full", how == "read-only"
            act(site, what, how)
            if asks:
                site.ask()
            for target in TARGETS:
                found = site.about(target)
                event(f"{found.safety}")
                if found.safety == Safety.SAFE:
                    assert not site.holds(target), (what, target)


def test_a_keeper_is_named(directory: Path) -> None:
    (directory / IMAGES).mkdir(parents=True)
    file = ledgerfile.LedgerFile(directory)
    assert LedgerKeeper("fra1", file, Stock(directory / IMAGES), lambda: 0).ledger.node == "fra1"


def test_while_an_answer_is_replaced_the_old_one_is_not_the_present_one(directory: Path) -> None:
    """Some workers still give it, so it will be held for its TTL from then on."""
    www = about_name("www.example.com", "A")
    site = Site(directory, host(A))
    assert site.verdict(www).safety == Safety.SAFE
    site.load(host(B))
    found = site.verdict(www)
    assert (found.safety, found.reasons[0]) == (Safety.UNKNOWN, f"node a: {CHANGING}")
    site.reach()
    assert site.verdict(www).until == site.now + 60 + MARGIN_S


def test_a_pool_that_is_gone_is_given_out_until_no_worker_answers_it(directory: Path) -> None:
    pool = about_name("pool.example.com", "A")
    site = Site(directory, BOTH)
    site.ttl = 30
    site.decide()
    site.ask()
    assert site.verdict(pool).safety == Safety.SAFE
    site.load(host(C))
    assert "answers with it now" in site.about(A).reasons[0]
    assert CHANGING in site.verdict(pool).reasons[0]
    site.reach()
    for found in (site.about(A), site.verdict(pool)):
        assert (found.safety, found.until) == (Safety.WAIT, site.now + 30 + MARGIN_S)


def test_of_some_answered_together_each_is_held(directory: Path) -> None:
    some = Content(members=(A, B, C), select="some:2")
    site = Site(directory, some)
    site.ttl = 30
    site.decide(Mode.SOME)
    site.ask()
    held = {one for one in TARGETS if site.holds(one)}
    assert len(held) == 2
    site.removed, site.now = frozenset(held), site.now + 10
    site.decide(Mode.SOME)
    for target in held:
        found = site.about(target)
        assert (found.safety, found.until) == (Safety.WAIT, site.now + 20 + MARGIN_S)
    site.now += 20 + MARGIN_S
    assert all(site.about(one).safety == Safety.SAFE for one in held)


# -- the lease --------------------------------------------------------------------------------


def test_a_ledger_that_a_read_only_disk_keeps_is_not_believed_after_it(directory: Path) -> None:
    """What was served since is not in it, and could not be; nor could the file be removed."""
    site = Site(directory, host(B))
    site.turn()
    with disk() as there:
        there.read_only = True
        began = site.now
        site.load(host(A))
        assert site.now - began >= RUNNING_S, "it was served while a restart believed the old one"
        site.reach()
        site.ask()
    site.crash(1.0, host(B))
    assert is_open(site.about(A), site.now)
    assert site.about(B).safety == Safety.WAIT


def test_on_a_disk_that_was_read_only_for_long_an_edit_waits_no_more(directory: Path) -> None:
    site = Site(directory, host(B))
    site.turn()
    with disk() as there:
        there.read_only = True
        site.now += RUNNING_S
        began = site.now
        site.load(host(A))
        assert site.now == began


@pytest.mark.parametrize(
    ("before", "after"),
    [(host(A), host(A)), (BOTH, BOTH), (BOTH, Content(members=(A,)))],
)
def test_a_node_that_starts_on_a_read_only_disk_answers_at_once(
    directory: Path, before: Content, after: Content
) -> None:
    """What the ledger on disk declares may be given out, whoever believes it afterwards."""
    site = Site(directory, before)
    site.turn()
    site.keeper.stop()
    with disk() as there:
        there.read_only = True
        began = site.now
        site.crash(0.0, after)
        assert site.now == began
        assert site.keeper.fault
        site.crash(0.0, after)
        assert site.about(A).safety != Safety.SAFE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (host(A), host(B)),
        (host(A), host(A, 61)),
        (BOTH, Content(members=(A, C))),
    ],
)
def test_a_node_that_starts_with_an_edit_on_a_read_only_disk_waits(
    directory: Path, before: Content, after: Content, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(directory, before)
    site.turn()
    site.keeper.stop()
    with disk() as there:
        there.read_only = True
        began = site.now
        site.crash(0.0, after)
        assert site.now - began >= STOPPED_S
    assert f"new answers wait {STOPPED_S:.0f} s" in capsys.readouterr().err


def test_a_full_disk_lets_an_edit_be_served_at_once(directory: Path) -> None:
    site = Site(directory, host(B))
    site.turn()
    with disk() as there:
        there.full = True
        began = site.now
        site.load(host(A))
        assert site.now == began


@pytest.mark.parametrize(("away", "known"), [(RUNNING_S - 1, True), (RUNNING_S + 1, False)])
def test_a_node_that_was_away_for_long_begins_its_account_again(
    directory: Path, away: float, known: bool
) -> None:
    """It may have run meanwhile, on a disk that took nothing. What is known is not forgotten."""
    site = Site(directory, host(A))
    site.load(host(B))
    site.reach()
    site.turn()
    site.crash(away, host(B))
    assert [one for one in site.about(A).held if one.version and one.until > site.now]
    assert (site.keeper.ledger.report(site.now).kept > WEEK_S) == known


def test_a_lease_is_renewed_as_long_as_the_ledger_can_be_written(directory: Path) -> None:
    site = Site(directory, host(A))
    for _ in range(10):
        site.turn()
        site.now += RENEW_S + 1
    site.crash(0.0, host(A))
    assert site.keeper.ledger.report(site.now).kept > WEEK_S


def test_a_clean_stop_outlives_a_boot_but_not_for_long(directory: Path) -> None:
    for away, known in ((STOPPED_S - 1, True), (STOPPED_S + 1, False)):
        site = Site(directory / str(known), host(A))
        site.turn()
        site.keeper.stop()
        site.clocks.boots += 1
        site.crash(away, host(A))
        assert (site.keeper.ledger.report(site.now).kept > WEEK_S) == known
        site.turn()
        site.clocks.boots += 1  # the power is cut
        site.crash(0.0, host(A))
        assert site.keeper.ledger.report(site.now).kept < WEEK_S


def test_a_lease_that_begins_later_says_nothing(directory: Path) -> None:
    """The clock was set back: nobody knows how long the node was away."""
    site = Site(directory, host(A))
    site.turn()
    site.keeper.stop()
    assert LedgerFile(directory, clocks=site.clocks).believed_for() == STOPPED_S
    site.clocks.set_back = 1.0
    assert LedgerFile(directory, clocks=site.clocks).believed_for() == 0
    site.crash(0.0, host(A))
    assert site.keeper.ledger.report(site.now).kept < WEEK_S


def test_a_node_that_was_heard_just_before_a_stop_is_known_after_it(directory: Path) -> None:
    site = Site(directory, host(A))
    site.turn()
    with patch.object(site.keeper, "_meet", lambda ledger: ledger.meet("b", "http://b", site.now)):
        site.keeper.stop()
    site.crash(1.0, host(A))
    known = site.keeper.ledger.known(site.now)
    assert [peer.node for peer in known.peers] == ["b"]


def test_a_process_vouches_for_what_it_has_written_only(directory: Path) -> None:
    site = Site(directory, host(A))
    site.turn()
    site.now += RUNNING_S + 1
    file = LedgerFile(directory, clocks=site.clocks)
    file.vouch()
    file.close()
    assert (file.is_last(), file.believed_for()) == (False, 0.0)
    (directory / lease.NAME).write_text("damaged")
    assert not LedgerFile(directory, clocks=site.clocks).is_last()


def test_a_ledger_under_another_name_says_nothing_of_what_this_node_gave_out(
    directory: Path,
) -> None:
    """It was renamed, or its state directory is a copy of another node's."""
    site = Site(directory, host(A))
    site.turn()
    site.name = "b"
    site.crash(0.0, host(A))
    assert is_open(site.about(C), site.now)


@pytest.mark.parametrize(
    ("before", "after"),
    [(host(A), host(B)), (host(A), host(A, 61)), (BOTH, Content(members=(A, C)))],
)
def test_on_a_read_only_disk_only_what_the_ledger_lacks_is_held_back(
    directory: Path, before: Content, after: Content
) -> None:
    site = Site(directory, before)
    site.turn()
    known, new = site.zone(before), site.zone(after)
    with disk() as there:
        assert not site.keeper.is_stuck()
        there.full = True
        assert not site.keeper.is_stuck()
        there.read_only = True
        assert site.keeper.is_stuck()
        assert site.keeper.undeclared({APEX: known}) == set()
        assert site.keeper.undeclared({APEX: new}) == {APEX}
        site.now += RUNNING_S
        assert not site.keeper.is_stuck()
