"""Query files: a query on each line, as dnsperf and dig -f take them. Pure text.

    dnsperf   NAME TYPE
    dig       -q NAME -t TYPE [+dnssec]

Both are read, as is what people write by hand for ``dig -f``: a name, perhaps a type, perhaps
+dnssec. Comments begin with # or ;.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import dns.exception
import dns.name
from dns.rdatatype import A, RdataType, is_metatype

from bench.queries.draw import Query
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DNSSEC = "+dnssec"


class Format(StrEnum):
    """Which program the file is for."""

    DNSPERF = "dnsperf"
    DIG = "dig"


def line(query: Query, style: Format) -> str:
    """Return the line for ``query``; dnsperf's has no place for DO."""
    name, rtype = query.name.to_text(), query.rtype.name
    if style is Format.DNSPERF:
        return f"{name} {rtype}"
    return f"-q {name} -t {rtype}" + (f" {DNSSEC}" if query.do else "")


def parse(text: str, path: str) -> list[Query]:
    """Return the queries of a file; StudyError names ``path`` and the line of a fault."""
    found = []
    for number, words in _lines(text):
        try:
            found.append(_query(words))
        except (ValueError, dns.exception.DNSException, UnicodeError) as error:
            raise StudyError(
                f"{path}:{number}: error: {' '.join(words)!r} is no query ({error}): write a name"
                " and a type, such as: www.example.com A"
            ) from error
    if not found:
        raise StudyError(f"{path}: error: there is no query in it")
    return found


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, content in enumerate(text.splitlines(), 1):
        words = content.split()
        if words and words[0][0] not in "#;":
            yield number, words


def _query(words: Iterable[str]) -> Query:
    """Read one line; ValueError or one of dnspython's errors says what is wrong."""
    name, rtype, do = None, A, False
    rest = iter(words)
    for word in rest:
        if word == "-t" or (name is not None and word[0] not in "+-@"):
            rtype = RdataType.from_text(next(rest, "") if word == "-t" else word)
        elif word in {DNSSEC, "+do"}:
            do = True
        elif word == "-q" or word[0] not in "+-@":
            name = dns.name.from_text(next(rest, "") if word == "-q" else word)
        else:
            raise ValueError(f"{word} is not understood here")
    if name is None:
        raise ValueError("the name is missing")
    if is_metatype(rtype) and rtype != RdataType.ANY:
        raise ValueError(f"{rtype.name} is not asked for here")
    return Query(name, rtype, do)
