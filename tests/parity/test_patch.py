"""A patched image answers, octet for octet, as the image that is built of the whole new version."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.build import contents
from dnsd.build.part import part_of
from dnsd.caches import listing
from dnsd.caches.changes import KnownZone, held_after
from dnsd.caches.listing import Contents
from dnsd.config.limits import Limits
from dnsd.errors import PatchError
from dnsd.hotpath import Client, Settings, Transport
from dnsd.image.store import Image, checksum
from dnsd.metrics import counters
from dnsd.versions import recordfile
from dnsd.versions.version import ZoneVersion, from_records
from dnsd.wire import name as names
from dnsd.wire.name import lower, wildcard_of
from dnsd.wire.rdata import DNAME, NS
from dnsd.zone.load import load_text, load_zone
from dnsd.zone.stored import version_of
from tests.strategies import crowded, models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hypothesis.strategies import DrawFn

    from dnsd.build.part import ChangedPart
    from dnsd.zone.findings import Finding
    from dnsd.zone.records import Zone

CLIENT = Client(Transport.TCP, "192.0.2.1")
QTYPES = (1, 2, 5, 6, 15, 16, 28, 33, 43, 64, 65, 255)
LABELS = (b"\x01a", b"\x01*", b"\x02ns", b"\x03new")
LIMITS = Limits()


class Built(NamedTuple):
    """A version, loaded and compiled as a whole."""

    version: ZoneVersion
    zone: Zone
    findings: frozenset[Finding]

    @property
    def image(self) -> Image:
        """What is compiled of it."""
        return Image(compiler.build(self.zone))


def built(version: ZoneVersion, directory: Path) -> Built | None:
    """Load ``version``; None if it is no zone."""
    path = directory / "records"
    recordfile.put(path, version)
    loaded = load_zone(names.to_text(version.apex), path, LIMITS)
    if loaded.zone is None:
        return None
    return Built(version, loaded.zone, frozenset(loaded.findings))


@st.composite
def histories(draw: DrawFn) -> list[ZoneVersion]:
    """Some versions of one zone: each has most of what all of them may have."""
    model = draw(models() | crowded())
    loaded = load_text(str(model.origin), model.text())
    assume(loaded.zone is not None)
    assert loaded.zone is not None
    records = list(version_of(loaded.zone))
    if draw(st.integers(0, 9)):
        records = [one for one in records if one.rtype != DNAME]
    soa, rest = records[0], records[1:]
    versions = []
    for number in range(draw(st.integers(2, 4))):
        kept = [soa._replace(rdata=_numbered(soa.rdata, number + 1))]
        for one in rest:
            at_apex = one.rtype == NS and lower(one.owner) == loaded.zone.apex
            kept_as, how = one, draw(st.sampled_from(("", "", "", "", "", "gone", "ttl", "case")))
            if how == "gone" and not at_apex:
                continue
            if how == "ttl":
                kept_as = one._replace(ttl=one.ttl + 1)
            if how == "case":
                kept_as = one._replace(owner=one.owner.upper())
            kept.append(kept_as)
        versions.append(from_records(loaded.zone.apex, kept))
    return versions


def _numbered(rdata: bytes, serial: int) -> bytes:
    return rdata[:-20] + serial.to_bytes(4, "big") + rdata[-16:]


@given(histories())
def test_answers_and_findings(
    tmp_path_factory: pytest.TempPathFactory, versions: list[ZoneVersion]
) -> None:
    directory = tmp_path_factory.mktemp("versions")
    last = built(versions[0], directory)
    assume(last is not None)
    assert last is not None
    image = last.image
    for version in versions[1:]:
        new = built(version, directory)
        try:
            part = part_of(image, last.version, version, LIMITS, str(directory / "records"))
            patched = Image(part.image(image, b"{}").joined(), "patched")
        except PatchError as error:
            event(str(error))
            return
        if new is None:
            assert any(one.severity == "error" for one in part.findings)
            return
        event("patched")
        _check_findings(last, new, part)
        _check_held(last, new, part)
        image = patched
        assert checksum(image.buffer) == image.checksum
        assert (image.serial, image.names) == (version.serial, new.image.names)
        agree(image, new.image, {*asked(last.version), *asked(version)})
        last = new


def _check_findings(last: Built, new: Built, part: ChangedPart) -> None:
    """A kind of fault that the zone did not have is found in the part; without faults, none is.

    Of one that it had, another record may be told: some findings are about many records.
    """
    codes = [{one.code for one in found} for found in (last.findings, new.findings, part.findings)]
    assert codes[1] - codes[0] <= codes[2]
    assert new.findings or not part.findings


def _check_held(last: Built, new: Built, part: ChangedPart) -> None:
    """What caches may hold is told by the part as by both zones; and nothing else is."""
    listings = (contents.listed(one) for one in (last.zone, new.zone, part.before, part.after))
    old, now, before, after = (
        KnownZone(names.to_text(new.version.apex), Contents(negative=5), listing.decode(bytes(one)))
        for one in listings
    )
    now, after = (one._replace(contents=Contents(digest="other")) for one in (now, after))
    assert set(held_after(before, after)) == set(held_after(old, now))


def asked(version: ZoneVersion) -> Iterator[bytes]:
    """The names of records and targets, those above, and some that may not be there."""
    for name in {lower(one.owner) for one in version}:
        for one in names.ancestors(name)[: -len(names.labels(version.apex)) or None]:
            yield one
            yield from (label + one for label in LABELS)
            yield wildcard_of(LABELS[0] + one)


def agree(one: Image, other: Image, about: Iterable[bytes]) -> None:
    """Have both answer all that may be asked about some names."""
    paths = []
    for image in (one, other):
        path = hotpath.make(Settings(), counters.fresh())
        path.put_zone(image.apex, image)
        paths.append(path)
    for name in sorted(about):
        if len(name) > names.MAX_NAME:
            continue
        for rtype in QTYPES:
            for tail in (b"\0\0", b"\0\1"):
                query = _query(name, rtype, tail)
                mine, its = (path.answer(query, 0.0, CLIENT) for path in paths)
                assert mine == its, (names.to_text(name), rtype)


def _query(name: bytes, rtype: int, edns: bytes) -> bytes:
    head = b"\x12\x34\0\0\0\1\0\0\0\0" + edns
    option = b"\0\0\x29\xff\xff\0\0\x80\0\0\0" if edns[1] else b""
    return head + name + rtype.to_bytes(2, "big") + b"\0\1" + option


CHANGES = {
    "the serial, and aliases that lead to the SOA": (["a CNAME @", "b CNAME a"], []),
    "what a wildcard gives": (["a CNAME x.w", "b CNAME a", "*.w A 192.0.2.1"], ["*.w A 192.0.2.2"]),
    "a name in place of a wildcard": (["a CNAME x.w", "*.w A 192.0.2.1"], ["+ x.w TXT t"]),
    "an empty name in place of a wildcard": (["a CNAME x.w", "*.w A 192.0.2.1"], ["+ d.x.w TXT t"]),
    "a wildcard comes": (["a CNAME x.w", "w TXT t"], ["+ *.w A 192.0.2.1"]),
    "a wildcard at the apex goes": (["a CNAME x.w", "*.w A 192.0.2.1", "* TXT t"], ["- * TXT t"]),
    "a target's address, behind an alias": (
        ["a CNAME m", "m MX 1 t", "t A 192.0.2.1"],
        ["t A 192.0.2.2"],
    ),
    "an alias of a wildcard": (["a CNAME x.w", "*.w CNAME t", "t A 192.0.2.1"], ["t A 192.0.2.2"]),
    "glue": (["c NS n.c", "n.c A 192.0.2.1", "d NS n.c", "a CNAME x.d"], ["n.c A 192.0.2.2"]),
    "a delegation comes": (["a CNAME x.c", "* TXT t"], ["+ c NS n.c", "+ n.c A 192.0.2.1"]),
    "a delegation goes": (
        ["a CNAME x.c", "c NS n.c", "n.c A 192.0.2.1"],
        ["- c NS n.c", "- n.c A 192.0.2.1"],
    ),
    "the last name below an empty one": (["x.y.z A 192.0.2.1", "z TXT t"], ["- x.y.z A 192.0.2.1"]),
    "a TTL": (["s SRV 1 1 1 t", "t 60 A 192.0.2.1"], ["t 61 A 192.0.2.1"]),
    "spelling": (["s SRV 1 1 1 t", "t A 192.0.2.1"], ["T A 192.0.2.1"]),
    "a wildcard below a wildcard": (["*.*.w TXT t", "*.w TXT t"], ["*.*.w TXT u"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_way_to_depend_on_a_name(what: str) -> None:
    before, changes = CHANGES[what]
    more = [one[2:] for one in changes if one[0] == "+"]
    gone = [one[2:] for one in changes if one[0] == "-"]
    other = [one for one in changes if one[0] not in "+-"]
    replaced = {one.lower().split()[0] for one in other}
    after = [one for one in before if one not in gone and one.split()[0] not in replaced]
    old, new = of_lines(1, before), of_lines(2, [*after, *other, *more])
    image = Image(compiler.build(old))
    part = part_of(image, version_of(old), version_of(new), LIMITS)
    patched = Image(part.image(image, b"{}").joined())
    agree(patched, Image(compiler.build(new)), {*asked(version_of(old)), *asked(version_of(new))})


def of_lines(serial: int, lines: list[str]) -> Zone:
    others = [f"h{number} TXT t" for number in range(20)]  # so that there is room in the table
    text = "\n".join(["$TTL 60", f"@ SOA ns h {serial} 1 1 9 1", "@ NS ns", *others, *lines, ""])
    loaded = load_text("example.", text)
    assert loaded.zone is not None, loaded.findings
    return loaded.zone


def test_what_is_refused() -> None:
    image = Image(compiler.build(of_lines(1, ["x.c TXT t"])))
    old, new = version_of(of_lines(1, ["x.c TXT t"])), version_of(of_lines(2, ["c NS n.other."]))
    with pytest.raises(PatchError, match="has come where names were"):
        part_of(image, old, new, LIMITS)
    image = Image(compiler.build(of_lines(2, ["c NS n.other."])))
    with pytest.raises(PatchError, match="are still there"):
        part_of(image, new, old, LIMITS)
