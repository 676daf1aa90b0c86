"""Unbound validates what dnsd serves: every kind of answer is secure, or rightly insecure."""

from __future__ import annotations

import gzip
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import dns.rcode
import pytest

from tests.conftest import needs
from tests.interop.peers import Dnsd
from tests.interop.signers import BindSigner, Chain, Family, Ldns
from tests.interop.validator import Status, Unbound
from tests.interop.zonefiles import EXAMPLES, root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOERROR, NXDOMAIN = dns.rcode.NOERROR, dns.rcode.NXDOMAIN


class Shown(Enum):
    """What an answer rests on, and so whether opt-out makes it insecure (RFC 5155 §12.2)."""

    BY_SIGNATURES = "no proof of absence, or one by a match"
    BY_A_SPAN = "a proof that something does not exist: in an opt-out span it is none"
    BY_THE_CHAIN = "a name that a chain with opt-out may leave out"
    NOT_AT_ALL = "data of an unsigned zone"


class Expected(NamedTuple):
    name: str
    rtype: str
    rcode: dns.rcode.Rcode
    shown: Shown


_TABLE = (
    (
        Shown.BY_SIGNATURES,
        NOERROR,
        "@ SOA, @ NS, @ MX, @ DNSKEY, @ TXT, @ ANY, www A, www TXT, www HTTPS, www MX, "
        "alias A, alias2 A, alias AAAA, *.wild A, ent A, target A, moved DNAME, a.there A, "
        "across A, secure DS, www.secure A, _443._tcp TLSA, _tcp A, _http._tcp SRV, "
        "node TYPE65280",
    ),
    (
        Shown.BY_A_SPAN,
        NOERROR,
        "x.wild A, y.x.wild TXT, x.wild MX, q.aliases A, q.aliases AAAA, towild A, towild MX, "
        "x.moved A, x.moved MX, x.wild.secure A",
    ),
    (
        Shown.BY_A_SPAN,
        NXDOMAIN,
        "nope A, a.b.nope A, nope.ent A, nope.opt A, tonothing A, nope.there A, nope.secure A",
    ),
    (Shown.BY_THE_CHAIN, NOERROR, "plain DS, opt A, plain.opt DS"),
    (Shown.NOT_AT_ALL, NOERROR, "www.plain A, x.wild.plain A, www.plain MX"),
    (Shown.NOT_AT_ALL, NXDOMAIN, "nope.plain A"),
)

EXPECTED = [
    Expected(name, rtype, rcode, shown)
    for shown, rcode, questions in _TABLE
    for name, _, rtype in (question.partition(" ") for question in questions.split(", "))
]


def expected_status(shown: Shown, family: Family) -> Status:
    secure = {
        Shown.BY_SIGNATURES: True,
        Shown.BY_A_SPAN: family.chain is not Chain.OPT_OUT,
        Shown.BY_THE_CHAIN: not family.leaves_out,
        Shown.NOT_AT_ALL: False,
    }
    return Status.SECURE if secure[shown] else Status.INSECURE


class Scene(NamedTuple):
    families: list[Family]
    unbound: Unbound


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("validation")
    signers = (Ldns(directory), BindSigner(directory))
    families = [signer.family(chain) for signer in signers for chain in Chain]
    zones = {zone.origin: zone.path for family in families for zone in family.zones}
    anchors = [family.anchor for family in families]
    with (
        Dnsd(directory / "dnsd", zones) as server,
        Unbound(directory / "unbound", zones, server.port, anchors) as unbound,
    ):
        yield Scene(families, unbound)


@needs("unbound", "ldns-signzone", "ldns-keygen", "dnssec-signzone", "dnssec-keygen")
@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: f"{one.name}-{one.rtype}")
def test_signed(scene: Scene, expected: Expected) -> None:
    """In all six zones: two signers, three ways to prove absence."""
    for family in scene.families:
        origin = family.parent.origin
        name = origin if expected.name == "@" else f"{expected.name}.{origin}"
        verdict = scene.unbound.judge(name, expected.rtype)
        assert verdict.rcode == expected.rcode, f"{name}: {verdict.why}"
        assert verdict.status is expected_status(expected.shown, family), f"{name}: {verdict.why}"


@needs("unbound", "ldns-signzone", "ldns-keygen")
@pytest.mark.parametrize(("iterations", "status"), [(150, Status.SECURE), (151, Status.INSECURE)])
def test_more_iterations_than_are_checked_are_insecure_and_not_bogus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iterations: int, status: Status
) -> None:
    """RFC 9276 §3.2: without a proof, but with a record that shows the iterations."""
    monkeypatch.setitem(Ldns.options, Chain.NSEC3, ("-n", "-t", str(iterations)))
    family = Ldns(tmp_path).family(Chain.NSEC3)
    zones = {zone.origin: zone.path for zone in family.zones}
    origin = family.parent.origin
    with (
        Dnsd(tmp_path / "dnsd", zones) as server,
        Unbound(tmp_path / "unbound", zones, server.port, [family.anchor]) as unbound,
    ):
        for name, rtype, rcode in (
            ("nope", "A", NXDOMAIN),
            ("ent", "A", NOERROR),
            ("www", "AAAA", NOERROR),
            ("x.wild", "A", NOERROR),
        ):
            verdict = unbound.judge(f"{name}.{origin}", rtype)
            assert (verdict.rcode, verdict.status) == (rcode, status), f"{name}: {verdict.why}"


@needs("unbound")
def test_examples(tmp_path: Path) -> None:
    """The signed examples, with the anchor that lies beside them."""
    zones = {f"{path.stem}.": path for path in EXAMPLES.glob("*signed.example.zone")}
    assert len(zones) == 2
    anchor = (EXAMPLES / "signed.example.anchor").read_text()
    with (
        Dnsd(tmp_path / "dnsd", zones) as server,
        Unbound(tmp_path / "unbound", zones, server.port, [anchor]) as unbound,
    ):
        for question in (
            "signed.example. A",
            "www.signed.example. AAAA",
            "anyone.users.signed.example. TXT",
            "empty.signed.example. A",
            "x.moved.signed.example. A",
            "insecure.signed.example. DS",
            "nothing.signed.example. A",
            "hashed.signed.example. DS",
            "www.hashed.signed.example. A",
            "alias.hashed.signed.example. AAAA",
            "in.the.hashed.signed.example. A",
            "secure.hashed.signed.example. DS",
        ):
            verdict = unbound.judge(*question.split())
            assert verdict.status is Status.SECURE, f"{question}: {verdict}"


@needs("unbound")
def test_root_zone(tmp_path: Path) -> None:
    """A zone that the world has validated, on a day when its signatures were good."""
    packed = root()
    if packed is None:
        pytest.skip("no root zone here: DNSD_ROOT_ZONE names its file")
    text = gzip.decompress(packed.read_bytes())
    path = tmp_path / "root.zone"
    path.write_bytes(text)
    lines = text.decode().splitlines()
    anchors = [line for line in lines if "\tDNSKEY\t257 " in line]
    serial = next(line for line in lines if "\tSOA\t" in line).split()[6]
    noon = f"{serial[:8]}120000"
    with (
        Dnsd(tmp_path / "dnsd", {".": path}) as server,
        Unbound(tmp_path / "unbound", {".": path}, server.port, anchors, noon) as unbound,
    ):
        for question in (". SOA", ". NS", "com. DS", "arpa. DS", "nothing-of-the-kind. A"):
            verdict = unbound.judge(*question.split())
            assert verdict.status is Status.SECURE, f"{question}: {verdict}"
