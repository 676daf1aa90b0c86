"""dnsd between NSD and Knot: the same question to all three, and what is made of the answers.

Where the peers agree dnsd must say the same; where they differ it must say what one of them
says. Everything else is a fault, or one of the reasoned :data:`EXCEPTIONS`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Self

import dns.name

from dnsd.zone.lookup import Question, zone_for
from tests.interop.exceptions import Answers, excused
from tests.interop.exchange import Tcp, Udp, is_truncated, normal
from tests.interop.peers import HOST, Dnsd, Knot, Nsd

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.interop.exchange import Ask, Normal
    from tests.interop.zonefiles import ZoneFile


class Difference(NamedTuple):
    """One question with answers that cannot be brought together."""

    ask: Ask
    parts: tuple[str, ...]
    answers: dict[str, Normal]

    def __str__(self) -> str:
        """Show the parts that differ; each record with who has it."""
        lines = [f"{self.ask}: {', '.join(self.parts)}"]
        for part in self.parts:
            values = {server: getattr(answer, part) for server, answer in self.answers.items()}
            if not isinstance(values["dnsd"], frozenset):
                lines.append(f"  {part}: {values}")
                continue
            for record in sorted(frozenset().union(*values.values())):
                have = [server if record in value else "-" for server, value in values.items()]
                lines.append(f"  {part}: [{' '.join(have)}] {record}")
        return "\n".join(lines)


class Trio:
    """dnsd, NSD and Knot on the same zones, with a TCP and a UDP way to each."""

    def __init__(self, directory: Path, zones: Iterable[ZoneFile]) -> None:
        zones = list(zones)
        plain = {zone.origin: zone.plain for zone in zones}
        self.servers = (
            Dnsd(directory / "dnsd", {zone.origin: zone.path for zone in zones}),
            Nsd(directory / "nsd", plain),
            Knot(directory / "knot", plain),
        )
        self._zones = {dns.name.from_text(zone.origin): zone for zone in zones}
        self.excuses: Counter[str] = Counter()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in self.servers:
                stack.enter_context(server)
            ports = {str(server): server.port for server in self.servers}
            self._tcp = {name: stack.enter_context(Tcp(HOST, port)) for name, port in ports.items()}
            self._udp = {name: stack.enter_context(Udp(HOST, port)) for name, port in ports.items()}
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def differences(self, asks: Iterable[Ask]) -> list[Difference]:
        """Ask all, over TCP with room for everything and over UDP; return what does not fit."""
        found = []
        for ask in asks:
            over_tcp = {name: normal(way.ask(ask.to_wire())) for name, way in self._tcp.items()}
            parts = different_parts(*over_tcp.values())
            if parts and not self._excused(ask, parts, over_tcp):
                found.append(Difference(ask, parts, over_tcp))
            over_udp = {name: way.ask(ask.to_wire()) for name, way in self._udp.items()}
            if truncation_differs(*over_udp.values()):
                found.append(Difference(ask, ("tc",), over_tcp))
        return found

    def _excused(self, ask: Ask, parts: tuple[str, ...], answers: dict[str, Normal]) -> str:
        apex = zone_for(self._zones, Question(*ask))
        assert apex is not None
        reason = excused(Answers(self._zones[apex].view(), ask, parts, *answers.values()))
        self.excuses[reason] += 1
        return reason


def different_parts(ours: Normal, nsd: Normal, knot: Normal) -> tuple[str, ...]:
    """The parts of the answer that are like neither peer's."""
    parts = [
        part
        for part in ("rcode", "aa", "answer", "authority")
        if getattr(ours, part) not in (getattr(nsd, part), getattr(knot, part))
    ]
    both, either = nsd.additional & knot.additional, nsd.additional | knot.additional
    if not both <= ours.additional <= either:
        parts.append("additional")
    return tuple(parts)


def truncation_differs(ours: bytes, nsd: bytes, knot: bytes) -> bool:
    """Dnsd truncates only what a peer truncates: its answers are never the largest."""
    return is_truncated(ours) and not (is_truncated(nsd) or is_truncated(knot))
