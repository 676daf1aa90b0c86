"""The alerts of deploy/prometheus: right by promtool, and seen to fire over nodes that break.

One real Prometheus watches three real nodes and one that is not there. An anycast node loses its
router, then BIRD; one has bad zones, pools and a disk that refuses; the workers of one hang.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.anycast_node import Site, anycast_site
from tests.conftest import needs
from tests.prometheus.server import DEPLOY, Prometheus, prometheus
from tests.prometheus.test_dashboard import expressions
from tests.support import Node, make_node, until, zone

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400
HERE = Path(__file__).parent
POLICY = """
[[pool]]
name = "www"
type = "A"
check = "tcp"
port = {port}
interval = "300ms"
timeout = "200ms"
fast_interval = "100ms"
down = 2
ok = 2
up = 2
ttl_min = 1
"""
NOBODY = "127.0.0.1:1"


def promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs("promtool")
def test_each_alert_fires_when_it_should_and_not_before() -> None:
    """By the clock of promtool, with the words that operators read."""
    named = re.findall(r"- alert: (\w+)", (DEPLOY / "dnsd-alerts.yml").read_text())
    tested = re.findall(r"- name: (\w+)", (HERE / "alerts.yml").read_text())
    assert sorted(tested) == sorted(named)
    assert f"{len(named)} rules found" in promtool(
        "check", "rules", "--lint-fatal", str(DEPLOY / "dnsd-alerts.yml")
    )
    assert "SUCCESS" in promtool("test", "rules", str(HERE / "alerts.yml"))


@needs("promtool")
def test_the_example_configuration_is_one() -> None:
    assert "SUCCESS" in promtool("check", "config", str(DEPLOY / "prometheus.yml"))


def signed(ends_in: int, lifetime: int = 30 * DAY) -> str:
    """A zone whose SOA has a signature; nobody here verifies it."""
    end, start = (
        time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + at))
        for at in (ends_in, ends_in - lifetime)
    )
    return zone(1, f"@ RRSIG SOA 13 2 60 {end} {start} 1 @ AAAA")


def with_pages(node: Node, port: int) -> str:
    """Have ``node`` serve its metrics, and return where."""
    address = f"127.0.0.1:{port}"
    node.config.write_text(f'{node.config.read_text()}\n[http]\nlisten = ["{address}"]\n')
    return address


class Story:
    """The nodes, and the Prometheus that watches them."""

    def __init__(self, site: Site, sick: Node, hung: Node, watched: Prometheus) -> None:
        self.site, self.sick, self.hung, self.prometheus = site, sick, hung, watched

    def wait(self, *wanted: tuple[str, str]) -> None:
        """Wait until these alerts fire."""
        until(lambda: set(wanted) <= self.prometheus.firing(), f"{wanted} fire")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    directory = tmp_path_factory.mktemp("prometheus")
    zones = {
        "pool.example": zone(1, "www 30 IN A 127.0.0.1", "www 30 IN A 127.0.0.2"),
        "soon.example": signed(6 * DAY),
        "ended.example": signed(-60),
        "broken.example": "$TTL x\n",
        "stale.example": zone(1),
    }
    with ExitStack() as stack:
        site = stack.enter_context(anycast_site(_made(directory / "site")))
        sick = stack.enter_context(make_node(zones))
        hung = stack.enter_context(make_node({"a.example": zone(1)}, server="heartbeat_miss = 400"))
        (sick.zones / "pool.example.toml").write_text(POLICY.format(port=9155))
        nodes = {9154: site.node, 9155: sick, 9156: hung}
        targets = [with_pages(node, port) for port, node in nodes.items()]
        for node in nodes.values():
            site.here(node.start)
        for node in nodes.values():
            node.wait_ready()
        watched = stack.enter_context(prometheus(site.here, directory, [*targets, NOBODY]))
        yield Story(site, sick, hung, watched)


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


@needs("prometheus", "bird", "birdcl", "ip")
def test_they_fire_when_real_nodes_break(story: Story) -> None:
    site, sick = story.site, story.sick
    (worker,) = story.hung.workers()
    os.kill(worker, signal.SIGSTOP)
    ledger = sick.state / "ledger"
    until(ledger.exists, "a ledger")
    _refuse(ledger)
    sick.replace("stale.example", "$TTL x\n")
    story.wait(
        ("DnsdDown", ""),
        ("DnsdZoneBroken", ""),
        ("DnsdZoneStale", "stale.example."),
        ("DnsdSignaturesEndSoon", "soon.example."),
        ("DnsdSignaturesInvalid", "ended.example."),
        ("DnsdPoolMemberDown", "www.pool.example."),
        ("DnsdHorizonUnknown", "www.pool.example."),
    )
    site.wait("announced")
    until(lambda: not _about_route(story.prometheus), "no alert about the route")
    _end(site, "router")
    story.wait(("DnsdBirdSessionDown", "rtr4"), ("DnsdBirdSessionDown", "rtr6"))
    _end(site, "bird")
    story.wait(("DnsdBirdDown", ""), ("DnsdRouteNotAsOrdered", ""), ("DnsdWorkerSilent", ""))
    os.kill(worker, signal.SIGKILL)
    story.wait(("DnsdWorkerReplaced", ""))


@needs("prometheus", "bird", "birdcl", "ip")
def test_every_expression_of_the_dashboard_has_series(story: Story) -> None:
    """Before or after the nodes broke."""
    empty = {}
    for title, expression, legend in expressions():
        if not (found := story.prometheus.lately(expression)):
            empty[title] = expression
        for series in found[:1]:
            named = set(re.findall(r"{{(\w+)}}", legend))
            assert named <= series["metric"].keys(), (title, expression)
    assert empty == {}


def _refuse(path: Path) -> None:
    """Put something in the place of a file that no file can replace."""
    path.unlink()
    (path / "in the way").mkdir(parents=True)


def _end(site: Site, name: str) -> None:
    """End one BIRD."""
    os.kill(int((site.directory / f"{name}.pid").read_text()), signal.SIGKILL)


def _about_route(watched: Prometheus) -> set[str]:
    return {name for name, _ in watched.firing() if name.startswith(("DnsdBird", "DnsdRoute"))}
