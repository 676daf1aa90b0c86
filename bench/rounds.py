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
from bench.machine import machine
from bench.peers import base
from bench.results import Report
from bench.run import LoadError
from bench.server import ServerError
from bench.signing import DENIALS
from bench.stand import Found, Part, Plan, Stand
from bench.zonegen import PROOFS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.peers import Peer

FAILURES = (LoadError, ServerError, verify.NoAnswer, verify.WrongAnswer)
LARGE_S = 60.0
"""Seconds a server may take to load the large zone."""
ON_ONE_START = {Part.UDP, Part.TCP, Part.LATENCY, Part.RELOAD}

if TYPE_CHECKING:
    Session = Callable[[Stand, Peer, int], None]


def run(
    plan: Plan, peers: list[Peer], reference: str, command: str, say: Callable[[str], None]
) -> Report:
    """Measure ``peers`` as ``plan`` says, interleaved round by round."""
    versions, missing = base.versions(peers)
    for name, why in missing.items():
        say(f"{name}: {why}")
    present = [peer for peer in peers if peer.name in versions]
    found = Found(skipped=missing)
    with tempfile.TemporaryDirectory(prefix="dnsd-bench-") as name, procs.pinned(plan.load_core):
        stand = Stand(plan, Path(name), say, found)
        Path(name).chmod(0o755)
        stand.prepare()
        for round_ in range(1, plan.rounds + 1):
            # A different order each time: nobody always comes after the same neighbour.
            start = (round_ - 1) % max(len(present), 1)
            for peer in itertools.chain(present[start:], present[:start]):
                _measure(stand, peer, round_)
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


def _measure(stand: Stand, peer: Peer, round_: int) -> None:
    """Measure ``peer`` once; a failure ends that session's part in the run."""
    for name, session in _sessions(stand.plan, peer).items():
        key = peer.name if name == "zone" else f"{peer.name} ({name})"
        _attempt(stand, key, partial(session, stand, peer, round_))


def _attempt(stand: Stand, key: str, action: Callable[[], None]) -> None:
    """Take one step; when it fails, say why, and leave it out of the rounds that follow."""
    if key in stand.found.skipped:
        return
    try:
        action()
    except FAILURES as error:
        stand.found.skipped[key] = str(error)
        stand.say(f"{key}: {error}")


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
    if Part.KINDS in wanted and peer.answers:
        found["kinds"] = _kinds
    return found


def _zone(stand: Stand, peer: Peer, round_: int) -> None:
    wanted = set(stand.plan.parts)
    directory = stand.place(peer, "zone", round_)
    with stand.start(peer, directory, stand.own_copy(directory)) as server:
        loaded = server.wait(stand.plan.zone.proof())
        stand.say(f"round {round_}: {peer.name} answered after {loaded.seconds:.2f} s")
        if Part.UDP in wanted:
            mixes = [mix for mix in stand.plan.mixes if mix not in PROOFS]
            asked = partial(parts.queries, stand, server, round_, mixes)
            _attempt(stand, f"{peer.name} ({Part.UDP})", asked)
        parts.started(stand, server, round_, "zone", loaded)
        for part, load in (
            (Part.TCP, parts.tcp if peer.answers else None),
            (Part.LATENCY, parts.latency),
            (Part.RELOAD, parts.reload if peer.reload else None),
        ):
            if part in wanted and load:
                _attempt(stand, f"{peer.name} ({part})", partial(load, stand, server, round_))


def _signed(stand: Stand, peer: Peer, round_: int) -> None:
    for denial in DENIALS:
        mixes = [mix for mix in stand.plan.mixes if PROOFS.get(mix, ("",))[-1] == denial]
        if denial == "NSEC":
            mixes += [mix for mix in stand.plan.mixes if PROOFS.get(mix) == ("RRSIG",)]
        directory = stand.place(peer, denial, round_)
        with stand.start(peer, directory, stand.signed[denial], denial=denial) as server:
            server.wait(stand.plan.signed.proof())
            parts.queries(stand, server, round_, mixes)


def _workers(stand: Stand, peer: Peer, round_: int) -> None:
    for number in (1, 2):
        directory = stand.place(peer, f"workers{number}", round_)
        zone, cores = stand.directory / "zone", stand.plan.both
        with stand.start(peer, directory, zone, workers=number, cores=cores) as server:
            server.wait(stand.plan.zone.proof())
            parts.workers(stand, server, round_)


def _large(stand: Stand, peer: Peer, round_: int) -> None:
    directory = stand.place(peer, "large", round_)
    for kind in ("cold", "warm"):
        zone, cores = stand.directory / "large", stand.plan.both
        with stand.start(peer, directory, zone, workers=2, cores=cores) as server:
            loaded = server.wait(stand.plan.large.proof(), LARGE_S)
            parts.use(stand, server)
            parts.started(stand, server, round_, kind, loaded)
        stand.say(f"round {round_}: {peer.name} {kind}, large zone: {loaded.seconds:.2f} s")


def _kinds(stand: Stand, peer: Peer, round_: int) -> None:
    for number, zone in enumerate(stand.kinds):
        if zone.denial and not peer.dnssec:
            continue
        directory = stand.place(peer, f"kind{number}", round_)
        cores, denial, origin = stand.plan.both, zone.denial, zone.origin
        with stand.start(
            peer, directory, zone.path, denial=denial, cores=cores, origin=origin
        ) as server:
            loaded = server.wait(zone.proof, LARGE_S)
            parts.started(stand, server, round_, zone.name, loaded)
        stand.say(
            f"round {round_}: {peer.name}, {zone.name}: {loaded.seconds:.2f} s,"
            f" CPU {loaded.cpu:.2f} s"
        )


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
