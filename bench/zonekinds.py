"""Zones of other kinds than plain hosts, for what a start costs with each of them.

A registry's: delegations, half of them with glue, some of them signed; the same with NSEC3 and
opt-out; the zone of the signed loads with either chain; and files that are given.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import signing, zonegen
from bench.zonegen import Expectation, Query, ZonePlan, address, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REGISTRY = "registry.example."
HOSTERS = 500
"""Name servers' operators outside of the registry's zone."""


class KindZone(NamedTuple):
    """A zone of a kind: ``proof`` is the query by which a server shows that it has it."""

    name: str
    origin: str
    path: Path
    proof: Query
    denial: str = ""


def write_registry(path: Path, delegations: int, seed: int = 1) -> None:
    """Write a zone of so many ``delegations``, in no order."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in _registry(delegations, seed))


def _registry(delegations: int, seed: int) -> Iterator[str]:
    yield f"$ORIGIN {REGISTRY}"
    yield "$TTL 86400"
    yield f"@ SOA ns1 hostmaster {zonegen.SERIAL} 7200 900 1209600 300"
    yield "@ NS ns1"
    yield "ns1 A 192.0.2.1"
    rng = random.Random(seed)
    order = list(range(delegations))
    rng.shuffle(order)
    for i in order:
        name = cut(i)
        for server in ("ns1", "ns2"):
            if i % 2:
                yield f"{name} NS {server}.hoster{i % HOSTERS}.example."
            else:
                yield f"{name} NS {server}.{name}"
                yield f"{server}.{name} A {address(i)}"
        if i % 20 == 0:
            yield f"{name} DS {i % 65536} 13 2 {rng.getrandbits(256):064x}"


def make(
    directory: Path, delegations: int, signed: ZonePlan, files: Mapping[str, Path]
) -> list[KindZone]:
    """Write and sign the zones into ``directory``; ``files`` are others, by origin."""
    registry, own = directory / "registry", directory / "hosts"
    for each in (registry, own):
        each.mkdir(parents=True)
    write_registry(registry / "zone", delegations)
    signed.write(own / "zone")
    refer = Query(
        f"www.{cut(0)}.{REGISTRY}",
        "A",
        Expectation("NOERROR", authoritative=False, authority=(f"{cut(0)}.{REGISTRY}", "NS")),
    )
    opted_out = signing.sign(REGISTRY, registry / "zone", registry, opt_out=True)["NSEC3"]
    chains = signing.sign(zonegen.ORIGIN, own / "zone", own)
    return [
        KindZone("registry", REGISTRY, registry / "zone", refer),
        KindZone("registry, opt-out", REGISTRY, opted_out, refer, "NSEC3"),
        *(
            KindZone(f"hosts, {denial}", zonegen.ORIGIN, path, signed.proof(), denial)
            for denial, path in chains.items()
        ),
        *(KindZone(origin, origin, path, _apex(origin)) for origin, path in files.items()),
    ]


def _apex(origin: str) -> Query:
    """Return a query that a zone answers of which nothing is known: no zone has that type."""
    expect = Expectation("NOERROR", authoritative=True, authority=(origin, "SOA"))
    return Query(origin, "TYPE65280", expect)


def read_files(texts: Sequence[str]) -> dict[str, Path]:
    """Read ORIGIN=FILE; ValueError says what is wrong."""
    found = {}
    for text in texts:
        origin, equals, path = text.partition("=")
        if not equals or not Path(path).is_file():
            raise ValueError(f"'{text}' is not ORIGIN=FILE with a file that is there")
        found[f"{origin.rstrip('.')}."] = Path(path)
    return found
