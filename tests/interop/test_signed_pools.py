"""Pools of signed zones before a validator: whatever a word says, with whatever TTL, is secure.

Unbound asks a worker whose words are written here: one pool for each case, so that no answer
comes from a cache.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.message
import dns.query
import dns.rcode
import pytest
from dns.rdatatype import NSEC, NSEC3, RRSIG, A

from dnsd import compile as compiler
from dnsd.build.policycheck import check_file
from dnsd.build.policypools import compiled, describe
from dnsd.config.policyfile import path_for
from dnsd.image import store
from dnsd.image.journal import Placed
from dnsd.image.selection import Mode, Selection, encode
from dnsd.process.statedir import IMAGES
from dnsd.wire.name import from_text
from dnsd.zone.load import load_zone
from tests.conftest import needs
from tests.interop.peers import Dnsd
from tests.interop.signers import BindSigner, Chain, Ldns, Signer
from tests.interop.validator import Status, Unbound
from tests.serving import free_port
from tests.support import until
from tests.worker import WorkerNode

if TYPE_CHECKING:
    from collections.abc import Iterator

TTLS = (300, 30, 1, 0)
MEMBERS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
FALLBACK = ("198.51.100.1", "198.51.100.2")
ADDRESSES = (*MEMBERS, *FALLBACK)

_APEX = "$TTL 300\n@ SOA ns host 1 3600 600 86400 {}\n@ NS ns\nns A 127.0.0.1\n"
MINIMUM = {Chain.NSEC: 300, Chain.OPT_OUT: 4, Chain.NSEC3: 300}


class Case(NamedTuple):
    """A pool and its word; ``asked`` may be a name that the wildcard ``owner`` stands for."""

    owner: str
    asked: str
    selection: Selection
    all_down: str = "fallback"
    select: str = "all"


def _cases() -> Iterator[Case]:
    for ttl in TTLS:
        for mask in (*range(1, 8), 0b11000):
            selection = Selection(mask, ttl, Mode.ANSWER)
            yield Case(f"m{mask}-{ttl}", f"m{mask}-{ttl}", selection)
        for mask in (0b101, 0b010, 0b11000):
            owner = f"one{mask}-{ttl}"
            yield Case(owner, owner, Selection(mask, ttl, Mode.SOME), select="one")
            yield Case(f"*.w{mask}-{ttl}", f"a.b.w{mask}-{ttl}", Selection(mask, ttl, Mode.ANSWER))
        for mask in (0b111, 0b110, 0b100, 0b11000):
            owner = f"some{mask}-{ttl}"
            yield Case(owner, owner, Selection(mask, ttl, Mode.SOME), select="some:2")
        owner = f"sticky-{ttl}"
        yield Case(owner, owner, Selection(0b110, ttl, Mode.SOME), select="sticky")
        yield Case(f"none-{ttl}", f"none-{ttl}", Selection(0, ttl, Mode.NODATA), "nodata")
    yield Case("new", "new", Selection(0, 0, Mode.UNSET), select="one")
    yield Case("*.new", "x.new", Selection(0, 0, Mode.UNSET))


CASES = list(_cases())


class TwoAlgorithms(BindSigner):
    """BIND, with a key of another algorithm beside its own: each RRset has two signatures."""

    name = "bind2"

    def sign(self, origin: str, source: Path, target: Path, chain: Chain) -> str:
        key = self.run("dnssec-keygen", "-q", "-a", "ED25519", "-f", "KSK", origin).strip()
        anchor = super().sign(origin, source, target, chain)
        return anchor + self.run("dnssec-dsfromkey", "-2", f"{key}.key")


def _sign(signer: Signer, chain: Chain) -> tuple[str, Path, str]:
    """Return origin, zone file and anchor of a zone with the pools of CASES, and its policy."""
    origin = f"{chain}.{signer.name}.test."
    directory = signer.directory
    source, zone = directory / f"{origin}source", directory / f"{origin}zone"
    lines = [f"{case.owner} A {member}\n" for case in CASES for member in MEMBERS]
    source.write_text(f"$ORIGIN {origin}\n{_APEX.format(MINIMUM[chain])}{''.join(lines)}")
    anchor = signer.sign(origin, source, zone, chain)
    keys = [path.stem for path in directory.glob(f"K{origin}*.private")]
    zone.with_suffix(".toml").write_text(_policy(keys))
    return origin, zone, anchor


def _policy(keys: list[str]) -> str:
    text = f'[signing]\nkeys = {keys}\n[defaults]\ntype = "A"\ncheck = "none"\n'
    text += f"fallback = {list(FALLBACK)}\n"
    for case in CASES:
        text += f'[[pool]]\nname = "{case.owner}"\nall_down = "{case.all_down}"\n'
        text += f'select = "{case.select}"\n'
    return text


class Scene(NamedTuple):
    origins: list[str]
    node: WorkerNode
    unbound: Unbound


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("signed-pools")
    signed = [
        _sign(Ldns(directory), Chain.NSEC),
        _sign(BindSigner(directory), Chain.OPT_OUT),
        _sign(TwoAlgorithms(directory), Chain.NSEC3),
    ]
    (directory / "worker").mkdir()
    node = WorkerNode(directory / "worker")
    try:
        cells = itertools.count(0, 1 << 13)
        placed = [_place(node, origin, path, next(cells)) for origin, path, _ in signed]
        origins = [origin for origin, _, _ in signed]
        node.publish_epoch(dict(zip(map(from_text, origins), placed, strict=True)))
        node.start()
        node.until(lambda: node.generation == 1)
        zones = {origin: path for origin, path, _ in signed}
        anchors = [anchor for _, _, anchor in signed]
        with Unbound(directory / "unbound", zones, node.port, anchors) as unbound:
            yield Scene(origins, node, unbound)
    finally:
        node.close()


def _place(node: WorkerNode, origin: str, path: Path, cell: int) -> Placed:
    """Build the zone as a builder does, save it, and write the words of its pools."""
    zone = load_zone(origin, path).zone
    assert zone is not None
    policy, findings, signer = check_file(origin, path_for(path), zone)
    assert policy is not None
    assert findings == []
    pools = describe(policy, zone)
    image = compiler.build(zone, bytes(store.MAPPED_FROM), list(compiled(pools, signer)))
    store.save(node.directory / IMAGES / origin, image)
    for case, pool in zip(CASES, pools, strict=True):
        node.state.selections[cell + pool.cell] = encode(case.selection)
    return Placed(origin, cell)


@needs("unbound", "ldns-signzone", "ldns-keygen", "dnssec-signzone", "dnssec-keygen")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.owner)
def test_every_answer_is_secure(scene: Scene, case: Case) -> None:
    """In a zone with NSEC, one with NSEC3 and opt-out, and one with two algorithms."""
    for origin in scene.origins:
        name = f"{case.asked}.{origin}"
        verdict = scene.unbound.judge(name, "A")
        assert verdict.rcode == dns.rcode.NOERROR, f"{name}: {verdict.why}"
        # RFC 5155 §12.2: what a wildcard gives is insecure if the name may have been opted out.
        opted_out = case.owner.startswith("*") and origin.startswith(Chain.OPT_OUT)
        expected = Status.INSECURE if opted_out else Status.SECURE
        assert verdict.status is expected, f"{name}: {verdict.why}"


@needs("ldns-signzone", "ldns-keygen", "dnssec-signzone", "dnssec-keygen", "unbound")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.owner)
def test_it_is_what_the_word_says(scene: Scene, case: Case) -> None:
    """So that the validator has judged what it was meant to judge."""
    for origin in scene.origins:
        query = dns.message.make_query(f"{case.asked}.{origin}", "A", want_dnssec=True)
        response = dns.query.udp(query, "127.0.0.1", timeout=10, port=scene.node.port)
        answer = {rrset.rdtype: rrset for rrset in response.answer}
        signed = 2 if "bind2" in origin else 1
        if case.selection.mode is Mode.NODATA:
            assert not answer
            proofs = [one for one in response.authority if one.rdtype in {NSEC, NSEC3}]
            assert [" A " in f"{one[0]} " for one in proofs] == [False]
            ttl = 4 if origin.startswith(Chain.OPT_OUT) else 10
            assert {rrset.ttl for rrset in response.authority} == {ttl}
            for rrsigs in (one for one in response.authority if one.rdtype == RRSIG):
                assert all(rrsigs.ttl <= rrsig.original_ttl for rrsig in rrsigs)
            continue
        found = {rdata.to_text() for rdata in answer[A]}
        wanted = {one for bit, one in enumerate(ADDRESSES) if case.selection.mask & 1 << bit}
        if case.selection.mode is Mode.SOME:
            most = 2 if case.select == "some:2" else 1
            assert len(found) == min(most, case.selection.mask.bit_count())
            assert found <= wanted
        else:
            assert found == wanted or (case.selection.mode is Mode.UNSET and found == set(MEMBERS))
        ttl = case.selection.ttl if case.selection.mode is not Mode.UNSET else 5
        assert (answer[A].ttl, answer[RRSIG].ttl) == (ttl, ttl)
        assert len(answer[RRSIG]) == signed


# -- the whole of it --------------------------------------------------------------------------


@needs("unbound", "dnssec-signzone", "dnssec-keygen")
def test_a_node_whose_services_fail_stays_secure(tmp_path: Path) -> None:
    """Nobody listens at any member: each pool comes to say what ``all_down`` wants."""
    signer = BindSigner(tmp_path)
    origin = "down.test."
    directory = signer.directory
    source, zone = directory / "source", directory / "down.test.zone"
    owners = ("fallback", "nodata", "servfail")
    lines = [f"{owner} A 127.0.0.{last}\n" for owner in owners for last in (2, 3)]
    source.write_text(f"$ORIGIN {origin}\n{_APEX.format(300)}{''.join(lines)}")
    anchor = signer.sign(origin, source, zone, Chain.NSEC)
    (key,) = directory.glob("K*.private")
    text = f'[signing]\nkeys = ["{key.stem}"]\n[defaults]\ntype = "A"\ncheck = "tcp"\n'
    text += f'port = {free_port()}\ninterval = "200ms"\ntimeout = "100ms"\n'
    text += f'fast_interval = "100ms"\nfallback = ["{FALLBACK[0]}"]\n'
    text += "".join(f'[[pool]]\nname = "{owner}"\nall_down = "{owner}"\n' for owner in owners)
    zone.with_suffix(".toml").write_text(text)
    zones = {origin: zone}
    with Dnsd(tmp_path / "dnsd", zones) as server:
        until(lambda: _addresses(f"fallback.{origin}", server.port) == {FALLBACK[0]})
        until(lambda: _addresses(f"nodata.{origin}", server.port) == set())
        with Unbound(tmp_path / "unbound", zones, server.port, [anchor]) as unbound:
            for owner in ("fallback", "nodata"):
                verdict = unbound.judge(f"{owner}.{origin}", "A")
                assert verdict.rcode == dns.rcode.NOERROR
                assert verdict.status is Status.SECURE, f"{owner}: {verdict.why}"
            assert unbound.judge(f"servfail.{origin}", "A").rcode == dns.rcode.SERVFAIL


def _addresses(name: str, port: int) -> set[str]:
    query = dns.message.make_query(name, "A")
    response = dns.query.udp(query, "127.0.0.1", timeout=10, port=port)
    return {rdata.to_text() for rrset in response.answer for rdata in rrset}
