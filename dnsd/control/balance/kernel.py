"""The kernel's side of balancing: slots, groups and routes, by one netlink socket.

Everything blocks for as long as the kernel takes (some 0.1 ms for a slot that moves): to be called
in a thread. Times and bounds are the kernel's.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from dnsd.control.balance import messages, nexthops
from dnsd.control.balance.messages import numbered
from dnsd.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dnsd.control.balance.messages import Message
    from dnsd.control.balance.nexthops import BackendHop, KernelNexthop

_BUFFER = 16 << 20
"""Octets that the socket may hold: a dump of the buckets of a group comes in one go."""
_BATCH = 256
"""Messages that are sent together; the kernel takes them one by one."""
_LARGEST = 1 << 20
_PATIENCE_S = 10.0

_SHIFT = 12
MOST_SLOTS = (1 << _SHIFT) - 1
_MARK = 0x5 << 28


def group_number(key: int) -> int:
    """Return the number of the group with a ``key`` of 16 bits; its slots have those behind it."""
    return _MARK | (key & 0xFFFF) << _SHIFT


class Nexthops:
    """A socket of rtnetlink that makes and changes nexthop objects, groups and routes."""

    def __init__(self) -> None:
        try:
            self._sock = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            )
        except OSError as error:
            raise BalanceError(f"cannot talk to the kernel: {error.strerror}") from error
        self._sock.settimeout(_PATIENCE_S)
        for limit in (socket.SO_RCVBUF, _SO_RCVBUFFORCE, socket.SO_SNDBUF, _SO_SNDBUFFORCE):
            with suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, limit, _BUFFER)
        self._sequence = 0
        self._buckets: dict[int, tuple[int, int]] = {}
        """The group of an object, and which of its buckets is that object's: the kernel chooses."""

    def close(self) -> None:
        """Close the socket; what it has made stays."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what is made ---------------------------------------------------------------------------

    def point(self, hops: Mapping[int, BackendHop]) -> None:
        """Have each object lead to its hop, one after the other, each of them atomically.

        BalanceError names the first that the kernel refuses; the others are done all the same.
        """
        items = [*hops.items()]
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            sent = [nexthops.put_object(number, hop) for number, hop in batch[:-1]]
            self._do([*sent, nexthops.put_object(*batch[-1], flags=messages.ACK)])

    def point_silent(self, hops: Mapping[int, BackendHop], seconds: float) -> bool:
        """Have the objects of one slot lead to their hops if no packet came for ``seconds``.

        Return whether they do; :meth:`silent` must have told of them. A flow that begins between
        the two, in some 0.1 ms, is overlooked.
        """
        asked = [nexthops.get_bucket(*self._buckets[number]) for number in hops]
        found = [nexthops.read_bucket(one.body) for one in self._answers(asked)]
        if any(one.idle < seconds or one.number not in hops for one in found):
            return False
        self.point(hops)
        return True

    def make_group(self, number: int, slots: int) -> None:
        """Make the group ``number`` of the objects behind it, which exist."""
        try:
            self._do([nexthops.put_group(number, range(number + 1, number + 1 + slots))])
        except BalanceError as error:
            raise BalanceError(
                f"{error}; slots need resilient nexthop groups, which Linux has since 5.13"
            ) from error

    def route(self, vip: str, group: int) -> None:
        """Have ``vip`` lead to ``group``."""
        self._do([nexthops.put_route(vip, group)])

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove objects and groups, those too that have gone; routes over them go with them."""
        for number in numbers:
            self._do([nexthops.delete(number)], but=(errno.ENOENT,))

    # -- what there is --------------------------------------------------------------------------

    def found(self, numbers: Iterable[int]) -> dict[int, KernelNexthop]:
        """Return which of these objects and groups there are, by number.

        Each is asked for: a dump of all ends, without a word, before a group that is too large
        for the kernel's first buffer.
        """
        items, found = [*numbers], []
        for start in range(0, len(items), _BATCH):
            wanted = [nexthops.get(number) for number in items[start : start + _BATCH]]
            found += [nexthops.read(one.body) for one in self._answers(wanted, errno.ENOENT)]
        return {one.number: one for one in found}

    def silent(self, group: int, slots: int) -> list[float]:
        """Return, for each slot of ``group``, how many seconds it has carried no packet."""
        idle = [0.0] * slots
        for one in self._ask(nexthops.get_buckets(group)):
            bucket = nexthops.read_bucket(one.body)
            idle[bucket.number - group - 1] = bucket.idle
            self._buckets[bucket.number] = group, bucket.place
        return idle

    def packets(self, group: int) -> dict[int, int]:
        """Return how many packets each object of ``group`` has got; empty if none are counted."""
        for one in self._ask(nexthops.get(group, counters=True)):
            return nexthops.read_packets(one.body)
        return {}

    # -- how it is said -------------------------------------------------------------------------

    def _do(self, requests: Sequence[bytes], but: tuple[int, ...] = ()) -> None:
        """Have the kernel do ``requests``, of which the last wants an answer; ``but`` is no error.

        BalanceError for the first that it refuses; it does the others all the same.
        """
        self._send(requests)
        failed = 0
        while True:
            for one in self._receive():
                failed = failed or (0 if one.error in but else one.error)
                if one.sequence != self._sequence:
                    continue
                if failed:
                    raise refused(failed)
                return

    def _ask(self, request: bytes) -> Iterator[Message]:
        """Give what the kernel answers to ``request``, be it one message or a dump."""
        self._send([request])
        while True:
            for one in self._receive():
                if one.sequence != self._sequence:
                    continue
                if one.error:
                    raise refused(one.error)
                if one.kind == messages.DONE:
                    return
                yield one
                if not one.flags & messages.MULTI:
                    return

    def _answers(self, requests: Sequence[bytes], but: int = 0) -> list[Message]:
        """Return the one message that answers each of ``requests``; none for the error ``but``."""
        self._send(requests)
        answers: list[Message] = []
        while len(answers) < len(requests):
            answers += self._receive()
        for one in answers:
            if one.error not in (0, but):
                raise refused(one.error)
        return [one for one in answers if not one.error]

    def _send(self, requests: Sequence[bytes]) -> None:
        """Send ``requests``; the answers to the last one have the number ``self._sequence``."""
        self._sequence += 1
        try:
            self._sock.send(b"".join((*requests[:-1], numbered(requests[-1], self._sequence))))
        except OSError as error:
            raise refused(error.errno or errno.EIO) from error

    def _receive(self) -> Iterator[Message]:
        try:
            return messages.split(self._sock.recv(_LARGEST))
        except OSError as error:
            raise BalanceError(f"the kernel does not answer by netlink: {error}") from error


_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33


def refused(number: int) -> BalanceError:
    """Return the error for a request that the kernel has refused."""
    if number == errno.EPERM:
        return BalanceError(
            "cannot change routes: that needs root or CAP_NET_ADMIN; run dnsd as a service that "
            "has it (AmbientCapabilities=CAP_NET_ADMIN)"
        )
    return BalanceError(f"the kernel refuses a change of nexthops: {messages.reason(number)}")
