"""Query files: what is drawn is what the zone has, in the shares wanted, and is read again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dns.name
import pytest
from click.testing import CliRunner
from dns.rcode import NOERROR, NXDOMAIN
from dns.rdatatype import AAAA, CNAME, MX, TXT, A, RdataType
from hypothesis import given
from hypothesis import strategies as st

from bench.__main__ import main
from bench.queries import zone
from bench.queries.draw import Mix, Query, draw, weights
from bench.queries.file import Format, line, parse
from bench.study.errors import StudyError

ZONE = """\
$TTL 300
@ SOA ns1 hostmaster 1 2 3 4 60
@ NS ns1
@ MX 10 mail
ns1 A 192.0.2.1
mail A 192.0.2.2
www A 192.0.2.3
www AAAA 2001:db8::3
alias CNAME www
*.wild TXT "here"
kept.wild A 192.0.2.4
sub NS ns.sub
ns.sub A 192.0.2.5
deep.host.sub A 192.0.2.6
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> zone.AskedZone:
    path = tmp_path_factory.mktemp("zone") / "example.com.zone"
    path.write_text(ZONE)
    return zone.read(path)


def _name(relative: str) -> dns.name.Name:
    return dns.name.from_text(f"{relative}.example.com.")


def test_only_the_zones_own_data_is_asked(asked: zone.AskedZone) -> None:
    owners = {name for name, _ in asked.data}
    assert {_name("www"), _name("kept.wild"), asked.apex} <= owners
    assert not owners & {_name("sub"), _name("ns.sub"), _name("deep.host.sub")}
    assert asked.wilds == [(_name("wild"), TXT)]


def test_who_asks_for_an_alias_wants_an_address(asked: zone.AskedZone) -> None:
    assert {rtype for name, rtype in asked.data if name == _name("alias")} == {A, CNAME}


@given(
    seed=st.integers(0, 2**32),
    nxdomain=st.floats(0, 0.5),
    wildcard=st.floats(0, 0.5),
    do=st.floats(0, 1),
)
def test_each_query_is_of_a_kind_that_was_wanted(
    asked: zone.AskedZone, seed: int, nxdomain: float, wildcard: float, do: float
) -> None:
    queries = list(draw(asked, Mix((), nxdomain, wildcard, do), 30, seed))
    assert len(queries) == 30
    for query in queries:
        found = asked.answer(query.name, query.rtype)
        if found.rcode == NXDOMAIN:
            assert nxdomain > 0
        else:
            assert found.rcode == NOERROR
            assert found.answer, "the name owns what is asked, or a wildcard has it"
            assert query.name in asked_names(asked) or wildcard > 0


def asked_names(asked: zone.AskedZone) -> set[dns.name.Name]:
    return {name for name, _ in asked.data}


def test_the_shares_are_those_that_were_wanted(asked: zone.AskedZone) -> None:
    queries = list(draw(asked, Mix((), nxdomain=0.3, wildcard=0.2, do=0.4), 4000, seed=1))
    absent = sum(asked.answer(query.name, A).rcode == NXDOMAIN for query in queries)
    wild = sum(not asked.has(query.name) for query in queries) - absent
    dnssec = sum(query.do for query in queries)
    assert absent / 4000 == pytest.approx(0.3, abs=0.03)
    assert wild / 4000 == pytest.approx(0.2, abs=0.03)
    assert dnssec / 4000 == pytest.approx(0.4, abs=0.03)


def test_a_longer_sequence_goes_on_from_a_shorter_one(asked: zone.AskedZone) -> None:
    mix = Mix((), nxdomain=0.2, wildcard=0.2, do=0.5)
    longer = list(draw(asked, mix, 50, seed=7))
    assert longer[:20] == list(draw(asked, mix, 20, seed=7))
    assert longer != list(draw(asked, mix, 50, seed=8))


def test_names_are_asked_by_zipfs_law(asked: zone.AskedZone) -> None:
    counts = Counter(query.name for query in draw(asked, Mix(types=(A,), zipf=1), 6000, seed=3))
    ranks = [count for _, count in counts.most_common()]
    harmonic = weights(len(ranks), 1)[-1]
    for rank, count in enumerate(ranks, 1):
        assert count / 6000 == pytest.approx(1 / rank / harmonic, abs=0.03)
    even = Counter(query.name for query in draw(asked, Mix(types=(A,), zipf=0), 6000, seed=3))
    assert max(even.values()) < 1.4 * min(even.values())


@pytest.mark.parametrize(
    ("mix", "sentence"),
    [
        (Mix(types=(RdataType.LOC,)), "no name with data of LOC"),
        (Mix(types=(A,), wildcard=0.1), "no wildcard with data of A"),
        (Mix(nxdomain=0.6, wildcard=0.6), "more than 1 together"),
    ],
)
def test_what_a_zone_does_not_have_is_said(asked: zone.AskedZone, mix: Mix, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        list(draw(asked, mix, 10, seed=1))


def test_a_wildcard_at_the_apex_leaves_no_name_out(tmp_path: Path) -> None:
    path = tmp_path / "example.com.zone"
    path.write_text("$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n* A 192.0.2.2\n")
    with pytest.raises(StudyError, match="every name below"):
        list(draw(zone.read(path), Mix(nxdomain=1), 1, seed=1))


QUERIES = [Query(_name("www"), AAAA), Query(_name(r"a\032b"), MX, do=True)]


def test_files_of_both_kinds_are_read_again() -> None:
    dig = "\n".join(line(query, Format.DIG) for query in QUERIES)
    assert parse(dig, "queries") == QUERIES
    dnsperf = "\n".join(line(query, Format.DNSPERF) for query in QUERIES)
    assert parse(dnsperf, "queries") == [query._replace(do=False) for query in QUERIES]


def test_files_by_hand() -> None:
    text = "# names\n\nwww.example.com\nwww.example.com AAAA +dnssec\n"
    assert parse(text, "queries") == [Query(_name("www"), A), Query(_name("www"), AAAA, do=True)]


@pytest.mark.parametrize(
    "text", ["www.example.com NOTYPE", "www A @192.0.2.1", "a..b A", "x OPT", "-t A"]
)
def test_a_fault_is_named_with_its_line(text: str) -> None:
    with pytest.raises(StudyError, match=r"^queries:2: error: .* is no query"):
        parse(f"www.example.com A\n{text}\n", "queries")
    with pytest.raises(StudyError, match="no query in it"):
        parse("# nothing\n", "queries")


def test_command(tmp_path: Path) -> None:
    path, output = tmp_path / "zone", tmp_path / "queries"
    path.write_text(ZONE)
    command = ["query-file", str(path), "--origin", "example.com", "--count", "20"]
    more = ["--format", "dig", "--do", "1", "--type", "A", "--output", str(output)]
    done = CliRunner().invoke(main, [*command, *more])
    assert done.exit_code == 0, done.output
    queries = parse(output.read_text(), "queries")
    assert len(queries) == 20
    assert all(query.do and query.rtype == A for query in queries)
    refused = CliRunner().invoke(main, [*command, "--do", "0.5"])
    assert refused.exit_code == 1
    assert "give -D to dnsperf" in refused.output
    wrong = CliRunner().invoke(main, ["query-file", str(path), "--origin", "a..b"])
    assert wrong.exit_code == 1
    assert "give --origin" in wrong.output
