"""What survives a restart of the pools, as bytes: versioned, with a checksum.

    dnsd-failover VERSION CRC-32\\n
    {"wall": …, "pools": […]}

What cannot be read is ignored, and the reason is reported: checks find the states again. What is
read may be too old to believe: states after a minute, orders and drains never. Knows neither files
nor what a state means.

Ages are measured by the clock that runs since the boot, until the machine starts again: the clock
of the day may be set at any time. Only plans follow that one, because they begin at a time of day.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from dnsd.failover import orders
from dnsd.failover.drain import Drain, StoredDrain
from dnsd.failover.member import StoredMember
from dnsd.failover.orders import Directive, StoredPlan
from dnsd.process.envelope import sealed, unsealed

VERSION = 1
BELIEVED_S = 60.0
"""States older than this were not checked in the meantime."""

_KIND = "dnsd-failover"


class Moment(NamedTuple):
    """A moment that two processes can compare: by clocks that they share.

    ``wall`` is the time of day, ``running`` the seconds since the start of the machine that is
    called ``boot``, suspended ones too; without such a name (empty) there is only the time of day.
    """

    wall: float
    boot: str = ""
    running: float = 0.0

    def since(self, earlier: Moment) -> float:
        """Return the seconds that have gone by; negative if the clock of the day was set back."""
        if self.boot and self.boot == earlier.boot:
            return self.running - earlier.running
        return self.wall - earlier.wall


class StoredPool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pool: ``members`` in any order, and those answered when enough were up."""

    name: str
    type: str
    members: tuple[StoredMember, ...]
    drains: tuple[StoredDrain, ...] = ()
    last_good: tuple[str, ...] = ()
    plans: tuple[StoredPlan, ...] = ()

    def directive(self, address: str, now: float) -> Directive:
        """Return what was ordered of ``address``, if this was stored at ``now``."""
        members = [one.order(now) for one in self.members if one.address == address]
        found = [one for one in self.drains if one.address == address]
        planned = [one.plan(now) for one in self.plans if one.address == address]
        return Directive(
            next(iter(members), None),
            Drain.restored(found[0], 0.0, now) if found else None,
            next(iter(planned), None),
        )

    def under(self, address: str, directive: Directive, now: float) -> StoredPool:
        """Return it with what is ordered of ``address``, stored at ``now``."""
        order, drain, plan = directive
        before = [one for one in self.members if one.address == address]
        after = [one.under(order, now) for one in before or [StoredMember(address=address)]]
        return msgspec.structs.replace(
            self,
            members=(*(one for one in self.members if one.address != address), *after),
            drains=(
                *(one for one in self.drains if one.address != address),
                *((drain.to_stored(address, now),) if drain else ()),
            ),
            plans=(
                *(one for one in self.plans if one.address != address),
                *((orders.to_stored(address, plan, now),) if plan else ()),
            ),
        )

    def planned_later(self, seconds: float) -> StoredPool:
        """Return it with all plans so much later."""
        return msgspec.structs.replace(self, plans=tuple(one.aged(-seconds) for one in self.plans))

    def aged(self, seconds: float) -> StoredPool:
        """Return it as it is ``seconds`` later."""
        return msgspec.structs.replace(
            self,
            members=tuple(one.aged(seconds) for one in self.members),
            drains=tuple(one.aged(seconds) for one in self.drains),
            plans=tuple(one.aged(seconds) for one in self.plans),
        )


class Kept(NamedTuple):
    """What was found: pools by name and type, stored ``ago`` seconds ago.

    States count only if it is ``fresh``. ``reason`` is a sentence: why something, or all of it,
    is ignored; empty if nothing is. ``loss`` is why earlier orders are not known.
    """

    pools: dict[tuple[str, str], StoredPool]
    ago: float
    fresh: bool
    reason: str
    loss: str = ""


class _Content(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    wall: float
    boot: str = ""
    running: float = 0.0
    pools: tuple[StoredPool, ...]
    loss: str = ""


def encode(pools: tuple[StoredPool, ...], now: Moment, loss: str = "") -> bytes:
    """Return ``pools`` as they are ``now``; ``loss`` is why earlier orders are not among them."""
    body = msgspec.json.encode(_Content(**now._asdict(), pools=pools, loss=loss))
    return sealed(_KIND, VERSION, body)


def decode(data: bytes, now: Moment) -> Kept:
    """Return what was stored in ``data``, seen ``now``."""
    try:
        content = _read(data)
    except ValueError as error:
        return Kept({}, 0.0, fresh=False, reason=str(error))
    kept = _kept(content, now)
    return kept._replace(loss=content.loss)


def _kept(content: _Content, now: Moment) -> Kept:
    then = Moment(content.wall, content.boot, content.running)
    ago = now.since(then)
    set_back = max(ago, 0.0) - (now.wall - then.wall)
    pools = {(pool.name, pool.type): pool.planned_later(set_back) for pool in content.pools}
    if not pools:  # nothing to be ignored
        return Kept(pools, 0.0, fresh=False, reason="")
    if ago < 0:
        reason = "the clock was set back since the states were stored: the checks start over"
        return Kept(pools, 0.0, fresh=False, reason=reason)
    if ago > BELIEVED_S:
        reason = f"the stored states are {ago:.0f} s old: the checks start over"
        return Kept(pools, ago, fresh=False, reason=reason)
    return Kept(pools, ago, fresh=True, reason="")


def _read(data: bytes) -> _Content:
    """Return the content of ``data``; ValueError is a sentence."""
    try:
        body = unsealed(_KIND, VERSION, data)
    except ValueError as error:
        raise ValueError(f"the file {error}") from error
    try:
        return msgspec.json.decode(body, type=_Content)
    except msgspec.DecodeError as error:
        raise ValueError(f"the stored states are invalid: {error}") from error
