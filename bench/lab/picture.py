"""Who answered whom when, as a picture (SVG): a lane for each client and family. Pure.

Colours tell who answered; what was lost is red, and never thinner than can be seen.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from bench.lab import trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.lab.trace import Query, Span

WIDTH, LEFT, RIGHT = 1200, 150, 20
TOP, LANE, GAP, CITY_GAP = 40, 16, 3, 16
LEGEND, LABEL = 34, 13
LOST, INK, PAPER, RULE = "#d62728", "#222222", "#ffffff", "#9a9a9a"
COLOURS = ("#4e79a7", "#f2a93b", "#59a14f", "#9c6fb0")
SEEN = 2.0
"""The least width of a loss, px."""


class Event(NamedTuple):
    """Something that was done, when (seconds, as the queries' clock)."""

    when: float
    label: str


class Lane(NamedTuple):
    """What one client saw of one address."""

    client: str
    family: str
    queries: Sequence[Query]


def draw(
    title: str, lanes: Sequence[Lane], events: Sequence[Event], cities: Mapping[str, str]
) -> str:
    """Return the picture; ``cities`` maps the sites' names to what is written for them."""
    sent = [query.sent for lane in lanes for query in lane.queries]
    start, end = (min(sent), max(sent)) if sent else (0.0, 1.0)
    scale = _Scale(start, max(end - start, 1e-3))
    top = TOP + LABEL * len(events)
    colours = dict(zip(cities, COLOURS, strict=False))
    parts, bottom = _lanes(lanes, scale, top, cities, colours)
    height = bottom + LEGEND + LEGEND
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            ' font-family="sans-serif" font-size="11">',
            f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
            _text(LEFT, 22, title, size=15),
            *parts,
            *_events(events, scale, bottom),
            *_axis(scale, bottom),
            *_legend(cities, colours, height - 12),
            "</svg>\n",
        ]
    )


class _Scale(NamedTuple):
    start: float
    seconds: float

    def x(self, when: float) -> float:
        """Return where a time is, px."""
        return LEFT + (when - self.start) / self.seconds * (WIDTH - LEFT - RIGHT)


def _lanes(
    lanes: Sequence[Lane],
    scale: _Scale,
    top: int,
    cities: Mapping[str, str],
    colours: Mapping[str, str],
) -> tuple[list[str], int]:
    parts, y, client = [], top, ""
    for lane in lanes:
        if lane.client != client:
            y += CITY_GAP if client else 0
            client = lane.client
            parts.append(_text(8, y + LANE - 4, f"in {cities[client]}", weight="bold"))
        parts.append(_text(LEFT - 6, y + LANE - 4, lane.family, anchor="end"))
        spans = trace.spans(lane.queries)
        parts += [_span(span, scale, y, colours) for span in spans if span.site]
        # Losses last: nothing hides them.
        parts += [_span(span, scale, y, colours) for span in spans if not span.site]
        y += LANE + GAP
    return parts, y


def _span(span: Span, scale: _Scale, y: int, colours: Mapping[str, str]) -> str:
    x = scale.x(span.start)
    width = scale.x(span.end) - x
    if span.site:
        return _rect(x, y, width, colours.get(span.site, RULE))
    lost = f"<title>{span.queries} lost</title>"
    return _rect(x, y, max(width, SEEN), LOST, lost)


def _events(events: Sequence[Event], scale: _Scale, bottom: int) -> list[str]:
    lines, labels = [], []
    for row, event in enumerate(events):
        x, y = scale.x(event.when), TOP + LABEL * row
        lines.append(
            f'<line x1="{x:.1f}" y1="{y + 2}" x2="{x:.1f}" y2="{bottom}" stroke="{INK}"'
            ' stroke-width="0.8" stroke-dasharray="3 2"/>'
        )
        anchor, step = ("end", -4) if x > WIDTH * 0.7 else ("start", 4)
        labels.append(_text(x + step, y + 8, event.label, anchor=anchor))
    # Labels stand out from the lines that they cross.
    halo = f'<g paint-order="stroke" stroke="{PAPER}" stroke-width="4">'
    return [*lines, halo, *labels, "</g>"]


def _axis(scale: _Scale, bottom: int) -> list[str]:
    step = next((s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if scale.seconds / s <= 16), 60)
    parts = []
    for number in range(int(scale.seconds / step) + 1):
        x = scale.x(scale.start + number * step)
        parts.append(
            f'<line x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}" stroke="{RULE}"/>'
        )
        parts.append(_text(x, bottom + 16, f"{number * step:g} s", anchor="middle"))
    return parts


def _legend(cities: Mapping[str, str], colours: Mapping[str, str], y: int) -> list[str]:
    parts, x = [], float(LEFT)
    entries = [(colours[site], f"answered by {city}") for site, city in cities.items()]
    for colour, label in [*entries, (LOST, "lost")]:
        parts += [_rect(x, y - 10, 12, colour, height=12), _text(x + 17, y, label)]
        x += 170
    return parts


def _rect(
    x: float, y: float, width: float, colour: str, inside: str = "", height: int = LANE
) -> str:
    return (
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{height}" fill="{colour}">'
        f"{inside}</rect>"
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 11, weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="{size}"'
        f' font-weight="{weight}" fill="{INK}">{escape(text)}</text>'
    )
