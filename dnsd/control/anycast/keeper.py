"""Keeps BIRD as it should be: the mark of a drain, the protocol of the VIPs, what is exported.

It compares, repairs and reports; no fault of BIRD's ever gets further than its report.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.anycast.statefile import write_state
from dnsd.errors import BirdError
from dnsd.text import shortlist

if TYPE_CHECKING:
    from dnsd.announce.announcer import Wanted
    from dnsd.config import Anycast
    from dnsd.control.anycast.bird import BgpSession, Bird, BirdRoute

GRACEFUL_SHUTDOWN = (65535, 0)
"""The community that makes routers prefer every other route (RFC 8326)."""

APPLY_S = 1.0
APPLY_POLL_S = 0.02
"""How long, and how often, to look whether BIRD has done what a change asks of it."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0
"""Between two attempts to make BIRD read the mark: a foreign filter may never heed it."""

TOLD = 4
"""Problems that one line of the log names; `dnsd anycast` shows all of them."""

_PHASES = frozenset(
    {"Idle", "Connect", "Active", "Passive", "OpenSent", "OpenConfirm", "Close", "Down"}
    | {"start", "stop", "down", "flush"}
)
"""What a session that is down goes through again and again, every few seconds."""


class SessionView(NamedTuple):
    """A BGP session: which VIPs its router gets, and which of them marked as drained."""

    name: str
    established: bool
    neighbor: str
    bfd: str | None
    info: str
    exported: tuple[str, ...]
    drained: tuple[str, ...]


class BirdView(NamedTuple):
    """What was seen of BIRD; ``error`` instead of all the rest if it could not be asked.

    ``others`` are routes to the VIPs that do not come from this node: (VIP, protocol).
    ``wanted`` is what it was compared with, ``marked`` whether BIRD has read the mark that is
    wanted, ``problems`` in what it still differs.
    """

    error: str = ""
    version: str = ""
    booted: str = ""
    protocol: str = ""
    sessions: tuple[SessionView, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    wanted: Wanted | None = None
    marked: bool = False
    problems: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Return whether BIRD is in the wanted state."""
        return not self.error and not self.problems


class BirdReconciler:
    """Makes BIRD do what is wanted, and checks that it does."""

    def __init__(self, config: Anycast, bird: Bird) -> None:
        self._config = config
        self._bird = bird
        self._pending = True
        """Whether the state file may say something that BIRD has not read yet.

        At the beginning it may: a predecessor could have ended between writing and telling.
        """
        self._refusal = ""
        self._pause = 0.0
        self._next_try = float("-inf")

    async def turn(self, wanted: Wanted) -> BirdView:
        """Repair what differs from ``wanted``; return what is seen then."""
        try:
            changed = await self._repair(wanted)
            view = await self._look(wanted)
            if changed:
                view = await self._when_applied(wanted, view)
        except BirdError as error:
            self._next_try = float("-inf")  # it does not know the last one
            return BirdView(error=str(error), wanted=wanted)
        if _is_marked_wrongly(view, wanted):
            self._pending = True
        elif not self._pending:
            self._pause = 0.0
        refusal = (self._refusal,) if self._refusal else ()
        return view._replace(marked=not self._pending, problems=(*refusal, *view.problems))

    async def _repair(self, wanted: Wanted) -> bool:
        """Do what has to be done; return whether there was something to do."""
        bird, name = self._bird, self._config.bird.protocol
        marking = await self._mark(wanted)
        protocol = await bird.protocol(name)
        if protocol.disabled and wanted.enabled:
            await bird.enable(name)
        elif not protocol.disabled and not wanted.enabled:
            await bird.disable(name)
        return marking or protocol.disabled == wanted.enabled

    async def _mark(self, wanted: Wanted) -> bool:
        """Write the state file, and have BIRD read it; return whether BIRD was told to.

        What keeps it from that must not keep the protocol from being switched.
        """
        now = asyncio.get_running_loop().time()
        try:
            # In a thread: a disk may take its time.
            if await asyncio.to_thread(write_state, self._config.bird.state_file, wanted.drain):
                self._pending, self._pause, self._next_try = True, 0.0, now
            if not self._pending or now < self._next_try:
                return False
            self._pause = min(max(FIRST_PAUSE_S, 2 * self._pause), LONGEST_PAUSE_S)
            self._next_try = now + self._pause
            await self._bird.configure()
        except BirdError as error:
            self._pending, self._refusal = True, str(error)
            return False
        self._pending, self._refusal = False, ""
        return True

    async def _when_applied(self, wanted: Wanted, view: BirdView) -> BirdView:
        """Look again until BIRD has done it, or has had time enough."""
        loop = asyncio.get_running_loop()
        until = loop.time() + APPLY_S
        while not view.well and loop.time() < until:
            await asyncio.sleep(APPLY_POLL_S)
            view = await self._look(wanted)
        return view

    async def _look(self, wanted: Wanted) -> BirdView:
        bird, config = self._bird, self._config
        status = await bird.status()
        protocol = await bird.protocol(config.bird.protocol)
        sessions = await self._sessions()
        others = [
            (vip, route.protocol)
            for vip in config.vips
            for route in await bird.routes_for(vip)
            if route.protocol != config.bird.protocol
        ]
        return BirdView(
            version=status.version,
            booted=status.booted,
            protocol="disabled" if protocol.disabled else protocol.state,
            sessions=sessions,
            others=tuple(others),
            wanted=wanted,
            problems=tuple(_problems(config.vips, wanted, sessions)),
        )

    async def _sessions(self) -> tuple[SessionView, ...]:
        names = self._config.sessions
        known = {one.name: one for one in await self._bird.sessions()}
        views = []
        for name in names or known:
            session = known.get(name)
            if session is None:
                views.append(SessionView(name, False, "", None, "BIRD does not have it", (), ()))
                continue
            routes = await self._bird.exported(name) if session.established else ()
            views.append(_view(session, routes, self._config.vips))
        return tuple(views)


def _is_marked_wrongly(view: BirdView, wanted: Wanted) -> bool:
    """Return whether BIRD seems not to have read what the state file says."""
    return any(
        (vip in session.drained) != wanted.drain
        for session in view.sessions
        for vip in session.exported
    )


def _view(session: BgpSession, routes: tuple[BirdRoute, ...], vips: tuple[str, ...]) -> SessionView:
    ours = {address: route for route in routes if (address := host(route.prefix)) in vips}
    marked = (vip for vip, route in ours.items() if GRACEFUL_SHUTDOWN in route.communities)
    return SessionView(
        session.name,
        session.established,
        session.neighbor,
        session.bfd,
        session.info,
        tuple(ours),
        tuple(marked),
    )


def host(prefix: str) -> str:
    """Return the address of a /32 or /128 without its length; "" for any other prefix."""
    address, _, length = prefix.partition("/")
    return address if length == ("128" if ":" in address else "32") else ""


def _problems(
    vips: tuple[str, ...], wanted: Wanted, sessions: tuple[SessionView, ...]
) -> list[str]:
    """Return how the exported routes differ from what is wanted, a sentence each."""
    found = []
    for one in sessions:
        if not one.established:
            cause = f": {why}" if (why := cause_of(one.info)) else ""
            found.append(f"the BGP session {one.name} is not established{cause}")
            continue
        for vip in vips:
            announced = wanted.carrier and wanted.enabled and vip not in wanted.away
            if announced and vip not in one.exported:
                if _can_carry(one, vip, sessions):
                    found.append(f"{vip} is not exported to {one.name}")
            elif not announced and vip in one.exported:
                found.append(f"{vip} is still exported to {one.name}")
            elif vip in one.exported and wanted.drain != (vip in one.drained):
                how = "without the mark" if wanted.drain else "with the mark"
                found.append(f"{vip} is exported to {one.name} {how} of a drain")
    if not sessions:
        found.append("BIRD has no BGP session")
    return found


def _can_carry(session: SessionView, vip: str, sessions: tuple[SessionView, ...]) -> bool:
    """Return whether ``session`` is the one to export ``vip``.

    A session is usually for the family of its own addresses; where there is none of a VIP's
    family, every session is. One whose neighbor is not known may be of any.
    """
    if (":" in session.neighbor) == (":" in vip):
        return True
    return all(one.neighbor and (":" in one.neighbor) != (":" in vip) for one in sessions)


def cause_of(info: str) -> str:
    """Return why a session is down, without the phase of its attempts; "" if nothing says it."""
    phase, _, cause = info.partition(", ")
    return cause if phase in _PHASES else info


def shortened(problems: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many ``problems`` as fit into a line, and how many more there are."""
    return shortlist(problems, TOLD, "{} more problems: `dnsd anycast` shows them")
