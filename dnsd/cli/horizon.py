"""``dnsd horizon``: which answers caches may still hold, until when, and of which nodes.

Asks the whole site (:mod:`dnsd.cli.survey`), and shows what :mod:`dnsd.caches.judge` makes of
it. Exit status 0: SAFE; 1: WAIT or UNKNOWN; 3: no node runs here.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from dnsd.caches.inquiry import FLOOR_S, Inquiry
from dnsd.caches.judge import MARGIN_S, Safety, Verdict, before_account, judge
from dnsd.caches.report import LONGEST_FLOOR_S
from dnsd.caches.site import Answered, census
from dnsd.caches.version import CacheQuestion, about_name, about_target
from dnsd.cli.admin import socket_path
from dnsd.cli.askers import Local, Remote, SecondaryServer, fenced, secondary
from dnsd.cli.options import config_option, json_option, reading
from dnsd.cli.output import echo
from dnsd.cli.remains import remains
from dnsd.cli.secondaries import Secondaries
from dnsd.cli.survey import Survey
from dnsd.config.members import read_spoken
from dnsd.config.units import format_duration, parse_duration

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from dnsd.caches.report import NodeReport

AGAIN_S = 1.0
_STYLES = {Safety.SAFE: "green", Safety.WAIT: "yellow", Safety.UNKNOWN: "red"}
_SHOWN = 20
"""Versions that are listed of one verdict; with --json there are all of them."""


def _floor(text: str) -> float:
    seconds = parse_duration(text)
    if seconds > LONGEST_FLOOR_S:
        raise ValueError(f"at most {format_duration(int(LONGEST_FLOOR_S))}")
    return seconds


@click.command()
@click.argument("what", metavar="[TARGET | NAME [TYPE]]", nargs=-1)
@config_option
@json_option
@click.option(
    "--node",
    "urls",
    multiple=True,
    callback=reading(Remote),
    metavar="URL",
    help="Another node, by its [http] listen: http://192.0.2.1:9153; may be repeated.",
)
@click.option(
    "--fenced-at",
    "fences",
    multiple=True,
    callback=reading(fenced),
    metavar="NODE=TIME",
    help="A node that is dead and has answered nothing since: a name (or its URL; of a secondary "
    'ADDRESS:PORT) and how long ago ("10m"), or the time of day as 2026-01-31T12:00:00.',
)
@click.option(
    "--secondary",
    "secondaries",
    multiple=True,
    callback=reading(secondary),
    metavar="ADDRESS[:PORT]/ZONE",
    help="A secondary that no node notifies: it must have the zone's current serial.",
)
@click.option(
    "--floor",
    default=format_duration(int(FLOOR_S)),
    callback=reading(_floor),
    show_default=True,
    metavar="TIME",
    help="The smallest TTL that some caches use, for the second figure.",
)
@click.option(
    "--ttl",
    callback=reading(lambda text: int(parse_duration(text)) if text else None),
    metavar="TIME",
    help="The largest TTL that was in use, if no report has it.",
)
@click.option("--wait", is_flag=True, help="Ask again until it is SAFE.")
@click.option("--to", default="", metavar="NAME", help="Ask about a name that CNAMEs lead to.")
def horizon(
    what: tuple[str, ...],
    config_file: Path | None,
    as_json: bool,
    urls: tuple[Remote, ...],
    fences: tuple[tuple[str, float], ...],
    secondaries: tuple[SecondaryServer, ...],
    floor: float,
    ttl: int | None,
    wait: bool,
    to: str,
) -> None:
    """Show which answers caches may still hold, until when, and of which nodes.

    \b
    dnsd horizon 192.0.2.10              which clients may still come to this address?
    dnsd horizon --to cdn.example.net    which clients may still be led to this name?
    dnsd horizon www.example.com A       which may still have another answer than now?
    dnsd horizon                         all that pools have given out, and zones before an edit

    \b
    SAFE       none, unless a client or a cache ignores TTLs
    WAIT       until when, and why
    UNKNOWN    a node has not answered, or something cannot be known (then --ttl may help)

    The node of this machine is asked, each --node, all nodes that these know ([failover] peers,
    and those that they have ever heard), and all that those know. So are the secondaries that these
    nodes notify of a zone that is concerned. One that does not answer makes it UNKNOWN. Exit
    status: 0 SAFE, 1 WAIT or UNKNOWN, 3 no node runs here and no other was named.
    """
    question = _about_name_led_to(to, what) if to else _question(what)
    survey = _survey(config_file, urls)
    closed = tuple((name, survey.began - ago) for name, ago in fences)
    if question is None:
        _list(survey, closed, ttl, as_json)
        return
    servers = Secondaries(secondaries)

    def asked() -> tuple[Verdict, float]:
        site = survey.ask(question)
        inquiry = Inquiry(
            question=question,
            site=site,
            since=survey.began,
            fenced=closed,
            secondaries=servers.ask(survey),
            floor=floor,
            ttl=ttl,
        )
        now = time.monotonic()
        return judge(inquiry, now), now

    verdict, now = asked()
    shown = ""
    while wait and verdict.safety != Safety.SAFE:
        if verdict.safety.value != shown and not as_json:
            shown = verdict.safety.value
            echo(f"{shown.upper()}: {'; '.join(verdict.reasons)}", err=True)
        time.sleep(AGAIN_S)
        verdict, now = asked()
    _show(verdict, now, question, as_json)
    sys.exit(0 if verdict.safety == Safety.SAFE else 1)


def _survey(config_file: Path | None, urls: tuple[Remote, ...]) -> Survey:
    """Return what asks the site: the node of this machine, which need not run if others are named.

    Where it has run, it is part of the site nonetheless.
    """
    local = Local(socket_path(config_file))
    if urls and not local.runs():
        left = remains(config_file)
        return Survey([*urls, *left.peers], left.sightings)
    return Survey([local, *urls])


def _about_name_led_to(to: str, what: tuple[str, ...]) -> CacheQuestion:
    if what:
        raise click.UsageError("--to is the whole question: remove the other arguments")
    try:
        return about_target(read_spoken(to))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _question(what: tuple[str, ...]) -> CacheQuestion | None:
    """Return what is asked: one word is an address, or else a name; None: everything."""
    try:
        match what:
            case ():
                return None
            case (one,):
                if one.replace(".", "").isdigit() or ":" in one:
                    return about_target(one)
                return about_name(one, "A")
            case (name, rtype):
                return about_name(name, rtype)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    raise click.UsageError("give an address, or a name and a type")


# -- showing ----------------------------------------------------------------------------------


def _show(verdict: Verdict, now: float, question: CacheQuestion, as_json: bool) -> None:
    if as_json:
        echo(json.dumps(_as_json(verdict, now, question)))
        return
    from rich.text import Text

    from dnsd.cli.console import SafeConsole

    console = SafeConsole()
    style = _STYLES[verdict.safety]
    console.print(
        Text.assemble((verdict.safety.upper(), style), f" {_when(verdict, now)}".rstrip())
    )
    for reason in verdict.reasons:
        console.print(f"  {reason}")
    if len(verdict.nodes) > 1:
        console.print(f"  according to {len(verdict.nodes)} nodes: {', '.join(verdict.nodes)}")
    if verdict.held:
        console.print(_held(verdict, now))


def _when(verdict: Verdict, now: float) -> str:
    """Return since when it is safe, or until when to wait: by the clock of the reader."""
    if verdict.until is None or verdict.floored is None:
        return ""
    first, second = _clock(verdict.until, now), _clock(verdict.floored, now)
    word = "since" if verdict.safety == Safety.SAFE else "until"
    more = f", with caches that stretch short TTLs {second}" if second != first else ""
    return f"{word} {first}{more}"


def _clock(at: float, now: float) -> str:
    moment = time.localtime(time.time() + at - now)
    return time.strftime("%H:%M:%S" if abs(at - now) < 43_200 else "%F %H:%M:%S", moment)


def _held(verdict: Verdict, now: float) -> RenderableType:
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("caches may hold", "of node", "for", "use")
    for one in verdict.held[:_SHOWN]:
        what = "anything" if one.version is None else str(one.version)
        shown.add_row(Text(what), Text(one.node), _left(one.until - now), one.use.name.lower())
    if (more := len(verdict.held) - _SHOWN) > 0:
        shown.add_row(f"and {more} more", "", "", "")
    return shown


def _left(seconds: float) -> str:
    return format_duration(int(seconds) + 1) if seconds > 0 else "no more"


def _as_json(verdict: Verdict, now: float, question: CacheQuestion) -> dict[str, Any]:
    """Return the verdict with relative seconds only."""
    return {
        "question": str(question),
        "safety": verdict.safety.value,
        "seconds": None if verdict.until is None else verdict.until - now,
        "seconds_floored": None if verdict.floored is None else verdict.floored - now,
        "reasons": verdict.reasons,
        "nodes": verdict.nodes,
        "missing": [msgspec.to_builtins(one) for one in verdict.missing],
        "held": [
            {
                "node": one.node,
                "version": None if one.version is None else msgspec.to_builtins(one.version),
                "seconds": one.until - now,
                "seconds_floored": one.floored - now,
                "use": one.use.name.lower(),
            }
            for one in verdict.held
        ],
    }


def _list(
    survey: Survey, closed: tuple[tuple[str, float], ...], ttl: int | None, as_json: bool
) -> None:
    """Show all that the nodes say without being asked for something."""
    site = survey.ask(None)
    answered = [one.outcome for one in site.sightings if isinstance(one.outcome, Answered)]
    reports = list({one.node: one.report for one in answered}.values())
    problems = [str(one) for one in census(site, closed).missing]
    if as_json:
        echo(json.dumps({"reports": msgspec.to_builtins(reports), "problems": problems}))
    else:
        from dnsd.cli.console import SafeConsole

        console = SafeConsole()
        console.print(_reports(reports))
        for report in reports:
            longest, sentence = before_account(report, ttl)
            if report.kept < longest + MARGIN_S:
                console.print(sentence)
        for problem in problems:
            echo(problem, err=True)
    sys.exit(1 if problems else 0)


def _reports(reports: list[NodeReport]) -> RenderableType:
    from rich.text import Text

    from dnsd.cli.tables import table

    shown = table("caches may hold", "of node", "for", "last given out", "TTL", "use")
    lines = [(report.node, line) for report in reports for line in report.lines]
    for node, line in sorted(lines, key=lambda one: -one[1].left):
        ago = "never" if line.ago is None else f"{format_duration(int(line.ago))} ago"
        left = _left(line.left) if line.ago is not None else "-"
        cells = (str(line.version), node, left, ago, str(line.ttl), line.use.name.lower())
        shown.add_row(*map(Text, cells))
    return shown
