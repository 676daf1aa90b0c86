"""The pools in the ledger: the answers that they give, and those that they may give again.

Beside the answers of now stands, for each pool, its account (:mod:`accounts`): any answer with
addresses that may come back by themselves, or that were given out until a moment ago. It is on
disk before the first answer, so that a flip need not wait for the disk. Given the time (monotonic
seconds).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from dnsd.caches.ledger import offers
from dnsd.caches.report import Use
from dnsd.caches.version import Version, VersionKind, canonical_name, digest_of, nothing, rrset
from dnsd.control.horizon.accounts import Accounts
from dnsd.control.horizon.coverage import PoolAccount
from dnsd.image.selection import Members, Mode
from dnsd.wire.member import packed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dnsd.build.poolmeta import PoolMeta
    from dnsd.caches.ledger import Ledger

CACHED = (Mode.ANSWER, Mode.SOME, Mode.NODATA)
"""Modes whose answers caches keep."""


class PoolRRset(NamedTuple):
    """The name and type of a pool."""

    owner: str
    type: str


class PoolAnswers(NamedTuple):
    """What a pool gives out now (``served``), and the addresses that may come back by themselves.

    ``leaving`` is what only workers answer that have not reached the latest image.
    """

    served: frozenset[Version]
    possible: frozenset[str]
    ttl: int
    leaving: frozenset[Version] = frozenset()


class PoolBook:
    """The pools in ``ledger``; ``changed`` says whether there is something new to write."""

    def __init__(self, ledger: Ledger) -> None:
        self.changed = False
        self._ledger = ledger
        self._declared: dict[PoolRRset, dict[Version, Use]] = {}
        self._possible: dict[PoolRRset, frozenset[str]] = {}
        self._leaving: dict[PoolRRset, frozenset[Version]] = {}
        self._accounts = Accounts()
        self.decided: set[PoolRRset] = set()

    def accounts(self) -> Mapping[PoolRRset, PoolAccount]:
        """Return what each pool may give out, as far as the ledger declares it now."""
        return self._accounts.all()

    def announce(self, key: PoolRRset, coming: PoolAccount, now: float) -> None:
        """Declare what a pool is about to give out, or may give out soon."""
        before = self._accounts.of(key)
        self._accounts.announce(key, coming)
        if self._accounts.of(key) is not before:
            self._redeclare(key, before, now)

    def swept(self, now: float) -> None:
        """Note that all notes of the workers were just read; forget what left long ago."""
        before = self._accounts.all()
        for key in self._accounts.swept(now):
            self._redeclare(key, before[key], now)

    def expect(self, meta: PoolMeta, now: float) -> None:
        """Declare a pool that is about to be served and is still undecided.

        Until it is decided, workers answer all its members, and note nothing.
        """
        key = key_of(meta)
        if key in self.decided:
            possible = self._possible[key] | (set(addresses_of(meta)) - self._known(key))
            self._possible[key] = possible
            self._expect(key, PoolAccount(possible, max(meta.ttl, 1)), now)
            return
        self._expect(key, undecided(meta), now)
        unset = version_of(meta, meta.undecided_mask, Mode.ANSWER)
        self._declared[key][unset] = Use.SERVED
        self._ledger.serve(unset, min(meta.policy.ttl_min, meta.ttl))

    def given(self, key: PoolRRset, given: PoolAnswers, now: float) -> None:
        """Note what a pool gives out from now on; it was announced before."""
        if key not in self.decided:
            self.decided.add(key)
            self._end_of_undecided(key, now)
        wanted = dict.fromkeys(given.served, Use.SERVED)
        if given.possible:
            wanted[any_of(key, given.possible)] = Use.POSSIBLE
        self._declare(key, wanted, given.ttl, now)
        here = given.possible | _targets(given.served)
        self._give(key, PoolAccount(here, given.ttl), now)
        if (account := self._accounts.of(key)).addresses:
            version = any_of(key, account.addresses)
            use = wanted.setdefault(version, Use.IDLE)
            self._declare(key, {version: use}, account.ttl, now)
        for version in self._declared[key].keys() - wanted.keys():
            self._ledger.retire(version, now)
            del self._declared[key][version]
            self.changed = True
        self._possible[key] = given.possible
        self._leaving[key] = given.leaving
        if not given.served and not given.possible:
            self.decided.discard(key)
            del self._possible[key], self._leaving[key]

    def leaving(self) -> Iterator[Version]:
        """Yield what some workers still answer although an edit has replaced it."""
        for versions in self._leaving.values():
            yield from versions

    def noted(self, meta: PoolMeta, mask: int, mode: Mode, until: float, now: float) -> None:
        """Take in that caches may hold an answer until ``until``."""
        if mode not in CACHED:
            return
        version = version_of(meta, mask, mode)
        if until > self._ledger.bound(version).until:
            self._ledger.hold(version, until, now, meta.ttl)
            self.changed |= version not in self._declared.get(key_of(meta), ())

    def left(self, meta: PoolMeta, now_served: Collection[PoolMeta], now: float) -> None:
        """Note that no worker answers from ``meta`` any more, if the pool is undecided."""
        key = key_of(meta)
        if key in self.decided:
            return
        here = [one for one in now_served if key_of(one) == key]
        stay = {version for one in here for version in _undecided(one)}
        declared = self._declared.get(key, {})
        for version in declared.keys() - stay:
            if declared[version] != Use.IDLE:  # idle: the account, which ends by itself
                self._ledger.retire(version, now)
                del declared[version]
                self.changed = True
        ttl = max((one.ttl for one in here), default=0)
        self._give(key, PoolAccount(_targets(stay), ttl), now)

    # -- accounts -----------------------------------------------------------------------------

    def _expect(self, key: PoolRRset, coming: PoolAccount, now: float) -> None:
        """Declare what may come, with the largest TTL; until it comes, the old answer is given."""
        self.announce(key, coming, now)
        uses = {any_of(key, coming.addresses): Use.POSSIBLE}
        self._declare(key, uses, self._accounts.of(key).ttl, now)

    def _give(self, key: PoolRRset, here: PoolAccount, now: float) -> None:
        """Set the account to what is given out from now on, with what was given out until now."""
        before = self._accounts.of(key)
        self._accounts.give(key, here, now)
        self._redeclare(key, before, now)

    def _redeclare(self, key: PoolRRset, before: PoolAccount, now: float) -> None:
        """Declare the account of a pool again, as it is now."""
        account = self._accounts.of(key)
        declared = self._declared.setdefault(key, {})
        old, new = any_of(key, before.addresses), any_of(key, account.addresses)
        if old != new and declared.get(old) == Use.IDLE:
            self._ledger.retire(old, now)
            del declared[old]
        if account.addresses:
            self._declare(key, {new: declared.get(new, Use.IDLE)}, account.ttl, now)
        self.changed |= account != before

    def _known(self, key: PoolRRset) -> set[str]:
        """Return the addresses that are given out, may be, or have been."""
        return {target for one in self._ledger.versions(*key) for target in one.targets}

    def _end_of_undecided(self, key: PoolRRset, now: float) -> None:
        """Note that every answer is noted from now on."""
        for version, use in self._declared.get(key, {}).items():
            if use == Use.SERVED:
                self._ledger.retire(version, now)

    def _declare(self, key: PoolRRset, uses: dict[Version, Use], ttl: int, now: float) -> None:
        declared = self._declared.setdefault(key, {})
        for version, use in uses.items():
            declared[version] = use
            self._ledger.offer(version, ttl, use, now)


def key_of(meta: PoolMeta) -> PoolRRset:
    """Return which RRset a pool is."""
    return PoolRRset(canonical_name(meta.policy.name), meta.policy.type)


def addresses_of(meta: PoolMeta) -> tuple[str, ...]:
    """Return the address, or the name, of each bit of a mask."""
    return (*meta.members, *meta.policy.fallback)


def undecided(meta: PoolMeta) -> PoolAccount:
    """Return what a pool may give out while it is undecided."""
    return PoolAccount(frozenset(addresses_of(meta)), max(meta.ttl, 1))


def any_of(key: PoolRRset, addresses: Collection[str]) -> Version:
    """Return the version that stands for any answer of a pool with some of ``addresses``."""
    targets = tuple(sorted(addresses))
    return Version(VersionKind.RRSET, key.owner, key.type, targets=targets)


def accounts_in(data: bytes) -> dict[PoolRRset, PoolAccount]:
    """Return the accounts in a dump of the ledger."""
    found: dict[PoolRRset, PoolAccount] = {}
    for version, ttl in offers(data).items():
        if not version.digest and version.targets:
            key = PoolRRset(version.owner, version.type)
            before = found.get(key, PoolAccount(frozenset(), ttl))
            # A question about an address finds its account: the lower TTL holds for all.
            found[key] = PoolAccount(before.addresses.union(version.targets), min(before.ttl, ttl))
    return found


def version_of(meta: PoolMeta, mask: int, mode: Mode) -> Version:
    """Return what caches hold of the answer of a pool with the members of ``mask``."""
    key = key_of(meta)
    if mode == Mode.NODATA:
        return nothing(key.owner, key.type)
    chosen = Members(mask).pick(addresses_of(meta))
    if mode == Mode.SOME and (meta.policy.take or 1) > 1:
        return _among(key, chosen, meta.policy.select)
    return _rrset(key, chosen)


@lru_cache(maxsize=4096)
def _rrset(key: PoolRRset, addresses: tuple[str, ...]) -> Version:
    return rrset(key.owner, key.type, map(packed, addresses))


def _targets(versions: Collection[Version]) -> frozenset[str]:
    return frozenset(target for version in versions for target in version.targets)


@lru_cache(maxsize=4096)
def _among(key: PoolRRset, addresses: tuple[str, ...], select: str) -> Version:
    """Return the version that stands for every answer with ``addresses``, and maybe others."""
    rdatas = [packed(one) for one in addresses]
    found = rrset(key.owner, key.type, rdatas)
    return structs.replace(found, digest=digest_of(key.owner, f"{key.type} {select}", rdatas))


def _undecided(meta: PoolMeta) -> tuple[Version, Version]:
    """Return what is declared of an undecided pool."""
    first = version_of(meta, meta.undecided_mask, Mode.ANSWER)
    return any_of(key_of(meta), addresses_of(meta)), first
