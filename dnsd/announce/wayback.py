"""Do answers find their way back to clients? From what workers sent, and what the kernel refused.

The self-check never leaves the machine: without a route to clients, or behind a firewall that lets
nothing out, it goes on well while clients get nothing. This is seen here, by answers to clients
that the kernel refused for want of a way. What finds no room is not counted: busy is no reason.

A share is needed because sources of queries are easily forged: some answers can always be made to
have no way. And a reason needs evidence: once clients have been moved away there may be none any
more, so it lapses then, and the damping of the announcer bounds how often it comes back.

Only the kernel's own refusals are seen. What is lost behind this machine is not.
"""

from __future__ import annotations

from typing import NamedTuple

WINDOW_S = 1.0
"""Answers are judged by so many seconds of them, at least."""

ENOUGH = 10
"""Answers that a judgement needs, at least; until there are so many the window stays open."""

BAD = 0.2
"""A share of answers without a way that is a fault; it must be less than that of one family of
addresses, IPv4 or IPv6, whose route alone is gone."""

WELL = 0.1
"""A share below this does not count."""

IN_A_ROW = 3
"""Judgements in a row that it takes to change the mind."""

LAPSE_S = 60.0
"""A window that has not had enough in this time is given up, and a reason with it."""


_WHERE = "(nft list ruleset, ip route)"


class Sent(NamedTuple):
    """What became of answers over UDP: so many were ``made``, ``own`` of them for the node itself.

    ``no_route`` and ``forbidden`` are those that did not leave: the kernel had no route, or a
    firewall, or a route that prohibits, kept them.
    """

    made: int = 0
    own: int = 0
    no_route: int = 0
    forbidden: int = 0

    @property
    def lost(self) -> int:
        """Answers that had no way."""
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
    """Judges one window after the other; :meth:`look` tells why clients get no answers, if so."""

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
