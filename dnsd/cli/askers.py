"""Nodes and secondaries that can be asked, each with a time-out.

A node that does not answer, or not understandably, raises AdminError, a sentence; a server that
does not give its serial gives the reason. :mod:`dnsd.cli.survey` knows which ones to ask.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypedDict
from urllib.parse import urlencode, urlsplit

import msgspec

from dnsd.caches.report import NodeReport
from dnsd.caches.site import HERE
from dnsd.caches.version import canonical_name, rrset
from dnsd.checks.httpclient import Exchange
from dnsd.checks.result import ServiceFault, shown
from dnsd.cli.admin import ask as ask_admin
from dnsd.cli.admin import runs
from dnsd.config.endpoint import Endpoint
from dnsd.config.units import parse_duration
from dnsd.errors import AdminError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dns.rrset import RRset

    from dnsd.caches.version import Version


ANSWER_S = 5.0
"""How long a node may take, until its last octet is here."""
SERIAL_S = 2.0
"""How long a secondary may take; it is asked twice."""
LONGEST_REPORT = 64 << 20
"""Octets of a report."""


class _Zone(TypedDict):
    zone: str
    serial: int | None


class _Status(TypedDict):
    """What is needed of a status."""

    zones: list[_Zone]


_KINDS = {"horizon": NodeReport, "status": _Status}
"""What a page of another node must be: what else is in it is skipped, and takes no memory."""


class AskedNode(Protocol):
    """A node that can be asked, at ``address``."""

    address: str

    def get(self, page: str, arguments: Mapping[str, str]) -> Any:
        """Return what it answers, as JSON; AdminError if it doesn't."""
        ...


class Local:
    """The node behind an admin socket; NotRunning if none runs there."""

    address = HERE

    def __init__(self, path: Path) -> None:
        self._path = path

    def runs(self) -> bool:
        """Return whether a node runs there, busy or not."""
        return runs(self._path)

    def get(self, page: str, arguments: Mapping[str, str]) -> Any:
        """Ask by the command of the same name."""
        return ask_admin(self._path, page, ANSWER_S, **arguments)


class Remote:
    """A node at a URL; ValueError if it is none.

    It is asked itself, whatever the environment says of proxies, and no redirection is followed.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{url!r} is not the URL of a node: write one as http://192.0.2.1:9153"
            )
        self.address = url.rstrip("/")
        self._host, self._path = parts.netloc.rpartition("@")[2], parts.path.rstrip("/")
        self._tls = parts.scheme == "https"
        self._endpoint = parts.hostname, parts.port or (443 if self._tls else 80)

    def get(self, page: str, arguments: Mapping[str, str]) -> Any:
        """Get a page."""
        query = f"?{urlencode(arguments)}" if arguments else ""
        try:
            status, body = asyncio.run(self._ask(f"{self._path}/{page}{query}"))
        except ServiceFault as fault:
            raise AdminError(f"{self.address}: {fault}") from fault
        except TimeoutError as error:
            raise AdminError(f"{self.address}: no response within {ANSWER_S:g} s") from error
        except OSError as error:
            raise AdminError(
                f"{self.address}: cannot connect: {error.strerror or error}"
            ) from error
        if status != HTTPStatus.OK:
            text = shown(body.decode("utf-8", "replace"))
            raise AdminError(f"{self.address} refuses: {text or f'status {status}'}")
        if len(body) > LONGEST_REPORT:
            raise AdminError(f"{self.address} answers with more than {LONGEST_REPORT} octets")
        try:
            return msgspec.json.decode(body, type=_KINDS[page])
        except msgspec.ValidationError as error:
            raise AdminError(f"{self.address} answers with an invalid {page}: {error}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise AdminError(f"{self.address} answers with invalid JSON: {error}") from error

    async def _ask(self, target: str) -> tuple[int, bytes]:
        async with asyncio.timeout(ANSWER_S):
            context = ssl.create_default_context() if self._tls else None
            reader, writer = await asyncio.open_connection(*self._endpoint, ssl=context)
            try:
                exchange = Exchange(reader, writer)
                status = await exchange.get(target, self._host)
                return status, await exchange.body(LONGEST_REPORT + 1)
            finally:
                writer.transport.abort()


class SecondaryServer(msgspec.Struct, frozen=True):
    """A server that transfers ``zone``."""

    endpoint: Endpoint
    zone: str

    def serial(self) -> int | None:
        """Return the serial of the zone that it has; None if it does not say."""
        import dns.rdatatype

        for one in self._answer(self.zone, "SOA") or ():
            if one.rdtype == dns.rdatatype.SOA:
                return int(one[0].serial)
        return None

    def given(self, name: str, rtype: str) -> tuple[Version, ...] | None:
        """Return what it answers for ``name`` and ``rtype``; None if it does not answer."""
        import dns.rdatatype

        answer = self._answer(name, rtype)
        if answer is None:
            return None
        return tuple(
            rrset(
                one.name.to_text(),
                dns.rdatatype.to_text(one.rdtype),
                [rdata.to_wire() or b"" for rdata in one],
            )
            for one in answer
        )

    def _answer(self, name: str, rtype: str) -> list[RRset] | None:
        """Return the answer section of its response, None if there is no response."""
        import dns.exception
        import dns.message
        import dns.query

        query = dns.message.make_query(name, rtype)
        for _ in range(2):
            try:
                answer, _ = dns.query.udp_with_fallback(
                    query, self.endpoint.address, SERIAL_S, self.endpoint.port
                )
            except (OSError, dns.exception.DNSException):
                continue
            return answer.answer
        return None


def fenced(text: str) -> tuple[str, float]:
    """Return a node that is dead, and for how many seconds; ValueError is a sentence."""
    name, equals, when = text.rpartition("=")
    if not (name and equals):
        raise ValueError(f"{text!r} is not NODE=TIME, as in fra1=10m")
    return name.rstrip("/"), ago(when)


def ago(when: str) -> float:
    """Return how many seconds ago a time was; ValueError is a sentence."""
    try:
        return parse_duration(when)
    except ValueError:
        pass
    try:
        seconds = time.time() - datetime.fromisoformat(when).timestamp()
    except ValueError:
        raise ValueError(
            f'{when!r} is not a time: write how long ago it was ("10m"), or 2026-01-31T12:00:00'
        ) from None
    if seconds < 0:
        raise ValueError(f"{when!r} is in the future")
    return seconds


def secondary(text: str) -> SecondaryServer:
    """Return the secondary that ``text`` names; ValueError is a sentence."""
    where, slash, zone = text.partition("/")
    if not (where and slash and zone):
        raise ValueError(f"{text!r} is not ADDRESS[:PORT]/ZONE, as in 192.0.2.2/example.com")
    try:
        endpoint = Endpoint.parse(where)
    except ValueError:
        endpoint = Endpoint.parse(f"[{where}]:53" if ":" in where else f"{where}:53")
    return SecondaryServer(endpoint, canonical_name(zone))
