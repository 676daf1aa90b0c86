"""The demand behind a log of queries: formats, estimates, the curve, and plans made from it."""

from __future__ import annotations

import base64
import gzip
import io
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import dpkt
import hypothesis.strategies as st
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from bench.demand import packets, rates, text
from bench.demand.cli import query_log
from bench.demand.curve import Curve
from bench.demand.daily import Course, asked, daily
from bench.demand.estimate import estimate
from bench.demand.log import Log, Query, gather
from bench.demand.reading import read
from bench.demand.rows import governed
from bench.demand.source import Logged, of_log
from bench.demand.summary import groups
from bench.plan import site, study
from bench.plan.choice import Limits
from bench.plan.kind import Parameters
from bench.plan.results import PlanStudy
from bench.plan.subject import subject
from bench.study.errors import StudyError
from bench.study.results import About
from bench.ttl.caches import Cache, walk
from bench.ttl.demand import Day, Population, arrivals
from dnsd.ttladvice.held import GoverningRRset
from dnsd.wire.query import HEADER

DAY_S = 86_400.0
TRUTH = {0: 50.0, 10: 39.9, 60: 31.4, 300: 22.9, 3600: 10.6}
"""Queries/s by TTL of 5,000 caches that look up 40 names, 50 times a second in all."""


def _shares(count: int) -> list[float]:
    """Return shares by Zipf's law, in plain arithmetic."""
    total = math.fsum(1 / rank for rank in range(1, count + 1))
    return [1 / rank / total for rank in range(1, count + 1)]


@pytest.mark.parametrize(("ttl", "rate"), TRUTH.items())
def test_the_table_of_truth_by_plain_arithmetic(ttl: int, rate: float) -> None:
    each = [50 * cache * name for cache in _shares(5000) for name in _shares(40)]
    assert math.fsum(one / (1 + one * ttl) for one in each) == pytest.approx(rate, abs=0.05)


def _observed(
    population: Population, ttl: float, seconds: float, day: Day | None = None, seed: int = 1
) -> Log:
    """Return what the caches of ``population`` ask, each lookup walked by a simulated cache."""
    rng, held = np.random.default_rng(seed), Cache()
    queries = []
    for some in arrivals(population.rates(), seconds, day or Day(), rng):
        asks = walk(some, held.again(some.times, ttl))
        pairs, times = some.pairs[asks].tolist(), some.times[asks].tolist()
        for pair, when in zip(pairs, times, strict=True):
            source, name = divmod(pair, population.names)
            queries.append(Query(when, f"192.0.2.{source}", f"{name}.example.", "A"))
    return gather(queries)._replace(begin=0.0, end=seconds)


@cache
def _of_a_day() -> Logged:
    log = _observed(Population(300, 5, 3), 60.0, DAY_S)
    return of_log(governed(log, _at(60)), "log")


def _curve(log: Log, ttl: float) -> Curve:
    return Curve(*daily(log, estimate(log, np.full(len(log.asked), ttl))))


@pytest.mark.parametrize("ttl", [60.0, 300.0])
def test_a_day_at_one_ttl_gives_the_whole_curve(ttl: float) -> None:
    population = Population(300, 10, 5)
    curve = _curve(_observed(population, ttl, DAY_S), ttl)
    for other in (0, 10, 60, 300, 3600):
        truth = math.fsum(one / (1 + one * other) for one in population.rates().tolist())
        rate = curve.mean(other)
        assert rate.least <= truth <= rate.most
        assert rate.likely == pytest.approx(truth, rel=0.05 if other < ttl else 0.02)


def test_several_caches_behind_one_address_are_seen() -> None:
    rng, cache, ttl = np.random.default_rng(3), Cache(), 60.0
    queries = []
    for some in arrivals(np.full(4, 0.5), DAY_S, Day(), rng):
        asks = walk(some, cache.again(some.times, ttl))
        for when in some.times[asks].tolist():
            queries.append(Query(when, "192.0.2.1", "www.example.", "A"))
    log = gather(queries)._replace(begin=0.0, end=DAY_S)
    demand = estimate(log, np.array([ttl]))
    assert demand.caches.tolist() == [4.0]
    assert demand.rates[0] == pytest.approx(0.5, rel=0.05)
    assert float(asked(demand, 600).sum()) == pytest.approx(4 * 0.5 / (1 + 0.5 * 600), rel=0.02)


def test_one_repeated_query_is_no_second_cache() -> None:
    log = _observed(Population(1, 1, 1.0), 60.0, DAY_S)
    again = Query(float(log.times[7]) + 0.4, "192.0.2.0", "0.example.", "A")
    queries = [*(Query(when, "192.0.2.0", "0.example.", "A") for when in log.times.tolist()), again]
    found = gather(queries)._replace(begin=0.0, end=DAY_S)
    assert estimate(found, np.array([60.0])).caches.tolist() == [1.0]


def test_the_peak_of_a_day() -> None:
    population = Population(100, 5, 10)
    curve = _curve(_observed(population, 30.0, DAY_S, Day(0.8)), 30.0)
    for ttl in (30, 60, 300):
        # In the best hour of a sine of ±80 % there is 1.79 times the mean demand.
        each = (1.79 * population.rates()).tolist()
        truth = math.fsum(one / (1 + one * ttl) for one in each)
        assert curve.at_peak(ttl).likely == pytest.approx(truth, rel=0.05)


def test_queries_grow_no_faster_than_the_ttl_falls() -> None:
    curve = _curve(_observed(Population(50, 5, 5), 60.0, DAY_S / 4), 60.0)
    rates = [curve.mean(ttl).likely or 0.0 for ttl in (0, 1, 10, 100, 1000, 86_400)]
    assert rates == sorted(rates, reverse=True)


@given(
    st.lists(
        st.tuples(st.floats(0, 1000), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60
    )
)
@settings(max_examples=50)
def test_a_log_loses_nothing(found: list[tuple[float, int, int]]) -> None:
    queries = [Query(when, f"192.0.2.{s}", f"{n}.example.", "A") for when, s, n in found]
    log = gather(queries)
    again = [
        Query(when, log.addresses[log.sources[pair]], *log.asked[log.rrsets[pair]])
        for pair, when in zip(log.pairs.tolist(), log.times.tolist(), strict=True)
    ]
    assert sorted(again) == sorted(queries)
    for pair in range(log.rrsets.size):
        times = log.times[log.pairs == pair].tolist()
        assert times == sorted(times)
    wanted = np.array([one.name == "1.example." for one in log.asked])
    only = log.only(wanted)
    assert only.times.size == sum(query.name == "1.example." for query in queries)
    assert {only.asked[rrset].name for rrset in only.rrsets.tolist()} <= {"1.example."}


# -- formats: lines and octets of real servers -------------------------------------------------

BIND = (
    "29-Nov-2026 18:56:31.042 client @0x7fd05406b098 127.0.0.1#45481 (www.example.com): query: "
    "www.example.com IN A +E(0)K (127.0.0.1)\n"
    "29-Nov-2026 18:56:31.134 client @0x7fd04fd0c098 2001:db8::1#60920 (Nope.example.com): query: "
    "Nope.example.com IN AAAA +E(0)DK (127.0.0.1)\n"
)
UNBOUND = (
    "[1795978589] unbound[7273:0] info: start of service (unbound 1.17.1).\n"
    "[1795978591] unbound[7273:0] info: 127.0.0.1 www.example.com. A IN\n"
    "[1795978591] unbound[7273:0] info: 2001:db8::1 Nope.example.com. AAAA IN\n"
)
POWERDNS = (
    "Nov 29 18:56:31 Remote 127.0.0.1 wants 'www.example.com|A', do = 0, bufsize = 1232: "
    "packetcache MISS\nNov 29 18:56:31 End of answers\n"
    "Nov 29 18:56:31 Remote 2001:db8::1 wants 'Nope.example.com|AAAA', do = 1, bufsize = 1232: "
    "packetcache MISS\n"
)
CSV = (
    "time,source,name,type\n"
    "31.042,127.0.0.1,www.example.com,a\n"
    "31.134,2001:db8::1,NOPE.example.com.,AAAA\n"
)
DNSTAP = base64.b64decode(
    "AAAAAAAAACIAAAACAAAAAQAAABZwcm90b2J1ZjpkbnN0YXAuRG5zdGFwAAAAhQoCdm0SHUJJTkQgOS4xOC40OS0xfm"
    "RlYjEydTMtRGViaWFucl4IARABGAEiBH8AAAEqBH8AAAEwqeMCOI0uQN/qsdgGTYRTigJSOFNjASAAAQAAAAAAAQN3"
    "d3cHZXhhbXBsZQNjb20AAAEAAQAAKQTQAAAAAAAMAAoACOwPCqoHotTAeAEAAACGCgJ2bRIdQklORCA5LjE4LjQ5LT"
    "F+ZGViMTJ1My1EZWJpYW5yXwgBEAEYASIEfwAAASoEfwAAATD42wM4jS5A3+qx2AZNhyIGCFI5+SkBIAABAAAAAAAB"
    "BE5vcGUHZXhhbXBsZQNjb20AABwAAQAAKQTQAACAAAAMAAoACO9pz4gZuwzYeAEAAAAAAAAABAAAAAM="
)
"""What BIND 9.18 wrote to a file with ``dnstap { auth; }``."""
NSD_DNSTAP = base64.b64decode(
    "AAAAAAAAACIAAAACAAAAAQAAABZwcm90b2J1ZjpkbnN0YXAuRG5zdGFwAAAAY3JfCAEQARgBIgR/AAABKgR/AAABMI"
    "CkAjjsswFA9Iyz2AZNOMlNAVI4z/UBIAABAAAAAAABA3d3dwdleGFtcGxlA2NvbQAAAQABAAApBNAAAAAAAAwACgAI"
    "lQUfJ1Ioib94AQAAAJhykwEIAhABGAEiBH8AAAEqBH8AAAEwgKQCOOyzAVoNB2V4YW1wbGUDY29tAGD0jLPYBm0QI0"
    "4Bcl3P9YUAAAEAAQABAAIDd3d3B2V4YW1wbGUDY29tAAABAAHADAABAAEAAAEsAATAAAIBwBAAAgABAAABLAAFAm5z"
    "wBDAPQABAAEAAAEsAATAAAI1AAApBNAAAAAAAAB4AQAAAGRyYAgBEAEYASIEfwAAASoEfwAAATCL9wI47LMBQPSMs9"
    "gGTYD82gdSOdR4ASAAAQAAAAAAAQROb3BlB2V4YW1wbGUDY29tAAAcAAEAACkE0AAAAAAADAAKAAjX/HFzQ6zs/XgB"
    "AAAAmnKVAQgCEAEYASIEfwAAASoEfwAAATCL9wI47LMBWg0HZXhhbXBsZQNjb20AYPSMs9gGbWAr2wdyX9R4hQMAAQ"
    "AAAAEAAQROb3BlB2V4YW1wbGUDY29tAAAcAAHAEQAGAAEAAAA8ACYCbnPAEQpob3N0bWFzdGVywBEAAAABAAAOEAAA"
    "AlgAAVGAAAAAPAAAKQTQAAAAAAAAeAE="
)
"""What NSD 4.6 wrote to a socket with ``dnstap-log-auth-query-messages: yes``."""
KNOT_DNSTAP = base64.b64decode(
    "AAAAAAAAACIAAAACAAAAAQAAABZwcm90b2J1ZjpkbnN0YXAuRG5zdGFwAAAAdwoCdm0SDktub3QgRE5TIDMuMi42cl"
    "8IARABGAEiBH8AAAEqBH8AAAEwkpYDOO2zAUCYjbPYBk1cyroUUjjU5QEgAAEAAAAAAAEDd3d3B2V4YW1wbGUDY29t"
    "AAABAAEAACkE0AAAAAAADAAKAAguPqGdjBMNfHgBAAAAewoCdm0SDktub3QgRE5TIDMuMi42cmMIAhABGAEiBH8AAA"
    "EqBH8AAAEwkpYDOO2zAWCYjbPYBm0sL7sUcjzU5YUAAAEAAQAAAAEDd3d3B2V4YW1wbGUDY29tAAABAAHADAABAAEA"
    "AAEsAATAAAIBAAApBNAAAAAAAAB4AQAAAHgKAnZtEg5Lbm90IEROUyAzLjIuNnJgCAEQARgBIgR/AAABKgR/AAABMJ"
    "GsAjjtswFAmI2z2AZNO9BAH1I5Bt8BIAABAAAAAAABBE5vcGUHZXhhbXBsZQNjb20AABwAAQAAKQTQAAAAAAAMAAoA"
    "CIZ1tC0YaN5ZeAEAAACfCgJ2bRIOS25vdCBETlMgMy4yLjZyhgEIAhABGAEiBH8AAAEqBH8AAAEwkawCOO2zAWCYjb"
    "PYBm0RFEEfcl8G34UDAAEAAAABAAEETm9wZQdleGFtcGxlA2NvbQAAHAABwBEABgABAAAAPAAmAm5zwBEKaG9zdG1h"
    "c3RlcsARAAAAAQAADhAAAAJYAAFRgAAAADwAACkE0AAAAAAAAHgBAAAAAAAAAAQAAAAD"
)
"""What Knot DNS 3.2 wrote to a file with ``mod-dnstap``."""


@pytest.mark.parametrize("log", [BIND, UNBOUND, POWERDNS, CSV])
def test_logs_of_servers(log: str) -> None:
    first, second = text.queries(log.splitlines())
    assert first[1:] == ("127.0.0.1", "www.example.com.", "A")
    assert second[1:] == ("2001:db8::1", "nope.example.com.", "AAAA")
    assert math.floor(first.when) % 60 == 31


@pytest.mark.parametrize("octets", [DNSTAP, NSD_DNSTAP, KNOT_DNSTAP], ids=["BIND", "NSD", "Knot"])
def test_dnstap(octets: bytes) -> None:
    first, second = packets.of_dnstap(io.BytesIO(octets))
    assert first[1:] == ("127.0.0.1", "www.example.com.", "A")
    assert second[1:] == ("127.0.0.1", "nope.example.com.", "AAAA")
    assert 0.05 < second.when - first.when < 0.2


def _question(name: bytes, flags: int = 0) -> bytes:
    return HEADER.pack(7, flags, 1, 0, 0, 0) + name + b"\0\x01\0\x01"


def _frame(payload: bytes, port: int = 53) -> bytes:
    datagram = dpkt.udp.UDP(sport=4000, dport=port, data=payload)
    datagram.ulen = len(datagram)
    packet = dpkt.ip.IP(src=b"\xc0\0\2\1", dst=b"\xc0\0\2\2", p=17, data=datagram)
    packet.len = len(packet)
    return bytes(dpkt.ethernet.Ethernet(data=packet))


def test_pcap() -> None:
    buffer = io.BytesIO()
    writer = dpkt.pcap.Writer(buffer)
    www = b"\3WWW\7example\0"
    for when, frame in (
        (1.0, _frame(_question(www))),
        (2.0, _frame(_question(www, 0x8000))),  # an answer
        (3.0, _frame(_question(www), 5353)),
        (4.0, _frame(b"junk")),
        (5.0, b"\0" * 20),
    ):
        writer.writepkt(frame, when)
    buffer.seek(0)
    assert list(packets.of_pcap(buffer)) == [Query(1.0, "192.0.2.1", "www.example.", "A")]


def _csv(log: Log) -> str:
    lines = ["time,source,name,type"]
    for pair, when in zip(log.pairs.tolist(), log.times.tolist(), strict=True):
        name, rtype = log.asked[log.rrsets[pair]]
        lines.append(f"{when},{log.addresses[log.sources[pair]]},{name},{rtype}")
    return "\n".join(lines) + "\n"


def test_whatever_the_file_is_it_is_found_out(tmp_path: Path) -> None:
    log = _observed(Population(20, 2, 5), 30.0, 3600)
    plain, packed = tmp_path / "log.csv", tmp_path / "log.csv.gz"
    plain.write_text(_csv(log))
    packed.write_bytes(gzip.compress(_csv(log).encode()))
    for path in (plain, packed):
        assert read(path).times.size == log.times.size


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nothing\n", "no query of a log that is known"),
        (b"time,source,name,type\nyesterday,192.0.2.1,www.example,A\n", "line 2: 'yesterday,"),
        (CSV.encode(), "has 2 queries"),
        (DNSTAP, "has 2 queries"),
        (b"\x1f\x8bjunk", "Compressed file ended"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(StudyError, match="(?i)" + sentence):
        read(path)


# -- with a zone, and as a plan ------------------------------------------------------------------

ZONE = """\
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A 192.0.2.53
www 120 A 192.0.2.80
web 60 CNAME www
sub 900 NS ns.sub
ns.sub A 192.0.2.54
"""


def _zone(tmp_path: Path) -> site.Site:
    file = tmp_path / "example.zone"
    file.write_text(ZONE)
    return site.of_zone(file)


def test_entries_and_rows_are_those_of_the_zone(tmp_path: Path) -> None:
    """What caches hold once is one entry; what has one TTL in the zone file is one row."""
    questions = [
        ("www.example.", "A"),
        ("www.example.", "AAAA"),
        ("web.example.", "A"),
        ("web.example.", "AAAA"),
        ("nope.example.", "A"),
        ("a.sub.example.", "A"),
        ("b.sub.example.", "A"),
        ("www.other.", "A"),
    ]
    log = gather(Query(10.0 - at, "192.0.2.1", *one) for at, one in enumerate(questions))
    rows = governed(log, _zone(tmp_path).of)
    assert rows.dropped == 1
    named = {(*entry,): rows.rows[row] for entry, row in zip(rows.log.asked, rows.row, strict=True)}
    assert {key: (held.name, held.kind, held.ttl) for key, held in named.items()} == {
        ("www.example.", "A"): ("www.example.", "data", 120),
        ("www.example.", "AAAA"): ("example.", "negative", 60),
        ("web.example.", "CNAME"): ("web.example.", "data", 60),
        ("nope.example.", "A"): ("example.", "negative", 60),
        ("sub.example.", "NS"): ("sub.example.", "referral", 900),
    }
    assert np.bincount(rows.log.pairs).tolist() == [1, 1, 2, 1, 2]
    for pair in range(rows.log.rrsets.size):
        times = rows.log.times[rows.log.pairs == pair].tolist()
        assert times == sorted(times)


@given(
    st.lists(
        st.tuples(st.floats(0, 1000), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=60
    )
)
@settings(max_examples=50)
def test_no_query_is_lost_between_questions_and_entries(
    found: list[tuple[float, int, int]],
) -> None:
    queries = [Query(when, f"192.0.2.{s}", f"{n}.example.", "A") for when, s, n in found]

    def of(name: str, _rtype: str) -> GoverningRRset | None:
        number = int(name[0])
        return None if number == 5 else GoverningRRset(f"{number % 2}.", "NS", "referral", 60)

    log = gather(queries)
    rows = governed(log, of)
    assert rows.dropped + rows.log.times.size == len(queries)
    again = sorted(
        (
            when,
            rows.log.addresses[rows.log.sources[pair]],
            rows.log.asked[rows.log.rrsets[pair]].name,
        )
        for pair, when in zip(rows.log.pairs.tolist(), rows.log.times.tolist(), strict=True)
    )
    assert again == sorted(
        (one.when, one.source, f"{int(one.name[0]) % 2}.") for one in queries if one.name[0] != "5"
    )


def _at(ttl: int) -> Callable[[str, str], GoverningRRset]:
    return lambda name, rtype: GoverningRRset(name, rtype, "data", ttl)


def test_a_log_must_last_for_two_lifetimes() -> None:
    log = _observed(Population(20, 2, 5), 30.0, 3600)
    with pytest.raises(StudyError, match=r"lasts 3600 s, too short for a TTL of 2000 s: 4000 s"):
        of_log(governed(log, _at(2000)), "log")


def test_what_is_not_planned_keeps_its_ttl_and_the_queries_that_were_seen() -> None:
    log = _observed(Population(100, 2, 5), 60.0, DAY_S)
    rows = governed(log, _at(60))
    source = of_log(rows, "log", np.array([held.name == "0.example." for held in rows.rows]))
    other = sum(rate for (name, _), rate in source.seen.items() if name == "1.example.")
    assert source.price(1e9).likely == pytest.approx(other, rel=0.001)
    each = [5 * cache * _shares(2)[0] for cache in _shares(100)]
    for ttl in (10, 60, 300):
        truth = math.fsum(one / (1 + one * ttl) for one in each) + other
        assert source.price(ttl).likely == pytest.approx(truth, rel=0.03)


@pytest.mark.parametrize("ttl", [0, 1, 60, 3600])
def test_a_summary_has_the_prices_of_the_whole_log(ttl: int) -> None:
    source = _of_a_day()
    for price, whole in (
        (sum(one.price(ttl).likely or 0.0 for one in source.summary.rrsets), source.price(ttl)),
        (sum(one.at_peak(ttl).likely or 0.0 for one in source.summary.rrsets), source.at_peak(ttl)),
    ):
        assert price == pytest.approx(whole.likely, rel=0.004)


@given(st.lists(st.tuples(st.floats(1e-6, 1e3), st.integers(1, 9)), max_size=50))
def test_groups_keep_lookups_and_prices(pairs: list[tuple[float, int]]) -> None:
    rates, caches = np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs])
    found = groups(rates, caches)
    assert sum(one.count for one in found) == pytest.approx(caches.sum())
    assert sum(one.count * one.rate for one in found) == pytest.approx(float(rates @ caches))
    assert all(1 <= one.sources <= one.count + 1e-6 or one.count < 1 for one in found)
    for ttl in (1.0, 60.0, 3600.0):
        truth = float((caches * rates / (1 + rates * ttl)).sum())
        price = sum(one.count * one.rate / (1 + one.rate * ttl) for one in found)
        assert price == pytest.approx(truth, rel=0.004)


def test_a_course_without_peaks_says_nothing_of_chance() -> None:
    """A hundred queries in a day: the busiest hour of chance is no peak."""
    rng = np.random.default_rng(2)
    queries = [Query(when, "192.0.2.1", "www.example.", "A") for when in rng.random(100) * DAY_S]
    log = gather(queries)._replace(begin=0.0, end=DAY_S)
    assert daily(log, estimate(log, np.array([60.0])))[1] == Course()


def _planned(how: Parameters) -> PlanStudy:
    return study.plan(
        subject(how), Limits(how.qps_budget, how.rto), set(how.ttls), About("", "", {}, {})
    )


def test_a_plan_from_a_log(tmp_path: Path) -> None:
    (tmp_path / "example.zone").write_text(ZONE.replace("www 120", "0 120"))
    path = tmp_path / "log.csv"
    path.write_text(_csv(_observed(Population(100, 2, 5), 120.0, 6 * 3600.0)))
    found = _planned(
        Parameters(demand=path, qps_budget=9.0, rto=60.0, zone=tmp_path / "example.zone")
    )
    assert "recover within 1m" in found.verdict
    with pytest.raises(StudyError, match="a log needs the TTLs: --config or --zone FILE, or one"):
        subject(Parameters(demand=path))
    assert subject(Parameters(demand=path, at_ttl=120.0)).today == (120.0,)


def test_a_plan_from_a_demand_file_is_that_of_its_log(tmp_path: Path) -> None:
    """What dnsd demand --json and --summary write is read like the log it is from."""
    (tmp_path / "example.zone").write_text(ZONE.replace("www 120", "0 120"))
    log, summary = tmp_path / "log.csv", tmp_path / "demand.json"
    log.write_text(_csv(_observed(Population(100, 2, 2), 120.0, DAY_S / 2)))
    how = Parameters(demand=log, rto=60.0, name=("0.example",), zone=tmp_path / "example.zone")
    one = _planned(replace(how, summary=summary))
    other = _planned(replace(how, demand=summary))
    assert (one.about_names, one.today, one.advice) == (
        other.about_names,
        other.today,
        other.advice,
    )
    for mine, its in zip(one.lines, other.lines, strict=True):
        assert mine.likely == pytest.approx(its.likely, rel=0.005)
        assert mine.peak_likely == pytest.approx(its.peak_likely, rel=0.02)
        assert mine.dnsd_p95 == pytest.approx(its.dnsd_p95, rel=0.01)


# -- logs that are made --------------------------------------------------------------------------


def test_a_log_that_is_made_gives_back_its_demand(tmp_path: Path) -> None:
    """A day: λ of every pair within the band, the curve of each name within a few percent."""
    zone, path = tmp_path / "example.zone", tmp_path / "log.csv.gz"
    zone.write_text(ZONE)
    how = [
        str(zone),
        "--lookups",
        "1.2",
        "--caches",
        "60",
        "--name",
        "www.example",
        "--swing",
        "0.6",
    ]
    made = CliRunner().invoke(query_log, [*how, "--output", str(path), "--nowhere", "1"])
    assert made.exit_code == 0, made.output
    asked_for = of_log(governed(read(path), _zone(tmp_path).of), "log").summary
    www = asked_for.of("www.example.", "A")
    assert www is not None
    # Two names, of which the first one has two thirds of the lookups.
    each = [1.2 * cache * 2 / 3 for cache in _shares(60)]
    assert www.lookups == pytest.approx(sum(each), rel=0.06)
    hours = [1 + 0.6 * math.sin(2 * math.pi * (hour + 0.5) / 24) for hour in range(24)]
    for ttl in (0, 10, 120, 600, 3600):
        truth = math.fsum(x * one / (1 + x * one * ttl) for one in each for x in hours) / 24
        price = www.price(ttl)
        assert price.least <= truth <= price.most
        assert price.likely == pytest.approx(truth, rel=0.05)
        busiest = math.fsum(1.6 * one / (1 + 1.6 * one * ttl) for one in each)
        assert www.at_peak(ttl).likely == pytest.approx(busiest, rel=0.08)
    # AAAA and HTTPS of www, and all of what is not there, are held by the zone's SOA.
    negative = asked_for.of("example.", "SOA", "negative")
    assert negative is not None
    assert negative.lookups == pytest.approx(2 * sum(each) + 3 * 1.2 / 3, rel=0.06)


def test_rates_as_csv(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("name,type,rate,caches,ttl\nWWW.example,a,0.5,20,300\nwww.example.,A,3,2,300\n")
    summary = rates.read(file)
    assert summary is not None
    (one,) = summary.rrsets
    assert (one.name, one.type, one.kind, one.ttl, one.lookups) == (
        "www.example.",
        "A",
        "data",
        300,
        16,
    )
    file.write_text("name,type,rate\nwww.example,A,0.5\nwww.example,A,-1\n")
    with pytest.raises(StudyError, match="line 3: rate and caches must be more than 0"):
        rates.read(file)
    file.write_text("name,type,rate,colour\nwww.example,A,0.5,red\n")
    with pytest.raises(StudyError, match="'colour' is unknown"):
        rates.read(file)
    file.write_text("name,type,rate,kind\nwww.example,A,0.5,odd\n")
    with pytest.raises(StudyError, match="odd"):
        rates.read(file)
    file.write_text(CSV)
    assert rates.read(file) is None


def test_a_plan_from_rates(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("name,type,rate,caches,ttl\nwww.example.,A,0.01,100,120\n")
    found = _planned(Parameters(demand=file, qps_budget=1.0, rto=60.0))
    assert "recover within 1m" in found.verdict
