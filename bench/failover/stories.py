"""What happens, and when: data only.

Times are seconds after the first thing that happens. How long a failure lasts follows from how
long it can take to be known and forgotten, so that each story is told to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.failover.settings import Checks

TOWN, CITIES = "town", "cities"
MARGIN_S = 6
"""Room for what takes longer than it should."""
FLAPS, FLAP_S = 4, 6


class Step(NamedTuple):
    """Something that is done.

    To the first service (kill, start, stop, continue), to its site (cut, mend), or to what is in
    front of the services (kill-front, start-front).
    """

    at: float
    what: str


class Story(NamedTuple):
    """Steps, and for how long users are watched after the first one."""

    name: str
    title: str
    ground: str
    steps: tuple[Step, ...]
    until: float


def _outage(ttl: int, checks: Checks) -> float:
    return checks.detection() + ttl + MARGIN_S


def _after(checks: Checks, ttl: int) -> float:
    """Return how long to watch after a recovery: TTLs grow back, users come back."""
    return checks.recovery() + min(ttl, 30) + 2 * MARGIN_S


def kill(ttl: int, checks: Checks, ground: str = TOWN) -> Story:
    """The service is killed, and started again when everybody has gone elsewhere."""
    down = _outage(ttl, checks)
    steps = (Step(0, "kill"), Step(down, "start"))
    return Story("kill", "the service dies", ground, steps, down + _after(checks, ttl))


def hang(ttl: int, checks: Checks, ground: str = TOWN) -> Story:
    """The service takes connections and answers none."""
    down = _outage(ttl, checks)
    steps = (Step(0, "stop"), Step(down, "continue"))
    return Story("hang", "the service hangs", ground, steps, down + _after(checks, ttl))


def flap(ttl: int, checks: Checks, ground: str = TOWN) -> Story:
    """The service dies and comes back again and again."""
    del ttl
    steps = [
        Step(2 * FLAP_S * number + after, what)
        for number in range(FLAPS)
        for after, what in ((0, "kill"), (FLAP_S, "start"))
    ]
    until = steps[-1].at + checks.recovery() + 2 * MARGIN_S
    return Story("flap", "the service flaps", ground, tuple(steps), until)


def front(ttl: int, checks: Checks, ground: str = TOWN) -> Story:
    """What is in front dies (name server, proxy), and comes back after a restart of its host."""
    del ttl
    down = 2 * checks.detection()
    steps = (Step(0, "kill-front"), Step(down, "start-front"))
    return Story("front", "the front dies", ground, steps, down + _after(checks, 0))


def site(ttl: int, checks: Checks) -> Story:
    """The site of the service is cut off: packets vanish, and nobody is told."""
    down = _outage(ttl, checks)
    steps = (Step(0, "cut"), Step(down, "mend"))
    return Story("site", "the site is cut off", CITIES, steps, down + _after(checks, ttl))


STORIES: dict[str, Callable[[int, Checks], Story]] = {
    "kill": kill,
    "hang": hang,
    "flap": flap,
    "front": front,
    "site": site,
}
