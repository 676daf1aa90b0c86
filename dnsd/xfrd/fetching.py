"""Brings one zone up to date: asks for the serial, fetches what is newer, and writes it.

A zone is fetched incrementally if possible, else whole (RFC 1995 §4). The version on disk is
replaced only when the new one is complete and valid.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dnsd.errors import MisfitError
from dnsd.process.log import say
from dnsd.transfer.incoming import ReceivedDifferences, TransferFault, TransferRefused, UpToDate
from dnsd.transfer.refresh import SoaTimes
from dnsd.versions.difference import apply, condense
from dnsd.versions.serial import is_newer
from dnsd.wire.query import FORMERR, NOTIMP, REFUSED
from dnsd.xfrd.connections import NoConnection
from dnsd.xfrd.fetch import SMALL, Fetched, Fetcher, FetchLimits
from dnsd.xfrd.together import Together

if TYPE_CHECKING:
    from dnsd.config import PrimaryPeer
    from dnsd.transfer.tsig import TsigKey
    from dnsd.versions.version import ZoneVersion
    from dnsd.xfrd.knowledge import Knowledge, Row
    from dnsd.xfrd.secondary import SecondaryZone

_NO_IXFR = frozenset((FORMERR, NOTIMP, REFUSED))
"""The rcodes of servers that do not know IXFR."""


@dataclass(slots=True)
class FetchReport:
    """The last transfer of a zone: ``kind`` is AXFR or IXFR, ``at`` in POSIX seconds."""

    kind: str
    octets: int
    seconds: float
    at: float

    def row(self) -> Row:
        """Return it for ``dnsd zone status``."""
        return {
            "transfer": self.kind,
            "transfer_octets": self.octets,
            "transfer_seconds": round(self.seconds, 3),
            "transfer_at": self.at,
        }


class Fetching:
    """Brings zones up to date, with the keys and limits that are known."""

    def __init__(self, known: Knowledge) -> None:
        self._fetcher = Fetcher()
        self._known = known
        self._small = Together()

    async def ask(self, zone: SecondaryZone) -> bool:
        """Ask the primary whose turn it is; return whether there is a newer version."""
        refresh = zone.refresh
        peer = zone.told.transfers.primaries[refresh.primary]
        before = refresh.fault
        try:
            return await self._ask(zone, peer)
        except TransferFault as fault:
            refresh.fail(f"{peer}: {fault}", time.time())
        except OSError as error:
            refresh.fail(f"cannot keep what was fetched: {error.strerror or error}", time.time())
        except Exception as error:
            refresh.fail(f"{peer}: {type(error).__name__}: {error}", time.time())
            raise
        if refresh.fault != before:
            told = f"transfers: {zone.told.zone} is not fetched: {refresh.fault}"
            say("transfer-failed", told, zone=zone.told.zone, reason=refresh.fault)
        return False

    async def _ask(self, zone: SecondaryZone, peer: PrimaryPeer) -> bool:
        key = self._key(peer)
        is_whole = zone.is_wanted_whole
        current = await asyncio.to_thread(zone.kept.read) if zone.kept.is_there else None
        if current is not None and not is_whole:
            times = await self._fetcher.times(peer, zone.apex, key)
            if not is_newer(times.serial, current.serial):
                zone.kept.confirm(time.time())
                zone.refresh.confirm(time.time())
                return False
        began = time.monotonic()
        fetched, version = await self._fetch(zone, peer, None if is_whole else current, key)
        if current is not None and not is_whole and not is_newer(version.serial, current.serial):
            raise TransferFault(
                f"it sends serial {version.serial}, but this node has {current.serial} already "
                f"(to go back: dnsd zone retransfer {zone.told.zone})"
            )
        if zone.is_given_up:
            return False
        await self._keep(zone, version, current)
        if is_whole:
            zone.is_wanted_whole = False
            zone.kept.forget_updates()
        zone.refresh.receive(SoaTimes.of(version.soa.rdata), time.time())
        kind = "IXFR" if isinstance(fetched.found, ReceivedDifferences) else "AXFR"
        took = time.monotonic() - began
        zone.last = FetchReport(kind, fetched.octets, took, time.time())
        name, serial = zone.told.zone, version.serial
        told = f"transfers: {name} serial {serial} from {peer} ({kind}, {took:.2f} s)"
        say("transfer-done", told, zone=name, serial=serial)
        return True

    async def _keep(
        self, zone: SecondaryZone, version: ZoneVersion, current: ZoneVersion | None
    ) -> None:
        """Keep ``version`` in place of the ``current`` one; OSError if the disk refuses it."""
        if current is not None:
            await asyncio.to_thread(zone.kept.write, version)
        elif len(version.octets) < SMALL:
            await self._small.do(partial(zone.kept.begin, version))
        else:
            await asyncio.to_thread(zone.kept.begin, version)

    def _key(self, peer: PrimaryPeer) -> TsigKey | None:
        if peer.key is None:
            return None
        key = self._known.keys.get(peer.key)
        if key is None:
            raise TransferFault(f"the key {peer.key} cannot be used")
        return key

    async def _fetch(
        self,
        zone: SecondaryZone,
        peer: PrimaryPeer,
        current: ZoneVersion | None,
        key: TsigKey | None,
    ) -> tuple[Fetched, ZoneVersion]:
        """Return what was received, and the version that it makes."""
        said = self._known.settings
        limits = FetchLimits(said.incoming_size, said.incoming_stall, said.incoming_time)
        if current is not None:
            try:
                fetched = await self._fetcher.transfer(peer, zone.apex, current.soa, key, limits)
                return fetched, await asyncio.to_thread(_made_of, fetched, current)
            except (NoConnection, TransferRefused) as fault:
                if not isinstance(fault, TransferRefused) or fault.rcode not in _NO_IXFR:
                    raise
                told = f"transfers: {zone.told.zone} is fetched whole from {peer}: {fault}"
                say("transfer-whole", told, zone=zone.told.zone, reason=str(fault))
            except (TransferFault, MisfitError) as fault:
                told = f"transfers: {zone.told.zone} is fetched whole from {peer}: {fault}"
                say("transfer-whole", told, zone=zone.told.zone, reason=str(fault))
        fetched = await self._fetcher.transfer(peer, zone.apex, None, key, limits)
        return fetched, _made_of(fetched, None)


def _made_of(fetched: Fetched, current: ZoneVersion | None) -> ZoneVersion:
    """Return the version that a transfer makes; MisfitError if its differences do not apply."""
    found = fetched.found
    if isinstance(found, ReceivedDifferences):
        assert current is not None, "differences are asked for from a version"
        return apply(condense(found.differences), current)
    if isinstance(found, UpToDate):
        raise TransferFault("it announces a newer version, but sends none")
    return found
