"""A policy that is away: its pools go on, it is told, and after a while its absence counts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult
from dnsd.config import Zones
from dnsd.control.zones import acceptance
from dnsd.control.zones.grace import Grace
from dnsd.control.zones.report import ZoneOutcome
from tests.building import build_zone
from tests.unit.test_zones_reload import Site

ZONE = "@ 60 SOA ns h 1 3600 600 86400 20\n@ 60 NS ns\nns 60 A 192.0.2.53\nwww 60 A 192.0.2.1\n"
POLICY = '[[pool]]\nname = "www"\ntype = "A"\ncheck = "none"\n'


class RealSite(Site):
    """Zones are built by the real builder; ``now`` is the time."""

    now = 1000.0

    def build_one(self, job: Job) -> BuildResult:
        return build_zone(job)

    @property
    def policy(self) -> Path:
        return self.zones / "a.toml"

    def outcome(self, *, forced: bool = False) -> ZoneOutcome:
        found = self.run("a.", forced={"a."} if forced else frozenset())
        return found.zones[0].outcome

    def pools_of(self) -> tuple[str, ...]:
        return self.pools.placed["a."][0]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealSite:
    monkeypatch.setattr(
        acceptance, "time", SimpleNamespace(monotonic=lambda: RealSite.now), raising=True
    )
    site = RealSite(tmp_path, a=ZONE)
    RealSite.now = 1000.0
    site.policy.write_text(POLICY)
    site.begin(zones=Zones(directory=site.zones, shrink=1.0))
    assert site.run().ok
    assert site.pools_of() == ("www.a.",)
    return site


def test_a_policy_that_is_away_for_a_moment_ends_no_pool(site: RealSite) -> None:
    site.policy.unlink()
    assert site.outcome() == ZoneOutcome.FAILED
    assert site.pools_of() == ("www.a.",)
    (told,) = site.reloader.absences
    assert told.startswith(f"the policy {site.policy} is gone: its pool goes on as before for 1m")
    assert site.reloader.unfinished() == {"a."}, "it is tried again"
    RealSite.now += 59
    assert site.outcome() == ZoneOutcome.FAILED
    site.policy.write_text(POLICY)
    assert site.outcome() == ZoneOutcome.LOADED
    assert site.reloader.absences == ()
    assert site.pools_of() == ("www.a.",)


def test_an_absence_that_lasts_counts_and_is_told(
    site: RealSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.policy.unlink()
    assert site.outcome() == ZoneOutcome.FAILED
    RealSite.now += 60
    assert site.outcome() == ZoneOutcome.LOADED
    assert site.pools_of() == ()
    assert f"its policy {site.policy} is gone, and counts as removed" in capsys.readouterr().err
    assert site.reloader.absences == ()


def test_after_the_grace_shrink_decides(site: RealSite) -> None:
    site.begin(zones=Zones(directory=site.zones))
    site.policy.unlink()
    assert site.outcome() == ZoneOutcome.FAILED
    RealSite.now += 60
    assert site.outcome() == ZoneOutcome.BROKEN
    assert site.pools_of() == ("www.a.",)


def test_what_is_meant_is_not_waited_for(site: RealSite) -> None:
    site.policy.unlink()
    assert site.outcome(forced=True) == ZoneOutcome.LOADED
    assert site.pools_of() == ()


def test_a_policy_that_is_emptied_is_an_edit(site: RealSite) -> None:
    site.policy.write_text("")
    assert site.outcome() == ZoneOutcome.LOADED
    assert site.pools_of() == ()


def test_a_successor_waits_as_well(site: RealSite) -> None:
    site.policy.unlink()
    site.begin(zones=Zones(directory=site.zones, shrink=1.0))
    assert site.outcome() == ZoneOutcome.FAILED
    assert site.pools_of() == ("www.a.",)


def test_each_absence_has_its_own_time() -> None:
    grace = Grace()
    assert grace.missing("a.", "a.toml", 2, 60.0, 0.0)
    assert "its 2 pools go on" in grace.told["a."]
    grace.forget("a.")
    assert grace.missing("a.", "a.toml", 2, 60.0, 100.0)
    assert grace.missing("a.", "a.toml", 2, 60.0, 159.0)
    assert grace.missing("a.", "a.toml", 2, 60.0, 160.0) is None
    assert not grace.told
    assert grace.missing("b.", "b.toml", 1, 0.0, 0.0) is None
