"""What dig and kdig print, line by line, as values. Pure text; starts nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple


class Record(NamedTuple):
    """One resource record as it was printed; ``ttl`` in seconds."""

    owner: str
    ttl: int
    rtype: str
    rdata: str


@dataclass(slots=True)
class Response:
    """One answer. How long it took is not read: dig leaves out a handshake, kdig does not."""

    status: str
    flags: frozenset[str] = frozenset()
    name: str = ""
    rtype: str = ""
    transport: str = ""
    answer: list[Record] = field(default_factory=list)
    authority: list[Record] = field(default_factory=list)


class Failure(NamedTuple):
    """A query without an answer, and why."""

    reason: str


_STATUS = re.compile(r";; ->>HEADER<<- opcode: \w+[,;] status: (\w+)[,;]")
_FLAGS = re.compile(r";; [Ff]lags: ([a-z ]*);")
_SECTION = re.compile(r";; ([A-Z ]+) SECTION:")
_QUESTION = re.compile(r";+ ?(\S+)\s+IN\s+(\S+)$")
_DIG_SERVER = re.compile(r";; SERVER: .*\((UDP|TCP)\)")
_KDIG_END = re.compile(r";; From \S+\((UDP|TCP)\) in [0-9.]+ ms")
_REASONS = (
    re.compile(r";; communications error to \S+: (.+)"),
    re.compile(r";; Connection to \S+ for \S+ failed: (.+)\."),
    re.compile(r";; WARNING: (response timeout) for"),
    re.compile(r";; WARNING: (can't (?:connect|receive|send).*)"),
)
_BAD_PACKET = re.compile(r";; Got bad packet: (.+)")
_FAILED = (";; no servers could be reached", ";; ERROR: failed to query server")
_DIG_END = ";; MSG SIZE"


class Reader:
    """Reads the lines of one process; :meth:`feed` gives a result with the line that ends it."""

    def __init__(self) -> None:
        self._response: Response | None = None
        self._section = ""
        self._reason = "no answer"

    def feed(self, line: str) -> Response | Failure | None:
        """Take the next line; return what has become of a query, once it is known."""
        line = line.rstrip()
        if (ended := self._failure(line)) is not None:
            return ended
        if match := _STATUS.match(line):
            self._response, self._section = Response(match[1]), ""
        elif self._response is not None:
            return self._inside(line, self._response)
        return None

    def _failure(self, line: str) -> Failure | None:
        bad = _BAD_PACKET.match(line)
        for pattern in _REASONS:
            if match := pattern.match(line):
                self._reason = match[1]
        if not bad and not line.startswith(_FAILED):
            return None
        found = Failure(f"bad packet: {bad[1]}" if bad else self._reason)
        self._response, self._reason = None, "no answer"
        return found

    def _inside(self, line: str, response: Response) -> Response | None:
        if match := _SECTION.match(line):
            self._section = match[1]
        elif not line:
            self._section = ""
        elif self._section == "QUESTION":
            if match := _QUESTION.match(line):
                response.name, response.rtype = match[1], match[2]
        elif self._section in {"ANSWER", "AUTHORITY"} and line[0] != ";":
            records = response.answer if self._section == "ANSWER" else response.authority
            records.append(_record(line))
        elif match := _FLAGS.match(line):
            response.flags = frozenset(match[1].split())
        else:
            return self._trailer(line, response)
        return None

    def _trailer(self, line: str, response: Response) -> Response | None:
        """Read the lines behind the sections, the last of which ends the response."""
        if match := _DIG_SERVER.match(line):
            response.transport = match[1]
        elif match := _KDIG_END.match(line):
            response.transport = match[1]
            return self._done(response)
        elif line.startswith(_DIG_END):
            return self._done(response)
        return None

    def _done(self, response: Response) -> Response:
        self._response, self._reason = None, "no answer"
        return response


def _record(line: str) -> Record:
    owner, ttl, _class, rtype, *rdata = line.split(None, 4)
    return Record(owner, int(ttl), rtype, rdata[0] if rdata else "")
