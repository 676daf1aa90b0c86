"""The lab's parts that need neither root nor a network: what is written down, read and drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from bench.lab import question, results, topology, trace
from bench.lab.hijack import prefixes
from bench.lab.picture import Event, Lane, draw
from bench.lab.results import Report, Run
from bench.lab.ring import Ring
from bench.lab.trace import Query, Span
from dnsd.hotpath import chaos
from dnsd.hotpath.api import Settings

MS = 1_000_000
SITES = ("nyc", "lon", "tyo")


def test_ring_keeps_who_answered_what(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    Ring.create(path, places=8)
    with Ring.writable(path) as ring:
        for number in range(3):
            ring.sent(number * MS, number % 2)
        ring.answered(1, 2, MS + 250_000)
        ring.answered(1, 3, MS + 900_000)  # a second answer changes nothing
    with Ring.readable(path) as ring:
        found = ring.read(0, 10 * MS)
    assert [(one.sent, one.site, one.turn) for one in found] == [
        (0, 0, 0),
        (MS, 2, 1),
        (2 * MS, 0, 0),
    ]
    assert found[1].latency == 250


def test_ring_has_one_size_and_keeps_the_latest(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    Ring.create(path, places=4)
    size = path.stat().st_size
    with Ring.writable(path) as ring:
        for number in range(10):
            ring.sent(number * MS, 0)
        ring.answered(2, 1, 11 * MS)  # its place belongs to another query now
        assert [one.sent // MS for one in ring.read(0, 99 * MS)] == [6, 7, 8, 9]
        assert not any(one.site for one in ring.read(0, 99 * MS))
        assert [one.sent // MS for one in ring.read(7 * MS, 9 * MS)] == [7, 8]
    assert path.stat().st_size == size


def test_ring_tells_message_ids_apart_that_come_again(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    Ring.create(path, places=1 << 17)
    with Ring.writable(path) as ring:
        for number in range((1 << 16) + 2):
            ring.sent(number, 0)
        ring.answered(1, 1, 1 << 17)
        assert [one.sent for one in ring.read(0, 1 << 17) if one.site] == [(1 << 16) + 1]


def test_late_answers_are_none(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    Ring.create(path, places=4)
    with Ring.writable(path) as ring:
        ring.sent(0, 0)
        ring.sent(MS, 1)
        ring.answered(0, 1, int(trace.LATE_S * 1e9) + MS)
        ring.answered(1, 3, 2 * MS)
    assert trace.read(path, SITES, 0, 1) == [Query(0, 0, ""), Query(0.001, 1, "tyo")]


def queries(text: str) -> list[Query]:
    """One query a millisecond, VIPs in turn: n, l and t are answers, a dot is none."""
    names = {"n": "nyc", "l": "lon", "t": "tyo", ".": ""}
    return [Query(i / 1000, i % 2, names[letter]) for i, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("text", "lost", "window"),
    [("nnnn", 0, 0), ("nn..ll", 2, 2), ("n.n.nl", 2, 3), ("nn..", 2, 1), ("", 0, 0)],
)
def test_loss(text: str, lost: int, window: int) -> None:
    found = trace.loss(queries(text))
    assert (found.sent, found.lost, round(found.window_ms)) == (len(text), lost, window)


def test_spans_touch_each_other() -> None:
    found = trace.spans(queries("nnn..ll"))
    assert found == [
        Span(0.0, 0.003, "nyc", 3),
        Span(0.003, 0.005, "", 2),
        Span(0.005, 0.006, "lon", 2),
    ]


def test_courses_are_by_vip() -> None:
    assert trace.courses(queries("nn.nlnll")) == ["nyc → lon"]
    assert trace.courses(queries("nntn")) == ["nyc → tyo", "nyc"]


def test_answerer_reads_what_dnsd_answers() -> None:
    query = question.query(7)
    record = chaos.answer(b"\x02id\x06server\x00", 16, Settings(server_id=b"lon", version=None))
    assert record is not None
    response = query[:2] + b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00" + query[12:] + record
    assert question.message_id(response) == 7
    assert question.answerer(response) == b"lon"
    assert question.answerer(query) == b""
    assert question.answerer(b"\x00" * 12) == b""


def test_second_city_follows_from_the_distances() -> None:
    for site in topology.SITES:
        order = sorted(topology.others(site), key=lambda other: topology.distance(site, other))
        near, far = order
        assert topology.distance(site, near) < topology.distance(site, far)
        assert topology.SECOND[site.name] == near.name


def test_no_two_labs_share_a_namespace() -> None:
    one, other = topology.Names("a"), topology.Names("a-nyc")
    assert len(set(one.all())) == len(topology.SITES) * len(topology.ROLES)
    assert not set(one.all()) & set(other.all())


def test_picture_is_xml_with_a_lane_for_each() -> None:
    seen = queries("nnn..llll")
    lanes = [
        Lane("nyc", family, [query for query in seen if query.turn == turn])
        for turn, family in enumerate(("IPv4", "IPv6"))
    ]
    text = draw("a <title>", lanes, [Event(0.002, "kill & see")], {"nyc": "New York", "lon": "L"})
    titles = [found.text for found in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["1 lost", "1 lost"]
    assert "kill &amp; see" in text


def test_picture_without_queries_is_one() -> None:
    ET.fromstring(draw("nothing", [Lane("nyc", "IPv4", [])], [], {"nyc": "New York"}))


def test_prefixes_in_what_bird_says() -> None:
    said = """BIRD 2.0.12 ready.
Table master4:
192.0.2.53/32        unicast [lon4 23:37:17.216] * (100) [AS65053i]
\tvia 10.0.12.2 on lon
                     unicast [tyo4 23:37:17.132] (100) [AS65053i]
2001:db8:53::/48     unicast [x 23:45:45.353] * (100)
"""
    assert prefixes(said) == {"192.0.2.53/32", "2001:db8:53::/48"}


def run(repeat: int, client: str, lost: int) -> Run:
    return Run("dnsd", "cut", repeat, client, 1000, lost, float(lost), ["nyc → lon"], 1250.0)


def report(*runs: Run) -> Report:
    return Report("now", "measure", {}, {}, {"cut": "a cut"}, {"cut": 320}, list(runs), [])


def test_a_repeat_counts_by_the_client_that_lost_most() -> None:
    runs = [run(1, "nyc", 280), run(1, "lon", 0), run(2, "nyc", 300), run(3, "nyc", 290)]
    (cells,) = results.cells(report(*runs))
    assert cells == ("dnsd", "a cut", "3", "290 (280–300)", "290 (280–300)", "1", "320", "yes")
    (cells,) = results.cells(report(*runs, run(4, "tyo", 321)))
    assert cells[-1] == "NO"


def test_report_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    found = report(run(1, "nyc", 3))
    results.save(found, path)
    assert results.load(path) == found
    text = path.with_suffix(".md").read_text()
    assert "| dnsd | a cut | 1 | 3 (3–3) |" in text
    assert "sent in 80.0% of the milliseconds" in text


def test_reports_of_several_runs_are_one() -> None:
    one, other = report(run(1, "nyc", 3)), report(run(1, "nyc", 4))
    other = msgspec.structs.replace(other, allowed={"kill": 10})
    merged = results.merge([one, other])
    assert merged.allowed == {"cut": 320, "kill": 10}
    assert [found.lost for found in merged.runs] == [3, 4]
    assert merged.created == "now"
    assert merged.command == "measure && measure"
