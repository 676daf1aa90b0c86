"""Zones and questions drawn at random: all structures together, in small names that meet.

Whatever a draw cannot have (a CNAME beside other data) is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.name

from bench.dearest.chains import ORIGIN, Contents, Denial
from bench.dearest.scenes import Scene, scene
from bench.dearest.shapes import Asked, garbage, question

if TYPE_CHECKING:
    from random import Random

_LABELS = ("a", "b", "c", "*", "ns", "l" * 63, "_tcp")
_TYPES = ("A", "AAAA", "MX", "NS", "DS", "CNAME", "DNAME", "TXT", "SRV", "ANY", "SOA", "RRSIG")
_DENIALS = (
    None,
    None,
    Denial(),
    Denial(hashed=True, iterations=0),
    Denial(hashed=True, iterations=100, opt_out=True),
    Denial(hashed=True, iterations=20, salt="cd" * 100),
)


def drawn(random: Random, questions: int) -> Scene:
    """Return a zone of up to some thousand records, and as many questions as asked for."""
    names = ["@"]
    for _ in range(random.randint(4, 12)):
        names.append(_below(random, random.choice(names)))
    contents = Contents()
    for _ in range(random.randint(6, 24)):
        _add(random, contents, random.choice(names[1:]), names)
    denial = random.choice(_DENIALS)
    asked = [_question(random, names, denial is not None) for _ in range(questions)]
    return scene("drawn", contents, asked, denial)


def _below(random: Random, name: str) -> str:
    labels = [random.choice(_LABELS) for _ in range(random.choice((1, 1, 1, 2, 20)))]
    longer = ".".join(labels if name == "@" else (*labels, name))
    return longer if len(longer) < 200 else name if name != "@" else "a"


def _add(random: Random, contents: Contents, owner: str, names: list[str]) -> None:
    kind = random.choice(("A", "A", "MX", "CNAME", "CNAME", "DNAME", "NS", "NS", "TXT", "SRV"))
    types = contents.nodes.get(dns.name.from_text(owner, ORIGIN), {})
    if "CNAME" in types or (kind == "CNAME" and types):
        return
    if ("DNAME" in types and kind in {"DNAME", "NS"}) or ("NS" in types and kind == "DNAME"):
        return
    if kind in {"DNAME", "NS"} and owner.startswith("*"):
        return
    many = 1 if kind in {"CNAME", "DNAME"} else random.choice((1, 2, 8, 100, 1000))
    for number in range(many):
        target = random.choice(names)
        if number:
            target = f"n{number}" if target == "@" else f"n{number}.{target}"
        contents.add(owner, kind, _rdata(kind, number, target))


def _rdata(kind: str, number: int, target: str) -> str:
    if kind == "A":
        return f"198.18.{number >> 8}.{number & 255}"
    if kind == "TXT":
        return f'"{number:0>40}"'
    return {"MX": f"{number} ", "SRV": f"1 1 {number} "}.get(kind, "") + target


def _question(random: Random, names: list[str], signed: bool) -> Asked:
    name = random.choice(names)
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        name = _below(random, name)
    asked = question(
        name,
        random.choice(_TYPES),
        do=signed and random.random() < 0.7,
        payload=random.choice((0, 512, 1232, 4096)),
    )
    return garbage(random, asked) if random.random() < 0.1 else asked
