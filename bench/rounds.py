"""The measurement itself: rounds in which every server in turn is started, checked and loaded."""

from __future__ import annotations

import itertools
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench import parts, procs, verify
from bench.asker import OUTSTANDING
from bench.lab import Found, Lab, Part, Plan
from bench.machine import machine
from bench.peers import Unavailable
from bench.results import Report
from bench.run import LoadError
from bench.server import ServerError
from bench.signing import DENIALS
from bench.zonegen import PROOFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peers import Peer

FAILURES = (LoadError, ServerError, verify.NoAnswer, verify.WrongAnswer)
LARGE_S = 60.0
"""Seconds a server may take to load the large zone."""
ON_ONE_START = {Part.UDP, Part.TCP, Part.LATENCY, Part.RELOAD}

if TYPE_CHECKING:
    Session = Callable[[Lab, Peer, int], None]


def run(
    plan: Plan, peers: list[Peer], reference: str, command: str, say: Callable[[str], None]
) -> Report:
    """Measure ``peers`` as ``plan`` says, interleaved round by round."""
    versions, missing = _versions(peers)
    for name, why in missing.items():
        say(f"{name}: {why}")
    present = [peer for peer in peers if peer.name in versions]
    found = Found(skipped=missing)
    with tempfile.TemporaryDirectory(prefix="dnsd-bench-") as name, procs.pinned(plan.load_core):
        lab = Lab(plan, Path(name), say, found)
        Path(name).chmod(0o755)
        lab.prepare()
        for round_ in range(1, plan.rounds + 1):
            # A different order each time: nobody always comes after the same neighbour.
            start = (round_ - 1) % max(len(present), 1)
            for peer in itertools.chain(present[start:], present[:start]):
                _measure(lab, peer, round_)
    return Report(
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=machine(),
        settings=settings(plan),
        reference=reference,
        servers=versions,
        notes={peer.name: peer.note for peer in present},
        skipped=found.skipped,
        samples=found.samples,
        starts=found.starts,
        latencies=found.latencies,
        reloads=found.reloads,
        command=command,
    )


def _measure(lab: Lab, peer: Peer, round_: int) -> None:
    """Measure ``peer`` once; a failure ends that session's part in the run."""
    for name, session in _sessions(lab.plan, peer).items():
        key = peer.name if name == "zone" else f"{peer.name} ({name})"
        _attempt(lab, key, partial(session, lab, peer, round_))


def _attempt(lab: Lab, key: str, action: Callable[[], None]) -> None:
    """Take one step; when it fails, say why, and leave it out of the rounds that follow."""
    if key in lab.found.skipped:
        return
    try:
        action()
    except FAILURES as error:
        lab.found.skipped[key] = str(error)
        lab.say(f"{key}: {error}")


def _sessions(plan: Plan, peer: Peer) -> dict[str, Session]:
    """Return what is done with ``peer`` in a round; each session starts it anew."""
    wanted = set(plan.parts)
    found: dict[str, Session] = {}
    if wanted & ON_ONE_START:
        found["zone"] = _zone
    if Part.SIGNED in wanted and peer.dnssec:
        found["signed"] = _signed
    if Part.WORKERS in wanted and peer.answers:
        found["workers"] = _workers
    if Part.LARGE in wanted and peer.answers:
        found["large"] = _large
    return found


def _zone(lab: Lab, peer: Peer, round_: int) -> None:
    wanted = set(lab.plan.parts)
    directory = lab.place(peer, "zone", round_)
    with lab.start(peer, directory, lab.own_copy(directory)) as server:
        loaded = server.wait(lab.plan.zone.proof())
        lab.say(f"round {round_}: {peer.name} answered after {loaded.seconds:.2f} s")
        if Part.UDP in wanted:
            mixes = [mix for mix in lab.plan.mixes if mix not in PROOFS]
            asked = partial(parts.queries, lab, server, round_, mixes)
            _attempt(lab, f"{peer.name} ({Part.UDP})", asked)
        parts.started(lab, server, round_, "zone", loaded)
        for part, load in (
            (Part.TCP, parts.tcp if peer.answers else None),
            (Part.LATENCY, parts.latency),
            (Part.RELOAD, parts.reload if peer.reload else None),
        ):
            if part in wanted and load:
                _attempt(lab, f"{peer.name} ({part})", partial(load, lab, server, round_))


def _signed(lab: Lab, peer: Peer, round_: int) -> None:
    for denial in DENIALS:
        mixes = [mix for mix in lab.plan.mixes if PROOFS.get(mix, ("",))[-1] == denial]
        if denial == "NSEC":
            mixes += [mix for mix in lab.plan.mixes if PROOFS.get(mix) == ("RRSIG",)]
        directory = lab.place(peer, denial, round_)
        with lab.start(peer, directory, lab.signed[denial], denial=denial) as server:
            server.wait(lab.plan.signed.proof())
            parts.queries(lab, server, round_, mixes)


def _workers(lab: Lab, peer: Peer, round_: int) -> None:
    for number in (1, 2):
        directory = lab.place(peer, f"workers{number}", round_)
        zone, cores = lab.directory / "zone", lab.plan.both
        with lab.start(peer, directory, zone, workers=number, cores=cores) as server:
            server.wait(lab.plan.zone.proof())
            parts.workers(lab, server, round_)


def _large(lab: Lab, peer: Peer, round_: int) -> None:
    directory = lab.place(peer, "large", round_)
    for kind in ("cold", "warm"):
        zone, cores = lab.directory / "large", lab.plan.both
        with lab.start(peer, directory, zone, workers=2, cores=cores) as server:
            loaded = server.wait(lab.plan.large.proof(), LARGE_S)
            parts.use(lab, server)
            parts.started(lab, server, round_, kind, loaded)
        lab.say(f"round {round_}: {peer.name} {kind}, large zone: {loaded.seconds:.2f} s")


def _versions(peers: list[Peer]) -> tuple[dict[str, str], dict[str, str]]:
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for peer in peers:
        try:
            versions[peer.name] = peer.version()
        except Unavailable as error:
            missing[peer.name] = str(error)
    return versions, missing


def settings(plan: Plan) -> dict[str, str]:
    """Describe what of ``plan`` shapes the figures."""
    return {
        "names": f"{plan.zone.names:,}",
        "records": f"{plan.zone.records:,}",
        "names signed": f"{plan.signed.names:,}",
        "records of the large zone": f"{plan.large.records:,}",
        "rounds": str(plan.rounds),
        "seconds": f"{plan.load.seconds:g}",
        "rate": f"{plan.load.rate:,}/s" if plan.load.rate else "unlimited",
        "outstanding": str(OUTSTANDING),
        "EDNS": "yes" if plan.load.edns else "no",
    }
