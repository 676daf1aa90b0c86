"""What all stacks have in common: the zone, its names, how services are checked. Pure."""

from __future__ import annotations

from typing import NamedTuple

ZONE = "shop.test"
WWW = f"www.{ZONE}"
"""The name that users ask for: the first service, and the second one when that is down."""
EACH = f"each.{ZONE}"
"""The same services with all that are well in each answer: only watched, not used."""
HTTP, BEHIND = 80, 8080
"""The port of a service, and where it is behind a proxy."""


class Checks(NamedTuple):
    """How a service is checked, by whatever checks it: seconds, and results that make a change.

    ``fast`` is the interval after a failure, for what knows such a thing.
    """

    interval: float = 2
    timeout: float = 1
    fast: float = 1
    down: int = 3
    ok: int = 3
    up: int = 3

    def detection(self) -> float:
        """Return how long, at most, a death is unknown at one steady interval (seconds)."""
        return self.interval + self.timeout + (self.down - 1) * self.interval

    def recovery(self) -> float:
        """Return how long, at most, a recovery is unknown (seconds)."""
        return self.timeout + self.up * self.interval


class Pace(NamedTuple):
    """How long things are watched beyond what they must take (seconds).

    ``calm``: users that are counted before anything happens. ``margin``: room for what takes
    longer than it should. ``flaps`` times the service dies in the story of that name, for
    ``flap`` seconds each. ``linger``: how long an operator who has moved the users away waits
    before the service is stopped.
    """

    calm: int = 5
    margin: float = 6
    flaps: int = 4
    flap: float = 6
    linger: float = 10
