"""Edits that would break a promise: refused or warned of, whosever promise it is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from dnsd.build.images import Job
from dnsd.build.pipeline import BuildResult
from dnsd.build.poolmeta import PoolMeta
from dnsd.config import Failover
from dnsd.config.hookkinds import HooksConfig
from dnsd.config.policy import PoolPolicy
from dnsd.zone.findings import Severity
from tests.unit.test_zones_reload import Site, outcomes

POLICY = PoolPolicy(name="", type="A", check="http", port=80, interval=1.0, timeout=1.0, down=2)


def pools(origin: str, count: int, **changes: object) -> tuple[PoolMeta, ...]:
    """Return so many names on two machines."""
    return tuple(
        PoolMeta(
            policy=msgspec.structs.replace(POLICY, name=f"n{number}.{origin}", **changes),
            ttl=5,
            members=("192.0.2.1", "192.0.2.2"),
            cell=number,
            cells=1,
        )
        for number in range(count)
    )


class Promising(Site):
    """Zones whose number of records is that of their names; the zone "a" promises 10 s."""

    mode = "refuse"

    def build_one(self, job: Job) -> BuildResult:
        result = super().build_one(job)
        changes = {"rto": 10.0, "rto_mode": self.mode} if job.origin == "a." else {}
        found = pools(job.origin, result.records, **changes)
        return msgspec.structs.replace(result, pools=found, policy=str(job.policy_file))


def test_an_edit_of_one_zone_is_refused_that_breaks_the_promise_of_another(tmp_path: Path) -> None:
    site = Promising(tmp_path, a="1/2", b="1/2")
    assert site.run().ok
    site.write("b", "2/40")
    report = site.run()
    assert outcomes(report) == {"a.": "unchanged", "b.": "broken"}
    (finding,) = report.zones[1].findings[:1]
    assert (finding.severity, finding.code) == (Severity.ERROR, "pool-rto")
    assert finding.file == str(site.zones / "b.toml")
    assert finding.message.startswith("n0.a. A: rto: with this edit, and all that this node checks")
    assert "queue 2s296ms" in finding.message
    assert "42 checks of 192.0.2.1, 16 at once" in finding.message
    assert "it needs [failover] max_checks_per_address = " in finding.message
    assert site.served() == {"a.": "1/2", "b.": "1/2"}
    site.write("b", "3/14")  # there is room for so many
    assert outcomes(site.run()) == {"a.": "unchanged", "b.": "loaded"}


def test_it_is_warned_of_where_the_policy_only_wants_to_be_warned(tmp_path: Path) -> None:
    site = Promising(tmp_path, a="1/2", b="1/2")
    site.mode = "warn"
    assert site.run().ok
    site.write("b", "2/40")
    report = site.run()
    assert outcomes(report) == {"a.": "unchanged", "b.": "loaded"}
    assert report.zones[1].findings[0].severity == Severity.WARNING
    assert "n0.a. A: rto: with this edit" in report.zones[1].findings[0].message
    site.write("b", "3/41")  # it is broken already: that is told by dnsd failover
    assert site.run().zones[1].findings == ()


def test_no_zone_is_kept_from_its_clients_at_a_start(tmp_path: Path) -> None:
    site = Promising(tmp_path, a="1/2", b="1/40")
    report = site.run()
    assert outcomes(report) == {"a.": "loaded", "b.": "loaded"}
    messages = [finding.severity for zone in report.zones for finding in zone.findings]
    assert messages == [Severity.WARNING] * 2  # one for each pool of the zone "a"


@pytest.mark.parametrize("limit", [16, 42])
def test_the_limits_of_the_configuration_count(tmp_path: Path, limit: int) -> None:
    site = Promising(tmp_path, a="1/2", b="1/2")
    site.begin(failover=Failover(max_checks_per_address=limit))
    site.run()
    site.write("b", "2/40")
    assert outcomes(site.run())["b."] == ("broken" if limit == 16 else "loaded")


def test_no_image_depends_on_where_changes_are_told(tmp_path: Path) -> None:
    """Nor could it hold the path of a secret."""
    seen: list[Failover] = []

    class Watched(Promising):
        def build_one(self, job: Job) -> BuildResult:
            seen.append(job.failover)
            return super().build_one(job)

    site = Watched(tmp_path, a="1/2")
    hooks = HooksConfig(url="http://192.0.2.9/", secret_file=tmp_path / "secret")
    site.begin(failover=Failover(hooks=hooks, max_checks=7))
    assert site.run().ok
    assert seen == [Failover(max_checks=7)]
    assert msgspec.json.decode(msgspec.json.encode(seen[0]), type=Failover) == seen[0]
