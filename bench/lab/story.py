"""``lab demo``: a story in steps, each with the queries that it has cost each client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from bench.lab import events, hijack, picture, trace
from bench.lab.errors import LabError
from bench.lab.topology import SECOND, SITES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.lab.hijack import Finding
    from bench.lab.lab import Lab
    from bench.lab.trace import Query

PAUSE_S = 1.2
"""How long each step lasts after it has come about: room for what is not expected."""
CITIES = {site.name: site.city for site in SITES}


class Step(NamedTuple):
    """A step that was played, from ``start`` until ``end``."""

    label: str
    start: float
    end: float


class Play:
    """Plays the story in ``lab``, telling ``say`` of every step."""

    def __init__(self, lab: Lab, say: Callable[[str], None]) -> None:
        self._lab = lab
        self._say = say
        self._steps: list[Step] = []
        self.findings: list[tuple[str, Finding]] = []

    def run(self) -> None:
        """Play all steps."""
        self._begin()
        self._step("steady: each client is answered by its own city", lambda _: None)
        self._step("kill -9 in New York", events.kill, events.ELSEWHERE)
        self._step("New York is started again", events.start, events.AT_HOME)
        self._step("Tokyo is drained", lambda lab: _order(lab, "drain"), {"tyo": SECOND["tyo"]})
        self._step("the drain is taken back", lambda lab: _order(lab, "undrain"), events.AT_HOME)
        self._step("London's link is cut silently", lambda lab: lab["lon"].cut(), {"lon": "nyc"})
        self._step("the link is mended", lambda lab: lab["lon"].mend(), events.AT_HOME)
        self._step("New York's node has routes that are not its own", self._by_mistake)
        self._step("it announces them on purpose", self._on_purpose, events.AT_HOME)
        self._step("New York is stopped for maintenance", events.stop, events.ELSEWHERE)
        self._step("New York is back", events.start, events.AT_HOME)

    def _begin(self) -> None:
        self._lab.probe()
        time.sleep(PAUSE_S)

    def _by_mistake(self, lab: Lab) -> None:
        self.findings += [("the node", found) for found in hijack.by_mistake(lab)]

    def _on_purpose(self, lab: Lab) -> None:
        self.findings += [("the router", found) for found in hijack.on_purpose(lab)]

    def _step(
        self, label: str, do: Callable[[Lab], None], expected: dict[str, str] | None = None
    ) -> None:
        self._say(label)
        start = time.monotonic()
        do(self._lab)
        self._lab.wait(expected or {})
        time.sleep(PAUSE_S)
        self._steps.append(Step(label, start, time.monotonic()))

    # -- afterwards ---------------------------------------------------------------------------

    def queries(self) -> dict[str, list[Query]]:
        """Return all that each client has asked during the steps."""
        since, until = self._steps[0].start, self._steps[-1].end
        return {client: self._lab.seen(client, since, until) for client in self._lab.cities}

    def timeline(self, seen: dict[str, list[Query]]) -> Table:
        """Return the steps with what each client has lost, and who answered it."""
        table = Table("s", "step", *(f"client in {site.city}" for site in SITES), title="Timeline")
        begin = self._steps[0].start
        for step in self._steps:
            cells = [_cell(within(queries, step)) for queries in seen.values()]
            table.add_row(f"{step.start - begin:.1f}", step.label, *cells)
        return table

    def picture(self, seen: dict[str, list[Query]]) -> str:
        """Return the whole story as SVG."""
        lanes = [
            picture.Lane(client, family, [query for query in queries if query.turn == turn])
            for client, queries in seen.items()
            for turn, family in enumerate(("IPv4", "IPv6"))
        ]
        marks = [picture.Event(step.start, step.label) for step in self._steps]
        return picture.draw("Who is answered by which city", lanes, marks, CITIES)

    def lost(self, seen: dict[str, list[Query]]) -> int:
        """Return how many queries were lost in all."""
        return sum(trace.loss(queries).lost for queries in seen.values())


def claims_table(findings: list[tuple[str, Finding]]) -> Table:
    """Return what became of the claims, by who had to stop them."""
    table = Table("to be stopped by", "claim", "prefix", "offered", "believed by", title="Hijacks")
    for guard, found in findings:
        if not found.known:
            raise LabError(f"the node never had {found.prefix}, so nothing is proven")
        by = ", ".join(found.by) or "nobody"
        table.add_row(guard, found.what, found.prefix, "yes" if found.offered else "no", by)
    return table


def within(queries: list[Query], step: Step) -> list[Query]:
    """Return the queries that were sent during a step."""
    return [query for query in queries if step.start <= query.sent < step.end]


def _cell(queries: list[Query]) -> str:
    found = trace.loss(queries)
    by = " and ".join(trace.courses(queries))
    for site in SITES:
        by = by.replace(site.name, site.city)
    return f"{by or 'nobody'}, {found.lost} lost"


def _order(lab: Lab, order: str) -> None:
    lab["tyo"].dnsd(order, "node")
