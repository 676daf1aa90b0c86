"""The zones that dnsd and its peers serve side by side, and what to ask about them."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.name
import dns.zone
from dns.rdatatype import AAAA, ANY, CNAME, DS, NS, NSEC, RRSIG, TXT, A, RdataType
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import dnsd
from dnsd.config.policyfile import path_for
from tests.interop.exchange import Ask
from tests.strategies import below, models, queries, signed
from tests.views import view_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dns.name import Name

    from dnsd.zone.view import View
    from tests.model import Model

CHECKOUT = Path(dnsd.__file__).parent.parent
EXAMPLES = CHECKOUT / "zones"
"""The example zones of the project."""

COMMON = {A, AAAA, NS, DS, TXT, CNAME, ANY, NSEC, RRSIG}
"""Types that are asked everywhere, beside those that are there."""
BELOW = {A, DS}
"""Types that are asked where there is little hope."""


class ZoneFile(NamedTuple):
    """A zone: the file that dnsd reads, and the same with one record a line for its peers."""

    origin: str
    path: Path
    plain: Path

    def view(self) -> View:
        """The zone as dnspython reads it."""
        return _view(self)


@functools.cache
def _view(file: ZoneFile) -> View:
    """Dnspython takes its time, and a view is read-only."""
    return view_of(dns.zone.from_file(str(file.plain), file.origin, relativize=False))


def examples(directory: Path) -> list[ZoneFile]:
    """The example zones; $GENERATE, which NSD and Knot do not know, is expanded by BIND.

    Policies, which they do not know either, are left out.
    """
    found = []
    for path in sorted(EXAMPLES.glob("*.zone")):
        origin, plain = f"{path.stem}.", directory / path.name
        command = ["named-compilezone", "-i", "none", "-o", str(plain), origin, str(path)]
        subprocess.run(command, check=True, capture_output=True)
        found.append(ZoneFile(origin, plain if path_for(path).exists() else path, plain))
    return found


def generated(directory: Path, number: int) -> tuple[ZoneFile, list[Ask]]:
    """A generated zone with generated questions, the same ones for the same ``number``."""
    origin = f"z{number}.test."
    unsigned = models(st.just(dns.name.from_text(origin))).filter(_is_served)
    found: list[tuple[str, list[Ask]]] = []

    @seed(number)
    @settings(
        max_examples=2,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data(), signed(unsigned) if number % 3 else unsigned)
    def collect(data: st.DataObject, model: Model) -> None:
        drawn = data.draw(st.lists(queries(model), min_size=30, max_size=40))
        asks = {Ask(*query) for query in drawn if query.name.is_subdomain(model.origin)}
        found.append((model.text(), sorted(asks)))

    collect()
    text, asks = max(found, key=lambda one: len(one[0]))
    path, plain = directory / f"{origin}zone", directory / f"{origin}plain"
    path.write_text(text)
    plain.write_text(decimal(text))
    return ZoneFile(origin, path, plain), asks


def decimal(text: str) -> str:
    """Write odd characters in names as numbers: NSD and Knot trip over other ways."""
    return re.sub(r"\\([^\d#])|([\[\]])", lambda odd: f"\\{ord(odd[1] or odd[2]):03}", text)


def _is_served(model: Model) -> bool:
    """Tell whether NSD loads it: nothing may stand below a DNAME."""
    return not any(
        "DNAME" in model.types(above) for owner in model.owners for above in model.above(owner)
    )


def root() -> Path | None:
    """The file of a whole root zone: named by DNSD_ROOT_ZONE, or in a data/ beside the checkout."""
    named = os.environ.get("DNSD_ROOT_ZONE")
    if named:
        return Path(named)
    beside = (
        path for parent in CHECKOUT.parents for path in sorted(parent.glob("*/data/root-*.zone.gz"))
    )
    return next(beside, None)


def asks_about(file: ZoneFile, names: int = 60) -> Iterator[Ask]:
    """So many names of a zone, evenly chosen, and names below them, with and without DO."""
    zone = file.view()
    owners = sorted(zone.existing)
    for owner in owners[:: -(-len(owners) // names)]:
        there = {rtype for rtype, _ in zone.node(owner)}
        yield from _asks([owner], there | COMMON)
        yield from _asks([below(owner, b"a"), below(owner, b"z", b"*")], BELOW)


def _asks(names: Iterable[Name], rtypes: Iterable[RdataType]) -> Iterator[Ask]:
    ordered = sorted(rtypes)
    return (Ask(name, rtype, do) for name in names for rtype in ordered for do in (False, True))
