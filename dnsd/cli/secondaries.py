"""Asks the secondaries of a site: those that are named, and those that its nodes notify.

One that is a node of the site itself has an account there, and needs none here.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from dnsd.caches.inquiry import Secondary
from dnsd.caches.site import Answered
from dnsd.cli.askers import SecondaryServer
from dnsd.cli.survey import is_later
from dnsd.config import Endpoint
from dnsd.config.transfers import DNS_PORT
from dnsd.wire.member import is_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dnsd.caches.site import Site
    from dnsd.caches.version import Version
    from dnsd.cli.survey import Survey

_AT_ONCE = 32
_ALL = ("0.0.0.0", "::")
MOST = 1000
"""Secondaries that are asked of which nodes tell: the others have not been asked then."""


class _Told(NamedTuple):
    """A secondary as it is called, and for which ``pools`` it is asked, too."""

    name: str
    zone: str
    pools: tuple[tuple[str, str], ...] = ()

    def servers(self) -> list[SecondaryServer]:
        """Return where it is: nowhere if that cannot be found out. Takes time."""
        try:
            if not is_name(self.name):
                return [SecondaryServer(Endpoint.parse(self.name), self.zone)]
            found = socket.getaddrinfo(self.name, DNS_PORT, type=socket.SOCK_DGRAM)
        except (OSError, ValueError):  # a node may tell anything
            return []
        addresses = sorted({str(one[4][0]) for one in found})
        return [SecondaryServer(Endpoint(one, DNS_PORT), self.zone) for one in addresses]


class _Heard(NamedTuple):
    """What one has answered; no ``serial`` if it has not."""

    serial: int | None
    given: tuple[Version, ...] = ()


class Secondaries:
    """The secondaries of a site, and since when each has had which change.

    ``servers`` are those that were named.
    """

    def __init__(self, servers: Sequence[SecondaryServer] = ()) -> None:
        self._named = [_Told(str(one.endpoint), one.zone) for one in servers]
        self._moved: dict[tuple[SecondaryServer, int | str], float] = {}

    def ask(self, survey: Survey) -> tuple[Secondary, ...]:
        """Ask all that are known; the serial they should have is the one that the nodes serve."""
        told = self._all(survey.site)
        if not told:
            return ()
        wanted = survey.serials({one.zone for one in told})
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda one: self._ask(one, wanted[one.zone], survey.site), told)
            return tuple(chain.from_iterable(found))

    def _all(self, site: Site) -> list[_Told]:
        """Return all that are known, each once."""
        found: dict[tuple[str, str], _Told] = {}
        for one in chain(self._named, islice(_told(site), MOST)):
            before = found.get((one.name, one.zone), one)
            pools = tuple(sorted({*before.pools, *one.pools}))
            found[one.name, one.zone] = one._replace(pools=pools)
        return list(found.values())

    def _ask(self, told: _Told, wanted: int | str, site: Site) -> list[Secondary]:
        """Ask one, wherever it is."""
        found = []
        for server in told.servers():
            node = _node_at(server.endpoint, site)
            heard = _Heard(None) if node else _hear(told, server)
            found.append(self._secondary(told, server, heard, wanted, node))
        return found or [Secondary(told.name, told.zone, wanted, None)]

    def _secondary(
        self, told: _Told, server: SecondaryServer, heard: _Heard, wanted: int | str, node: str
    ) -> Secondary:
        serial = heard.serial
        if serial is not None and isinstance(wanted, int) and not is_later(wanted, serial):
            self._moved.setdefault((server, wanted), time.monotonic())
        since = self._moved.get((server, wanted), 0.0)
        return Secondary(told.name, told.zone, wanted, serial, since, heard.given, node)


def _told(site: Site) -> Iterator[_Told]:
    """Yield the secondaries of which nodes tell."""
    for one in site.sightings:
        if isinstance(one.outcome, Answered):
            for told in one.outcome.report.secondaries:
                yield _Told(told.server, told.zone, told.pools)


def _hear(told: _Told, server: SecondaryServer) -> _Heard:
    """Ask a server for its serial, and then for the pools: what it answers is no older."""
    serial = server.serial()
    answers = [server.given(*pool) for pool in told.pools] if serial is not None else []
    given = [version for answer in answers if answer is not None for version in answer]
    return _Heard(None if None in answers else serial, tuple(given))


def _node_at(endpoint: Endpoint, site: Site) -> str:
    """Return which node of the site listens there; empty if none does."""
    for one in site.sightings:
        if not isinstance(one.outcome, Answered):
            continue
        here = urlsplit(one.address).hostname == endpoint.address
        anywhere = [str(Endpoint(every, endpoint.port)) for every in _ALL] if here else []
        if {str(endpoint), *anywhere} & {*one.outcome.report.listens}:
            return one.outcome.node
    return ""
