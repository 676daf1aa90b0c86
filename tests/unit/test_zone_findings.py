"""Each fault of a zone file gives exactly its finding: sentence, line and code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from dnsd.config.limits import Limits
from dnsd.zone.load import load_text

HEAD = "$TTL 3600\n@ SOA ns1 host 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"
TABLE = Path(__file__).with_suffix(".txt").read_text()
CASES = re.findall(r"^== (.+)\n((?:.*\n)*?)--\n((?:.+\n)*)", TABLE, re.MULTILINE)


def findings(
    text: str | bytes, origin: str = "example.com", limits: Limits | None = None
) -> list[str]:
    """Return the findings of a whole zone text; the zone must be refused exactly for errors.

    A line break that its last line lacks is added.
    """
    text = text.encode() if isinstance(text, str) else text
    text += b"" if text.endswith(b"\n") else b"\n"
    result = load_text(origin, text, "z", limits or Limits(), now=0)
    lines = [re.sub("^z:(?=[0-9])", "", str(finding)) for finding in result.findings]
    assert (result.zone is None) == any(" error: " in line for line in lines)
    return lines


def codes(text: str | bytes, limits: Limits | None = None) -> list[tuple[str, str]]:
    """Return line and code of each finding of ``text`` below HEAD."""
    data = text.encode() if isinstance(text, str) else text
    found = findings(HEAD.encode() + data, limits=limits)
    return [(line.partition(":")[0], line[line.rindex("[") + 1 : -1]) for line in found]


@pytest.mark.parametrize(("text", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_finding(text: str, expected: str) -> None:
    assert findings(HEAD + text) == expected.splitlines()


def test_the_table_was_read() -> None:
    assert len(CASES) == TABLE.count("\n== ") > 70


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a TXT b\0c\nd A 192.0.2.1", [("5", "nul-octet")], id="NUL"),
        pytest.param("a A 192.0.2.1\r\nb A 192.0.2.300\r", [("6", "bad-rdata")], id="CRLF"),
        pytest.param(b"b\xfccher A 192.0.2.1", [("5", "bad-name")], id="latin-1 owner"),
        pytest.param(f"a TXT {'x' * 256}", [("5", "bad-rdata")], id="string of 256"),
        pytest.param(f"a TYPE65280 \\# 65536 {'00' * 65536}", [("5", "bad-rdata")], id="64 KiB"),
        pytest.param(f"{'x' * 64} A 192.0.2.1", [("5", "bad-name")], id="label of 64"),
        pytest.param(f"{'x.' * 127}x A 192.0.2.1", [("5", "bad-name")], id="name of 256"),
        pytest.param(f"{'x.' * 121}x A 192.0.2.1", [("5", "bad-name")], id="256 with the origin"),
        pytest.param(f"{'x.' * 120}x A 192.0.2.1", [], id="name of 254"),
        pytest.param(f"{'x' * 2000}.y A 192.0.2.1", [("5", "bad-name")], id="text of 2000"),
        pytest.param(f"a CNAME {'x.' * 5000}", [("5", "bad-rdata")], id="5000 labels"),
        pytest.param(f"a {'9' * 5000} A 192.0.2.1", [("5", "bad-ttl")], id="TTL of 5000 digits"),
        pytest.param(f"a {'9d' * 5000} A 192.0.2.1", [("5", "bad-ttl")], id="TTL of 5000 units"),
        pytest.param(f"a HTTPS {'0' * 5000} . port=1", [("5", "svcb-alias")], id="alias of 5000"),
        pytest.param(f"a HTTPS {'0' * 5000}1 .", [("5", "bad-rdata")], id="priority of 5000"),
        pytest.param(f"a A6 {'9' * 5000} ::1 b", [("5", "bad-rdata")], id="prefix of 5000"),
        pytest.param(f"a T{'x' * 5000} b", [("5", "unknown-type")], id="type of 5000"),
        pytest.param(
            "".join(f"a TXT {n:05}{'x' * 250}\n" for n in range(244)), [], id="RRset that fits"
        ),
        pytest.param(
            "".join(f"a TXT {n:05}{'x' * 250}\n" for n in range(245)),
            [("5", "rrset-too-large")],
            id="RRset that does not",
        ),
        pytest.param(
            "".join(f"a{n} CNAME a{n + 1}\n" for n in range(16)) + "a16 A 192.0.2.1",
            [],
            id="16 aliases",
        ),
        pytest.param(
            "".join(f"a{n} CNAME a{n + 1}\n" for n in range(17)) + "a17 A 192.0.2.1",
            [("5", "cname-loop")],
            id="17 aliases",
        ),
        pytest.param(
            f"$GENERATE 1-2 a$ TXT {'x' * 4096}", [("5", "bad-generate")], id="long template"
        ),
    ],
)
def test_what_a_text_file_shows_badly(text: str | bytes, expected: list[tuple[str, str]]) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "",
            [
                "1: error: the zone has no NS records: name its servers at its apex, example.com. "
                "[missing-ns]",
                "1: error: the zone has no SOA record: add one at its apex, example.com. "
                "[missing-soa]",
            ],
            id="empty",
        ),
        pytest.param(
            "@ 300 SOA ns.example.org. host 1 7200 3600 1209600 300",
            [
                "1: error: the zone has no NS records: name its servers at its apex, example.com. "
                "[missing-ns]"
            ],
            id="no NS",
        ),
        pytest.param(
            "@ 300 SOA ns1 host 1 7200 3600 1209600 many\n@ NS ns1.example.org.\n",
            [
                "1: error: 'ns1 host 1 7200 3600 1209600 many' is not valid SOA data: DNS TTL "
                "value is not well-formed (write for example SOA ns1.example.com. "
                "hostmaster.example.com. 2024010101 7200 3600 1209600 300) [bad-rdata]"
            ],
            id="an SOA that is wrong is not missing",
        ),
        pytest.param(
            "  300 A 192.0.2.1\n",
            [
                "1: error: the first record has no owner: write one in the first column, "
                "@ for the origin [no-owner]"
            ],
            id="no owner",
        ),
        pytest.param(
            "@ NS ns1.example.org.\n@ SOA ns1 host 1 7200 3600 1209600 300",
            [
                "1: error: the record has no TTL and there is no default: put $TTL before it "
                "[no-ttl]",
                "2: warning: no TTL is stated: 300, the SOA's MINIMUM, is used until one is; "
                "put $TTL at the top of the file [no-ttl]",
            ],
            id="no TTL",
        ),
        pytest.param(
            "@ 300 SOA ns1 host@example.com. 1 7200 3600 1000 300\n@ NS ns.example.org.",
            [
                "1: warning: the SOA names ns1.example.com. as primary server, which has no data "
                "in this zone: add its address, or name the right server [soa-mname]",
                "1: warning: the SOA's EXPIRE 1000 is less than REFRESH plus RETRY, 10800: "
                "secondaries may drop the zone when one refresh fails, raise it [soa-expire]",
                "1: warning: the SOA's mailbox host\\@example.com. contains an @: "
                "write a dot in its place [soa-rname]",
            ],
            id="SOA",
        ),
        pytest.param(
            "\xff\xfe@\0",
            ["1: error: the file is UTF-16: save it as UTF-8 [not-text]"],
            id="UTF-16",
        ),
    ],
)
def test_finding_in_whole_zone(text: str, expected: list[str]) -> None:
    assert findings(text.encode("latin-1")) == expected


def test_a_reverse_zone_whose_targets_lack_the_dot() -> None:
    text = (
        "$TTL 300\n@ SOA ns.example.com. host.example.com. 1 7200 3600 1209600 300\n"
        "@ NS ns.example.com.\n1 PTR a.example.com.\n2 PTR b.example.com\n"
    )
    assert findings(text, "2.0.192.in-addr.arpa") == [
        "5: warning: 2.2.0.192.in-addr.arpa. PTR points to b.example.com.2.0.192.in-addr.arpa.: "
        "write a dot at the end of the name if the zone's was not to be added [missing-dot]"
    ]


def test_a_name_may_repeat_a_top_level_domain() -> None:
    text = (
        "$TTL 300\n@ SOA ns.example.org. host.example.org. 1 7200 3600 1209600 300\n"
        "@ NS ns.example.org.\ncom NS ns.example.org.\n"
    )
    assert findings(text, "com") == []


LIMITS = Limits(
    entry_octets=100,
    generate_steps=8,
    generate_records=10,
    records=12,
    records_per_rrset=3,
    records_per_name=4,
    findings=5,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a TXT (" + "\n" * 100 + ")", ["entry-too-long"], id="entry"),
        pytest.param("$GENERATE 1-8 a$ TXT b\n", [], id="steps"),
        pytest.param("$GENERATE 1-9 a$ TXT b\n", ["bad-generate"], id="too many steps"),
        pytest.param("$GENERATE 1-6 a$ TXT b\n" * 2, ["bad-generate"], id="too many in all"),
        pytest.param("".join(f"a{n} TXT b\n" for n in range(9)), [], id="records"),
        pytest.param(
            "".join(f"a{n} TXT b\n" for n in range(10)), ["too-many-records"], id="too many records"
        ),
        pytest.param("".join(f"a TXT b{n}\n" for n in range(3)), [], id="RRset"),
        pytest.param(
            "".join(f"a TXT b{n}\n" for n in range(5)), ["rrset-too-many"], id="too many in RRset"
        ),
        pytest.param(
            "".join(f"a TXT b{n}\na A 192.0.2.{n}\n" for n in range(2)), [], id="records of a name"
        ),
        pytest.param(
            "".join(f"a TXT b{n}\na A 192.0.2.{n}\n" for n in range(3)),
            ["name-too-many"],
            id="too many records of a name",
        ),
    ],
)
def test_limit(text: str, expected: list[str]) -> None:
    assert [code for _, code in codes(text, LIMITS)] == expected


def test_after_many_errors_the_rest_is_left_unread() -> None:
    found = findings(HEAD + "a A b\n" * 1000, limits=LIMITS)
    assert found[0] == (
        "1: error: there are more than 5 findings: fix these, then check again [too-many-findings]"
    )
    assert [line.partition(":")[0] for line in found[1:]] == ["5", "6", "7", "8", "9"]


def test_many_warnings_do_not_hide_an_error_and_do_not_refuse_a_zone() -> None:
    warnings = "a.example.org. TXT b\n" * 10
    found = findings(HEAD + warnings, limits=LIMITS)
    assert found[0].startswith("1: warning: there are more than 5 findings")
    assert len(found) == 6
    found = findings(HEAD + warnings + "a A b\n", limits=LIMITS)
    assert found[-1].startswith("15: error: 'b' is not an IPv4 address")
    assert len(found) == 6


def test_parentheses_that_are_never_closed_are_not_tried_forever() -> None:
    text = "a TXT (\n" * 1000
    assert codes(text) == [(str(5 + n), "unbalanced-parenthesis") for n in range(16)]


def test_nsec3_iterations_have_a_price() -> None:
    text = HEAD + "@ NSEC3PARAM 1 0 {0} {1}\n" + f"{'0' * 32} NSEC3 1 0 {{0}} {{1}} {'0' * 32} A\n"
    asks = f"6: warning: {'0' * 32}.example.com. NSEC3 asks for "
    assert findings(text.format(50, "-")) == []
    for iterations, salt in ((51, "-"), (150, "ab" * 35), (75, "ab" * 36)):
        assert findings(text.format(iterations, salt)) == [
            f"{asks}{iterations} iterations, so that some resolvers treat the zone as unsigned: "
            "sign it with 0 (RFC 9276) [nsec3-iterations]"
        ]
    for iterations, salt in ((151, "-"), (65535, "-"), (151, "ab" * 255)):
        assert findings(text.format(iterations, salt)) == [
            f"{asks}{iterations} iterations, more than resolvers check: negative answers come "
            "without a proof, and resolvers treat the zone as unsigned: sign it with 0 iterations "
            "and no salt (RFC 9276) [nsec3-insecure]"
        ]
    for iterations, salt in ((76, "ab" * 36), (31, "ab" * 255)):
        found = findings(text.format(iterations, salt))
        assert found[-1] == (
            f"6: error: {'0' * 32}.example.com. NSEC3 asks for {iterations} iterations with "
            f"{len(salt) // 2} octets of salt, more than a query may cost: sign the zone with 0 "
            "iterations and no salt (RFC 9276) [nsec3-salt]"
        )


def test_nsec3_iterations_may_have_a_limit() -> None:
    limits = msgspec.structs.replace(Limits(), nsec3_iterations=200)
    text = HEAD + f"@ NSEC3PARAM 1 0 201 -\n{'0' * 32} NSEC3 1 0 201 - {'0' * 32} A\n"
    assert findings(text, limits=limits) == [
        f"6: error: {'0' * 32}.example.com. "
        "NSEC3 asks for 201 iterations, more than the limit of 200: "
        "sign the zone with 0 (RFC 9276) [nsec3-iterations]"
    ]


@pytest.mark.parametrize("hosts", [1, 40_000])
def test_ttls_may_have_a_limit(hosts: int) -> None:
    """In a large zone most records stand in a table of their own."""
    limits = msgspec.structs.replace(Limits(), longest_ttl=3600.0)
    text = "$TTL 3600\n@ SOA ns h 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n"
    text += "".join(f"h{number} A 192.0.2.7\n" for number in range(hosts))
    assert load_text("example.com", text, limits=limits).zone
    late = f"{text}late 3601 A 192.0.2.7\n"
    found = load_text("example.com", late, limits=limits)
    assert found.zone is None
    (finding,) = found.findings
    assert finding.code == "ttl-too-long"
    assert "late.example.com. A has the TTL 3601" in finding.message
    assert load_text("example.com", late).zone
