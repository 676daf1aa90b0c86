"""Makes what is served become what is to be served: finds what keeps it from that, and mends it.

An image that is missing or damaged is built again, whether a worker has met it or not; so is a
zone whose build was cut short; a journal that cannot be read is written again. What is the
worker's own trouble (no descriptor left) it tries again by itself. Builds nothing here: it says
which zones are due.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from dnsd.build import images
from dnsd.control.differences import Differences, lasting
from dnsd.control.retries import Retries
from dnsd.errors import StateError
from dnsd.process import log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dnsd.control.differences import Difference
    from dnsd.control.publish import Publisher
    from dnsd.control.zones.reload import Reloader
    from dnsd.image.state import StateVector
    from dnsd.image.stock import Stock

PERIOD_S = 0.25
"""Pause between two looks at what the workers say."""
FILES_S = 1.0
FILES_SHARE = 50
"""Image files are looked at each second, or in a fiftieth of the time if there are very many."""


class Spoilt(NamedTuple):
    """An image that is not what it was when it was published, and why."""

    image: str
    why: str


class Convergence:
    """Knows the ``differences``, and which zones must be built again to end them."""

    def __init__(
        self,
        vector: StateVector,
        publisher: Publisher,
        reloader: Reloader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._differences = Differences(vector, publisher)
        self._publisher = publisher
        self._reloader = reloader
        self._stock = publisher.stock
        self._clock = clock
        self._builds = Retries()
        self._journals = Retries()
        self._spoilt: dict[str, Spoilt] = {}
        self._files_due = 0.0

    def differences(self) -> tuple[Difference, ...]:
        """Return what is not served as it should be."""
        return self._differences.look(self._clock())

    def sentences(self) -> tuple[str, ...]:
        """Return what is not served as it should be and has not been for a while."""
        return lasting(self.differences(), self._clock())

    def told(self) -> list[dict[str, Any]]:
        """Return the differences as plain values; ``seconds`` is how long each has lasted."""
        now = self._clock()
        return [
            {
                "worker": one.worker,
                "zone": one.zone or None,
                "what": one.what,
                "seconds": max(0.0, now - one.since),
            }
            for one in self._differences.look(now)
        ]

    async def due(self) -> set[str]:
        """Look, mend the journal if need be, and return the zones that are to be built now."""
        found = self.differences()
        self._mend_journal(found)
        self._forget_others()
        await self._look_at_files()
        for zone in {one.zone for one in found if one.zone}:
            image = self._image(zone)
            if image and (why := await asyncio.to_thread(self._stock.fault, image)):
                self._spoilt[zone] = Spoilt(image, why)
        wanted = self._spoilt.keys() | self._reloader.unfinished()
        wanted -= self._reloader.building.among(wanted)
        due = self._builds.ready(wanted, self._clock())
        for zone in due & self._spoilt.keys():
            why = self._spoilt[zone].why
            log.say("image-damaged", f"{why}; rebuilding zone {zone}", zone=zone, reason=why)
            self._reloader.distrust(zone)
        return due

    def _image(self, zone: str) -> str:
        """Return the image that ``zone`` is served from, empty if there is none."""
        row = self._reloader.rows.get(zone)
        return row.served.image if row is not None and row.served is not None else ""

    def _forget_others(self) -> None:
        """Forget the faults of images that are not served any more."""
        self._spoilt = {
            zone: spoilt
            for zone, spoilt in self._spoilt.items()
            if self._image(zone) == spoilt.image
        }

    async def _look_at_files(self) -> None:
        """See, from time to time, whether all images are as they were made."""
        began = self._clock()
        if began < self._files_due:
            return
        served = {zone: image for zone in self._reloader.rows if (image := self._image(zone))}
        self._spoilt |= await asyncio.to_thread(_changed, self._stock, served)
        ended = self._clock()
        self._files_due = ended + max(FILES_S, FILES_SHARE * (ended - began))

    def _mend_journal(self, found: Iterable[Difference]) -> None:
        wanted = ["journal"] if any(one.is_journal for one in found) else []
        if self._journals.ready(wanted, self._clock()):
            log.say("journal-unreadable", "a worker cannot read the journal: rewriting it")
            with suppress(StateError):  # what is wrong with the disk is told elsewhere
                self._publisher.begin_epoch()


def _changed(stock: Stock, served: dict[str, str]) -> dict[str, Spoilt]:
    """Return what is wrong with image files, by zone, as far as that needs no reading."""
    found = images.changes(stock, served.values())
    return {zone: Spoilt(name, found[name]) for zone, name in served.items() if name in found}
