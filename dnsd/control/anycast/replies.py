"""What BIRD replies, as values: BIRD 2 and 3, as ``birdcl -v`` prints it.

    1002-vip        Direct     ---        up     23:29:35.874      four digits and "-" or " "
    1006-  Channel ipv4
             State:          UP                                    as above: the same code

The codes say what a line is; English is read only where there is no code for it. Pure: every
fault is a BirdError, to which the caller adds the command.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from dnsd.errors import BirdError
from dnsd.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

RECONFIGURED = frozenset({3, 4, 5})  # done, in progress, queued behind another one
CONFIGURATION_OK = frozenset({20})
DISABLED = frozenset({8, 9})  # 8: it was already
ENABLED = frozenset({10, 11})
STATUS = 13
ROUTE_NOT_FOUND = 8001
CONFIGURATION_ERROR = 8002
NO_PROTOCOL = 8003
INTERRUPTED = 8004
ACCESS_DENIED = 8007
PARSE_ERROR = 9001

_FIRST_REFUSAL = 8000
_VERSION, _PROTOCOL, _DETAIL, _ROUTE, _UPTIME, _ATTRIBUTE, _BFD = (
    1000, 1002, 1006, 1007, 1011, 1012, 1020,
)  # fmt: skip

_NO_TABLES = (
    "No valid tables",
    "Requested 'show route export' to protocols which aren't accepting exports at all.",
)
"""What BIRD 2 and 3 say, with the code of a syntax error, if no table can have such routes."""

_LONGEST_QUOTE = 500
"""Characters of a reply that a sentence repeats: the paths of two files, and what is wrong."""

_JITTER_S = 0.005
"""By how much a time of BIRD's may differ from what it said before and be the same."""

_DESTINATIONS = frozenset(
    {"unicast", "blackhole", "unreachable", "prohibited", "recursive"}
    | {"unknown", "valid", "invalid"}  # of flow specifications
)
_CODED = re.compile(r"([0-9]{4})[- ](.*)", re.DOTALL)
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d\S*")
_COMMUNITIES = re.compile(r"\t(?:BGP\.|bgp_)community:")
_COMMUNITY = re.compile(r"\((\d{1,5}),\s?(\d{1,5})\)")


class Status(NamedTuple):
    """The reply to ``show status``; the times are as BIRD writes them."""

    version: str
    router_id: str
    booted: str
    reconfigured: str


class Protocol(NamedTuple):
    """A line of ``show protocols``: ``state`` is "up", "down", "start", "stop" or "flush".

    BIRD does not distinguish a protocol that was disabled from one that is down by itself;
    for one that learns addresses of an interface they are the same.
    """

    name: str
    kind: str
    state: str
    disabled: bool
    since: str
    info: str


class BgpSession(NamedTuple):
    """A BGP session; ``bfd`` is the state of the BFD session beside it, if there is one.

    ``neighbor`` is an address, with ``%interface`` if it is link-local; "" if any will do.
    ``info`` says why the session is not established.
    """

    name: str
    established: bool
    neighbor: str
    bfd: str | None
    info: str


class BirdRoute(NamedTuple):
    """A route: its prefix, its standard communities, the protocol that it comes from."""

    prefix: str
    communities: tuple[tuple[int, int], ...]
    protocol: str


class ReplyLine(NamedTuple):
    """A line of a reply."""

    code: int
    text: str


class Reply(NamedTuple):
    """What BIRD (at ``bird``, its control socket) replied to ``command``."""

    bird: str
    command: str
    lines: tuple[ReplyLine, ...]

    @property
    def refusal(self) -> ReplyLine | None:
        """The line that says why it was not done."""
        return next((line for line in self.lines if line.code >= _FIRST_REFUSAL), None)

    @property
    def no_routes(self) -> bool:
        """Whether it says that there are none of the routes asked for."""
        line = self.refusal
        return line is not None and (
            line.code == ROUTE_NOT_FOUND
            or (line.code == PARSE_ERROR and line.text.strip() in _NO_TABLES)
        )

    def check(self) -> None:
        """BirdError if BIRD refuses."""
        line = self.refusal
        if line is not None:
            raise BirdError(self._refusal_sentence(line))

    def expect(self, codes: Collection[int]) -> None:
        """Raise BirdError unless the reply has one of ``codes``."""
        self.check()
        if any(line.code in codes for line in self.lines):
            return
        if not self.lines:
            raise self.garbled("")
        code, text = self.lines[-1]
        raise BirdError(
            f"BIRD at {self.bird} answered '{self.command}' with: {plain(text)} (code {code})"
        )

    def garbled(self, text: str) -> BirdError:
        """Return the error for a reply whose meaning is not known."""
        return BirdError(
            f"BIRD at {self.bird} answered '{self.command}' with something that dnsd does not "
            f'understand ("{plain(text)}"): is that the control socket of BIRD 2 or 3?'
        )

    def _refusal_sentence(self, line: ReplyLine) -> str:
        said = plain(line.text)
        where = f"BIRD at {self.bird}"
        if line.code == CONFIGURATION_ERROR:
            return (
                f"{where} refuses its configuration: {said}; correct it: "
                "until then BIRD goes on with the one it has"
            )
        if line.code == NO_PROTOCOL:
            return (
                f"{where} has no protocol for '{self.command}': correct protocol "
                "and sessions in [anycast.bird], or BIRD's configuration"
            )
        if line.code == ACCESS_DENIED:
            return (
                f"{where} refuses '{self.command}', because this control socket is restricted: "
                "name one that is not in [anycast.bird] ctl"
            )
        return f"{where} refuses '{self.command}': {said} (code {line.code})"


def read_reply(bird: str, command: str, text: str) -> Reply:
    """Return what ``birdcl -v`` has printed as a reply; BirdError if that is none."""
    lines: list[ReplyLine] = []
    reply = Reply(bird, command, ())
    for raw in text.replace("\r", "").split("\n"):
        if not raw or raw.startswith(">>> "):
            continue  # the end; or an unasked message
        coded = _CODED.fullmatch(raw)
        if coded:
            lines.append(ReplyLine(int(coded[1]), coded[2]))
        elif raw.startswith("     ") and lines:
            lines.append(ReplyLine(lines[-1].code, raw[5:]))
        else:
            raise reply.garbled(raw)
    return reply._replace(lines=tuple(lines))


def read_status(reply: Reply) -> Status:
    """Read the reply to ``show status``."""
    reply.expect({STATUS})
    version = next((text for code, text in reply.lines if code == _VERSION), "")
    uptime = [text for code, text in reply.lines if code == _UPTIME]
    return Status(
        version.removeprefix("BIRD ").removeprefix("v"),
        _after("Router ID is ", uptime),
        _after("Last reboot on ", uptime),
        _after("Last reconfiguration on ", uptime),
    )


def steady(read: Status, before: Status, told: Status) -> Status:
    """Return ``read`` with the times that ``told`` has, if they are but what they were.

    BIRD reckons them back from its clock each time, so that they come out a millisecond
    earlier or later. ``before`` is what was read the last time.
    """
    return read._replace(
        booted=told.booted if _is_near(read.booted, before.booted) else read.booted,
        reconfigured=told.reconfigured
        if _is_near(read.reconfigured, before.reconfigured)
        else read.reconfigured,
    )


def read_protocols(reply: Reply) -> tuple[Protocol, ...]:
    """Read the reply to ``show protocols``, with or without ``all``."""
    reply.check()
    return tuple(_protocol(reply, text) for code, text in reply.lines if code == _PROTOCOL)


def read_sessions(reply: Reply, bfd: Mapping[str, str]) -> tuple[BgpSession, ...]:
    """Read the BGP sessions of the reply to ``show protocols all``.

    ``bfd`` is what :func:`read_bfd` has read.
    """
    reply.check()
    found = []
    for protocol, details in _with_details(reply):
        if protocol.kind != "BGP":
            continue
        neighbor = details.get("Neighbor address", "").partition(" ")[0]
        state = details.get("BGP state") or protocol.info.partition(",")[0]
        established = protocol.state == "up" and state == "Established"
        info = "" if established else protocol.info or protocol.state
        found.append(BgpSession(protocol.name, established, neighbor, _beside(neighbor, bfd), info))
    return tuple(found)


def read_bfd(reply: Reply) -> dict[str, str]:
    """Read the reply to ``show bfd sessions``: the state by address, and by ``ADDRESS%IFACE``."""
    reply.check()
    states: dict[str, str] = {}
    for code, text in reply.lines:
        words = text.split()
        # The lines before are the protocol's name, or that it is not up, and the heading.
        if code == _BFD and len(words) >= 6 and words[0] != "IP":
            states[words[0]] = words[2]
            states[f"{words[0]}%{words[1]}"] = words[2]
    return states


def read_routes(reply: Reply) -> tuple[BirdRoute, ...]:
    """Read the reply to ``show route … all``."""
    if reply.no_routes:
        return ()
    reply.check()
    routes: list[BirdRoute] = []
    in_communities = False
    for code, text in reply.lines:
        if code == _ROUTE:
            routes.extend(_route(reply, text, routes[-1].prefix if routes else ""))
        if code != _ATTRIBUTE or not text.startswith("\t\t"):  # else it goes on
            in_communities = code == _ATTRIBUTE and _COMMUNITIES.match(text) is not None
        if in_communities and routes:
            more = tuple((int(high), int(low)) for high, low in _COMMUNITY.findall(text))
            routes[-1] = routes[-1]._replace(communities=routes[-1].communities + more)
    return tuple(routes)


def plain(text: str) -> str:
    """Return ``text`` as one line that is fit to print in a sentence."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"


def _is_near(one: str, other: str) -> bool:
    try:
        apart = datetime.fromisoformat(one) - datetime.fromisoformat(other)
    except (ValueError, TypeError):  # the operator has chosen another format
        return one == other
    return abs(apart.total_seconds()) < _JITTER_S


def _protocol(reply: Reply, text: str) -> Protocol:
    """Read "name kind table state since info", in columns that long words push aside."""
    words = text.split(maxsplit=4)
    if len(words) < 4:
        raise reply.garbled(text)
    name, kind, _table, state = words[:4]
    rest = words[4] if len(words) == 5 else ""
    timed = _DATE_AND_TIME.match(rest)
    since = timed[0] if timed else rest.partition(" ")[0]
    # "Active        Socket: Connection refused": the state, then the last error.
    info = re.sub(r"\s\s+", ", ", rest[len(since) :].strip())
    return Protocol(name, kind, state, state == "down", since, info)


def _with_details(reply: Reply) -> Iterator[tuple[Protocol, dict[str, str]]]:
    """Each protocol, and what its lines "key: value" say; the first one of a key counts."""
    protocol: Protocol | None = None
    details: dict[str, str] = {}
    for code, text in reply.lines:
        if code == _PROTOCOL:
            if protocol:
                yield protocol, details
            protocol, details = _protocol(reply, text), {}
        elif code == _DETAIL:
            key, colon, value = text.partition(":")
            if colon:
                details.setdefault(key.strip(), value.strip())
    if protocol:
        yield protocol, details


def _beside(neighbor: str, bfd: Mapping[str, str]) -> str | None:
    return bfd.get(neighbor) if neighbor else None


def _route(reply: Reply, text: str, previous: str) -> Iterator[BirdRoute]:
    """Read "prefix destination [protocol time] …"; without prefix it is of the one before."""
    if not text.strip() or text.startswith("\t") or text.startswith("Table "):
        return  # between tables; a next hop; a table's name
    head, bracket, tail = text.partition("[")
    words, source = head.split(), tail.split(maxsplit=1)
    if words and words[-1] in _DESTINATIONS:
        words.pop()
    prefix = " ".join(words) or previous
    if not bracket or not source or not prefix:
        raise reply.garbled(text)
    yield BirdRoute(prefix, (), source[0])


def _after(start: str, texts: list[str]) -> str:
    return next((text.removeprefix(start) for text in texts if text.startswith(start)), "")
