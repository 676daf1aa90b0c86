"""``dnsd drain member``: a member leaves, step by step, until no client comes to it any more."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from dnsd.caches.inquiry import Inquiry
from dnsd.caches.judge import Safety, judge
from dnsd.caches.version import about_target
from dnsd.cli import exits
from dnsd.cli.admin import ask, socket_path
from dnsd.cli.askers import Local, fenced
from dnsd.cli.failover import force_option, show_ordered
from dnsd.cli.options import at_option, config_option, json_option, reading, reason_option
from dnsd.cli.output import echo
from dnsd.cli.secondaries import Secondaries
from dnsd.cli.survey import Survey
from dnsd.cli.waiting import goes_on
from dnsd.errors import AdminError, NotRunning

if TYPE_CHECKING:
    from pathlib import Path

    from dnsd.caches.judge import Verdict

LOOK_S = 0.5

PATIENCE_S = 30.0
"""How long a node that has been there may be away: it is being restarted."""

_PASSES = re.compile(r" for [\dhms]+( more)?$")
"""Reasons that are different each second."""

HALF_A_DAY_S = 43_200.0

_NAMED = 4
"""Reasons in one line."""


@click.command("member")
@config_option
@json_option
@reason_option
@force_option
@at_option
@click.option("--direct", is_flag=True, help="Switch at once, without lowering the TTL first.")
@click.option(
    "--wait/--no-wait", default=True, help="Wait until it is safe; by default, show the progress."
)
@click.option(
    "--fenced-at",
    "fences",
    multiple=True,
    callback=reading(fenced),
    metavar="NODE=TIME",
    help="A node that is dead and has answered nothing since; see dnsd horizon --help.",
)
@click.argument("address")
@click.argument("name", required=False)
@click.argument("type", required=False)
def drain_member(
    config_file: Path | None,
    as_json: bool,
    reason: str,
    insist: bool,
    at: float | None,
    direct: bool,
    wait: bool,
    fences: tuple[tuple[str, float], ...],
    address: str,
    **pool: Any,
) -> None:
    """Drain ADDRESS in the pool NAME TYPE, or in every pool that has it, until it is SAFE.

    First it is answered with a short TTL, until longer ones have expired; then it is removed from
    answers; then caches forget it. It is safe to power off when nothing leads to it any more, on
    this node and on all others of the site: they are asked as by "dnsd horizon", and each needs
    this order, too. With NAME and TYPE, SAFE is about this pool of this node. Exit status: 0 only
    when it is SAFE, 4 if the order is in force but cannot be written down: a restart would bring
    the member back. The drain goes on when this command is interrupted, and outlives a restart; the
    same command shows how far it is. With --at it is planned, and the command does not wait: the
    TTL falls beforehand, and the member is removed then ("dnsd failover cancel" takes it back).
    """
    _check_pool(pool)
    path = socket_path(config_file)
    # Without an end: what comes back by itself is never safe to power off.
    order: dict[str, Any] = {"reason": reason, "direct": direct, "force": insist, "at": at}
    found = ask(path, "drain_member", member=address, **pool, **order)
    if at is not None:
        show_ordered(found, as_json)
        return
    others = None if pool["name"] else _Others(path, fences)
    found = _with_others(others, found)
    if wait:
        named = " ".join(filter(None, (address, pool["name"], pool["type"])))
        with goes_on(
            f"the drain goes on; the same command shows how far it is, and `dnsd undrain member "
            f"{named}` takes it back"
        ):
            found = _wait(path, others, found, as_json, member=address, **pool)
    if as_json:
        echo(json.dumps(found))
    elif not wait or not found["safe"]:
        _tell(found, alone=bool(pool["name"]))
    if found["safe"]:
        sys.exit(0)
    sys.exit(exits.DEGRADED if found.get("unwritten") else exits.FAILED)


@click.command("member")
@config_option
@json_option
@click.argument("address")
@click.argument("name", required=False)
@click.argument("type", required=False)
def undrain_member(config_file: Path | None, as_json: bool, address: str, **pool: Any) -> None:
    """Take the drain of ADDRESS back, in the pool NAME TYPE or in every one."""
    _check_pool(pool)
    show_ordered(ask(socket_path(config_file), "undrain_member", member=address, **pool), as_json)


def _check_pool(pool: dict[str, Any]) -> None:
    if pool["name"] and not pool["type"]:
        raise click.UsageError("a pool is a NAME and a TYPE, such as www.example.com A")


class _Others:
    """The whole site, asked from the node behind ``path``."""

    def __init__(self, path: Path, fences: tuple[tuple[str, float], ...]) -> None:
        self._survey = Survey([Local(path)])
        self._secondaries = Secondaries()
        self._closed = tuple((name, self._survey.began - ago) for name, ago in fences)

    def judge(self, address: str) -> tuple[Verdict, float]:
        """Return what the site says of ``address``, and when."""
        question = about_target(address)
        site, began = self._survey.ask(question), self._survey.began
        inquiry = Inquiry(
            question=question,
            site=site,
            since=began,
            fenced=self._closed,
            secondaries=self._secondaries.ask(self._survey),
        )
        now = time.monotonic()
        return judge(inquiry, now), now


def _with_others(others: _Others | None, found: dict[str, Any]) -> dict[str, Any]:
    """Return how far it is, by what other nodes say, too: once it is safe here, they are asked."""
    if others is None or not found["safe"]:
        return found
    try:
        verdict, now = others.judge(found["address"])
    except NotRunning as error:
        return {**found, "safe": False, "since": None, "missing": [str(error)]}
    if verdict.safety != Safety.SAFE:
        return {**found, "safe": False, "since": None, "missing": [*verdict.reasons]}
    until = time.time() + (verdict.until or now) - now
    return {**found, "since": max(found["since"], until)}


def _wait(
    path: Path, others: _Others | None, found: dict[str, Any], as_json: bool, **what: Any
) -> dict[str, Any]:
    """Tell each step until it is safe, or until nothing more is to be waited for."""
    told: list[str] = []
    while True:
        lines = [*_lines(found, alone=bool(what["name"])), *_obstacles(found)]
        if lines != told and not as_json:
            for line in lines:
                if line not in told:
                    echo(line)
            told = lines
        if found["safe"] or not any(step["phase"] for step in found["steps"]):
            return found
        if found.get("unwritten"):
            return found  # how long the disk takes is not known
        time.sleep(LOOK_S)
        found = _with_others(others, _ask_patiently(path, **what))


def _ask_patiently(path: Path, **what: Any) -> dict[str, Any]:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer: dict[str, Any] = ask(path, "drained", **what)
            return answer
        except (NotRunning, AdminError):
            # Also one that has no pools yet: its zones are being loaded.
            if time.monotonic() > until:
                raise
        time.sleep(LOOK_S)


def _obstacles(found: dict[str, Any]) -> list[str]:
    """Return what is missing although no pool of this node leads there any more, but for time."""
    if found["safe"] or any(step["phase"] != "safe" for step in found["steps"]):
        return []
    return [f"missing: {one}" for one in found["missing"] if not _PASSES.search(one)]


def _tell(found: dict[str, Any], *, alone: bool) -> None:
    for line in _lines(found, alone=alone):
        echo(line)
    for line in found["missing"][:_NAMED]:
        echo(f"missing: {line}")


def _lines(found: dict[str, Any], *, alone: bool) -> list[str]:
    """Return how far it is, in lines that stay the same while nothing changes.

    Of a pool ``alone`` nothing follows for the machine: other names may lead to it.
    """
    lines = [_step(step) for step in found["steps"]]
    if found["safe"]:
        what = "SAFE for this pool" if alone else "SAFE to power off"
        lines.append(f"{found['address']}: {what} since {_clock(found['since'])}")
    return lines


def _step(step: dict[str, Any]) -> str:
    what = f"{step['name']} {step['type']}"
    match step["phase"]:
        case "lowering":
            return (
                f"{what}: lowering its TTL since {_clock(step['since'])}, "
                f"switches at {_clock(step['until'])}"
            )
        case "waiting" if step["answered"]:
            since = _clock(step["since"])
            return (
                f"{what}: drained since {since}, but still in answers: the pool has no other member"
            )
        case "waiting":
            expire = f"expire by {_clock(step['until'])}" if step["until"] else "are expiring"
            return (
                f"{what}: removed from answers at {_clock(step['since'])}; cached copies {expire}"
            )
        case "safe":
            return f"{what}: forgotten by caches since {_clock(step['since'])}"
    return f"{what}: is not drained"


def _clock(at: float) -> str:
    far = abs(at - time.time()) > HALF_A_DAY_S
    return time.strftime("%F %H:%M:%S" if far else "%H:%M:%S", time.localtime(at))
