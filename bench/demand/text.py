"""Lines of logs: those of BIND, Unbound and PowerDNS, and CSV. Pure.

A line that is no query is skipped; of what is one, the time is as exact as the log has it. Logs
without a year are read as if all of it were this year's.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench.demand.log import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BIND = re.compile(
    r"(?P<when>\d\d-\w{3}-\d{4} [\d:.]+|\d{4}-\d\d-\d\dT[\d:.]+Z?) .*?client (?:@0x\w+ )?"
    r"(?P<source>[0-9a-fA-F.:]+)#\d+ \(.*?\): (?:view \S+: )?query: (?P<name>\S+) IN (?P<type>\w+) "
)
_UNBOUND = re.compile(
    r"(?:\[(?P<epoch>\d+)\]|(?P<when>\w{3} +\d+ [\d:]+)) .*?info: "
    r"(?P<source>[0-9a-fA-F.:]+) (?P<name>\S+) (?P<type>[A-Z][A-Z0-9]*) IN$"
)
_POWERDNS = re.compile(
    r"(?P<when>\w{3} +\d+ [\d:]+) .*?Remote (?P<source>[0-9a-fA-F.:]+) wants "
    r"'(?P<name>[^|']+)\|(?P<type>\w+)'"
)
_TIMES = ("%d-%b-%Y %H:%M:%S.%f", "%d-%b-%Y %H:%M:%S", "%Y %b %d %H:%M:%S")
CSV_HEAD = ("time", "source", "name", "type")
"""The columns of a CSV file: seconds since 1970 (or since anything), address, name, type."""


def queries(lines: Iterable[str]) -> Iterator[Query]:
    """Yield the queries in ``lines``, whose format the first one that is a query shows.

    ValueError if there is none in the first lines, or a line of CSV cannot be read.
    """
    left = iter(lines)
    first = next(left, "")
    if tuple(map(str.strip, first.lower().split(","))) == CSV_HEAD:
        yield from _csv(left)
        return
    pattern: re.Pattern[str] | None = None
    for number, line in enumerate(_again(first, left)):
        if pattern is None:
            pattern = next((one for one in (_BIND, _UNBOUND, _POWERDNS) if one.search(line)), None)
            if pattern is None and number >= _SEARCHED:
                break
        if pattern is not None and (found := pattern.search(line)):
            yield _query(found)
    if pattern is None:
        raise ValueError(
            "no query of a log that is known: those of BIND, Unbound and PowerDNS are, and CSV"
            f" that begins with the line {','.join(CSV_HEAD)}"
        )


_SEARCHED = 10_000
"""In so many first lines there has to be a query."""


def _again(first: str, left: Iterator[str]) -> Iterator[str]:
    yield first
    yield from left


def _query(found: re.Match[str]) -> Query:
    groups = found.groupdict()
    epoch = groups.get("epoch")
    when = float(epoch) if epoch else _seconds(groups["when"])
    return Query(when, groups["source"], absolute(groups["name"]), groups["type"].upper())


def _seconds(text: str) -> float:
    if text[:4].isdigit():
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    # A log without a year: this one's, so that 29 February can be read in a leap year.
    full = text if text[0].isdigit() else f"{datetime.now(UTC).year} {text}"
    for form in _TIMES:
        try:
            return datetime.strptime(full, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a time")


def _csv(lines: Iterator[str]) -> Iterator[Query]:
    for number, row in enumerate(csv.reader(lines), 2):
        if not row:
            continue
        try:
            when, source, name, rtype = map(str.strip, row)
            yield Query(float(when), source, absolute(name), rtype.upper())
        except ValueError as error:
            raise ValueError(f"line {number}: {','.join(row)!r} is no query: {error}") from None


def absolute(name: str) -> str:
    """Return ``name`` in lower case, with the dot at its end."""
    return name.lower().rstrip(".") + "."
