"""Asks nodes for their reports and secondaries for their serials, each with a time-out.

Whoever is silent, or cannot be understood, is a fault that is told; it is never left out. Times
are by the clock of whoever asks: a report says only for how many seconds more.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypedDict
from urllib.parse import urlencode, urlsplit

import msgspec

from dnsd.checks.httpclient import Exchange
from dnsd.checks.result import Fault, shown
from dnsd.cli.admin import ask as ask_admin
from dnsd.config.endpoint import Endpoint
from dnsd.config.units import parse_duration
from dnsd.errors import AdminError, NotRunning
from dnsd.failover.horizon import Heard, Secondary
from dnsd.failover.ledger import Report
from dnsd.failover.version import canonical_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dnsd.failover.version import Question

ANSWER_S = 5.0
"""How long a node may take, until its last octet is here."""
SERIAL_S = 2.0
"""How long a secondary may take; it is asked twice."""
LONGEST_REPORT = 64 << 20
"""Octets of a report."""
_AT_ONCE = 32

_KEPT = 4
"""Reports of one node that are kept: the latest ones say all that the others did."""


class _Zone(TypedDict):
    zone: str
    serial: int | None


class _Status(TypedDict):
    """What is needed of a status."""

    zones: list[_Zone]


_KINDS = {"horizon": Report, "status": _Status}
"""What a page of another node must be: what else is in it is skipped, and takes no memory."""


class Node(Protocol):
    """A node that can be asked; ``name`` is what it is called until it tells its own."""

    name: str
    optional: bool
    """Whether it need not be there."""

    def get(self, page: str, arguments: Mapping[str, str]) -> Any:
        """Return what it answers, as JSON; AdminError if it doesn't."""
        ...


class Local:
    """The node behind an admin socket. If it is ``optional``, it need not run."""

    name = "here"

    def __init__(self, path: Path, *, optional: bool) -> None:
        self._path = path
        self.optional = optional

    def get(self, page: str, arguments: Mapping[str, str]) -> Any:
        """Ask by the command of the same name."""
        return ask_admin(self._path, page, ANSWER_S, **arguments)


class Remote:
    """A node at a URL; ValueError if it is none.

    It is asked itself, whatever the environment says of proxies, and no redirection is followed.
    """

    optional = False

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no URL of a node: write one as http://192.0.2.1:9153")
        self.name = url.rstrip("/")
        self._host, self._path = parts.netloc.rpartition("@")[2], parts.path.rstrip("/")
        self._tls = parts.scheme == "https"
        self._address = parts.hostname, parts.port or (443 if self._tls else 80)

    def get(self, page: str, arguments: Mapping[str, str]) -> Any:
        """Get a page."""
        query = f"?{urlencode(arguments)}" if arguments else ""
        try:
            status, body = asyncio.run(self._ask(f"{self._path}/{page}{query}"))
        except Fault as fault:
            raise AdminError(f"{self.name}: {fault}") from fault
        except TimeoutError as error:
            raise AdminError(f"{self.name}: no response within {ANSWER_S:g} s") from error
        except OSError as error:
            raise AdminError(f"{self.name}: cannot connect: {error.strerror or error}") from error
        if status != HTTPStatus.OK:
            text = shown(body.decode("utf-8", "replace"))
            raise AdminError(f"{self.name} refuses: {text or f'status {status}'}")
        if len(body) > LONGEST_REPORT:
            raise AdminError(f"{self.name} answers with more than {LONGEST_REPORT} octets")
        try:
            return msgspec.json.decode(body, type=_KINDS[page])
        except msgspec.ValidationError as error:
            raise AdminError(f"{self.name} answers what is no {page}: {error}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise AdminError(f"{self.name} answers what is no JSON: {error}") from error

    async def _ask(self, target: str) -> tuple[int, bytes]:
        async with asyncio.timeout(ANSWER_S):
            context = ssl.create_default_context() if self._tls else None
            reader, writer = await asyncio.open_connection(*self._address, ssl=context)
            try:
                exchange = Exchange(reader, writer)
                status = await exchange.get(target, self._host)
                return status, await exchange.body(LONGEST_REPORT + 1)
            finally:
                writer.transport.abort()


class Peer(Remote):
    """A node that the one here knows at this URL (its [failover] peers), as ``called``."""

    optional = True

    def __init__(self, url: str, called: str) -> None:
        super().__init__(url)
        self.called = called


def peers_of(local: Local) -> list[Peer]:
    """Return the nodes that the one here knows; none, if it cannot be asked."""
    try:
        found = local.get("failover", {})["peers"]
    except (AdminError, NotRunning):
        return []
    return [Peer(one["url"], one["node"] or "") for one in found]


class SecondaryServer(msgspec.Struct, frozen=True):
    """A server that transfers ``zone``."""

    endpoint: Endpoint
    zone: str

    def serial(self) -> int | None:
        """Return the serial of the zone that it has; None if it does not say."""
        import dns.exception
        import dns.message
        import dns.query
        import dns.rdatatype

        query = dns.message.make_query(self.zone, "SOA")
        for _ in range(2):
            try:
                answer = dns.query.udp(query, self.endpoint.address, SERIAL_S, self.endpoint.port)
            except (OSError, dns.exception.DNSException):
                continue
            for rrset in answer.answer:
                if rrset.rdtype == dns.rdatatype.SOA:
                    return int(rrset[0].serial)
        return None


class Site:
    """All that is asked: the ``heard`` reports, and what could not be heard (``faults``)."""

    def __init__(
        self,
        nodes: Sequence[Node],
        fences: Mapping[str, float],
        secondaries: Sequence[SecondaryServer],
        now: float,
    ) -> None:
        self.began = now
        self.faults: tuple[str, ...] = ()
        self._nodes = list(nodes)
        self._names: dict[Node, str] = {
            node: node.called for node in nodes if isinstance(node, Peer) and node.called
        }
        called = {node.name: name for node, name in self._names.items()}
        self.fenced = tuple((called.get(name, name), now - ago) for name, ago in fences.items())
        self._heard: dict[str, list[Heard]] = {}
        self._secondaries = secondaries
        self._wanted: dict[str, int] = {}
        self._moved: dict[SecondaryServer, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes that must have reported."""
        return tuple(self._names.get(node, node.name) for node in self._nodes)

    @property
    def heard(self) -> tuple[Heard, ...]:
        """What they said."""
        return tuple(one for reports in self._heard.values() for one in reports)

    def ask(self, question: Question | None) -> None:
        """Ask every node; NotRunning if the one that runs here must run, and does not."""
        arguments = {} if question is None else _arguments(question)
        faults: list[str] = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = [pool.submit(_report_of, node, arguments) for node in self._nodes]
        for node, future in zip(tuple(self._nodes), asked, strict=True):
            try:
                self._hear(node, future.result())
            except NotRunning:
                if node.optional and node not in self._names:
                    self._nodes.remove(node)  # none runs here: others were named
                    continue
                if not node.optional:
                    raise
                faults.append("the node that ran here has stopped")
            except AdminError as error:
                faults.append(str(error))
        self.faults = tuple(faults)

    def _hear(self, node: Node, heard: Heard) -> None:
        name = heard.report.node
        for other, its_name in self._names.items():
            if its_name != name or other is node:
                continue
            if other.optional:
                # It was named by its URL, too, or by another one.
                self._nodes.remove(other)
                del self._names[other]
                break
            raise AdminError(
                f"{node.name} and {other.name} both say that they are node {name}: name one "
                "of them only once, or give each its own [server] server_id"
            )
        self._names[node] = name
        self._heard[name] = [*self._heard.get(name, []), heard][-_KEPT:]

    def secondaries(self) -> tuple[Secondary, ...]:
        """Ask every secondary; the serial it should have is the one that the nodes serve."""
        if not self._secondaries:
            return ()
        self._wanted = self._serials()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            serials = list(pool.map(SecondaryServer.serial, self._secondaries))
        return tuple(map(self._secondary, self._secondaries, serials))

    def _secondary(self, server: SecondaryServer, serial: int | None) -> Secondary:
        wanted = self._wanted.get(server.zone)
        if wanted is None:
            raise AdminError(f"no node that was asked serves {server.zone}: nothing to compare")
        if serial is not None and (serial - wanted) % (1 << 32) < 1 << 31:
            self._moved.setdefault(server, time.monotonic())
        since = self._moved.get(server, 0.0)
        return Secondary(str(server.endpoint), server.zone, wanted, serial, since)

    def _serials(self) -> dict[str, int]:
        """Return the serials of the nodes that can be asked; the latest one, if they differ."""
        found: dict[str, int] = {}
        wanted = {server.zone for server in self._secondaries}
        for node in self._nodes:
            try:
                zones = node.get("status", {})["zones"]
            except (AdminError, KeyError, TypeError):
                continue  # that it is silent is told already
            for zone in zones:
                serial = zone["serial"]
                if zone["zone"] in wanted and serial is not None:
                    before = found.setdefault(zone["zone"], serial)
                    if 0 < (serial - before) % (1 << 32) < 1 << 31:
                        found[zone["zone"]] = serial
        return found


def fenced(text: str) -> tuple[str, float]:
    """Return a node that is dead, and for how many seconds; ValueError is a sentence."""
    name, equals, when = text.rpartition("=")
    if not (name and equals):
        raise ValueError(f"{text!r} is not NODE=TIME, as in fra1=10m")
    try:
        return name.rstrip("/"), parse_duration(when)
    except ValueError:
        pass
    try:
        ago = time.time() - datetime.fromisoformat(when).timestamp()
    except ValueError:
        raise ValueError(
            f'{when!r} is no time: write how long ago it was ("10m"), or 2026-01-31T12:00:00'
        ) from None
    return name.rstrip("/"), ago


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


def _arguments(question: Question) -> dict[str, str]:
    if question.target:
        return {"target": question.target}
    return {"name": question.name, "type": question.type}


def _report_of(node: Node, arguments: Mapping[str, str]) -> Heard:
    asked = time.monotonic()
    answer = node.get("horizon", arguments)
    received = time.monotonic()
    try:
        return Heard(msgspec.convert(answer, Report), asked, received)
    except msgspec.ValidationError as error:
        raise AdminError(f"{node.name} answers what is no report: {error}") from error
