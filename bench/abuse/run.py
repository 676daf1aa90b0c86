"""One cell: a server is started, an honest client asks, an attack runs, all is counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import procs, wire
from bench.abuse.ground import HONEST, ground
from bench.abuse.honest import Client
from bench.abuse.servers import ADDRESS, SERVERS
from bench.abuse.study import Cell
from bench.abuse.zones import PLAIN, write
from bench.lab import namespaces
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.abuse.attacks import Attack
    from bench.abuse.ground import Ground
    from bench.study.progress import Steps

START_S = 120.0
PAUSE_S = 0.05


def cells(
    attacks: Sequence[Attack], names: Sequence[str], seconds: float, directory: Path, steps: Steps
) -> Iterator[Cell]:
    """Yield the result of each attack on each server; every cell has a fresh server."""
    files = write(directory, {PLAIN, *(attack.zone for attack in attacks)})
    with ground() as made:
        for attack in attacks:
            for name in names:
                steps.begin(f"{attack.name} against {name}")
                place = directory / f"{name}.{attack.name.replace(' ', '-')}"
                place.mkdir()
                zones = {zone: files[zone] for zone in (PLAIN, attack.zone)}
                cell = _cell(made, attack, name, seconds, place, zones)
                steps.say(f"{cell.attack}, {cell.server}: {cell.answered} of {cell.asked} answered")
                yield cell


def _cell(
    made: Ground, attack: Attack, name: str, seconds: float, place: Path, zones: dict[str, Path]
) -> Cell:
    start = SERVERS[name][1](place, zones)
    log = place / "output.log"
    process = namespaces.start(made.server, start.command, log, start.environment)
    try:
        _await(made, name, log, [*zones])
        before = procs.tree(process.pid)
        held, spent = procs.memory(before).pss, procs.cpu_seconds(before)
        with Client(made) as client:
            done = attack.run(made, seconds)
        after = procs.tree(process.pid)
        return Cell(
            attack=attack.name,
            server=name,
            asked=client.udp[0],
            answered=client.udp[1],
            tcp_asked=client.tcp[0],
            tcp_answered=client.tcp[1],
            sent=done.sent,
            octets_in=done.octets_in,
            octets_out=done.octets_out,
            cpu=procs.cpu_seconds(after) - spent,
            memory_before=held,
            memory_after=procs.memory(after).pss,
            ended=len(set(before) - set(after)),
        )
    finally:
        namespaces.end(made.server)
        process.wait()


def _await(made: Ground, name: str, log: Path, waiting: list[str]) -> None:
    """Wait until the server answers for the zones ``waiting``."""
    until = time.monotonic() + START_S
    with made.udp(HONEST) as sock:
        sock.settimeout(PAUSE_S)
        while waiting:
            if time.monotonic() > until:
                text = log.read_text(errors="replace")[-500:]
                raise StudyError(f"{name} at {ADDRESS} does not serve {waiting[0]}: {text}")
            try:
                sock.send(wire.message(waiting[0], "SOA", edns=True))
                response = sock.recv(4096)
            except OSError:
                time.sleep(PAUSE_S)
                continue
            if response[3] & 0xF == 0 and response[7]:
                waiting.pop(0)
            else:
                time.sleep(PAUSE_S)
