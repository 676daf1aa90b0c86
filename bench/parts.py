"""The loads that are put on a running server, one function for each part of the measurement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bench import load, procs, verify, zonegen
from bench.asker import OUTSTANDING, Askers, Trigger
from bench.load import Outcome
from bench.results import Latency, Reload, Start
from bench.run import LoadError, Overdue

if TYPE_CHECKING:
    from pathlib import Path

    from bench.asker import Figures
    from bench.lab import Lab
    from bench.server import Loaded, Server
    from bench.zonegen import Mix

WARM_UP_S = 0.3
SAMPLE = 50
"""Answers of each kind that are checked before a server is timed."""
RIGHT = {"NOERROR"}
FEW = 4
"""TCP connections of the load that keeps them."""
AT_A_TIME = 16
"""TCP connections at a time of the load that asks once on each: no server refuses as many."""
RELOAD_S = 20.0
"""Seconds a reload may take under a load."""
USED_S = 1.0
"""Seconds for which the large zone is asked for, all over, before its memory is measured."""


def queries(lab: Lab, server: Server, round_: int, mixes: list[Mix]) -> None:
    """Check some answers of each kind, then put each kind of load on the server."""
    plan = lab.plan
    if server.peer.answers:
        for mix in mixes:
            verify.check_sample(server.setup.port, plan.zone_of(mix).queries(mix, SAMPLE))
    for mix in mixes:
        wanted = replace(plan.load, dnssec=mix in zonegen.PROOFS)
        _dnsperf(lab, server, round_, str(mix), (wanted, lab.directory / mix, zonegen.RCODES[mix]))


def _dnsperf(
    lab: Lab, server: Server, round_: int, name: str, what: tuple[load.Load, Path, set[str]]
) -> None:
    wanted, path, rcodes = what
    port, cores = server.setup.port, (lab.plan.load_core,)
    for last in (False, True):
        try:
            load.run(replace(wanted, seconds=WARM_UP_S), port, path, cores)
            lab.measure(server, round_, name, rcodes, lambda: load.run(wanted, port, path, cores))
        except Overdue as error:
            if last:
                raise
            lab.say(f"{error}: again")
        else:
            return


def tcp(lab: Lab, server: Server, round_: int) -> None:
    """Ask over TCP: many queries on few connections, then one on each of many."""
    pipelined = replace(lab.plan.load, transport="tcp", sockets=FEW)
    _dnsperf(lab, server, round_, "tcp-pipelined", (pipelined, lab.directory / "asked", RIGHT))
    port, seconds = server.setup.port, lab.plan.load.seconds

    def once() -> Outcome:
        return _outcome(lab.askers.tcp(port, lab.messages, seconds, AT_A_TIME))

    lab.measure(server, round_, "tcp-one-query", RIGHT, once)


def latency(lab: Lab, server: Server, round_: int) -> None:
    """Find the saturation, then the latency at half of it and at the rate common to all."""
    port, seconds = server.setup.port, lab.plan.load.seconds
    full = lab.measure(
        server, round_, "saturation", RIGHT, lambda: _flood(lab.askers, server, lab, seconds)
    )
    for name, rate in (("half", int(full.qps / 2)), ("common", lab.plan.rate)):
        figures = lab.askers.udp(port, lab.messages, seconds, rate, OUTSTANDING)
        lab.found.latencies.append(
            Latency(
                server=server.peer.name,
                round=round_,
                load=name,
                rate=figures.sent / figures.seconds,
                p50=figures.p50,
                p99=figures.p99,
                p999=figures.p999,
                loss=figures.loss,
            )
        )
        lab.say(
            f"round {round_}: {server.peer.name} at {rate:,} q/s:"
            f" {figures.p50:.0f}/{figures.p99:.0f}/{figures.p999:.0f} µs"
        )


def workers(lab: Lab, server: Server, round_: int) -> None:
    """Flood a server whose workers share both cores with the load generator."""
    askers = Askers(lab.directory, lab.plan.both)
    seconds, number = lab.plan.load.seconds, server.setup.workers
    _flood(askers, server, lab, WARM_UP_S)
    lab.measure(
        server, round_, f"workers-{number}", RIGHT, lambda: _flood(askers, server, lab, seconds)
    )


def use(lab: Lab, server: Server) -> None:
    """Ask for names all over the large zone: a mapped page is nobody's until it is touched."""
    port, messages = server.setup.port, lab.large_messages
    Askers(lab.directory, lab.plan.both).udp(port, messages, USED_S, 0, OUTSTANDING)


def _flood(askers: Askers, server: Server, lab: Lab, seconds: float) -> Outcome:
    return _outcome(askers.udp(server.setup.port, lab.messages, seconds, 0, OUTSTANDING))


def _outcome(figures: Figures) -> Outcome:
    return Outcome(
        sent=figures.sent,
        completed=figures.received,
        lost=figures.lost,
        seconds=figures.seconds,
        latency=figures.p50 / 1e6,
        rcodes=figures.rcodes,
    )


def reload(lab: Lab, server: Server, round_: int) -> None:
    """Change one record, have the server reload, under as much load as it bears and under half."""
    full = _reload(lab, server, round_, "full", 0)
    _reload(lab, server, round_, "half", int(full.qps / 2))


def _reload(lab: Lab, server: Server, round_: int, name: str, rate: int) -> Figures:
    number, zone = server.peer.reload, server.setup.zone
    if number is None:
        raise ValueError(f"{server.peer.name} does not reload at a signal")
    new = zone.with_suffix(".new")
    first = (lab.directory / "zone").read_bytes()
    new.write_bytes(zonegen.changed(first, 1 if name == "full" else 2))
    trigger = Trigger(server.pid, number, RELOAD_S, new, zone)
    seconds = lab.plan.load.seconds
    before, during, after = lab.askers.udp_with(
        server.setup.port, lab.messages, seconds, rate, trigger
    )
    if after < 0:
        raise LoadError(f"{server.peer.name} did not reload within {RELOAD_S:g} s")
    lab.found.reloads.append(
        Reload(
            server=server.peer.name,
            round=round_,
            load=name,
            seconds=after,
            p99_before=before.p99,
            p99_during=during.p99,
            max_during=during.max,
            sent=during.sent,
            lost=during.lost + before.lost,
        )
    )
    lab.say(
        f"round {round_}: {server.peer.name} reloaded under {name} load in {after:.2f} s:"
        f" p99 {before.p99:.0f} then {during.p99:.0f} µs, {during.lost} lost"
    )
    return before


def started(lab: Lab, server: Server, round_: int, kind: str, loaded: Loaded) -> None:
    """Keep what the start cost and what memory the server has now."""
    memory = procs.memory(server.pids())
    lab.found.starts.append(
        Start(
            server=server.peer.name,
            round=round_,
            seconds=loaded.seconds,
            cpu=loaded.cpu,
            pss_peak=max(loaded.pss_peak, memory.pss),
            pss=memory.pss,
            rss_peak=memory.peak,
            kind=kind,
        )
    )
