"""Aliases of signed zones before a validator: addresses of another name are secure as the zone is.

Unbound asks a node that follows a name which a resolver of the test's answers for.
"""

from __future__ import annotations

from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.conftest import needs
from tests.interop.peers import HOST
from tests.interop.signers import BindSigner, Chain, Ldns, Signer
from tests.interop.validator import Status, Unbound
from tests.resolver import running
from tests.support import make_node, until

CDN = "cdn.example.net."
IN_FILE, ONE, SIX = "192.0.2.1", "198.51.100.1", "2001:db8::7"
TEXT = f"""\
$TTL 300
@ SOA ns host 1 3600 600 86400 300
@ NS ns
@ A {IN_FILE}
@ AAAA 2001:db8::1
ns A 127.0.0.1
"""


@needs("unbound", "ldns-signzone", "ldns-keygen", "dnssec-signzone", "dnssec-keygen")
@pytest.mark.parametrize(("maker", "chain"), [(Ldns, Chain.NSEC), (BindSigner, Chain.NSEC3)])
def test_followed_addresses_are_secure(maker: type[Signer], chain: Chain, tmp_path: Path) -> None:
    signer = maker(tmp_path)
    origin = f"{chain}.{signer.name}.test."
    source = signer.directory / "source"
    source.write_text(f"$ORIGIN {origin}\n{TEXT}")
    with running() as resolver, make_node() as node:
        zone = node.zones / f"{origin.removesuffix('.')}.zone"
        anchor = signer.sign(origin, source, zone, chain)
        keys = [str(path.with_suffix("")) for path in signer.directory.glob("K*.private")]
        zone.with_suffix(".toml").write_text(
            f'[signing]\nkeys = {keys}\n[[alias]]\nname = "@"\ntarget = "{CDN}"\nttl_min = 1\n'
            f'networks = ["198.51.100.0/24", "2001:db8::/32"]\n'
            f'resolver = "{resolver.endpoint}"\n'
        )
        resolver.records[CDN, "A"] = ([ONE], 60)
        resolver.records[CDN, "AAAA"] = ([SIX], 3600)
        node.start()
        node.wait_ready()
        until(lambda: node.addresses(origin) == {ONE}, "the address is followed")
        with Unbound(tmp_path / "unbound", {origin: zone}, node.port, [anchor]) as unbound:
            for rtype, address in (("A", ONE), ("AAAA", SIX)):
                verdict = unbound.judge(origin, rtype)
                assert verdict.status is Status.SECURE, verdict.why
                query = dns.message.make_query(origin, rtype)
                answer = dns.query.udp(query, HOST, timeout=20, port=unbound.port).answer
                assert [one.to_text() for rrset in answer for one in rrset] == [address]
            assert unbound.judge(origin, "TXT").status is Status.SECURE
