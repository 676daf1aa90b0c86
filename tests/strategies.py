"""Hypothesis strategies: zones made of awkward things, and questions aimed at them.

Names come from a small pool of labels, so that owners, targets, cuts, aliases and wildcards
meet: a generated zone has occluded data, sibling glue, loops and empty non-terminals because
nothing prevents them. What no server may load is left out by :class:`tests.model.Model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import dns.name
import dns.rdatatype
from dns.name import Name
from hypothesis import strategies as st

from tests.model import Model
from tests.signing import Nsec3, sign_nsec, sign_nsec3

if TYPE_CHECKING:
    from collections.abc import Callable

    from dns.rdatatype import RdataType
    from hypothesis.strategies import DrawFn, SearchStrategy

ORIGINS = ("example.", ".", "Sub.Example.", "xn--caf-dma.example.", r"o\.d\000d.example.")
LONG_ORIGIN = ".".join(("l" * 63, "m" * 63, "n" * 50, ""))

LABELS = (b"a", b"b", b"c", b"*", b"ns", b"A", b"_tcp", b"l" * 63)
ODD_LABELS = (b"\x00", b".", b"\\", b"\xff\x80", b'" ;', b"@", b"\xc3\xa9", b"**", b"[Z]")

OUTSIDE = ("ns.other.", "mail.Example.net.", "other.")

QTYPES = (
    *("A", "AAAA", "NS", "DS", "MX", "SRV", "SVCB", "HTTPS", "CNAME", "DNAME", "TXT", "ANY"),
    *("SOA", "PTR", "NSEC", "NSEC3", "RRSIG", "DNSKEY", "NSEC3PARAM", "TYPE65280"),
)


class Query(NamedTuple):
    """One question: what and how."""

    name: Name
    rtype: RdataType
    do: bool

    def __str__(self) -> str:
        return f"{self.name} {dns.rdatatype.to_text(self.rtype)}{' +do' if self.do else ''}"


class Scene(NamedTuple):
    """A zone and the questions to ask it."""

    model: Model
    queries: tuple[Query, ...]

    def __repr__(self) -> str:
        asked = "\n".join(f"; {query}" for query in self.queries)
        return f"\n{self.model.text()}{asked}\n"


labels = st.sampled_from(LABELS) | st.sampled_from(LABELS + ODD_LABELS)
origins = st.sampled_from(("example.", *ORIGINS, LONG_ORIGIN)).map(dns.name.from_text)


def below(parent: Name, *prefix: bytes) -> Name:
    """``prefix`` put before ``parent``, or ``parent`` where that would be too long."""
    try:
        return Name((*prefix, *parent.labels))
    except dns.name.NameTooLong:
        return parent


@st.composite
def models(draw: DrawFn, origins: SearchStrategy[Name] = origins) -> Model:
    """An unsigned zone."""
    origin = draw(origins)
    model = Model(origin, draw(st.sampled_from((3600, 60))), draw(st.sampled_from((300, 0, 86400))))
    names = [origin]
    for _ in range(draw(st.integers(2, 9))):
        parent = draw(st.sampled_from(names))
        names.append(below(parent, *draw(st.lists(labels, min_size=1, max_size=2))))
    targets = st.sampled_from(names) | st.builds(below, st.sampled_from(names), labels)
    model.add(origin, "NS", str(draw(targets | _outside)))
    for _ in range(draw(st.integers(3, 16))):
        owner = draw(st.sampled_from(names))
        draw(st.sampled_from(_KINDS))(draw, model, owner, targets)
    return model


@st.composite
def signed(draw: DrawFn, models: SearchStrategy[Model]) -> Model:
    """A zone with NSEC, or with NSEC3 in one of its ways."""
    model = draw(models)
    params = draw(st.none() | st.sampled_from(_NSEC3))
    if params is None:
        sign_nsec(model)
    else:
        sign_nsec3(model, params)
    return model


@st.composite
def crowded(draw: DrawFn) -> Model:
    """A zone with more servers and addresses than fit into small packets."""
    origin = dns.name.from_text("example.")
    model = Model(origin)
    model.add(origin, "NS", "ns.other.")
    cut = below(origin, b"sub")
    model.add(below(origin, b"sib"), "NS", "ns.other.")
    for number in range(draw(st.integers(2, 18))):
        label = str(number).encode() * draw(st.integers(1, 30))
        place = draw(st.sampled_from((cut, cut, origin, below(origin, b"sib"))))
        server = below(place, label)
        model.add(cut, "NS", str(server))
        model.add(below(origin, b"mail"), "MX", f"{number} {server}")
        for address in range(draw(st.integers(0, 3))):
            model.add(server, "A", f"192.0.2.{address}")
        for address in range(draw(st.integers(0, 3))):
            model.add(server, "AAAA", f"2001:db8::{address}")
    return model


@st.composite
def scenes(draw: DrawFn, models: SearchStrategy[Model]) -> Scene:
    """A zone of ``models`` with some questions."""
    model = draw(models)
    asked = draw(st.lists(queries(model), min_size=1, max_size=12))
    return Scene(model, tuple(asked))


@st.composite
def queries(draw: DrawFn, model: Model) -> Query:
    """A question for a name of the zone, above, beside or below it, or where one points."""
    name = draw(st.sampled_from(_interesting(model)))
    there = model.types(name)
    rtype = draw(st.sampled_from(QTYPES) | st.sampled_from(there or QTYPES))
    name = _moved(name, model.origin, draw(st.sampled_from(_MOVES)), draw(labels))
    if draw(st.booleans()):
        name = Name([label.swapcase() for label in name.labels])
    return Query(name, dns.rdatatype.from_text(rtype), draw(st.booleans()))


_MOVES = ("at", "at", "at", "below", "below", "deeper", "beside", "above")


def _moved(name: Name, origin: Name, move: str, label: bytes) -> Name:
    if move == "below":
        return below(name, label)
    if move == "deeper":
        return below(name, b"q", label)
    if move in {"beside", "above"} and name != origin:
        return below(name.parent(), label) if move == "beside" else name.parent()
    return name


def _interesting(model: Model) -> list[Name]:
    """Owners, and in-zone names in rdata."""
    names = set(model.owners)
    for record in model.records():
        if record.rtype in {"CNAME", "DNAME", "NS", "MX"}:
            names.add(dns.name.from_text(record.rdata.split()[-1]))
    return sorted(name for name in names if name.is_subdomain(model.origin))


# Kinds of records, each a way to add to a zone

_outside = st.sampled_from(OUTSIDE).map(dns.name.from_text)


def _address(draw: DrawFn, model: Model, owner: Name, _targets: SearchStrategy[Name]) -> None:
    model.add(owner, "A", f"192.0.2.{draw(st.integers(1, 3))}")
    if draw(st.booleans()):
        model.add(owner, "AAAA", f"2001:db8::{draw(st.integers(1, 3))}")


def _pointer(draw: DrawFn, model: Model, owner: Name, targets: SearchStrategy[Name]) -> None:
    target = draw(targets | targets | _outside)
    rtype, front = draw(
        st.sampled_from((("MX", "10"), ("SRV", "1 2 53"), ("PTR", ""), ("AFSDB", "1")))
    )
    model.add(owner, rtype, f"{front} {target}")


def _service(draw: DrawFn, model: Model, owner: Name, targets: SearchStrategy[Name]) -> None:
    target = draw(targets | st.just(dns.name.root) | _outside)
    params = draw(st.sampled_from(("0 {}", "1 {}", "2 {} alpn=h2", "3 {} port=53")))
    model.add(owner, draw(st.sampled_from(("SVCB", "HTTPS"))), params.format(target))


def _alias(draw: DrawFn, model: Model, owner: Name, targets: SearchStrategy[Name]) -> None:
    model.add(owner, "CNAME", str(draw(targets | targets | _outside)))


def _wildcard(draw: DrawFn, model: Model, owner: Name, targets: SearchStrategy[Name]) -> None:
    wildcard = below(owner, b"*")
    kind = draw(st.sampled_from((_address, _pointer, _alias, _text)))
    kind(draw, model, wildcard, targets | st.just(wildcard))


def _redirection(draw: DrawFn, model: Model, owner: Name, targets: SearchStrategy[Name]) -> None:
    if owner.labels[0] != b"*":
        model.add(owner, "DNAME", str(draw(targets | targets | _outside)))


def _delegation(draw: DrawFn, model: Model, owner: Name, targets: SearchStrategy[Name]) -> None:
    """A cut with servers at, below, beside and outside it, and glue for some of them."""
    if owner == model.origin or b"*" in owner.labels:
        return
    inside = st.just(below(owner, b"ns")) | st.just(owner)
    for _ in range(draw(st.integers(1, 3))):
        server = draw(inside | targets | _outside)
        model.add(owner, "NS", str(server))
        if server.is_subdomain(model.origin) and draw(st.booleans()):
            _address(draw, model, server, targets)
    if draw(st.booleans()):
        model.add(owner, "DS", f"4711 13 2 {'ab' * 32}")


def _text(draw: DrawFn, model: Model, owner: Name, _targets: SearchStrategy[Name]) -> None:
    model.add(owner, draw(st.sampled_from(("TXT", "SPF"))), '"Text" "\\000\\255"')
    if draw(st.booleans()):
        model.add(owner, "TYPE65280", r"\# 3 abcdef")


def _bulk(draw: DrawFn, model: Model, owner: Name, _targets: SearchStrategy[Name]) -> None:
    """An RRset that does not fit everywhere."""
    for number in range(draw(st.sampled_from((3, 8, 60)))):
        model.add(owner, "TXT", f'"{number:0>60}"')


_KINDS: tuple[Callable[[DrawFn, Model, Name, SearchStrategy[Name]], None], ...] = (
    _address,
    _address,
    _address,
    _pointer,
    _pointer,
    _service,
    _alias,
    _alias,
    _wildcard,
    _wildcard,
    _redirection,
    _delegation,
    _delegation,
    _delegation,
    _text,
    _bulk,
)

_NSEC3 = (
    Nsec3(),
    Nsec3(salt="abcd", iterations=1),
    Nsec3(opt_out=True),
    Nsec3(salt="00ff00", iterations=5, opt_out=True),
    Nsec3(salt="ab" * 255, iterations=30),
    Nsec3(iterations=151),
)
