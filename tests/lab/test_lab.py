"""The anycast plane in three cities: every row of what is promised, with its bound.

Real BIRD, real dnsd, real BGP (bench/lab). Each client asks once a millisecond, so a lost query
is a millisecond. Bounds are for a machine that is busy with other tests as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.lab import events, hijack, measure, namespaces, trace
from bench.lab import lab as labs
from bench.lab.cities import City
from bench.lab.errors import LabError
from bench.lab.events import AT_HOME, ELSEWHERE, EVENTS, VICTIM
from bench.lab.faults import FAULTS
from bench.lab.lab import Lab
from bench.lab.topology import BY_NAME, NODE_AS, SECOND, SITES
from bench.lab.trace import Query
from tests.conftest import CI, needs
from tests.support import until

pytestmark = needs(*labs.NEEDED)

AT_MOST = {
    "planned-stop": 0,
    "start": 0,
    "drain": 0,
    "undrain": 0,
    "drain-all": 0,
    "kill-bird": 0,
    "restart-bird": 0,
    "configure": 0,
    "kill-master": 100,
    "kill-workers": 300,
    "hang-workers": 1000,
    "cut": 1000,
    "foreign": 0,
    "order-at-once": 0,
    "lo-down": 0,
    "link-down": 300,
    "filter-behind": 20_000,
}
"""Queries that each event may cost its client; nothing costs the others' any."""
WATCHED_S = 0.5


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if os.geteuid() != 0:
        if CI:
            pytest.fail("the lab needs root, and in CI nothing may be missing")
        pytest.skip("the lab needs root")
    with Lab(f"test-{os.getpid()}").running() as found:
        found.probe()
        yield found


@pytest.fixture
def converged(lab: Lab) -> Lab:
    """The lab, repaired if an earlier test has left it in ruins."""
    try:
        lab.converge()
    except LabError:
        lab.rebuild()
        lab.probe()
    return lab


def lost(queries: list[Query]) -> int:
    assert queries, "the client has asked nothing"
    return trace.loss(queries).lost


def route(city: City, vip: str) -> list[str]:
    """What the city's router knows of the way to a VIP, the best first."""
    said = city.birdc("router", "show", "route", "all", "for", vip)
    return [line.split(":")[1].strip() for line in said.splitlines() if "as_path" in line]


def test_each_client_reaches_its_own_city_by_the_length_of_the_path(converged: Lab) -> None:
    lengths = {"nyc": [1, 2, 4], "lon": [1, 2, 3], "tyo": [1, 3, 4]}
    for site in SITES:
        for vip in ("192.0.2.53", "2001:db8:53::53"):
            best, *rest = (path.split() for path in route(converged[site.name], vip))
            second, third = sorted(rest, key=len)
            assert [len(path) for path in (best, second, third)] == lengths[site.name]
            assert {path[-1] for path in (best, second, third)} == {str(NODE_AS)}
            assert second[0] == str(BY_NAME[SECOND[site.name]].asn)


@pytest.mark.parametrize("name", AT_MOST)
def test_event(converged: Lab, name: str) -> None:
    event = (EVENTS | FAULTS)[name]._replace(seconds=WATCHED_S)
    since, ended = measure.once(converged, event)
    event.undo(converged)
    converged.converge()
    for client in converged.cities:
        queries = converged.seen(client, since, ended)
        bound = AT_MOST[name] if client == VICTIM else 0
        assert lost(queries) <= bound, (client, trace.spans(queries))
        if event.expected.get(client, client) != client:
            assert queries[-1].site == event.expected[client]


def test_a_withdrawn_node_stays_withdrawn_whatever_others_do_to_bird(converged: Lab) -> None:
    events.withdraw(converged)
    since = time.monotonic()
    events.meddle(converged)
    time.sleep(WATCHED_S)
    events.restart_bird(converged)
    time.sleep(2)  # the session is there again after one second
    ended = time.monotonic()
    events.announce(converged)
    converged.converge()
    queries = converged.seen(VICTIM, since, ended)
    assert lost(queries) == 0
    assert trace.courses(queries) == ["lon"]


def test_a_drained_node_stays_drained_when_bird_is_restarted(converged: Lab) -> None:
    events.drained(converged)
    since = time.monotonic()
    events.restart_bird(converged)
    until(lambda: is_marked(converged[VICTIM]), "the route is there again, with its mark")
    ended = time.monotonic()
    events.undrain(converged)
    converged.converge()
    queries = converged.seen(VICTIM, since, ended)
    assert lost(queries) == 0
    assert trace.courses(queries) == ["lon"]


def is_marked(city: City) -> bool:
    said = city.birdc("router", "show", "route", "all", "protocol", f"{VICTIM}_rtr4")
    return "(65535,0)" in said


def test_dns_goes_on_while_bird_is_stopped(converged: Lab) -> None:
    """BFD ends the sessions of a BIRD that does not speak; the node serves, and says so."""
    city = converged[VICTIM]
    since = time.monotonic()
    city.send("bird", signal.SIGSTOP)
    try:
        converged.wait(ELSEWHERE)
        until(lambda: city.view()["problems"], "the node says what is wrong")
        events.kill(converged)
        events.start(converged)
        city.insist("status")
    finally:
        city.send("bird", signal.SIGCONT)
    converged.converge()
    for client in converged.cities:
        assert lost(converged.seen(client, since, time.monotonic())) <= 1000 * (client == VICTIM)


def test_nobody_believes_what_a_node_has_no_right_to(converged: Lab) -> None:
    since = time.monotonic()
    mistaken, evil = hijack.by_mistake(converged), hijack.on_purpose(converged)
    converged.converge()
    ended = time.monotonic()
    assert len(mistaken) == len(evil) == 2 * len(hijack.CLAIMS)
    assert all(found.known for found in mistaken + evil)
    assert not any(found.offered for found in mistaken), "the node's guard"
    assert all(found.offered for found in evil), "nothing stops at the node any more"
    assert not any(found.by for found in mistaken + evil), "the router's guard"
    assert lost(converged.seen("lon", since, ended)) == 0


def test_everything_is_removed_even_if_the_owner_was_killed(lab: Lab) -> None:
    name = f"{lab.name}-orphan"
    orphan = Lab(name)
    code = (
        f"from bench.lab.lab import Lab; import time; Lab({name!r}).up(owned=True); time.sleep(99)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    try:
        # half-built: the links are there, the programs are not or not all
        last = orphan.names.of(SITES[-1], "node")
        until(lambda: namespaces.exists(last), "the namespaces are there")
    finally:
        owner.kill()
        owner.wait()
    assert orphan.is_orphan()
    assert name in [found.name for found in labs.existing()]
    orphan.down()
    assert not orphan.exists()
    assert name not in [found.name for found in labs.existing()]
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if names(path, name)]


def names(path: Path, text: str) -> bool:
    try:
        return text.encode() in path.read_bytes()
    except OSError:
        return False


def test_a_lab_that_cannot_be_built_leaves_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Lab(f"{lab.name}-broken")

    def fail() -> None:
        raise LabError("London has a strike")

    monkeypatch.setattr(broken["lon"], "prepare", fail)
    with pytest.raises(LabError, match="strike"):
        broken.up()
    assert not broken.exists()


def test_two_labs_do_not_share_a_name(lab: Lab) -> None:
    with pytest.raises(LabError, match="is there already"):
        Lab(lab.name).up()
    assert lab.exists()
    assert AT_HOME.keys() == lab.cities.keys()
