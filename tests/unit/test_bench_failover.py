"""The failover study's parts that need neither root nor a network: told, seen, judged, shown."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import dns.message
import dns.rrset
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench.failover import answers, files, stories, sweep, tables, visits
from bench.failover.answers import Sample, Span, Truth, Window
from bench.failover.ask import SILENCE, read
from bench.failover.carrying import KEYS
from bench.failover.detour import quartiles
from bench.failover.kind import KIND
from bench.failover.phases import phases
from bench.failover.results import Carried, Cell, FailoverStudy, Parts
from bench.failover.settings import EACH, WWW, Checks, Pace
from bench.failover.stories import Step, Told
from bench.failover.users import Population
from bench.failover.visits import Visit
from bench.failover.watcher import Counter
from bench.study.results import About, load
from bench.tables import Table
from dnsd import config as dnsd_config
from dnsd.cli import main as dnsd

CHECKS = Checks()


# -- the operator's script --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "changes"),
    [
        ("xxx", {2: "down"}),
        ("x.x.x", {4: "down"}),
        ("xx...xx", {}),
        ("xx..x", {4: "down"}),
        ("xxx..x...", {2: "down", 8: "up"}),
        ("xxx...xxx", {2: "down", 5: "up", 8: "down"}),
    ],
)
def test_the_script_counts_as_the_servers_do(results: str, changes: dict[int, str]) -> None:
    counter = Counter(down=3, ok=3, up=3)
    found = {number: counter.result(one == ".") for number, one in enumerate(results)}
    assert {number: change for number, change in found.items() if change} == changes


@given(st.text("x.", max_size=60))
def test_changes_take_turns(results: str) -> None:
    counter = Counter(down=2, ok=3, up=2)
    found = [change for one in results if (change := counter.result(one == "."))]
    assert found == [("down", "up")[number % 2] for number in range(len(found))]


# -- stories ----------------------------------------------------------------------------------


@given(
    st.sampled_from(sorted(stories.STORIES)),
    st.integers(0, 300),
    st.sampled_from([CHECKS, Checks(0.5, 0.4, 0.25, 2, 2, 2)]),
)
def test_stories_are_told_in_order_and_to_their_end(name: str, ttl: int, checks: Checks) -> None:
    story = stories.STORIES[name](Told(ttl, checks, Pace()), "town")
    times = [step.at for step in story.steps]
    assert times == sorted(times)
    assert times[0] == 0
    assert story.until >= times[-1] + checks.recovery()
    if name in {"kill", "hang", "site"}:
        assert times[-1] > checks.detection() + ttl


def test_every_cell_of_a_sweep_has_a_name_of_its_own() -> None:
    for made in sweep.SWEEPS.values():
        names = [order.name for order in made().orders]
        assert len(names) == len(set(names)) > 0


def test_cells_are_chosen_by_stack_and_story() -> None:
    found = sweep.choose(sweep.full(), ["script-5", "anycast"], ["kill"])
    assert {order.stack.name for order in found.orders} == {
        "script-5",
        "anycast-withdraw",
        "anycast-drain",
    }
    assert {order.story.name for order in found.orders} == {"kill"}


# -- files ------------------------------------------------------------------------------------


def test_dnsd_finds_no_fault_in_zone_and_policy(tmp_path: Path) -> None:
    members = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    zone = files.zone({WWW: members[:2], EACH: members}, 60)
    files.write_zone(tmp_path, zone, files.policy(members, 5, CHECKS))
    done = CliRunner().invoke(dnsd, ["check", str(tmp_path / "shop.test.zone")])
    assert done.exit_code == 0, done.output


def test_the_switch_fills_in_address_and_serial(tmp_path: Path) -> None:
    text = files.write_switch(tmp_path, 30).read_text()
    assert "www.shop.test. 30 IN A $1" in text
    assert "SOA ns hostmaster $(date +%s) 3600" in text
    assert "\\$ORIGIN shop.test." in text


# -- users ------------------------------------------------------------------------------------


def test_resolvers_are_asked_for_the_first_time_one_after_the_other() -> None:
    population = Population("www", 20.0, 60.0, ["a", "b", "c"], ["x"])
    assert [population.ready(at) for at in (0, 19.9, 20.1, 40.1, 60, 999)] == [1, 1, 2, 3, 3, 3]


def test_what_a_response_says() -> None:
    query = dns.message.make_query(WWW, "A")
    response = dns.message.make_response(query)
    response.answer = [dns.rrset.from_text(WWW + ".", 7, "IN", "A", "192.0.2.2")]
    assert read(response.to_wire()) == ("NOERROR", 7, ("192.0.2.2",))
    assert read(b"nonsense") == SILENCE


def visit(at: float, outcome: str = "ok", server: str = "s0", http: float = 1.0) -> Visit:
    return Visit(at, 0.5, http, outcome, "192.0.2.1", 60, server, True)


def test_visits_are_read_in_their_order_and_without_the_line_that_was_cut() -> None:
    lines = [
        "3000000000 500 1500 ok 192.0.2.1 60 s0 yes",
        "2000000000 500 0 dns - 0 - -",
        "3500000000 500 15",
    ]
    first, second = visits.parse(lines, 2_500_000_000)
    assert (first.at, first.outcome, first.seen) == (-0.5, "dns", False)
    assert second == Visit(0.5, 0.5, 1.5, "ok", "192.0.2.1", 60, "s0", True)


def test_seconds_and_loss() -> None:
    seen = [visit(-1.5), visit(0.2, "refused"), visit(0.7), visit(1.1, "timeout"), visit(2.5)]
    found = visits.seconds(seen, calm=2, until=3)
    assert found == (-2, [1, 0, 2, 1, 1], [0, 0, 1, 1, 0])
    loss = visits.loss(seen, 0, 3)
    assert (loss.sent, loss.failed, loss.last_s) == (4, 2, 1.1)
    assert loss.mean_s == pytest.approx(1.5)
    assert visits.outcomes(seen) == {"refused": 1, "timeout": 1}
    assert visits.loss([], 0, 3) == (0, 0, 0.0, 0.0)


def test_latency_is_that_of_those_who_were_served() -> None:
    seen = [visit(0, http=1), visit(0, http=2), visit(0, http=9), visit(0, "refused", http=99)]
    found = visits.latency(seen)
    assert found is not None
    assert (found.http, found.http95, found.whole) == (2, 9, 2.5)
    assert visits.latency([visit(0, "refused")]) is None


def test_quartiles() -> None:
    assert quartiles([1.0, 2.0, 3.0]) == [2.0, 1.0, 3.0]


# -- answers ----------------------------------------------------------------------------------

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def samples(name: str, told: str, every: float = 1.0, start: float = 0.0) -> list[Sample]:
    """One answer for each word: the members as letters, then the TTL; "-" for silence."""
    found = []
    for number, word in enumerate(told.split()):
        members = tuple({"a": A, "b": B, "c": C}[letter] for letter in word if letter.isalpha())
        ttl = int("".join(letter for letter in word if letter.isdigit()) or 0)
        rcode = "-" if word == "-" else "NOERROR"
        found.append(Sample(start + number * every, name, rcode, ttl, members))
    return found


def test_samples_become_spans_for_each_name() -> None:
    lines = [
        f"1000000000 {WWW} NOERROR 60 {A}",
        f"1100000000 {EACH} NOERROR 60 {A},{B}",
        f"2000000000 {WWW} NOERROR 60 {A}",
        f"3000000000 {WWW} - 0 -",
        f"3100000000 {WWW} NOERR",
    ]
    found = answers.spans(answers.parse(lines, 1_000_000_000))
    assert found == [
        Span(WWW, 0.0, 1.0, "NOERROR", 60, [A], 2),
        Span(EACH, 0.1, 0.1, "NOERROR", 60, [A, B], 1),
        Span(WWW, 2.0, 2.0, "-", 0, [], 1),
    ]


def test_when_the_service_was_down() -> None:
    steps = [Step(0, "kill"), Step(6, "start"), Step(12, "kill")]
    assert answers.downs(steps, 20) == [(0, 6), (12, 20)]
    assert answers.downs([Step(0, "kill-front"), Step(9, "start-front")], 20) == []
    moved = [Step(0, "move"), Step(10, "end"), Step(30, "start"), Step(40, "return")]
    assert answers.downs(moved, 50) == [(10, 30)]


def test_answers_are_judged_by_what_had_to_be_known() -> None:
    truth = Truth(A, frozenset({B, C}), [Window(0, 6)], detection=2, recovery=2)
    #                              0   1   2   3  4  5   6  7  8  9   10
    told = samples(EACH, "abc abc abc abc bc bc bc bc bc abc ac")
    found = answers.judge(told, EACH, truth)
    assert (found.flip_s, found.back_s) == (4, 3)
    assert found.dead == 2, "those at 2 and 3 s"
    assert found.lacking == 2, "the one at 8 s lacks the recovered one, that at 10 s a healthy one"
    assert found.flips == 3


def test_a_server_that_never_changes_and_one_that_is_silent() -> None:
    truth = Truth(A, frozenset(), [Window(0, 6)], detection=2, recovery=2)
    found = answers.judge(samples(WWW, "a a a a a a a - a"), WWW, truth)
    assert (found.flip_s, found.back_s, found.dead, found.silent) == (None, 0, 4, 1)
    assert answers.judge([], WWW, truth).answers == 0


def test_phases_of_the_ttl() -> None:
    told = samples(WWW, "a60 a60 a60 a3 b5 b60 b30 a5 a10 a20 a60 a60", start=-2)
    found = phases(answers.spans(told), A, death=0, recovery=4)
    assert found.calm == (60, 60)
    assert found.failing == (3, 60)
    assert found.away == (5, 60)
    assert found.coming == (30, 30)
    assert found.back == (5, 60)
    assert found.grown_s == 3


# -- the report -------------------------------------------------------------------------------


def cell(stack: str, story: str = "kill", **fields: object) -> Cell:
    spans = answers.spans(samples(WWW, "a60 a60 b5 b5 a5 a60", start=-1))
    truth = Truth(A, frozenset(), [Window(0, 3)], 2, 2)
    values: dict[str, object] = {
        "stack": stack,
        "title": f"{stack}, TTL 60",
        "ttl": 60,
        "story": story,
        "told": "the service dies",
        "ground": "town",
        "steps": [(0.0, "kill"), (3.0, "start")],
        "until": 5.0,
        "first": -1,
        "users": [20] * 6,
        "failed": [0, 5, 20, 5, 0, 0],
        "sent": 100,
        "lost": 30,
        "mean_s": 1.5,
        "last_s": 1.9,
        "back": 0,
        "outcomes": {"refused": 30},
        "calm_ms": [1.0, 2.0],
        "away_ms": [],
        "seen": 1.0,
        "detection": 2.0,
        "detour_ms": [0.2, 0.1, 0.3],
        "parts": Parts(["dnsd"], 3, []),
        "spans": spans,
        "verdicts": [answers.judge(samples(WWW, "a b b b a"), WWW, truth)],
    }
    return Cell(**{**values, **fields})  # type: ignore[arg-type]


def study(*cells: Cell) -> FailoverStudy:
    settings = {
        "checks": "often",
        "interval, s": "2",
        "resolvers": "8",
        "HTTP timeout, s": "2",
        "linger, s": "10",
    }
    about = About("now", "python -m bench failover", {"cores": "2"}, {"dnsd": "1"}, settings)
    return FailoverStudy(kind="failover", about=about, cells=list(cells))


def test_study_survives_its_files_and_its_picture_is_one(tmp_path: Path) -> None:
    calm = cell("proxy", lost=0, failed=[0] * 6, ttl=0, spans=[], verdicts=[])
    found = study(cell("gdnsd-60"), cell("dnsd-60", "site", ground="cities"), calm)
    written = KIND.write(found, tmp_path / "failover.json")
    assert [path.suffix for path in written] == [".json", ".csv", ".md", ".svg", ".png"]
    assert load(written[0], FailoverStudy) == found
    assert written[1].read_text().splitlines()[1].startswith("gdnsd-60,town,kill,60,100,30,0.3,1.5")
    report = written[2].read_text()
    assert "| gdnsd-60, TTL 60 | 60 | 100 | 30 | 30.0% | 1.5 | 1.9 | 0 | 30 refused |" in report
    assert "| proxy, TTL 60 | – | 100 | 0 | 0.0% |" in report
    ET.fromstring(written[3].read_text())


def test_report_shows_ttls_by_phase_and_wrong_answers() -> None:
    shown = {
        part.title: part for part in tables.parts(study(cell("dnsd-60"))) if isinstance(part, Table)
    }
    (row,) = shown["The TTL on the wire, s, when the service dies and comes back"].rows
    assert row == ["dnsd-60, TTL 60", "60", "60", "5", "–", "5–60", "1.0"]
    (row,) = shown["Answers: when they changed, and which were wrong"].rows
    assert row[4:6] == ["1.0", "1.0"]


def test_the_cost_of_carrying_is_told_beside_the_proxy_of_its_transport() -> None:
    rows = (
        Carried("udp", "direct", [80.0, 82.0, 81.0], [0.0, 0.0, 0.0]),
        Carried("udp", "directors", [85.0, 88.0, 86.0], [5.0, 6.0, 4.0]),
        Carried("udp", "nginx", [131.0, 132.0, 130.0], [50.0, 40.0, 60.0]),
    )
    found = tables.parts(msgspec.structs.replace(study(cell("farm-proxy")), carried=rows))
    table = next(one for one in found if isinstance(one, Table) and "CPU" in one.title)
    assert table.rows[1] == ["UDP", "directors", "86.0", "+5.0 (+4.0 to +6.0)", "0.10 ×"]
    assert [row[-1] for row in table.rows] == ["–", "0.10 ×", "–"]


def test_carrying_is_measured_with_what_carries_only() -> None:
    full = sweep.full()
    assert sweep.choose(full, ["farm-directors"], ["restart"]).carrying
    assert sweep.choose(full, ["proxy"], []).carrying is None


def test_the_configuration_of_a_director_is_one(tmp_path: Path) -> None:
    path = tmp_path / "dnsd.toml"
    ends = "10.0.0.1", "10.0.0.254"
    for keys in (files.checked(CHECKS), KEYS):
        path.write_text(files.director(tmp_path, ends, "192.0.2.80", ["10.0.0.11"], keys))
        (service,) = dnsd_config.load(path).service
        assert service.backend[0].address == ("10.0.0.11",)


def test_failures_before_anything_happened_are_told() -> None:
    assert tables.disturbances([cell("dnsd-60")]) == ""
    early = cell("dnsd-60", failed=[2, 20, 10, 0, 0, 0])
    assert tables.disturbances([early]).endswith("dnsd-60, TTL 60, the service dies: 2")


@pytest.mark.parametrize(("failed", "moved"), [(20, False), (3, True)])
def test_who_is_served_before_it_is_back_was_moved(failed: int, moved: bool) -> None:
    steps = [(0.0, "cut"), (10.0, "mend")]
    found = cell("proxy", steps=steps, first=0, failed=[failed] * 9 + [0] * 5, users=[20] * 14)
    assert tables.moved(found) is moved
