"""Nexthop objects, and the resilient groups that slots are made of, as netlink messages.

    object    a neighbour on a link: where the packets of one slot go
    group     the slots of one service and family; each has one bucket of the hash, for ever
    route     a VIP that leads to a group

A group is made once. What changes is where an object leads: one message, after which each packet
of the slot goes there, and none is lost. So the kernel's own balancing between buckets never
happens, and the bucket that a flow hashes to depends on its addresses and on the seed alone.

Knows octets, no sockets (<linux/nexthop.h>).
"""

from __future__ import annotations

import ipaddress
import os
import socket
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.balance import messages
from dnsd.control.balance.messages import U16, U32, attribute, attributes, message, nested

if TYPE_CHECKING:
    from collections.abc import Iterable

RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTM_NEWNEXTHOP, RTM_DELNEXTHOP, RTM_GETNEXTHOP = 104, 105, 106
RTM_NEWNEXTHOPBUCKET, RTM_GETNEXTHOPBUCKET = 116, 118

_ID, _GROUP, _GROUP_TYPE, _OIF, _GATEWAY, _RES_GROUP, _RES_BUCKET, _OP_FLAGS, _GROUP_STATS = (
    *(1, 2, 3, 5, 6, 12, 13, 14, 15),
)
_RESILIENT = 1
_BUCKETS = 1
_BUCKET_INDEX, _BUCKET_IDLE, _BUCKET_OBJECT = 1, 2, 3
_DUMP_STATS = 1
_STATS_ENTRY = 1
_STATS_ID, _STATS_PACKETS = 1, 2

PROTOCOL = 53
"""What routes and objects of dnsd's are marked with (``ip nexthop show protocol 53``)."""
METRIC = 64
"""Of the route to a VIP: below 256, which the kernel gives routes of its own."""

_NHMSG = Struct("=BBBBI")
_MEMBER = Struct("=IBBH")
_RTMSG = Struct("=BBBBBBBBI")
_RTA_DST, _RTA_PRIORITY, _RTA_NH_ID = 1, 6, 30
_RT_TABLE_MAIN, _RTN_UNICAST = 254, 1

FAMILIES = (socket.AF_INET, socket.AF_INET6)


class BackendHop(NamedTuple):
    """A neighbour: its address on the link with the index ``link``."""

    gateway: str
    link: int


def family_of(address: str) -> int:
    """Return AF_INET or AF_INET6."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def put_object(number: int, hop: BackendHop, flags: int = 0) -> bytes:
    """Return the message that has the object ``number`` lead to ``hop``, if it exists or not."""
    body = _NHMSG.pack(family_of(hop.gateway), 0, PROTOCOL, 0, 0) + attribute(_ID, U32.pack(number))
    return message(
        RTM_NEWNEXTHOP, messages.CREATE | messages.REPLACE | flags, body + _leading_to(hop)
    )


@cache
def _leading_to(hop: BackendHop) -> bytes:
    gateway = ipaddress.ip_address(hop.gateway).packed
    return attribute(_OIF, U32.pack(hop.link)) + attribute(_GATEWAY, gateway)


def put_group(number: int, members: Iterable[int]) -> bytes:
    """Return the message that makes a resilient group with one bucket for each of ``members``."""
    packed = b"".join(_MEMBER.pack(member, 0, 0, 0) for member in members)
    body = _NHMSG.pack(socket.AF_UNSPEC, 0, PROTOCOL, 0, 0)
    body += attribute(_ID, U32.pack(number)) + attribute(_GROUP, packed)
    body += attribute(_GROUP_TYPE, U16.pack(_RESILIENT))
    body += nested(_RES_GROUP, attribute(_BUCKETS, U16.pack(len(packed) // _MEMBER.size)))
    return message(RTM_NEWNEXTHOP, messages.CREATE | messages.ACK, body)


def delete(number: int) -> bytes:
    """Return the message that removes an object or a group."""
    body = _NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute(_ID, U32.pack(number))
    return message(RTM_DELNEXTHOP, messages.ACK, body)


def get(number: int, *, counters: bool = False) -> bytes:
    """Return the message that asks for an object or a group, with its ``counters`` if wanted."""
    body = _NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute(_ID, U32.pack(number))
    if counters:
        body += attribute(_OP_FLAGS, U32.pack(_DUMP_STATS))
    return message(RTM_GETNEXTHOP, 0, body)


def get_buckets(group: int) -> bytes:
    """Return the message that asks for each bucket of a ``group``."""
    body = _NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute(_ID, U32.pack(group))
    return message(RTM_GETNEXTHOPBUCKET, messages.DUMP, body)


def get_bucket(group: int, place: int) -> bytes:
    """Return the message that asks for one bucket of a ``group``."""
    body = _NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + attribute(_ID, U32.pack(group))
    body += nested(_RES_BUCKET, attribute(_BUCKET_INDEX, U16.pack(place)))
    return message(RTM_GETNEXTHOPBUCKET, 0, body)


def put_route(vip: str, group: int) -> bytes:
    """Return the message that has ``vip`` lead to ``group``."""
    return message(
        RTM_NEWROUTE,
        messages.CREATE | messages.REPLACE | messages.ACK,
        _route(vip) + attribute(_RTA_NH_ID, U32.pack(group)),
    )


def _route(vip: str) -> bytes:
    address = ipaddress.ip_address(vip)
    head = _RTMSG.pack(
        *(family_of(vip), address.max_prefixlen, 0, 0),
        *(_RT_TABLE_MAIN, PROTOCOL, 0, _RTN_UNICAST, 0),
    )
    return head + attribute(_RTA_DST, address.packed) + attribute(_RTA_PRIORITY, U32.pack(METRIC))


class KernelNexthop(NamedTuple):
    """An object or a group: the hop that it leads to, or the number of its members."""

    number: int
    hop: BackendHop | None
    members: int
    resilient: bool


def read(body: bytes) -> KernelNexthop:
    """Return what the body of an RTM_NEWNEXTHOP says."""
    found = dict(attributes(body, _NHMSG.size))
    hop = None
    if _GATEWAY in found and _OIF in found:
        gateway = str(ipaddress.ip_address(found[_GATEWAY]))
        hop = BackendHop(gateway, U32.unpack(found[_OIF])[0])
    return KernelNexthop(
        U32.unpack(found[_ID])[0],
        hop,
        len(found.get(_GROUP, b"")) // _MEMBER.size,
        U16.unpack(found.get(_GROUP_TYPE, b"\0\0"))[0] == _RESILIENT,
    )


def read_packets(body: bytes) -> dict[int, int]:
    """Return how many packets each member of a group has got; empty if the kernel has not counted.

    The entries of thousands of members have more octets than the length of their attribute can
    say: they are read up to the first thing that is none.
    """
    found = {}
    at = _start_of(_GROUP_STATS, body)
    for kind, data in attributes(body, at) if at else ():
        if kind != _STATS_ENTRY:
            break
        entry = dict(attributes(data))
        found[U32.unpack(entry[_STATS_ID])[0]] = int.from_bytes(entry[_STATS_PACKETS], "little")
    return found


def _start_of(wanted: int, body: bytes) -> int:
    """Return where the data of the attribute ``wanted`` begins; 0 if there is none."""
    at = _NHMSG.size
    for kind, data in attributes(body, at):
        at += messages.ATTRIBUTE.size
        if kind == wanted:
            return at
        at += (len(data) + 3) & ~3
    return 0


class Bucket(NamedTuple):
    """A bucket: its place in the hash, its object, and for how many seconds it has been idle."""

    place: int
    number: int
    idle: float


def read_bucket(body: bytes) -> Bucket:
    """Return what the body of an RTM_NEWNEXTHOPBUCKET says."""
    found = dict(attributes(dict(attributes(body, _NHMSG.size))[_RES_BUCKET]))
    return Bucket(
        U16.unpack(found[_BUCKET_INDEX])[0],
        U32.unpack(found[_BUCKET_OBJECT])[0],
        int.from_bytes(found[_BUCKET_IDLE], "little") / _TICKS,
    )


_TICKS = os.sysconf("SC_CLK_TCK")
