"""The report of a failover study: its tables and what has to be said beside them."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.failover.phases import phases
from bench.failover.settings import EACH, WWW
from bench.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.failover.answers import Verdict
    from bench.failover.results import Carried, Cell, FailoverStudy
    from bench.study.text import Part

TITLE = "What users lose when a service or a site dies"
EXPLAINED = """Users come at a steady rate, each through one of {resolvers} caching resolvers
(Unbound), whose caches hold answers of all ages when it happens. A user asks for the name, then
for the service at the first address it got, waits {http:g} s for that, and tries nothing else.
All ways check as often and need as many results ({checks}), so a death may be unknown for up to
{detection:g} s whatever is done then; by when in the interval it comes, each figure may differ
by {interval:g} s. {runs} of each. **Static zone**: a script edits it when a check fails and
when it succeeds again; an operator who does it by hand needs longer, and users wait with him.
**Anycast**: a script withdraws or drains the site when its service fails; when the site fails,
nothing has to be done. **gdnsd** and **dnsd**: the longest and the shortest TTL that they may
give."""

LOST = """**Mean outage** is how long an average user was without the service: the sum over all
seconds of the share of users that failed. **Last failure** is when, after the first thing that
happened, a user failed for the last time; "not moved" means that users were served again only
when what had failed was back. TTL: the longest that caches were given, none where the address
never changes."""

COST = """**Moves**: the programs (of one site) that must work for users to be moved, and all their
processes; every stack needs an ordinary name server besides, where that is none of them. **In the
way**: those through which every request passes. **Detour**: how much longer a request takes than
one to the service's own address, both asked in turn (median, quartiles). **Queries**: what one
cache asks for the name in an hour of steady demand, 3600/TTL."""

CARRYING = """**CPU** is that of all that takes part (who asks, three NSDs, what is on the way, the
kernel's threads for packets), for each 1,000 packets of clients' ({pace}). **Beyond direct** is how
much more that is than when the router itself shares out the same questions, in the same round; the
median of all rounds, and the lowest and the highest. Packets of directors cross one more link than
direct ones, those of proxies two, with their answers. A single machine cannot tell a kernel's work
for one packet more exactly than what the rounds differ by. What dnsd and BIRD take for checks and
sessions, whatever is carried, is not counted. {ipvs}"""

WIRE = """The authoritative servers were asked five times a second. A dead member counts as wrong
when its death had to be known by then; a healthy one is lacking when its recovery had to be
known. For the pool of three, all that are well belong in the answer."""

COMING_BACK = {"start", "continue", "mend", "start-front"}
FAILURES = ("kill", "hang", "flap", "site")
"""The stories in which the first service fails: what an operator orders is not judged."""
AHEAD_S = 3
JUDGED = ("gdnsd", "dnsd")
"""The servers that decide what to answer by themselves: others do as they are told."""
STORY_TITLES = {
    "kill": "The service is killed (SIGKILL), and comes back",
    "hang": "The service hangs (SIGSTOP), and goes on",
    "flap": "The service flaps",
    "planned": "Planned maintenance: users are moved, {linger} s later the service is stopped",
    "front": "What is in front dies: the name server, the proxy, or one of two directors",
    "restart": "What is in front is restarted: the proxy, or one of two directors",
    "site": "The site is cut off: packets vanish",
}


def parts(study: FailoverStudy) -> list[Part]:
    """Return all of the report."""
    settings = study.about.settings
    found: list[Part] = [
        EXPLAINED.format(
            resolvers=settings["resolvers"],
            http=float(settings["HTTP timeout, s"]),
            checks=settings["checks"],
            detection=study.cells[0].detection if study.cells else 0.0,
            interval=float(settings["interval, s"]),
            runs="One run" if study.about.repeats == 1 else f"{study.about.repeats} runs",
        ),
        LOST,
    ]
    for story, title in STORY_TITLES.items():
        cells = [cell for cell in study.cells if cell.story == story]
        if cells:
            found.append(losses(title.format(linger=settings["linger, s"]), cells))
    if sentence := disturbances(study.cells):
        found.append(sentence)
    found += [costs(study.cells), COST]
    judged = [one for one in study.cells if one.stack.startswith(JUDGED) and one.story in FAILURES]
    if study.carried:
        about = settings.get("carrying", ""), settings.get("IPVS", "")
        found += [carrying(study.carried), CARRYING.format(pace=about[0], ipvs=about[1])]
    if judged:
        found += [wrong(sorted(judged, key=lambda cell: FAILURES.index(cell.story))), WIRE]
    if followed := [cell for cell in judged if cell.story == "kill"]:
        found.append(ttls(followed))
    return found


def losses(title: str, cells: Iterable[Cell]) -> Table:
    """Return what users lost in one story."""
    head = [
        *("how", "TTL, s", "users", "failed", "share", "mean outage, s", "last failure, s"),
        *("failed after recovery", "failures"),
    ]
    rows = [
        [
            cell.title + (" (cities)" if cell.ground == "cities" and cell.story != "site" else ""),
            str(cell.ttl) if cell.ttl else "–",
            str(cell.sent),
            str(cell.lost),
            f"{cell.lost / max(1, cell.sent):.1%}",
            f"{cell.mean_s:.1f}",
            _last(cell),
            str(cell.back),
            ", ".join(f"{count} {name}" for name, count in cell.outcomes.items()) or "none",
        ]
        for cell in cells
    ]
    return Table(title, head, rows)


def disturbances(cells: Iterable[Cell]) -> str:
    """Return a sentence about users that failed before anything had happened; "" if none did."""
    early = {f"{cell.title}, {cell.told}": sum(cell.failed[: -cell.first]) for cell in cells}
    named = [f"{name}: {count}" for name, count in early.items() if count]
    if not named:
        return ""
    return "Users that failed before anything had happened, so by the machine: " + "; ".join(named)


def _last(cell: Cell) -> str:
    if not cell.lost:
        return "none"
    return f"{cell.last_s:.1f}" + ("" if cell.story == "flap" or moved(cell) else ", not moved")


def moved(cell: Cell) -> bool:
    """Return whether most users were served again before what had failed was back."""
    back = next(at for at, what in cell.steps if what in COMING_BACK)
    # Whoever comes in the seconds before it may still be served when it is back.
    place = max(0, int(back) - cell.first - AHEAD_S)
    return cell.failed[place] < cell.users[place] / 2


def costs(cells: Iterable[Cell]) -> Table:
    """Return what each way costs when nothing happens, and what it consists of."""
    head = ["how", "moves", "processes", "in the way", "detour, ms", "client seen", "queries"]
    rows, known = [], set()
    for cell in cells:
        if cell.stack in known:
            continue
        known.add(cell.stack)
        rows.append(
            [
                cell.title,
                f"{len(cell.parts.programs)} ({', '.join(cell.parts.programs)})",
                str(cell.parts.processes),
                ", ".join(cell.parts.carries) or "none",
                _detour(cell.detour_ms),
                f"{cell.seen:.0%}",
                f"{3600 / cell.ttl:,.0f}" if cell.ttl else "–",
            ]
        )
    return Table("What it takes, and what it costs in quiet times", head, rows)


def _detour(figures: list[float]) -> str:
    if not figures:
        return ""
    middle, low, high = figures
    return f"{middle:+.2f} ({low:+.2f} to {high:+.2f})"


def carrying(rows: Sequence[Carried]) -> Table:
    """Return what each way costs by packet."""
    head = ["transport", "way", "CPU, ms", "beyond direct, ms", "of the proxy's"]
    proxies = {row.transport: row for row in rows if row.way in ("haproxy", "nginx")}
    shown = [
        [
            row.transport.upper(),
            row.way,
            f"{statistics.median(row.whole):.1f}",
            "–"
            if row.way == "direct"
            else f"{row.cost:+.1f} ({min(row.beyond):+.1f} to {max(row.beyond):+.1f})",
            f"{row.cost / proxies[row.transport].cost:.2f} ×" if row.way == "directors" else "–",
        ]
        for row in rows
    ]
    return Table("CPU time for 1,000 packets of clients'", head, shown)


def wrong(cells: Iterable[Cell]) -> Table:
    """Return how soon the answers changed, and which of them were wrong."""
    head = [
        *("server", "story", "name", "answers", "flip, s", "back, s", "with a dead member"),
        *("without a healthy one", "changes"),
    ]
    rows = [
        [
            cell.title,
            cell.told + (" (cities)" if cell.ground == "cities" else ""),
            {WWW: "one of two", EACH: "each of three"}[verdict.name],
            str(verdict.answers),
            _seconds(verdict.flip_s),
            _seconds(verdict.back_s),
            _share(verdict.dead, verdict),
            _share(verdict.lacking, verdict),
            str(verdict.flips),
        ]
        for cell in cells
        for verdict in cell.verdicts
    ]
    return Table("Answers: when they changed, and which were wrong", head, rows)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"


def _share(count: int, verdict: Verdict) -> str:
    return f"{count} ({count / max(1, verdict.answers):.0%})"


def ttls(cells: Iterable[Cell]) -> Table:
    """Return the TTL of the name that users ask for in each phase of a death."""
    head = [
        *("server", "before", "failing", "away", "recovering", "back"),
        "longest again after, s",
    ]
    rows = []
    for cell in cells:
        death, recovery = cell.steps[0][0], cell.steps[-1][0]
        spans = [span for span in cell.spans if span.name == WWW]
        victim = next((span.addresses[0] for span in spans if span.addresses), "")
        *ranges, grown = phases(spans, victim, death, recovery)
        rows.append([cell.title, *map(_range, ranges), _seconds(grown)])
    return Table("The TTL on the wire, s, when the service dies and comes back", head, rows)


def _range(found: object) -> str:
    if not isinstance(found, tuple):
        return "–"
    low, high = found
    return str(low) if low == high else f"{low}–{high}"
