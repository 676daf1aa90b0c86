"""The dig-based check: what the programs print is read, and answers are judged as they may be."""

from __future__ import annotations

import dns.name
import pytest
from click.testing import CliRunner
from dns.rdatatype import MX, A
from hypothesis import given
from hypothesis import strategies as st

from bench.dig import judge
from bench.dig.asking import Order, Target, command
from bench.dig.kind import endpoint
from bench.dig.output import Failure, Reader, Record, Response
from bench.dig.report import parts
from bench.dig.study import Check, Sample, faults, points
from bench.queries.draw import Query
from bench.queries.zone import AskedZone
from bench.study import results
from bench.tables import Table
from dnsd.zone.load import load_text

DIG = """\

; <<>> DiG 9.18.49-1~deb12u3-Debian <<>> -u @127.0.0.1 -p 15391
; (1 server found)
;; global options: +cmd
;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 32340
;; flags: qr aa rd; QUERY: 1, ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1
;; WARNING: recursion requested but not available

;; OPT PSEUDOSECTION:
; EDNS: version: 0, flags:; udp: 1232
;; QUESTION SECTION:
;www.example.com.\t\tIN\tA

;; ANSWER SECTION:
www.example.com.\t300\tIN\tA\t192.0.2.80
www.example.com.\t300\tIN\tA\t192.0.2.81

;; Query time: 287 usec
;; SERVER: 127.0.0.1#15391(127.0.0.1) (UDP)
;; WHEN: Thu Nov 26 19:44:22 UTC 2026
;; MSG SIZE  rcvd: 76

;; communications error to 127.0.0.1#15391: timed out
;; no servers could be reached
;; Connection to 127.0.0.1#15392(127.0.0.1) for a.b failed: connection refused.
;; no servers could be reached
;; Got bad packet: bad label type
"""
KDIG = """\
;; WARNING: response timeout for 127.0.0.1@15399(UDP)
;; ERROR: failed to query server 127.0.0.1@15399(UDP)
;; ->>HEADER<<- opcode: QUERY; status: NXDOMAIN; id: 10808
;; Flags: qr aa rd; QUERY: 1; ANSWER: 0; AUTHORITY: 1; ADDITIONAL: 1

;; EDNS PSEUDOSECTION:
;; Version: 0; flags: do; UDP size: 1232 B; ext-rcode: NOERROR

;; QUESTION SECTION:
;; nope.example.com.   \t\tIN\tMX

;; AUTHORITY SECTION:
example.com.        \t600\tIN\tSOA\tns1.example.com. host.example.com. 1 2 3 4 600

;; Received 96 B
;; Time 2026-11-26 19:44:22 UTC
;; From 127.0.0.1@15391(TCP) in 0.3 ms
"""
ZONE = """\
$TTL 300
@ SOA ns1 hostmaster 1 2 3 4 60
@ NS ns1
ns1 A 192.0.2.1
www A 192.0.2.2
www A 192.0.2.3
alias CNAME www
away CNAME www.other.example.
sub NS ns.sub
ns.sub A 192.0.2.5
"""
SOA = Record("example.com.", 60, "SOA", "ns1.example.com. hostmaster.example.com. 1 2 3 4 60")


def _read(text: str) -> list[Response | Failure]:
    reader = Reader()
    return [found for line in text.splitlines() if (found := reader.feed(line)) is not None]


def test_what_dig_prints_is_read() -> None:
    answered, *failures = _read(DIG)
    assert isinstance(answered, Response)
    assert (answered.status, answered.flags) == ("NOERROR", frozenset({"qr", "aa", "rd"}))
    assert (answered.name, answered.rtype) == ("www.example.com.", "A")
    assert answered.transport == "UDP"
    assert answered.answer[1] == Record("www.example.com.", 300, "A", "192.0.2.81")
    reasons = ["timed out", "connection refused", "bad packet: bad label type"]
    assert failures == [Failure(reason) for reason in reasons]


def test_what_kdig_prints_is_read() -> None:
    failure, denied = _read(KDIG)
    assert failure == Failure("response timeout")
    assert isinstance(denied, Response)
    assert (denied.status, denied.name, denied.rtype) == ("NXDOMAIN", "nope.example.com.", "MX")
    assert (denied.transport, denied.answer) == ("TCP", [])
    assert [record.rtype for record in denied.authority] == ["SOA"]


@given(st.lists(st.sampled_from([*DIG.splitlines(), *KDIG.splitlines()]), max_size=60))
def test_no_order_of_lines_confuses_the_reader(lines: list[str]) -> None:
    reader = Reader()
    ends = sum(
        line.startswith((";; MSG", ";; From", ";; no s", ";; ERR", ";; Got bad")) for line in lines
    )
    assert sum(reader.feed(line) is not None for line in lines) <= ends


def _query(relative: str) -> Query:
    return Query(dns.name.from_text(f"{relative}.example.com."), A)


def _response(
    relative: str, *records: Record, flags: str = "qr aa", status: str = "NOERROR"
) -> Response:
    return Response(
        status, frozenset(flags.split()), f"{relative}.example.com.", "A", answer=list(records)
    )


def test_results_find_their_queries_though_one_was_skipped() -> None:
    queries = [_query("a"), _query("b"), _query("a"), _query("c")]
    order = Order(queries)
    first, lost, last = _response("a"), Failure("timed out"), _response("c")
    assert order.place(first) == [(0, first)]
    assert order.place(lost) == [(1, lost)]
    skipped, found = order.place(last)
    assert (skipped[0], found) == (2, (3, last))
    assert isinstance(skipped[1], Failure)
    assert order.place(last) == []
    assert [number for number, _ in Order(queries).rest()] == [0, 1, 2, 3]
    assert order.rest() == []


def test_command_lines() -> None:
    queries = [Query(dns.name.from_text("mx."), MX, do=True), _query("www")]
    line = command("dig", Target("192.0.2.53", 5300, "TCP", 3, 2), queries)
    text = " ".join(line)
    assert "dig -r @192.0.2.53 -p 5300 +timeout=3 +tcp +tries=2" in text
    assert text.endswith("-q mx. -t MX +dnssec -q www.example.com. -t A")
    assert "+retry=1" in command("kdig", Target("192.0.2.53", tries=2), queries)


@pytest.fixture(scope="module")
def zone() -> AskedZone:
    loaded = load_text("example.com", ZONE)
    assert loaded.zone is not None
    return AskedZone(loaded.zone)


WWW = [Record("WWW.example.com.", 300, "A", f"192.0.2.{i}") for i in (3, 2)]
ALIAS = Record("alias.example.com.", 300, "CNAME", "www.example.com.")
AWAY = Record("away.example.com.", 300, "CNAME", "www.other.example.")
NONE: frozenset[dns.name.Name] = frozenset()


def _verdict(
    zone: AskedZone, response: Response, pools: frozenset[dns.name.Name] = NONE
) -> judge.Verdict:
    return judge.by_zone(zone, _query(response.name.removesuffix(".example.com.")), response, pools)


def test_right_answers(zone: AskedZone) -> None:
    assert _verdict(zone, _response("www", *WWW)) == judge.Verdict()
    assert _verdict(zone, _response("alias", ALIAS, *WWW)) == judge.Verdict()
    denied = _response("nope", status="NXDOMAIN")
    denied.authority = [SOA]
    assert _verdict(zone, denied) == judge.Verdict()
    referred = _response("x.sub", flags="qr")
    referred.authority = [Record("sub.example.com.", 300, "NS", "ns.sub.example.com.")]
    assert _verdict(zone, referred) == judge.Verdict()
    assert _verdict(zone, _response("away", AWAY)) == judge.Verdict()


@pytest.mark.parametrize(
    ("response", "wrong"),
    [
        (_response("www", *WWW, status="SERVFAIL"), "SERVFAIL instead of NOERROR"),
        (_response("www", *WWW, flags="qr"), "AA is 0 instead of 1"),
        (_response("www", WWW[0]), "is 192.0.2.3 instead of 192.0.2.2, 192.0.2.3"),
        (_response("www"), "www.example.com. A is missing"),
        (_response("www", *WWW, ALIAS), "alias.example.com. CNAME should not be there"),
        (_response("nope", status="NXDOMAIN"), "authority section: example.com. SOA is missing"),
        (_response("www", *[r._replace(ttl=301) for r in WWW]), "longer than the zone's 300"),
        (_response("x.sub", flags="qr"), "sub.example.com. NS is missing"),
    ],
)
def test_wrong_answers_say_what_is_wrong(zone: AskedZone, response: Response, wrong: str) -> None:
    assert wrong in _verdict(zone, response).wrong


def test_a_resolver_may_do_what_a_server_may_not(zone: AskedZone) -> None:
    held = [record._replace(ttl=17) for record in WWW]
    assert _verdict(zone, _response("www", *held, flags="qr ra")) == judge.Verdict(shorter=True)
    followed = Record("www.other.example.", 60, "A", "198.51.100.1")
    assert not _verdict(zone, _response("away", AWAY, followed, flags="qr ra")).wrong
    assert "should not be there" in _verdict(zone, _response("away", AWAY, followed)).wrong
    assert not _verdict(zone, _response("x.sub", followed, flags="qr ra")).judged


def test_a_pool_may_be_answered_in_part(zone: AskedZone) -> None:
    pools = frozenset([_query("www").name])
    part, other = _response("www", WWW[0]), _response("www", WWW[0]._replace(rdata="192.0.2.9"))
    assert not _verdict(zone, part, pools).wrong
    assert _verdict(zone, other, pools).wrong
    assert _verdict(zone, _response("www"), pools).wrong


def test_two_servers_are_compared_without_ttls() -> None:
    query, held = _query("www"), [record._replace(ttl=9) for record in WWW]
    mine, theirs = _response("www", *held, flags="qr ra"), _response("www", *reversed(WWW))
    assert judge.by_other(query, mine, theirs) == judge.Verdict(shorter=True)
    assert "is 192.0.2.3 instead" in judge.by_other(query, _response("www", WWW[0]), theirs).wrong
    assert (
        "REFUSED instead" in judge.by_other(query, _response("www", status="REFUSED"), theirs).wrong
    )
    other = _response("www", *WWW, flags="qr")
    assert judge.by_other(query, other, theirs).wrong == "AA is 0 instead of 1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5300", ("192.0.2.1", 5300)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5300", ("2001:db8::1", 5300)),
    ],
)
def test_servers_are_named_as_operators_do(text: str, found: tuple[str, int]) -> None:
    assert endpoint(text) == found


@pytest.mark.parametrize("text", ["", "192.0.2.1:", "192.0.2.1:0", "[::1]:x", "a:70000"])
def test_what_is_no_server_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="no address with a port"):
        endpoint(text)


def test_ttls_are_summed_up() -> None:
    ttls: list[int | None] = [3, 2, None, 1, 3]
    samples = [
        Sample("www.example.com.", "A", float(at), ttl, "NOERROR", "b" if at == 4 else "a")
        for at, ttl in enumerate(ttls)
    ]
    check = Check(
        kind="dig",
        about=results.about({}),
        server="192.0.2.53:53",
        compared="",
        answers=[],
        faults=[],
        samples=samples,
        origins={"www.example.com. A": 3},
    )
    table = parts(check)[1]
    assert isinstance(table, Table)
    assert table.rows == [["www.example.com. A", "3", "5", "1", "3", "1", "1", "1"]]
    assert [point.y for point in points(check)] == ttls
    assert faults(check) == ["1 answer is missing"]


def test_nothing_to_ask_is_said() -> None:
    from bench.__main__ import main

    done = CliRunner().invoke(main, ["dig", "--server", "192.0.2.1", "--busy-ok"])
    assert done.exit_code == 1
    assert "give --queries, --replay, --zone or --watch" in done.output
