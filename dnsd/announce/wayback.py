"""Do answers find their way back to clients? From what workers sent, and what the kernel refused.

The self-check never leaves the machine: without a route to clients, or behind a firewall that
blocks answers, it succeeds while clients get nothing. This module notices that, by answers to
clients that the kernel refused to route. Full queues are not counted: busy is no reason.

A share is needed because sources of queries are easily forged: some answers never have a route. And
a reason needs evidence: once clients have moved away there may be none, so the reason lapses then,
and the announcer's damping bounds how often it comes back.

Only the kernel's own refusals are seen. What is lost behind this machine is not.
"""

from __future__ import annotations

from typing import NamedTuple

WINDOW_S = 1.0
"""The shortest window of answers to judge, in seconds."""

ENOUGH = 10
"""Answers that a judgement needs; until there are enough, the window stays open."""

BAD = 0.2
"""A share of answers without a way that is a fault; it must be less than that of one family of
addresses, IPv4 or IPv6, whose route alone is gone."""

WELL = 0.1
"""A share below this does not count."""

IN_A_ROW = 3
"""Equal judgements in a row that change the result."""

LAPSE_S = 60.0
"""A window without enough answers in this time is given up, and a reason lapses."""


_WHERE = "(nft list ruleset, ip route)"


class Sent(NamedTuple):
    """The fate of answers over UDP: ``made`` in all, ``own`` of them for the node itself.

    ``no_route`` and ``forbidden`` are those that did not leave: the kernel had no route, or a
    firewall, or a route that prohibits, kept them.
    """

    made: int = 0
    own: int = 0
    no_route: int = 0
    forbidden: int = 0

    @property
    def lost(self) -> int:
        """Answers without a route."""
        return self.no_route + self.forbidden

    @property
    def to_clients(self) -> int:
        """Answers to clients, lost ones included.

        Those that the node gave itself are known from its checks, a moment later.
        """
        return max(self.lost, self.made - self.own)

    def plus(self, more: Sent) -> Sent:
        """Return both together."""
        return Sent(*(one + other for one, other in zip(self, more, strict=True)))

    def sentence(self) -> str:
        """Return what is wrong, and what to do."""
        parts = []
        if self.no_route:
            parts.append(f"there is no route for {self.no_route} (ip route)")
        if self.forbidden:
            parts.append(f"a firewall or a route of this machine forbids {self.forbidden} {_WHERE}")
        return (
            f"{self.lost} of {self.to_clients} answers to clients could not leave: "
            f"{' and '.join(parts)}"
        )


class WayBack:
    """Judges one window after the other; :meth:`look` returns why clients get no answers."""

    def __init__(self) -> None:
        self._reason = ""
        self._run = 0
        self._since: float | None = None
        self._sent = Sent()

    def look(self, now: float, sent: Sent) -> str:
        """Take in what was ``sent`` until ``now`` (seconds) since the last look.

        Returns a sentence, empty while answers find their way.
        """
        since = self._since = now if self._since is None else self._since
        self._sent = self._sent.plus(sent)
        if now - since >= WINDOW_S and self._sent.to_clients >= ENOUGH:
            self._judge(self._sent)
            self._since, self._sent = now, Sent()
        elif now - since >= LAPSE_S:
            self._reason, self._run = "", 0
            self._since, self._sent = now, Sent()
        return self._reason

    def _judge(self, sent: Sent) -> None:
        share = sent.lost / sent.to_clients
        contrary = share < WELL if self._reason else share >= BAD
        self._run = self._run + 1 if contrary else 0
        if self._run >= IN_A_ROW:
            self._run = 0
            self._reason = "" if self._reason else sent.sentence()
