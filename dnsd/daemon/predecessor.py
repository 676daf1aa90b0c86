"""The new master's side of handing the node on: what it is given, and when it may begin."""

from __future__ import annotations

import os
from collections import defaultdict
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from dnsd.daemon import channel
from dnsd.daemon.channel import Channel, waited
from dnsd.errors import StateError
from dnsd.image.sharing import layout_of_shared
from dnsd.serve.spec import PassedSocket

if TYPE_CHECKING:
    from collections.abc import Collection, MutableMapping

    from dnsd.config import Config, Endpoint
    from dnsd.daemon.channel import Offer

OFFER_S = 30.0
"""Seconds that an old master may take to send its offer: its workers may be busy."""


class Given:
    """What the old master has given with its ``offer``: descriptors by name, and sockets."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.fds: dict[str, int] = {}
        self.sockets: list[PassedSocket] = []

    def take(self, name: str) -> int | None:
        """Return the descriptor called ``name``, None if it was not given; the caller owns it."""
        return self.fds.pop(name, None)

    def need(self, name: str) -> int:
        """Return the descriptor called ``name``."""
        fd = self.take(name)
        if fd is None:
            raise StateError(f"the running dnsd has not passed on its {name}; restart the service")
        return fd

    def seats(self, count: int) -> list[int]:
        """Return so many free seats for workers; StateError if there are too few."""
        free = [one for one in range(self.offer.seats) if one not in self.offer.taken]
        if len(free) < count:
            raise StateError(
                f"{count} workers cannot begin beside the old ones, only {len(free)}: "
                "this needs a restart of the service"
            )
        return free[:count]

    def shares(self, count: int, places: Collection[Endpoint]) -> list[list[PassedSocket]]:
        """Return the sockets for each of so many workers: one of them reads each socket.

        Sockets at none of ``places`` are closed: queries there are no longer wanted.
        """
        wanted = {(place.address, place.port) for place in places}
        shares: list[list[PassedSocket]] = [[] for _ in range(count)]
        seen: defaultdict[tuple[str, int, bool], int] = defaultdict(int)
        for one in self.sockets:
            if (one.address, one.port) not in wanted:
                os.close(one.fd)
                continue
            place = one.address, one.port, one.is_tcp
            shares[seen[place] % count].append(one)
            seen[place] += 1
        return shares

    def listens_at(self, place: Endpoint) -> bool:
        """Return whether the old workers listen there."""
        return any((one.address, one.port) == (place.address, place.port) for one in self.sockets)

    def check(self, config: Config) -> None:
        """Raise StateError if a node with this configuration cannot take over."""
        restart = "restart the service instead (systemctl restart dnsd), which drains first"
        if self.offer.layout != layout_of_shared():
            raise StateError(
                "this version lays out shared memory in another way, so it cannot answer "
                f"beside the running one: {restart}"
            )
        if self.offer.directory != str(config.server.state_directory):
            raise StateError(f"[server] state_directory has changed: {restart}")
        interface = config.anycast.interface if config.anycast.enabled else ""
        if self.offer.interface and interface and self.offer.interface != interface:
            raise StateError(f"[anycast] interface has changed: {restart}")

    def close(self) -> None:
        """Close what no caller has taken."""
        for fd in self.fds.values():
            os.close(fd)
        self.fds.clear()


class EntryPhase(Enum):
    """How far the take-over has come."""

    REHEARSAL = auto()
    PREPARED = auto()
    LEADING = auto()
    SERVING = auto()
    ALONE = auto()


class Taker(Protocol):
    """The new master, as far as it takes the node over."""

    def is_prepared(self) -> bool:
        """Return whether every process is ready to begin."""

    def lead(self) -> None:
        """Have control and transfers begin."""

    def begin(self) -> bool:
        """Have the workers answer once control runs; return whether all of them do."""

    def begin_at_once(self) -> None:
        """Have the workers answer now."""

    def heirs(self) -> list[int]:
        """Return the descriptors to which the old workers are to give their connections."""

    def go_on_alone(self, gone: tuple[int, ...], /) -> None:
        """Go on as the only master; those seats are free once their workers have ended."""


class Predecessor:
    """The old master, at the other end of ``way``; ``given`` is what it has passed on."""

    def __init__(self, way: Channel, given: Given) -> None:
        self.phase = EntryPhase.REHEARSAL
        self.given = given
        self._way = way
        self._over = False

    def fileno(self) -> int:
        """The descriptor that becomes readable when the old master sends something, or has gone."""
        return self._way.fileno()

    @property
    def has_lead(self) -> bool:
        """Whether the old master still controls the node."""
        return self.phase in (EntryPhase.REHEARSAL, EntryPhase.PREPARED)

    def refuse(self, why: str) -> None:
        """Tell the old master that this one cannot take over, and why."""
        self._way.say(channel.Refused(why))

    def turn(self, taker: Taker) -> None:
        """Do what is due."""
        self._way.flush()
        for word, fd in self._way.hear():
            if fd >= 0:
                os.close(fd)
            if isinstance(word, channel.Yours) and self.has_lead:
                self._lead(taker)
            elif isinstance(word, channel.Farewell):
                self._over = True
        if (self._over or self._way.is_over) and self.phase is not EntryPhase.ALONE:
            self._alone(taker)
        elif self.phase is EntryPhase.REHEARSAL and taker.is_prepared():
            self.phase = EntryPhase.PREPARED
            self._way.say(channel.Prepared())
        elif self.phase is EntryPhase.LEADING and taker.begin():
            self.phase = EntryPhase.SERVING
            for fd in taker.heirs():
                self._way.say(channel.Heir(), fd)
            self._way.say(channel.Serving())

    def _lead(self, taker: Taker) -> None:
        self.phase = EntryPhase.LEADING
        taker.lead()

    def _alone(self, taker: Taker) -> None:
        """Go on without the old master: it has said farewell, or has died, at any step."""
        if self.phase is not EntryPhase.SERVING:
            taker.begin_at_once()
        if self.has_lead:
            taker.lead()
        self.phase = EntryPhase.ALONE
        self._way.close()
        taker.go_on_alone(self.given.offer.taken)


def meet(environ: MutableMapping[str, str]) -> Predecessor | None:
    """Return the master that has started this one to hand the node on; None if none has.

    StateError if that master ends, or sends nothing.
    """
    number = environ.pop(channel.VARIABLE, "")
    if not number.isdigit():
        return None
    os.set_inheritable(int(number), False)
    way = Channel(int(number))
    given: Given | None = None
    for _ in waited(OFFER_S):
        for word, fd in way.hear():
            match word:
                case channel.Offer():
                    given = Given(word)
                case channel.Passed() if given:
                    given.fds[word.name] = fd
                case channel.BoundAt() if given:
                    one = PassedSocket(fd, word.address, word.port, word.is_tcp)
                    given.sockets.append(one)
                case channel.OfferEnds() if given:
                    return Predecessor(way, given)
        if way.is_over:
            break
    raise StateError("the running dnsd does not say what it hands on")
