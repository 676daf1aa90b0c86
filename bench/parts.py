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
    from bench.server import Loaded, Server
    from bench.stand import Stand
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


def queries(stand: Stand, server: Server, round_: int, mixes: list[Mix]) -> None:
    """Check some answers of each kind, then put each kind of load on the server."""
    plan = stand.plan
    if server.peer.answers:
        for mix in mixes:
            verify.check_sample(server.setup.port, plan.zone_of(mix).queries(mix, SAMPLE))
    for mix in mixes:
        wanted = replace(plan.load, dnssec=mix in zonegen.PROOFS)
        _dnsperf(
            stand, server, round_, str(mix), (wanted, stand.directory / mix, zonegen.RCODES[mix])
        )


def _dnsperf(
    stand: Stand, server: Server, round_: int, name: str, what: tuple[load.Load, Path, set[str]]
) -> None:
    wanted, path, rcodes = what
    port, cores = server.setup.port, (stand.plan.load_core,)
    for last in (False, True):
        try:
            load.run(replace(wanted, seconds=WARM_UP_S), port, path, cores)
            stand.measure(server, round_, name, rcodes, lambda: load.run(wanted, port, path, cores))
        except Overdue as error:
            if last:
                raise
            stand.say(f"{error}: again")
        else:
            return


def tcp(stand: Stand, server: Server, round_: int) -> None:
    """Ask over TCP: many queries on few connections, then one on each of many."""
    pipelined = replace(stand.plan.load, transport="tcp", sockets=FEW)
    _dnsperf(stand, server, round_, "tcp-pipelined", (pipelined, stand.directory / "asked", RIGHT))
    port, seconds = server.setup.port, stand.plan.load.seconds

    def once() -> Outcome:
        return _outcome(stand.askers.tcp(port, stand.messages, seconds, AT_A_TIME))

    stand.measure(server, round_, "tcp-one-query", RIGHT, once)


def latency(stand: Stand, server: Server, round_: int) -> None:
    """Find the saturation, then the latency at half of it and at the rate common to all."""
    port, seconds = server.setup.port, stand.plan.load.seconds
    full = stand.measure(
        server, round_, "saturation", RIGHT, lambda: _flood(stand.askers, server, stand, seconds)
    )
    for name, rate in (("half", int(full.qps / 2)), ("common", stand.plan.rate)):
        figures = stand.askers.udp(port, stand.messages, seconds, rate, OUTSTANDING)
        stand.found.latencies.append(
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
        stand.say(
            f"round {round_}: {server.peer.name} at {rate:,} q/s:"
            f" {figures.p50:.0f}/{figures.p99:.0f}/{figures.p999:.0f} µs"
        )


def workers(stand: Stand, server: Server, round_: int) -> None:
    """Flood a server whose workers share both cores with the load generator."""
    askers = Askers(stand.directory, stand.plan.both)
    seconds, number = stand.plan.load.seconds, server.setup.workers
    _flood(askers, server, stand, WARM_UP_S)
    stand.measure(
        server, round_, f"workers-{number}", RIGHT, lambda: _flood(askers, server, stand, seconds)
    )


def use(stand: Stand, server: Server) -> None:
    """Ask for names all over the large zone: a mapped page is nobody's until it is touched."""
    port, messages = server.setup.port, stand.large_messages
    Askers(stand.directory, stand.plan.both).udp(port, messages, USED_S, 0, OUTSTANDING)


def _flood(askers: Askers, server: Server, stand: Stand, seconds: float) -> Outcome:
    return _outcome(askers.udp(server.setup.port, stand.messages, seconds, 0, OUTSTANDING))


def _outcome(figures: Figures) -> Outcome:
    return Outcome(
        sent=figures.sent,
        completed=figures.received,
        lost=figures.lost,
        seconds=figures.seconds,
        latency=figures.p50 / 1e6,
        rcodes=figures.rcodes,
    )


def reload(stand: Stand, server: Server, round_: int) -> None:
    """Change one record, have the server reload, under as much load as it bears and under half."""
    full = _reload(stand, server, round_, "full", 0)
    _reload(stand, server, round_, "half", int(full.qps / 2))


def _reload(stand: Stand, server: Server, round_: int, name: str, rate: int) -> Figures:
    number, zone = server.peer.reload, server.setup.zone
    if number is None:
        raise ValueError(f"{server.peer.name} does not reload at a signal")
    new = zone.with_suffix(".new")
    first = (stand.directory / "zone").read_bytes()
    new.write_bytes(zonegen.changed(first, 1 if name == "full" else 2))
    trigger = Trigger(server.pid, number, RELOAD_S, new, zone)
    seconds = stand.plan.load.seconds
    before, during, after = stand.askers.udp_with(
        server.setup.port, stand.messages, seconds, rate, trigger
    )
    if after < 0:
        raise LoadError(f"{server.peer.name} did not reload within {RELOAD_S:g} s")
    stand.found.reloads.append(
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
    stand.say(
        f"round {round_}: {server.peer.name} reloaded under {name} load in {after:.2f} s:"
        f" p99 {before.p99:.0f} then {during.p99:.0f} µs, {during.lost} lost"
    )
    return before


def started(stand: Stand, server: Server, round_: int, kind: str, loaded: Loaded) -> None:
    """Keep what the start cost and what memory the server has now."""
    memory = procs.memory(server.pids())
    stand.found.starts.append(
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
