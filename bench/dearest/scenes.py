"""Zones made to be dear: each has one structure at its limit, and is asked for what it costs most.

``scale`` (1 at the limits of the loader) makes them smaller for a run in a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.dearest.chains import Contents, Denial, sign
from bench.dearest.shapes import Asked, question, shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLAIN = "www"
"""A name that each zone has, with one address: a plain hit."""
DENIALS = (
    Denial(),
    Denial(hashed=True),
    Denial(hashed=True, iterations=150),
    Denial(hashed=True, iterations=30, salt="ab" * 255),
    Denial(hashed=True, iterations=151),
)
_DEEP = 115
_LINKS = 17


@dataclass(frozen=True, slots=True)
class Scene:
    """A zone file and what to ask it."""

    name: str
    text: str
    asked: list[Asked]


def scene(name: str, contents: Contents, asked: list[Asked], denial: Denial | None = None) -> Scene:
    """Return a scene; with ``denial`` its zone is signed, and everything is asked with DO, too."""
    contents.add(PLAIN, "A", "192.0.2.1")
    if denial is None:
        return Scene(name, contents.text(), asked)
    sign(contents, denial)
    return Scene(f"{name}; {denial}", contents.text(), asked)


def crafted(scale: float, denials: tuple[Denial, ...] = DENIALS) -> Iterator[Scene]:
    """Yield every structure, unsigned and with each of ``denials``."""
    for make in STRUCTURES:
        for denial in (None, *denials):
            contents = Contents()
            name, asked = make(contents, scale)
            doubled = [
                question(owner, rtype, do=do, payload=payload)
                for owner, rtype in asked
                for do, payload in ((False, 0), (False, 1232), (True, 1232), (True, 4096))
                if denial or not do
            ]
            yield scene(name, contents, doubled, denial)
    contents = Contents()
    yield scene("packets", contents, shapes(PLAIN))


def _many(scale: float, limit: int) -> int:
    return max(3, int(limit * scale))


Made = tuple[str, list[tuple[str, str]]]


def _dname(contents: Contents, scale: float) -> Made:
    contents.add("dd", "DNAME", "tt")
    for number in range(_many(scale, 3000)):
        contents.add("x.tt", "A", f"198.18.{number >> 8}.{number & 255}")
        contents.add("y.tt", "TXT", f'"{number:0>30}"')
    for number in range(_many(scale, 2000)):
        contents.add("z.tt", "MX", f"{number} host{number}.tt")
    contents.add("*.w.tt", "NAPTR", '1 1 "" "" "" .')
    owners = ("x.dd", "y.dd", "z.dd", "q.dd", "a.w.dd", "x.dd.dd")
    return "much below a DNAME", [
        (owner, rtype) for owner in owners for rtype in ("A", "MX", "TXT")
    ]


def _dname_chain(contents: Contents, _scale: float) -> Made:
    for number in range(_LINKS):
        contents.add(f"d{number}", "DNAME", f"d{number + 1}")
        contents.add(
            f"{'l' * 60}.{'m' * 60}{number}", "DNAME", f"{'l' * 60}.{'m' * 60}{number + 1}"
        )
        contents.add(f"*.w{number}", "CNAME", f"a.d{number}")
    contents.add(f"a.d{_LINKS}", "A", "192.0.2.1")
    owners = [
        "a.d0",
        "a.d1",
        "a.d8",
        f"a.{'l' * 60}.{'m' * 60}1",
        "q.d2",
        "a.w1",
        f"{'a.' * 100}d1",
    ]
    return "a chain of DNAMEs", [(owner, rtype) for owner in owners for rtype in ("A", "CNAME")]


def _long_names(contents: Contents, scale: float) -> Made:
    deep = "a." * 100 + "deep"
    contents.add("dd", "DNAME", "tt")
    for number in range(_many(scale, 600)):
        contents.add("x.tt", "MX", f"{number} n{number}.{deep}")
        contents.add("y.tt", "NS", f"{number}.{'b.' * (number % 100)}example.")
    contents.add("tt", "MX", f"1 {deep}")
    return "long names below a DNAME", [("x.dd", "MX"), ("y.dd", "A"), ("q.y.dd", "A")]


def _cname_chain(contents: Contents, _scale: float) -> Made:
    for number in range(_LINKS):
        contents.add(f"c{number}", "CNAME", f"c{number + 1}")
        contents.add(f"*.v{number}", "CNAME", f"x.v{number + 1}")
        contents.add(f"*.{'l' * 60}{number}", "CNAME", f"{'x' * 60}.{'l' * 60}{number + 1}")
    contents.add(f"c{_LINKS}", "A", "192.0.2.1")
    owners = ("c0", "c1", "c8", "q.v0", "q.v4", f"q.{'l' * 60}1")
    return "a chain of CNAMEs", [(owner, rtype) for owner in owners for rtype in ("A", "MX")]


def _deep(contents: Contents, scale: float) -> Made:
    for level in range(1, _DEEP, 3):
        contents.add("a." * level + "deep", "A", "192.0.2.1")
        contents.add("e." * level + "cut", "TXT", '"x"')
    contents.add("u." * _DEEP + "out", "NS", "ns.elsewhere.")
    for number in range(_many(scale, 3000)):
        contents.add(f"n{number}.{'l' * 60}.{'m' * 60}", "A", "192.0.2.1")
    owners = [
        *("a." * level + "deep" for level in (1, 2, 60, _DEEP)),
        *("b." + "a." * level + "deep" for level in (1, 31, 90)),
        *("c." * 20 + "u." * level + "out" for level in (1, 60, 90)),
        f"q.{'l' * 60}.{'m' * 60}",
        "z." * _DEEP + "q",
    ]
    return "deep names", [(owner, "A") for owner in owners]


def _types(contents: Contents, scale: float) -> Made:
    many = _many(scale, 4000)
    for number in range(many):
        contents.add("t", f"TYPE{60000 - number}", "\\# 1 00")
        contents.add("*.w", f"TYPE{60000 - number}", "\\# 1 00")
    owners = ("t", "x.w")
    types = ("A", "TYPE60000", f"TYPE{60001 - many}", "ANY", "RRSIG", "TYPE65000")
    return "many types at a name", [(owner, rtype) for owner in owners for rtype in types]


def _additional(contents: Contents, scale: float) -> Made:
    for number in range(_many(scale, 500)):
        for owner in ("m", "*.w", "sub"):
            contents.add(owner, "NS" if owner == "sub" else "MX", *_host(owner, number))
        contents.add(f"host{number}", "A", "192.0.2.1")
        contents.add(f"host{number}", "AAAA", "2001:db8::1")
        contents.add(f"in{number}.sub", "A", "192.0.2.1")
        contents.add("svc", "SRV", f"1 1 {number} host{number}")
    owners = ("m", "x.w", "y.x.w", "sub", "q.sub", "svc")
    return "much additional data", [(owner, rtype) for owner in owners for rtype in ("MX", "SRV")]


def _host(owner: str, number: int) -> list[str]:
    if owner == "sub":
        return [f"host{number}", f"in{number}.sub"] if number < 100 else []
    return [f"{number} host{number}"]


def _large(contents: Contents, scale: float) -> Made:
    for number in range(_many(scale, 20_000)):
        contents.add(f"h{number}", "A", "192.0.2.1")
    owners = [f"h{number}" for number in range(0, _many(scale, 20_000), 997)]
    return "many names", [
        (owner, rtype) for owner in (*owners, "q", "q.h7") for rtype in ("A", "MX")
    ]


STRUCTURES: tuple[Callable[[Contents, float], Made], ...] = (
    _dname,
    _dname_chain,
    _long_names,
    _cname_chain,
    _deep,
    _types,
    _additional,
    _large,
)
