"""Keeps the addresses of aliases up to date: resolves, remembers on disk, has zones built again.

What is answered, a build takes from a file for each zone (:mod:`dnsd.build.resolved`); that is
written before the zone is built. When addresses were confirmed last stands in one file for all,
which is written less often. How many names are asked for at once, and how often a zone is built,
is bounded, whatever the targets do.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dnsd.build import images, resolved
from dnsd.build.resolved import ResolvedRRset
from dnsd.build.stamps import TICK_NS, stamp
from dnsd.checks.addresses import addresses_of, admitted
from dnsd.checks.result import Blind
from dnsd.control.nothing import no_items
from dnsd.control.zones.requests import ReloadRequest
from dnsd.failover.follower import AddressAnswer, AddressFollower
from dnsd.process import durablefile, log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from dnsd.build.resolved import AliasMeta
    from dnsd.build.stamps import Stamp
    from dnsd.config.endpoint import Endpoint
    from dnsd.control.zones.report import ReloadReport
    from dnsd.control.zones.table import ZoneRow

    Resolve = Callable[[str, str, Sequence[Endpoint]], Awaitable[AddressAnswer]]
    Ask = Callable[[ReloadRequest], Awaitable[ReloadReport]]

LOOK_S = 1.0
"""Seconds between two looks at what is due."""

MOST_AT_ONCE = 16
"""Names that are asked for at the same time."""

PAUSE_S = 10.0
"""Seconds between two builds of a zone for other addresses, at least."""

BUILD_SHARE = 20
"""Such builds may take a twentieth of the time: a large zone follows less often."""

BOOK = "aliases.json"
"""The file in the state directory that has when addresses were confirmed last."""

BOOK_S = 60.0
"""Seconds for which confirmations may be forgotten by a restart."""


class TimeSources(NamedTuple):
    """Where the time comes from: POSIX seconds for what outlives a restart, and monotonic ones."""

    posix: Callable[[], float]
    monotonic: Callable[[], float]


REAL_TIME = TimeSources(time.time, time.monotonic)


class AliasKey(NamedTuple):
    """An RRset of a zone that follows a name."""

    origin: str
    name: str
    type: str


class Alias:
    """An RRset that follows a name: how it is described, and what is known."""

    def __init__(self, meta: AliasMeta) -> None:
        rule = meta.rule
        self.meta = meta
        self.follower = AddressFollower(rule.ttl_min, meta.ttl, rule.stale)
        self.due = 0.0
        """When it is asked for again (monotonic)."""
        self.is_new = True
        """Whether no attempt has ended yet."""
        self.source = rule.target
        """The name that was asked for last: the target, or the member of a pool that it is."""
        self.answers_of = rule.target
        """The name whose addresses are answered."""

    def entry(self, now: float) -> ResolvedRRset | None:
        """Return what is to be answered, None: what the zone file has; ``now`` is POSIX."""
        answer = self.follower.answer(now)
        if answer is None:
            return None
        rule = self.meta.rule
        return ResolvedRRset(
            name=rule.name,
            type=self.meta.type,
            target=rule.target,
            addresses=answer.addresses,
            ttl=answer.ttl,
            source=self.answers_of,
        )


class AliasKeeper:
    """All aliases of the zones ``rows`` that are served.

    ``member`` says which member of the pool that a target is has to be followed: None if it is
    no pool, "" if there is no such member. This node's ``own`` addresses are never answered.
    """

    def __init__(
        self,
        directory: Path,
        rows: Callable[[], Iterable[ZoneRow]],
        ask: Ask,
        member: Callable[[str], str | None],
        own: Callable[[], Collection[str]] = no_items,
        *,
        resolve: Resolve = addresses_of,
        times: TimeSources = REAL_TIME,
    ) -> None:
        self.aliases: dict[AliasKey, Alias] = {}
        self._directory = directory
        self._rows = rows
        self._ask = ask
        self._member = member
        self._own = own
        self._resolve = resolve
        self._times = times
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._asking: set[asyncio.Task[None]] = set()
        self._written: dict[str, tuple[ResolvedRRset, ...]] = {}
        self._stamps: dict[str, Stamp | None] = {}
        self._not_before: dict[str, float] = {}
        self._confirmed: dict[AliasKey, float] | None = None
        self._booked = 0.0
        self.fault = ""
        """Why something could not be written, empty if it could."""

    async def run(self) -> None:
        """Follow for ever."""
        try:
            while True:
                await self.turn()
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._asking:
                task.cancel()

    async def turn(self) -> None:
        """Begin to ask for what is due, and have zones built whose addresses are others."""
        await self._match()
        now = self._times.monotonic()
        for alias in self.aliases.values():
            target = self._member(alias.meta.rule.target)
            source = alias.meta.rule.target if target is None else target
            if now >= alias.due or source != alias.source:
                alias.source, alias.due = source, float("inf")
                task = asyncio.create_task(self._refresh(alias, source))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)
        await self._publish(now)
        if self._confirmed is not None and now - self._booked >= BOOK_S:
            await self._write_book(now)

    async def answered(self) -> None:
        """Wait for all who are asked now."""
        await asyncio.gather(*self._asking)

    # -- which there are ------------------------------------------------------------------------

    async def _match(self) -> None:
        """Have an :class:`Alias` for each that zones have, as they are described now."""
        found = {
            AliasKey(row.origin, meta.rule.name, meta.type): meta
            for row in self._rows()
            if row.served is not None
            for meta in row.served.aliases
        }
        for key in self.aliases.keys() - found.keys():
            self._remember(key, self.aliases.pop(key))
        for key, meta in found.items():
            old = self.aliases.get(key)
            if old is None or old.meta != meta:
                if old is not None:
                    self._remember(key, old)
                self.aliases[key] = await self._begin(key, meta)

    def _remember(self, key: AliasKey, alias: Alias) -> None:
        """Note when ``alias`` was confirmed last: another one may go on with its addresses."""
        seen = alias.follower.seen
        if self._confirmed is not None and seen is not None and self._built(key, alias):
            self._confirmed[key] = seen

    async def _begin(self, key: AliasKey, meta: AliasMeta) -> Alias:
        """Return an alias that goes on with what the file of its zone has."""
        alias = Alias(meta)
        if self._confirmed is None:
            self._confirmed = await asyncio.to_thread(self._read_book)
        if key.origin not in self._written:
            self._stamps |= await asyncio.to_thread(self._look, (key.origin,))
            self._written[key.origin] = await asyncio.to_thread(self._read, key.origin)
        if one := self._built(key, alias):
            seen = self._confirmed.get(key) or self._written_at(key.origin)
            alias.follower.restore(AddressAnswer(one.addresses, one.ttl), seen)
            alias.answers_of = one.source or meta.rule.target
        return alias

    def _built(self, key: AliasKey, alias: Alias) -> ResolvedRRset | None:
        """Return what the file of the zone has for ``alias``, None: nothing of its target's."""
        wanted = (key.name, key.type, alias.meta.rule.target)
        written = self._written.get(key.origin, ())
        return next((one for one in written if (one.name, one.type, one.target) == wanted), None)

    def _read(self, origin: str) -> tuple[ResolvedRRset, ...]:
        try:
            return resolved.read(self._path(origin))
        except (OSError, ValueError) as error:
            told = f"{self._path(origin)}: {error}; resolving the aliases of {origin} again"
            log.say("alias-forgotten", told, zone=origin, path=str(self._path(origin)))
            return ()

    def _look(self, origins: Iterable[str]) -> dict[str, Stamp | None]:
        """Return what the files of zones look like: who has changed one takes it from builds."""
        return {origin: stamp(str(self._path(origin))) for origin in origins}

    def _written_at(self, origin: str) -> float:
        try:
            return self._path(origin).stat().st_mtime
        except OSError:
            return 0.0

    def _path(self, origin: str) -> Path:
        return resolved.path_for(self._directory, images.stem(origin))

    # -- who is asked ---------------------------------------------------------------------------

    async def _refresh(self, alias: Alias, source: str) -> None:
        """Ask for the addresses of ``source``, and note what comes of it."""
        before = alias.follower.fault
        found = await self._found(alias, source)
        if alias.source != source:  # the pool leads elsewhere by now
            return
        if isinstance(found, Blind):
            pause = alias.follower.failed(str(found))
        else:
            pause = alias.follower.found(found, self._times.posix())
            alias.answers_of = source
        alias.is_new = False
        alias.due = self._times.monotonic() + pause
        if alias.follower.fault != before:
            self._tell(alias)

    async def _found(self, alias: Alias, source: str) -> AddressAnswer | Blind:
        """Return the addresses of ``source``, or why there are none."""
        rule = alias.meta.rule
        if not source:
            return Blind(f"the pool {rule.target} answers with no member")
        try:
            async with self._places:
                found = await self._resolve(source, alias.meta.type, rule.resolver)
            return admitted(found, rule.networks, self._own())
        except Blind as why:
            return why
        except Exception as error:
            # It is tried again like any other: a name that is never asked for would look well.
            failure = f"dnsd failed to resolve {source}: {type(error).__name__}: {error}"
            log.say("internal-error", failure, cause=error)
            return Blind(failure)

    def _tell(self, alias: Alias) -> None:
        about = f"{alias.meta.rule.name} {alias.meta.type}"
        what = f"alias {about}"
        if not alias.follower.fault:
            log.say("alias-resolved", f"{what}: {alias.source} is resolved again", alias=about)
            return
        has = alias.follower.answer(self._times.posix())
        kept = "its last addresses" if has else "the addresses in the zone file"
        told = f"{what}: {alias.follower.fault}; answering {kept}"
        log.say("alias-unresolved", told, alias=about, reason=alias.follower.fault)

    # -- what comes of it -----------------------------------------------------------------------

    async def _publish(self, now: float) -> None:
        """Have zones built whose addresses are others, each of them after its pause."""
        due = set()
        new = {key.origin for key, alias in self.aliases.items() if alias.is_new}
        all_wanted = self._wanted()
        stamps = await asyncio.to_thread(self._look, all_wanted)
        for origin, wanted in all_wanted.items():
            is_there = stamps[origin] == self._stamps[origin]
            same = is_there and wanted == self._written.get(origin, ())
            if same or origin in new or now < self._not_before.get(origin, 0.0):
                continue
            self._not_before[origin] = now + PAUSE_S
            if await self._write(self._path(origin), resolved.encode(wanted)):
                self._written[origin] = wanted
                self._stamps |= await asyncio.to_thread(self._look, (origin,))
                due.add(origin)
        if not due:
            return
        # Later than the addresses: a crash in between must not make the earlier ones look younger.
        await self._write_book(now)
        # A file that has changed within the last tick would be built from twice.
        await asyncio.sleep(2 * TICK_NS / 1e9)
        began = self._times.monotonic()
        await self._ask(ReloadRequest(frozenset(due)))
        took = self._times.monotonic() - began
        for origin in due:
            self._not_before[origin] = now + max(PAUSE_S, BUILD_SHARE * took)

    def _wanted(self) -> dict[str, tuple[ResolvedRRset, ...]]:
        """Return what the files of zones should have, by origin."""
        now = self._times.posix()
        found: dict[str, list[ResolvedRRset]] = {}
        for key, alias in sorted(self.aliases.items()):
            entries = found.setdefault(key.origin, [])
            if entry := alias.entry(now):
                entries.append(entry)
        return {origin: tuple(entries) for origin, entries in found.items()}

    async def _write(self, path: Path, data: bytes) -> bool:
        """Write a file; tell once why it cannot be, and return whether it could."""
        try:
            await asyncio.to_thread(durablefile.replace, path, data)
        except OSError as error:
            fault = f"cannot write {path}: {error.strerror}; answering earlier addresses of aliases"
            if fault != self.fault:
                log.say("disk-refuses", fault, path=str(path))
            self.fault = fault
            return False
        self.fault = ""
        return True

    async def _write_book(self, now: float) -> None:
        self._booked = now
        entries = [
            (*key, alias.follower.seen)
            for key, alias in self.aliases.items()
            if alias.follower.seen is not None
        ]
        await self._write(self._directory / BOOK, msgspec.json.encode(entries))

    def _read_book(self) -> dict[AliasKey, float]:
        try:
            data = (self._directory / BOOK).read_bytes()
            entries = msgspec.json.decode(data, type=list[tuple[str, str, str, float]])
        except (OSError, msgspec.DecodeError):
            return {}  # then they count from when they were written
        now = self._times.posix()
        return {AliasKey(*key): min(seen, now) for *key, seen in entries}

    # -- what is told ---------------------------------------------------------------------------

    def status(self) -> list[dict[str, Any]]:
        """Return each alias as plain values, ages in seconds; no addresses: the zone file's."""
        now = self._times.posix()
        return [self._told(key, alias, now) for key, alias in sorted(self.aliases.items())]

    def _told(self, key: AliasKey, alias: Alias, now: float) -> dict[str, Any]:
        rule = alias.meta.rule
        built = self._built(key, alias)
        return {
            "zone": key.origin,
            "name": key.name,
            "type": key.type,
            "target": rule.target,
            "source": alias.source,
            "addresses": list(built.addresses) if built else [],
            "ttl": built.ttl if built else alias.meta.ttl,
            "age": alias.follower.age(now),
            "fault": alias.follower.fault,
        }
