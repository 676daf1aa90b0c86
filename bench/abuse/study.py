"""What attacks came to, as data, and the report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.study.figures import Figure
from bench.study.results import Row, Study
from bench.tables import MIB, Table

if TYPE_CHECKING:
    from bench.study.text import Part

TITLE = "What attacks do to servers, and to those whose addresses are forged"


class Cell(Row, frozen=True, kw_only=True):
    """One attack on one server.

    ``asked`` and ``answered`` are an honest client's queries over UDP, ``tcp_…`` those over TCP.
    ``sent`` packets or connections of the attack had ``octets_in``; ``octets_out`` came back.
    ``cpu`` in seconds, memory (PSS) in octets. ``ended``: processes of the server that were gone.
    """

    attack: str
    server: str
    asked: int
    answered: int
    tcp_asked: int
    tcp_answered: int
    sent: int
    octets_in: int
    octets_out: int
    cpu: float
    memory_before: int
    memory_after: int
    ended: int

    @property
    def factor(self) -> float | None:
        """Octets sent to the attacked for each of the attacker's; None where nobody is sent any."""
        return self.octets_out / self.octets_in if self.octets_out else None


class Abuse(Study, frozen=True, kw_only=True):
    """All attacks; ``words`` say what each one is."""

    words: dict[str, str]
    cells: list[Cell]


def figures(study: Abuse) -> list[Figure]:
    """Return the shares of honest queries that were lost."""
    return [
        Figure(
            f"{cell.attack}, {cell.server}: UDP lost", "%", [100 * (1 - cell.answered / cell.asked)]
        )
        for cell in study.cells
        if cell.asked
    ]


HEAD = ["server", "UDP lost", "TCP lost", "attack", "octets out/in", "CPU, s", "memory, MiB"]
HEAD += ["processes ended"]


def parts(study: Abuse) -> list[Part]:
    """Return the report's sections: a table for each attack."""
    found: list[Part] = [
        "An honest client asks all the while, 100 times a second over UDP and 5 times over TCP,"
        " from a network of its own. All servers have two workers and rate limits of 200 answers a"
        " second with slip 2 (BIND: window 15)."
    ]
    for attack, what in study.words.items():
        rows = [_row(cell) for cell in study.cells if cell.attack == attack]
        if rows:
            found.append(Table(f"{attack}: {what}", HEAD, rows))
    return found


def _row(cell: Cell) -> list[str]:
    return [
        cell.server,
        f"{cell.asked - cell.answered} of {cell.asked}",
        f"{cell.tcp_asked - cell.tcp_answered} of {cell.tcp_asked}",
        f"{cell.sent:,}",
        "" if cell.factor is None else f"{cell.factor:.2f}",
        f"{cell.cpu:.2f}",
        f"{cell.memory_before / MIB:.0f} → {cell.memory_after / MIB:.0f}",
        str(cell.ended),
    ]
