"""One node's account: until when caches may hold what it has given out.

For each version it knows a bound: the latest moment at which a cache that keeps to TTLs may
hold it. Bounds only grow. Answers of pools are noted one by one (the hot path does it in shared
memory; what it has written is :meth:`Ledger.hold`); what stands in a zone file costs nothing
while it is served: its bound is the time it was replaced, plus its TTL.

Whatever could be given out is *declared*, with its largest TTL, and written to disk before the
first answer. So a node that ends uncleanly loses nothing that matters, however old its file is:
after the start, everything declared may be in caches until start + TTL.

Times are seconds of the node's own monotonic clock. What leaves the node is *remaining*
seconds, and the reader adds them to a clock of its own. A time while the node was down
counts as nothing, which only makes a bound later. Pure: it is told the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dnsd.caches.acquainted import KnownNodes, KnownPeer, Retired
from dnsd.caches.report import LONGEST_FLOOR_S, NEVER, WEEK_S, Bound, LedgerLine, NodeReport, Use
from dnsd.caches.version import Version, VersionKind
from dnsd.errors import StateError
from dnsd.process.envelope import sealed, unsealed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dnsd.caches.version import CacheQuestion


SAVE_EVERY_S = 1.0
"""How often a changed ledger is written to disk."""


_REMEMBERED = 4096
"""Bounds in the past that are kept: of so much it is known that caches have forgotten it."""

_KIND, _VERSION = "dnsd-ledger", 1


class _Declared(NamedTuple):
    """A version that can be given out: its largest TTL, and whether each answer is noted."""

    ttl: int
    use: Use
    noted: bool


class _Saved(msgspec.Struct, frozen=True):
    """The content of the file: the bounds, and what was declared with its TTL.

    ``heard`` are the nodes that were ever heard, ``retired`` those that are known to be dead.
    ``pooled`` says whether there has ever been a pool, gone or not.
    """

    past: NodeReport
    zones: tuple[tuple[Version, int], ...]
    pools: tuple[tuple[Version, int], ...]
    heard: tuple[KnownPeer, ...] = ()
    retired: tuple[Retired, ...] = ()
    pooled: bool = False


class Ledger:
    """The account of ``node``, which began at ``now``.

    ``revision`` counts what was declared: before it is given out, a file must have been synced
    that was dumped at this revision or later.
    """

    def __init__(self, node: str, now: float) -> None:
        self.node = node
        self.revision = 0
        self._began = now
        self._bounds: dict[Version, Bound] = {}
        self._declared: dict[Version, _Declared] = {}
        self._before: int | None = None
        self._pooled = False
        self._heard: dict[str, str] = {}
        self._retired: dict[str, float] = {}

    # -- what was given out -------------------------------------------------------------------

    def note(self, version: Version, now: float, ttl: int) -> None:
        """Note that ``version`` is given out now, with ``ttl``."""
        self._raise(version, Bound(now + ttl, now, ttl))

    def hold(self, version: Version, until: float, now: float, ttl: int = 0) -> None:
        """Note that it was given out up to now, and that caches may hold it ``until`` then.

        So are read the cells that the hot path writes.
        """
        if until > self.bound(version).until:
            self._raise(version, Bound(until, min(now, until), ttl))

    def delay(self, since: float, now: float) -> bool:
        """Note that what was given out after ``since`` may have left ``now`` only.

        Return whether there was anything.
        """
        late = [(one, bound.ttl) for one, bound in self._bounds.items() if bound.last > since]
        for version, ttl in late:
            self.note(version, now, ttl)
        return bool(late)

    def distrust(self, now: float) -> None:
        """Note that it is not known what was given out up to now: the account begins again."""
        self._began = now
        self._before = None

    def declare_past(self, ttl: int) -> None:
        """Note that nothing was given out with more than ``ttl`` before the account began.

        An operator knows it. StateError if this node knows better, from an earlier account.
        """
        known = (one.ttl for one in self._bounds.values() if NEVER < one.last <= self._began)
        if (largest := max(known, default=0)) > ttl:
            raise StateError(
                f"this node has given out TTLs of up to {largest} s before its account began: "
                f"declare {largest}s or more"
            )
        self._before = ttl

    def bound(self, version: Version) -> Bound:
        """Return until when caches may hold it."""
        return self._bounds.get(version, Bound())

    def versions(self, owner: str, rtype: str) -> Iterator[Version]:
        """Yield the bounds of an RRset: of what was given out, and of what can be."""
        for version in {*self._bounds, *self._declared}:
            if version.owner == owner and version.type == rtype:
                yield version

    def held(self, now: float) -> tuple[int, float]:
        """Return how much of it caches may hold, and seconds until they have forgotten all."""
        left = [bound.until - now for bound in self._bounds.values() if bound.until > now]
        return len(left), max(left, default=0.0)

    def latest(self, owner: str, rtype: str, target: str) -> float:
        """Return until when caches may hold what was given out so far of an RRset with ``target``.

        NEVER if none of it was.
        """
        found = (one for one in self.versions(owner, rtype) if target in one.targets)
        return max((self.bound(one).until for one in found), default=NEVER)

    # -- what can be given out ----------------------------------------------------------------

    def serve(self, version: Version, ttl: int) -> None:
        """Declare what stands in a zone: it is served until it is retired, and never noted.

        ``everything(apex)`` stands for all that is not worth a declaration of its own.
        """
        self._declare(version, _Declared(ttl, Use.SERVED, noted=False))

    def offer(self, version: Version, ttl: int, use: Use, now: float) -> None:
        """Declare what a pool can give out, with at most ``ttl``; each answer is noted.

        When ``use`` falls, ``now`` is when every worker has stopped.
        """
        self._left(version, now)
        self._declare(version, _Declared(ttl, use, noted=True))

    def retire(self, version: Version, now: float) -> None:
        """Note that it is not given out any more: the last answer without a note is now."""
        self._left(version, now)
        declared = self._declared.pop(version, None)
        if declared is not None and not declared.noted:
            self.note(version, now, declared.ttl)

    def undeclare(self, version: Version) -> None:
        """Note that it was never given out, or that all its answers have been noted."""
        self._declared.pop(version, None)

    # -- other nodes --------------------------------------------------------------------------

    def meet(self, node: str, url: str, at: float) -> bool:
        """Note that ``node`` was heard at ``url``, ``at`` then; return whether that is news.

        One that was said to be dead before that is not.
        """
        lives = at > self._retired.get(node, at)
        if lives:
            del self._retired[node]
        news = lives or self._heard.get(node) != url
        self._heard[node] = url
        return news

    def retire_node(self, node: str, at: float) -> None:
        """Note that ``node`` does not answer any more, since ``at`` at the latest."""
        self._retired[node] = max(at, self._retired.get(node, at))

    def revive_node(self, node: str) -> None:
        """Undo that ``node`` was declared dead; StateError if it was not."""
        if node not in self._retired:
            dead = ", ".join(sorted(self._retired)) or "none"
            raise StateError(
                f"{node} has not been declared dead on this node; declared dead: {dead}"
            )
        del self._retired[node]

    def known(self, now: float) -> KnownNodes:
        """Return the nodes that were ever heard, and those of them that are dead."""
        heard = tuple(KnownPeer(url, node) for node, url in sorted(self._heard.items()))
        return KnownNodes(heard, self._dead(now))

    def _dead(self, now: float) -> tuple[Retired, ...]:
        dead = sorted(self._retired.items())
        return tuple(Retired(node, now - at) for node, at in dead if node != self.node)

    # -- together with others -----------------------------------------------------------------

    def absorb(self, report: NodeReport, now: float) -> None:
        """Take over the account of a node that made ``report`` before ``now``, and has stopped."""
        for line in report.lines:
            if line.ago is not None:
                self._raise(line.version, Bound(now + line.left, now - line.ago, line.ttl))

    def resume(self, data: bytes, now: float, unchanged: Collection[Version] = ()) -> None:
        """Go on with the ledger in ``data``, an earlier dump; StateError if that is damaged.

        Whatever was declared may have been given out up to now.
        ``unchanged`` are declarations of zones that are still served as they were: what stands in
        them is no matter of the past.
        """
        saved = _read(data)
        self._began = min(self._began, now - saved.past.kept)
        self.absorb(saved.past, now)
        self._before = saved.past.before
        self._pooled |= _has_pooled(saved)
        self._heard |= {peer.node: peer.url for peer in saved.heard}
        for one in saved.retired:
            self.retire_node(one.node, now - one.ago)
        for version, ttl in (*saved.zones, *saved.pools):
            if version not in unchanged:
                self.note(version, now, ttl)

    def report(
        self,
        now: float,
        question: CacheQuestion | None = None,
        served: Mapping[Version, int] | None = None,
    ) -> NodeReport:
        """Return the account as others may read it, or what of it concerns a question.

        ``served`` are versions, with their TTLs, that stand in zones and were not declared.
        """
        declared = dict(self._declared)
        for version, ttl in (served or {}).items():
            declared.setdefault(version, _Declared(ttl, Use.SERVED, noted=False))
        # Of what a whole zone may contain only the past matters: what it contains now is known.
        present = [one for one in declared if one.kind != VersionKind.EVERYTHING]
        lines = [
            self._line(version, declared.get(version), now)
            for version in sorted({*self._bounds, *present})
            if question is None or question.concerns(version)
        ]
        return NodeReport(self.node, self._kept(now), tuple(lines), before=self._before)

    def forget(self, now: float) -> None:
        """Forget bounds that have been over for a week, and the oldest if there are too many."""
        ends = {one: max(bound.until, bound.last) for one, bound in self._bounds.items()}
        over = [one for one, end in ends.items() if end + LONGEST_FLOOR_S < now]
        over.sort(key=ends.__getitem__)
        surplus = len(over) - _REMEMBERED
        for number, version in enumerate(over):
            if number < surplus or ends[version] + WEEK_S < now:
                del self._bounds[version]

    # -- on disk ------------------------------------------------------------------------------

    def dump(self, now: float) -> bytes:
        """Return the ledger for its file."""
        past = tuple(self._line(version, None, now) for version in self._bounds)
        declared = self._declared.items()
        saved = _Saved(
            NodeReport(self.node, self._kept(now), past, before=self._before),
            zones=tuple((version, by.ttl) for version, by in declared if not by.noted),
            pools=tuple((version, by.ttl) for version, by in declared if by.noted),
            heard=self.known(now).peers,
            retired=self._dead(now),
            pooled=self._pooled,
        )
        body = msgspec.json.encode(saved)
        return sealed(_KIND, _VERSION, body)

    def _declare(self, version: Version, declared: _Declared) -> None:
        before = self._declared.get(version)
        if before is None or before.ttl < declared.ttl:
            self.revision += 1
        self._declared[version] = declared
        self._pooled |= declared.noted

    def _left(self, version: Version, now: float) -> None:
        """Note the last moment at which a version that was served until now was given out."""
        declared = self._declared.get(version)
        if declared is not None and declared.use == Use.SERVED:
            self._raise(version, Bound(now, now, declared.ttl))

    def _raise(self, version: Version, bound: Bound) -> None:
        self._bounds[version] = self.bound(version).join(bound)

    def _line(self, version: Version, declared: _Declared | None, now: float) -> LedgerLine:
        bound = self.bound(version)
        use = Use.IDLE
        if declared is not None and version.kind != VersionKind.EVERYTHING:
            use = declared.use
            # It may have been given out this moment.
            last = now if use == Use.SERVED else NEVER
            until = last if declared.noted else last + declared.ttl
            bound = bound.join(Bound(until, last, declared.ttl))
        ago = None if bound.last == NEVER else max(0.0, now - bound.last)
        return LedgerLine(version, max(-WEEK_S, bound.until - now), ago, bound.ttl, use)

    def _kept(self, now: float) -> float:
        return max(0.0, now - self._began)


def declarations(data: bytes) -> dict[Version, int]:
    """Return what had been declared of zones when ``data`` was written, with the largest TTLs.

    StateError if that is damaged.
    """
    return dict(_read(data).zones)


def offers(data: bytes) -> dict[Version, int]:
    """Return what pools could give out when ``data`` was written, with the largest TTLs.

    StateError if that is damaged.
    """
    return dict(_read(data).pools)


def has_had_pools(data: bytes) -> bool:
    """Return whether the node that wrote ``data`` has ever had a pool; StateError as above."""
    return _has_pooled(_read(data))


def _has_pooled(saved: _Saved) -> bool:
    return saved.pooled or bool(saved.pools)  # earlier versions wrote only the latter


def owner_of(data: bytes) -> tuple[str, tuple[KnownPeer, ...]]:
    """Return what the node was called that wrote ``data``, and the nodes that it had heard.

    StateError if that is damaged.
    """
    saved = _read(data)
    return saved.past.node, saved.heard


def negative_ttl(soa_ttl: int, minimum: int, nsec_ttl: int = 0) -> int:
    """Return for how long caches keep that something is not there (RFC 2308 §5).

    A zone that was signed elsewhere may have NSEC records that live longer (before RFC 9077).
    """
    return max(min(soa_ttl, minimum), nsec_ttl)


def _read(data: bytes) -> _Saved:
    try:
        body = unsealed(_KIND, _VERSION, data)
    except ValueError as error:
        raise StateError(f"the ledger {error}") from error
    try:
        return msgspec.json.decode(body, type=_Saved)
    except msgspec.DecodeError as error:
        raise StateError(f"the ledger cannot be read: {error}") from error
