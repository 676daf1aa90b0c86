"""What happens, and when: data only.

Times are seconds after the first thing that happens. How long a failure lasts follows from how
long it can take to be known and forgotten, so that each story is told to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.failover.settings import Checks, Pace

TOWN, CITIES, FARM = "town", "cities", "farm"


class Step(NamedTuple):
    """Something that is done.

    To the first service (kill, end, start, stop, continue), to its site (cut, mend), to what is in
    front of the services (kill-front, end-front, start-front), or by the operator with the users
    (move, return).
    """

    at: float
    what: str


class Story(NamedTuple):
    """Steps; users are counted from ``calm`` seconds before the first one to ``until`` after it."""

    name: str
    title: str
    ground: str
    steps: tuple[Step, ...]
    until: float
    calm: int


class Told(NamedTuple):
    """What a story depends on: for how long caches remember, how services are checked, the pace."""

    ttl: int
    checks: Checks
    pace: Pace

    @property
    def outage(self) -> float:
        """How long a failure lasts: everybody has gone elsewhere, or could have."""
        return self.checks.detection() + self.ttl + self.pace.margin

    def after(self, ttl: int) -> float:
        """Return how long to watch after a recovery: users come back, TTLs grow back."""
        return self.checks.recovery() + min(ttl, 30) + 2 * self.pace.margin


def kill(told: Told, ground: str) -> Story:
    """The service is killed, and started again when everybody has gone elsewhere."""
    return _once("kill", "the service dies", ("kill", "start"), told, ground)


def hang(told: Told, ground: str) -> Story:
    """The service takes connections and answers none."""
    return _once("hang", "the service hangs", ("stop", "continue"), told, ground)


def site(told: Told, ground: str) -> Story:
    """The site of the service is cut off: packets vanish, and nobody is told."""
    return _once("site", "the site is cut off", ("cut", "mend"), told, ground)


def _once(name: str, title: str, words: tuple[str, str], told: Told, ground: str) -> Story:
    bad, good = words
    steps = (Step(0, bad), Step(told.outage, good))
    return Story(name, title, ground, steps, told.outage + told.after(told.ttl), told.pace.calm)


def flap(told: Told, ground: str) -> Story:
    """The service dies and comes back again and again."""
    pace = told.pace
    steps = [
        Step(2 * pace.flap * number + after, what)
        for number in range(pace.flaps)
        for after, what in ((0, "kill"), (pace.flap, "start"))
    ]
    until = steps[-1].at + told.after(0)
    return Story("flap", "the service flaps", ground, tuple(steps), until, pace.calm)


def planned(told: Told, ground: str) -> Story:
    """The operator moves the users away, waits a while, and has the service stopped."""
    linger, margin = told.pace.linger, told.pace.margin
    start = linger + told.ttl + margin
    back = start + told.checks.recovery() + margin
    steps = (Step(0, "move"), Step(linger, "end"), Step(start, "start"), Step(back, "return"))
    until = back + told.after(told.ttl)
    return Story("planned", "planned maintenance", ground, steps, until, told.pace.calm)


def front(told: Told, ground: str) -> Story:
    """What is in front dies (name server, proxy), and is started again after a while."""
    down = 2 * told.checks.detection()
    steps = (Step(0, "kill-front"), Step(down, "start-front"))
    until = down + told.after(0)
    return Story("front", "the front dies", ground, steps, until, told.pace.calm)


def restart(told: Told, ground: str) -> Story:
    """What is in front is told to stop, and started again when it has."""
    steps = (Step(0, "end-front"), Step(0, "start-front"))
    until = 2 * told.checks.detection() + told.after(0)
    return Story("restart", "the front is restarted", ground, steps, until, told.pace.calm)


STORIES: dict[str, Callable[[Told, str], Story]] = {
    "kill": kill,
    "hang": hang,
    "flap": flap,
    "planned": planned,
    "front": front,
    "restart": restart,
    "site": site,
}
