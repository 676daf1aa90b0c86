"""Small zones as text, for tests of the compiler, images and the hot path."""

from __future__ import annotations

from struct import unpack_from
from textwrap import dedent
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.name
import dns.zone
from dns.rdatatype import SOA

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.hotpath import Client, HotPath, Settings, Transport
from dnsd.image.store import Image
from dnsd.metrics import counters
from dnsd.wire import name as names
from tests.model import Model
from tests.records import OpenZone, records_of
from tests.signing import Nsec3, sign_nsec, sign_nsec3

if TYPE_CHECKING:
    from dnsd.metrics.counters import Counters
    from dnsd.zone.records import Zone

HEAD = "$TTL 600\n@ 3600 SOA ns.other. host.other. 7 3600 600 86400 300\n@ NS ns.other.\n"

UDP = Client(Transport.UDP, "192.0.2.1")
TCP = Client(Transport.TCP, "192.0.2.1")
NOW = 1_750_000_000.0

wire = names.from_text


def _parsed(text: str, origin: str) -> dns.zone.Zone:
    return dns.zone.from_text(HEAD + dedent(text), origin, relativize=False, check_origin=False)


def zone(text: str, origin: str = "example.") -> OpenZone:
    """Return the zone of ``text``; SOA and NS are there already."""
    return records_of(_parsed(text, origin))


def signed(text: str, origin: str = "example.", nsec3: Nsec3 | None = None) -> OpenZone:
    """Return the same with an NSEC chain, or an NSEC3 chain with those parameters."""
    model = Model(dns.name.from_text(origin))
    for owner, rdataset in _parsed(text, origin).iterate_rdatasets():
        for rdata in rdataset:
            if rdataset.rdtype != SOA:
                model.add(owner, rdataset.rdtype.name, rdata.to_text())
    if nsec3 is None:
        sign_nsec(model)
    else:
        sign_nsec3(model, nsec3)
    return records_of(model.zone())


def image(data: Zone) -> Image:
    """Compile ``data`` and open the image from memory."""
    return Image(compiler.build(data))


def serve(*zones: Zone, settings: Settings | None = None) -> tuple[HotPath, Counters]:
    """Return a hot path with ``zones``, and its counters."""
    cells = counters.fresh()
    path = hotpath.make(settings or Settings(), cells)
    for data in zones:
        path.put_zone(data.apex, image(data))
    return path, cells


def ask(
    path: HotPath,
    name: str | bytes,
    rtype: str,
    *,
    do: bool = False,
    payload: int | None = None,
    client: Client = TCP,
) -> dns.message.Message:
    """Ask ``path``; ``name`` as text or on the wire. EDNS when ``do`` or ``payload`` say so."""
    if isinstance(name, bytes):
        qname = dns.name.from_wire(name, 0)[0]
    else:
        qname = dns.name.from_text(name)
    query = dns.message.make_query(qname, rtype, use_edns=False, id=4711)
    query.flags = dns.flags.Flag(0)
    if do or payload is not None:
        query.use_edns(0, dns.flags.DO if do else 0, 1232 if payload is None else payload)
    octets = path.answer(query.to_wire(), NOW, client)
    assert octets is not None
    response = dns.message.from_wire(octets)
    assert query.is_response(response)
    # dnspython drops what stands there twice
    counts = [sum(len(rrset) for rrset in section) for section in response.sections[1:]]
    counts[2] += response.edns >= 0
    assert counts == list(unpack_from(">3H", octets, 6))
    return response


def lines(rrsets: list[dns.rrset.RRset]) -> list[str]:
    """Records as text without TTL and class: ``owner type rdata``."""
    return [
        f"{rrset.name} {rrset.rdtype.name} {rdata.to_text()}" for rrset in rrsets for rdata in rrset
    ]
