"""A server to check when the operator names none: dnsd, and a caching Unbound in front of it.

Three names with TTLs short enough to see them run out in a minute. On loopback, ports of their
own, ended with the check.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.exception
import dns.message
import dns.query

from bench import verify
from bench.peers.base import Setup, Unavailable
from bench.peers.dnsd import PEER
from bench.resolvers import UNBOUND, Place
from bench.running import Ended, Running
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGIN = "dig.example."
TTLS = (7, 20, 45)
HOSTS = 200
START_S = 30.0


class Stand(NamedTuple):
    """Where it is, what it serves, and which programs in which versions it is made of."""

    port: int
    zone: Path
    watched: tuple[str, ...]
    versions: dict[str, str]


@contextlib.contextmanager
def stand() -> Iterator[Stand]:
    """Run the two servers while the body runs; StudyError when they do not start."""
    with tempfile.TemporaryDirectory(prefix="bench-dig-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        zone = directory / f"{ORIGIN}zone"
        zone.write_text(zone_text())
        try:
            yield _started(directory, zone, stack)
        except (Ended, Unavailable) as error:
            raise StudyError(f"the servers to be checked do not start: {error}") from error


def zone_text() -> str:
    """Return the zone: some hosts of an hour, an alias, a wildcard, one name for each of TTLS."""
    lines = ["$TTL 3600", "@ SOA ns1 hostmaster 1 7200 900 1209600 60", "@ NS ns1"]
    lines += ["ns1 A 192.0.2.53", "alias CNAME h1", "*.any A 192.0.2.99"]
    lines += [f"h{i} A 10.0.{i >> 8}.{i & 255}" for i in range(HOSTS)]
    lines += [f"ttl{ttl} {ttl} A 192.0.2.{ttl}" for ttl in TTLS]
    return "\n".join(lines) + "\n"


def _started(directory: Path, zone: Path, stack: contextlib.ExitStack) -> Stand:
    ports = [verify.free_port(), verify.free_port()]
    places = [directory / "dnsd", directory / "unbound"]
    for place in places:
        place.mkdir()
    starts = [
        PEER.prepare(Setup(places[0], ORIGIN, zone, ports[0])),
        UNBOUND.prepare(Place(places[1], "127.0.0.1", ports[1], ORIGIN, "127.0.0.1", ports[0])),
    ]
    for start, place, port in zip(starts, places, ports, strict=True):
        running = stack.enter_context(Running(start.command, place, start.environment))
        running.wait(lambda port=port: _answers(port), START_S)  # type: ignore[misc]
    watched = tuple(f"ttl{ttl}.{ORIGIN}" for ttl in TTLS)
    versions = {"dnsd": PEER.version(), "Unbound": UNBOUND.version()}
    return Stand(ports[1], zone, watched, versions)


def _answers(port: int) -> bool:
    """Tell whether the zone is answered on ``port`` of loopback."""
    query = dns.message.make_query(f"h0.{ORIGIN}", "A")
    try:
        return bool(dns.query.udp(query, "127.0.0.1", 0.5, port).answer)
    except (dns.exception.DNSException, OSError):
        return False
