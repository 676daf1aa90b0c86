"""Loading: what zone text means, which files are read, and that nothing in them raises."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import dns.rdata
import pytest
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config.limits import Limits
from dnsd.wire.name import from_text, lower, to_text
from dnsd.zone import gather, table
from dnsd.zone.load import LoadResult, load_text, load_zone
from dnsd.zone.sources import SourceFile, digest
from dnsd.zone.typenames import type_name

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "$TTL 3600\n@ SOA ns1 host 1 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"


def shown(result: LoadResult) -> list[str]:
    """Return the records of a zone below HEAD as text, in the order of the file."""
    assert result.zone is not None, [str(finding) for finding in result.findings]
    tables = (result.zone.nodes, result.zone.signatures)
    rrsets = [rrset for table in tables for types in table.values() for rrset in types.values()]
    return [
        f"{to_text(rrset.owner)} {rrset.ttl} {type_name(rrset.rtype)} "
        f"{dns.rdata.from_wire(IN, RdataType.make(rrset.rtype), rdata, 0, len(rdata))}"
        for rrset in rrsets
        for rdata in rrset.rdatas
        if (rrset.file, rrset.line) not in {("z", n) for n in range(1, 5)}
    ]


def records(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return shown(load_text("example.com", HEAD.encode() + data, "z", now=0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a 300 IN A 192.0.2.1", ["a.example.com. 300 A 192.0.2.1"], id="TTL class"),
        pytest.param("a IN 300 A 192.0.2.1", ["a.example.com. 300 A 192.0.2.1"], id="class TTL"),
        pytest.param("a in A 192.0.2.1", ["a.example.com. 3600 A 192.0.2.1"], id="class"),
        pytest.param("a CLASS1 a 192.0.2.1", ["a.example.com. 3600 A 192.0.2.1"], id="CLASS1"),
        pytest.param("a 1h30m A 192.0.2.1", ["a.example.com. 5400 A 192.0.2.1"], id="units"),
        pytest.param("a 1W2D3H4M5S A 192.0.2.1", ["a.example.com. 788645 A 192.0.2.1"], id="all"),
        pytest.param("a 0 A 192.0.2.1", ["a.example.com. 0 A 192.0.2.1"], id="TTL 0"),
        pytest.param(
            "a A 192.0.2.1\n\n;\n  AAAA 2001:db8::1\n\t60 TXT x\n",
            [
                "a.example.com. 3600 A 192.0.2.1",
                "a.example.com. 3600 AAAA 2001:db8::1",
                'a.example.com. 60 TXT "x"',
            ],
            id="blank owner",
        ),
        pytest.param(
            "$ORIGIN sub\na A 192.0.2.1\n@ A 192.0.2.2\n$ORIGIN example.com.\na A 192.0.2.3",
            [
                "a.sub.example.com. 3600 A 192.0.2.1",
                "sub.example.com. 3600 A 192.0.2.2",
                "a.example.com. 3600 A 192.0.2.3",
            ],
            id="$ORIGIN",
        ),
        pytest.param(
            "$ORIGIN .\nwww.example.com A 192.0.2.1",
            ["www.example.com. 3600 A 192.0.2.1"],
            id="$ORIGIN root",
        ),
        pytest.param(
            "$ORIGIN com.\n$ORIGIN example\nwww A 192.0.2.1",
            ["www.example.com. 3600 A 192.0.2.1"],
            id="$ORIGIN out of the zone and back",
        ),
        pytest.param(
            "a 10 A 192.0.2.1\n$TTL 1m\nb A 192.0.2.2\n$ttl 2m\nc A 192.0.2.3",
            [
                "a.example.com. 10 A 192.0.2.1",
                "b.example.com. 60 A 192.0.2.2",
                "c.example.com. 120 A 192.0.2.3",
            ],
            id="$TTL",
        ),
        pytest.param(
            "WWW A 192.0.2.1\nwww A 192.0.2.2",
            ["WWW.example.com. 3600 A 192.0.2.1", "WWW.example.com. 3600 A 192.0.2.2"],
            id="case",
        ),
        pytest.param(
            "a\\.b.c\\032d\\065 A 192.0.2.1",
            ["a\\.b.c\\032dA.example.com. 3600 A 192.0.2.1"],
            id="escapes in owner",
        ),
        pytest.param(
            "a\\. A 192.0.2.1",
            ["a\\..example.com. 3600 A 192.0.2.1"],
            id="an escaped final dot ends nothing",
        ),
        pytest.param(
            "bücher CNAME ns1",
            ["xn--bcher-kva.example.com. 3600 CNAME ns1.example.com."],
            id="IDN owner",
        ),
        pytest.param(
            "a CNAME Bücher.example.net.",
            ["a.example.com. 3600 CNAME xn--bcher-kva.example.net."],
            id="IDN target",
        ),
        pytest.param(
            "b\\195\\188cher CNAME ns1",
            ["b\\195\\188cher.example.com. 3600 CNAME ns1.example.com."],
            id="octets instead of IDN",
        ),
        pytest.param(
            'a TXT "\xc3\xa4" \xff \\255 "a;b" "\\"\\\\" c\\ d (e\n"f")'.encode("latin-1"),
            ['a.example.com. 3600 TXT "\\195\\164" "\\255" "\\255" "a;b" "\\"\\\\" "c d" "e" "f"'],
            id="octets in TXT",
        ),
        pytest.param(
            b'a CAA 0 issue "\xe4"\na HINFO \xe4 \\228\na URI 1 2 "\xe4"',
            [
                'a.example.com. 3600 CAA 0 issue "\\228"',
                'a.example.com. 3600 HINFO "\\228" "\\228"',
                'a.example.com. 3600 URI 1 2 "\\228"',
            ],
            id="octets in other strings",
        ),
        pytest.param(
            "a TYPE65280 \\# 3 01 02 ( 03\n)\na A \\# 4 c0000201\na TYPE28 ::1\na MX \\# 3 000a00",
            [
                "a.example.com. 3600 TYPE65280 \\# 3 010203",
                "a.example.com. 3600 A 192.0.2.1",
                "a.example.com. 3600 AAAA ::1",
                "a.example.com. 3600 MX 10 .",
            ],
            id="RFC 3597",
        ),
        pytest.param(
            "$GENERATE 1-2 a$ 60 IN A 192.0.2.$\n  TXT last\n$GENERATE 7-7 b MX 1$ ns1",
            [
                "a1.example.com. 60 A 192.0.2.1",
                "a2.example.com. 60 A 192.0.2.2",
                'a2.example.com. 3600 TXT "last"',
                "b.example.com. 3600 MX 17 ns1.example.com.",
            ],
            id="$GENERATE",
        ),
        pytest.param(
            '$GENERATE 5-5 a$ TXT "\\"a b $\\" c$"\n$GENERATE 5-5 b MX "10 ns${-4}"',
            ['a5.example.com. 3600 TXT "a b 5" "c5"', "b.example.com. 3600 MX 10 ns1.example.com."],
            id="$GENERATE with quotes",
        ),
        pytest.param(
            'a HTTPS 1 . alpn="h2,h3" port=443',
            ['a.example.com. 3600 HTTPS 1 . alpn="h2,h3" port="443"'],
            id="HTTPS",
        ),
    ],
)
def test_meaning(text: str | bytes, expected: list[str]) -> None:
    assert records(text) == expected


@pytest.mark.parametrize("native", [table.Table, None])
def test_mixed_ttls_become_the_lowest(monkeypatch: pytest.MonkeyPatch, native: object) -> None:
    monkeypatch.setattr(gather, "Table", native)
    text = "a 300 A 192.0.2.1\na 200 A 192.0.2.2\na 400 A 192.0.2.3"
    assert records(text) == [f"a.example.com. 200 A 192.0.2.{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize("stated", ["ns1 90 A 192.0.2.1\n", "ns1 90 A ( 192.0.2.1\n)\n"])
@pytest.mark.parametrize("between", ["", "$ORIGIN example.com.\n"])
def test_without_a_default_the_last_ttl_counts(stated: str, between: str) -> None:
    head = "@ 60 SOA ns1 host 1 7200 3600 1209600 300\n@ NS ns1\n"
    result = load_text("example.com", f"{head}{stated}{between}a A 192.0.2.2\n")
    assert [line.split()[:2] for line in shown(result)] == [
        ["example.com.", "60"],
        ["example.com.", "60"],
        ["ns1.example.com.", "90"],
        ["a.example.com.", "90"],
    ]
    assert result.findings == ()


def test_signatures_stand_apart_by_the_type_they_cover() -> None:
    def signature(covered: str, ttl: int) -> str:
        return f"a {ttl} RRSIG {covered} 13 3 {ttl} 20300101000000 20200101000000 1 @ AAAA\n"

    text = "a 60 A 192.0.2.1\na 90 TXT x\n" + signature("A", 60) + signature("TXT", 90)
    result = load_text("example.com", HEAD + text, now=1735689600)
    assert result.zone is not None
    assert result.findings == ()
    assert result.records == 7
    name = from_text("a.example.com")
    assert result.zone.nodes[name].keys() == {1, 16}
    assert {
        covered: (rrset.ttl, rrset.rtype, rrset.line)
        for covered, rrset in result.zone.signatures[name].items()
    } == {1: (60, 46, 7), 16: (90, 46, 8)}


def test_the_root_zone() -> None:
    text = (
        "$TTL 60\n. SOA a.b. c.d. 1 7200 3600 1209600 300\n@ NS a.b.\nb NS a.b\na.b A 192.0.2.1\n"
    )
    result = load_text(".", text)
    assert result.zone is not None
    assert [to_text(owner) for owner in result.zone.nodes] == [".", "b.", "a.b."]
    assert result.zone.serial == 1
    assert result.findings == ()


def test_the_origin_is_compared_without_case() -> None:
    result = load_text("EXAMPLE.com.", HEAD + "a.eXample.COM. A 192.0.2.1")
    assert result.zone is not None
    assert result.zone.apex == from_text("example.com")
    assert lower(from_text("a.eXample.COM")) in result.zone.nodes


def test_an_origin_that_is_no_name_is_the_callers_fault() -> None:
    with pytest.raises(ValueError, match="label"):
        load_text("a..b", HEAD)


class TestFiles:
    """What is read from where."""

    @pytest.fixture
    def zone(self, tmp_path: Path) -> Path:
        directory = tmp_path / "zones"
        directory.mkdir()
        return directory / "example.com.zone"

    def test_files_of_listed_directories_may_be_included(
        self, zone: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        shared, other = tmp_path_factory.mktemp("shared"), tmp_path_factory.mktemp("other")
        for directory in (shared, other):
            (directory / "hosts").write_text("a A 192.0.2.1\n")
        zone.write_text(f"{HEAD}$INCLUDE {shared}/hosts\n")
        result = load_zone("example.com", zone, include=(shared,))
        assert result.findings == ()
        assert result.sources[1].path == f"{shared}/hosts"
        zone.write_text(f"{HEAD}$INCLUDE {shared}/../{other.name}/hosts\n")
        (found,) = load_zone("example.com", zone, include=(shared,)).findings
        assert found.code == "include-outside"

    def test_every_file_read_is_a_source(self, zone: Path) -> None:
        (zone.parent / "sub").mkdir()
        zone.write_text(HEAD + "$INCLUDE sub/one.inc\n$INCLUDE sub/one.inc b\n")
        one = zone.parent / "sub" / "one.inc"
        two = zone.parent / "sub" / "two.inc"
        one.write_text("a A 192.0.2.1\n$INCLUDE two.inc\n")
        two.write_text("a TXT x\n")
        result = load_zone("example.com", zone)
        assert result.findings == ()
        assert [source.path for source in result.sources] == [
            str(path) for path in (zone, one, two, one, two)
        ]
        status = zone.stat()
        assert result.sources[0] == SourceFile(
            str(zone),
            status.st_mtime_ns,
            status.st_size,
            status.st_ino,
            digest(zone.read_bytes()),
        )
        assert shown(result)[-4:] == [
            "a.example.com. 3600 A 192.0.2.1",
            'a.example.com. 3600 TXT "x"',
            "a.b.example.com. 3600 A 192.0.2.1",
            'a.b.example.com. 3600 TXT "x"',
        ]
        assert result.zone is not None
        rrset = result.zone.nodes[from_text("a.example.com")][16]
        assert (rrset.file, rrset.line) == (str(two), 1)

    def test_origin_and_owner_return_after_a_file_but_the_default_ttl_stays(
        self, zone: Path
    ) -> None:
        zone.write_text(HEAD + "a TXT 1\n$INCLUDE inc sub\n  TXT 3\nb TXT 4\n")
        (zone.parent / "inc").write_text("  TXT 2\n$TTL 60\n$ORIGIN x.example.com.\nc TXT 5\n")
        assert shown(load_zone("example.com", zone))[-5:] == [
            'a.example.com. 60 TXT "1"',
            'a.example.com. 60 TXT "2"',
            'a.example.com. 60 TXT "3"',
            'c.x.example.com. 60 TXT "5"',
            'b.example.com. 60 TXT "4"',
        ]

    @pytest.mark.parametrize(
        ("directive", "message"),
        [
            (
                "$INCLUDE none.inc",
                "cannot read '{dir}/none.inc': No such file or directory; "
                "check the path and its permissions [cannot-read]",
            ),
            (
                "$INCLUDE .",
                "cannot read '{dir}': Is a directory; "
                "check the path and its permissions [cannot-read]",
            ),
            (
                "$INCLUDE fifo",
                "'{dir}/fifo' is not a regular file: name a zone file [cannot-read]",
            ),
            (
                "$INCLUDE a\\000b",
                "'a\\000b' is not the name of a file: write a path in UTF-8 [cannot-read]",
            ),
            (
                "$INCLUDE a\\228",
                "'a\\228' is not the name of a file: write a path in UTF-8 [cannot-read]",
            ),
            (
                f"$INCLUDE {'x' * 300}",
                f"cannot read '{{dir}}/{'x' * 300}': File name too long; "
                "check the path and its permissions [cannot-read]",
            ),
            (
                "$INCLUDE ../outside.inc",
                "'{dir}/../outside.inc' lies outside the zone's directory '{dir}': "
                "move the file there, "
                "or list its directory in [zones] include [include-outside]",
            ),
            (
                "$INCLUDE /etc/passwd",
                "'/etc/passwd' lies outside the zone's directory '{dir}': "
                "move the file there, "
                "or list its directory in [zones] include [include-outside]",
            ),
            (
                "$INCLUDE link.inc",
                "'{dir}/link.inc' lies outside the zone's directory '{dir}': "
                "move the file there, "
                "or list its directory in [zones] include [include-outside]",
            ),
            (
                "$INCLUDE example.com.zone",
                "'{dir}/example.com.zone' includes itself: remove this $INCLUDE or the other "
                "[include-loop]",
            ),
            ("$INCLUDE a b c", "write $INCLUDE FILE, or $INCLUDE FILE ORIGIN [bad-directive]"),
        ],
    )
    def test_a_file_that_cannot_be_included(self, zone: Path, directive: str, message: str) -> None:
        directory = zone.parent
        (directory.parent / "outside.inc").write_text("a TXT x\n")
        (directory / "link.inc").symlink_to("../outside.inc")
        os.mkfifo(directory / "fifo")
        zone.write_text(f"{HEAD}{directive}\n")
        result = load_zone("example.com", zone)
        assert result.zone is None
        assert [str(finding) for finding in result.findings] == [
            f"{zone}:5: error: {message.format(dir=directory)}"
        ]

    def test_a_missing_file_is_a_source_so_that_its_coming_is_noticed(self, zone: Path) -> None:
        zone.write_text(f"{HEAD}$INCLUDE later.inc\n")
        later = zone.parent / "later.inc"
        assert load_zone("example.com", zone).sources[1:] == (SourceFile(str(later)),)
        assert load_zone("example.org", later).sources == (SourceFile(str(later)),)

    def test_a_zone_file_that_cannot_be_read(self, zone: Path) -> None:
        result = load_zone("example.com", zone)
        assert result.zone is None
        assert [str(finding) for finding in result.findings] == [
            f"{zone}:1: error: cannot read '{zone}': No such file or directory; "
            "check the path and its permissions [cannot-read]"
        ]

    def test_links_in_a_circle(self, zone: Path) -> None:
        (zone.parent / "loop").symlink_to("loop")
        zone.write_text(f"{HEAD}$INCLUDE loop\n")
        (finding,) = load_zone("example.com", zone).findings
        assert (finding.line, finding.code) == (5, "cannot-read")

    def test_files_in_a_circle(self, zone: Path) -> None:
        zone.write_text(f"{HEAD}$INCLUDE one\na TXT x\n")
        (zone.parent / "one").write_text("$INCLUDE two\n")
        (zone.parent / "two").write_text("\n$INCLUDE sub/../one\n")
        (zone.parent / "sub").mkdir()
        (finding,) = load_zone("example.com", zone).findings
        assert (finding.file, finding.line, finding.code) == (
            str(zone.parent / "two"),
            2,
            "include-loop",
        )

    def test_links_inside_the_directory_are_followed_and_noted_as_written(self, zone: Path) -> None:
        # The way Kubernetes mounts a ConfigMap: what changes is where the link points.
        data = zone.parent / "..data1"
        data.mkdir()
        (data / zone.name).write_text(f"{HEAD}$INCLUDE more.inc\n")
        (data / "more.inc").write_text("a TXT x\n")
        for name in (zone.name, "more.inc"):
            (zone.parent / name).symlink_to(f"..data1/{name}")
        result = load_zone("example.com", zone)
        assert result.findings == ()
        assert [source.path for source in result.sources] == [
            str(zone),
            str(zone.parent / "more.inc"),
        ]

    def test_depth_number_and_size_have_limits(self, zone: Path) -> None:
        zone.write_text(f"{HEAD}$INCLUDE 1\n")
        for n in range(1, 4):
            (zone.parent / str(n)).write_text(f"$INCLUDE {n + 1}\n" * 2)
        (zone.parent / "4").write_text("a TXT x ; and a comment\n")

        def codes(limits: Limits) -> list[str]:
            return [finding.code for finding in load_zone("example.com", zone, limits).findings]

        assert set(codes(Limits(include_depth=4))) == {"duplicate-record"}
        assert codes(Limits(include_depth=3)) == ["include-depth"] * 8
        assert codes(Limits(include_files=4)) == ["include-files"] * 3
        assert codes(Limits(file_octets=zone.stat().st_size - 1)) == ["file-too-large"]


def is_consistent(result: LoadResult) -> bool:
    has_error = any(finding.severity == "error" for finding in result.findings)
    return has_error == (result.zone is None)


FRAGMENTS = st.sampled_from(
    [
        "a", "@", ".", "*", "\\", "\\1", "\\300", '"', '""', "(", ")", ";", "\n", "\r\n", " ", "\t",
        "\0", "\xff", "ü", "1h", "300", "IN", "CH", "TYPE1", "TYPE65535", "\\#", "4", "c0000201",
        "A ", "AAAA ", "MX ", "TXT ", "SOA ", "NS ", "RRSIG ", "NSEC3 ", "SVCB ", "LOC ", "APL ",
        "HIP ", "192.0.2.1", "::1", "$ORIGIN ", "$TTL ", "$INCLUDE ", "$GENERATE ", "1-3 ", "a$ ",
        "${1,2,x}", "key65535=", "alpn=", "1 2 3 4 5 6 7 8 9",
    ]
)  # fmt: skip


@given(st.binary(max_size=80) | st.lists(FRAGMENTS, max_size=25).map(lambda p: "".join(p).encode()))
def test_no_text_raises(data: bytes) -> None:
    assert is_consistent(load_text("example.com", data))
    assert is_consistent(load_text("example.com", HEAD.encode() + data))


@given(st.data())
def test_no_rdata_raises(data: st.DataObject) -> None:
    rtype = data.draw(st.integers(1, 66) | st.sampled_from([99, 256, 257, 258, 260, 32769, 65280]))
    tokens = data.draw(st.lists(FRAGMENTS | st.text("09az.-+:/", max_size=6), max_size=8))
    line = f"a TYPE{rtype} {' '.join(tokens)}".replace("\n", " ")
    assert is_consistent(load_text("example.com", f"{HEAD}{line}\n"))


@given(st.integers(1, 66) | st.sampled_from([99, 256, 257, 32769, 65280]), st.binary(max_size=40))
def test_no_wire_data_raises(rtype: int, rdata: bytes) -> None:
    line = f"a TYPE{rtype} \\# {len(rdata)} {rdata.hex()}"
    assert is_consistent(load_text("example.com", f"{HEAD}{line}\n{line} ;\n"))
