"""The native compiler and Python's make the same octets of a zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dnsd.compile import native
from dnsd.compile.assemble import Assembler
from dnsd.errors import ImageError
from dnsd.wire.rdata import NS
from dnsd.zone.load import load_text
from dnsd.zone.records import RRset, Zone
from dnsd.zone.structure import Structure
from tests import pools
from tests.parity.samples import sample, sample_nsec, sample_nsec3
from tests.parity.sections import NOW
from tests.parity.test_pools import candidates
from tests.signing import Nsec3
from tests.strategies import crowded, models, signed
from tests.unit import corezones

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dnsd.compile import PoolRecords
    from tests.model import Model

pytestmark = pytest.mark.skipif(native.image is None, reason="built without a C compiler")

KEY = bytes(range(16))


def octets(zone: Zone, chosen: Sequence[PoolRecords] = ()) -> tuple[bytes | str, bytes | str]:
    """What both make of ``zone``: an image, or why there is none."""
    assert native.image is not None
    return (
        attempt(native.image, zone, chosen, KEY, b"{}"),
        attempt(Assembler(zone, chosen, KEY).image, b"{}"),
    )


def attempt(make: Callable[..., bytearray], *arguments: object) -> bytes | str:
    try:
        return bytes(make(*arguments))
    except ImageError as error:
        return str(error)


def loaded(origin: str, text: str) -> Zone:
    result = load_text(origin, text, now=NOW)
    assert result.zone is not None, result.findings
    return result.zone


def of_model(model: Model) -> Zone:
    return loaded(str(model.origin), model.text())


def check(zone: Zone, chosen: Sequence[PoolRecords] = ()) -> None:
    made, expected = octets(zone, chosen)
    assert made == expected
    objects = Zone(zone.apex, dict(zone.nodes), dict(zone.signatures))
    assert octets(objects, chosen) == (expected, expected)


@given(models() | crowded())
def test_unsigned(model: Model) -> None:
    check(of_model(model))


@given(signed(models()))
def test_signed(model: Model) -> None:
    check(of_model(model))


@given(st.data(), models() | signed(models()))
def test_with_pools(data: st.DataObject, model: Model) -> None:
    zone = of_model(model)
    found = candidates(model)
    assume(found)
    keys = [pools.key(*one) for one in data.draw(st.lists(st.sampled_from(found), unique=True))]
    denial = next(
        (
            (types[rtype], zone.signatures[owner][rtype])
            for owner, types in zone.nodes.items()
            for rtype in (47, 50)
            if rtype in types and rtype in zone.signatures.get(owner, {})
        ),
        None,
    )
    fallback = {1: (bytes(4),), 28: (bytes(16),), 5: (zone.apex,)}
    check(
        zone,
        [pools.pool(zone, key, denial=denial, fallback=fallback[key.rtype]) for key in keys],
    )


@pytest.mark.parametrize("make", [sample, sample_nsec, sample_nsec3])
def test_the_samples(make: Callable[[], Model]) -> None:
    check(of_model(make()))


HEAD = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
LONG = ".".join(["x" * 60] * 3)
ODD = {
    "long chain": "".join(f"c{i} CNAME c{i + 1}\n" for i in range(20)),
    "loops": "a CNAME b\nb CNAME a\n*.w CNAME x.w\nc CNAME y.w\n",
    "DNAMEs in a circle": "d DNAME e\ne DNAME d\nf CNAME x.d\n",
    "names too long": f"d DNAME {LONG}\nc CNAME {LONG}.d\n",
    "services": "s SVCB 0 t\nt SVCB 1 . port=1\nt A 192.0.2.1\n*.h HTTPS 1 .\nh HTTPS 0 h\n",
    "many servers": "".join(f"s NS n{i}.s\nn{i}.s A 192.0.2.{i}\ns NS m{i}\n" for i in range(200)),
    "many targets": "".join(f"m MX {i} t{i}\nt{i} AAAA 2001:db8::{i:x}\n" for i in range(400)),
    "no room": "".join(f"b TXT {'x' * 250} {i}\n" for i in range(240)) + "c CNAME b\n",
    "occluded": "s NS n.s\nn.s A 192.0.2.1\nx.s MX 1 n.s\nd DNAME s\ny.d A 192.0.2.1\nm MX 1 y.d\n",
    "wildcards": "*.w A 192.0.2.1\nx.w TXT t\n*.x.w CNAME ns\nc CNAME q.w\ne CNAME q.x.w\n",
    "an alias to a delegation": f"s NS n.s\nn.s A 192.0.2.1\ns DS 1 13 2 {'ab' * 32}\na CNAME s\n",
    "a DNAME at the apex": "@ DNAME other.\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_odd_zones(text: str) -> None:
    check(loaded("example.", HEAD + text))


def test_signatures_over_a_delegation_are_left_out() -> None:
    """They are the child's (RFC 4035 §2.2); some signers leave them behind."""
    zone = of_model(sample_nsec())
    cut = next(owner for owner in Structure(zone).cuts if owner in zone.signatures)
    signatures = {**zone.signatures, cut: {**zone.signatures[cut], NS: some_signature(zone)}}
    made, expected = octets(Zone(zone.apex, dict(zone.nodes), signatures))
    assert made == expected == octets(zone)[0]


@pytest.mark.parametrize("nsec3", [None, Nsec3()])
def test_an_alias_through_a_wildcard_is_proved(nsec3: Nsec3 | None) -> None:
    check(corezones.signed("c CNAME x.w\n*.w CNAME b\nb A 192.0.2.1\n", nsec3=nsec3))


def some_signature(zone: Zone) -> RRset:
    return next(iter(zone.signatures[zone.apex].values()))


def test_an_answer_that_is_too_long() -> None:
    """An answer that is too long is refused in the same words."""
    zone = loaded("example.", HEAD + "b MX 1 a\n")
    owner = next(owner for owner in zone.nodes if owner.startswith(b"\1b"))
    rdatas = tuple(i.to_bytes(2) + b"\x3c%060d\0" % i for i in range(2000))
    made, expected = octets(zone.replaced([RRset(owner, 15, 60, rdatas)]))
    assert made == expected
    assert isinstance(made, str)
