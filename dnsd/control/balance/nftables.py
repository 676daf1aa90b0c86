"""Rules of nftables in a table of dnsd's own, replaced as a whole: what the hash gets wrong.

The kernel chooses the backend of an ICMP error by the addresses of who sends it, not by the flow
that it is about. So "fragmentation needed" (RFC 1191) and "packet too big" (RFC 8201) reach the
right backend by chance, and path MTU discovery fails. The rules give a copy to each backend of the
service, and those that have no such flow ignore it.

Nor does a director forward anything else than the service: other ports are dropped.
The later fragments of a datagram have none, and pass: they are hashed as the first one is, without
ports, so that they reach the same backend.

Knows octets and one netlink socket (<linux/netfilter/nf_tables.h>).
"""

from __future__ import annotations

import ipaddress
import socket
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from dnsd.control.balance import messages
from dnsd.control.balance.messages import attribute, message, nested, text
from dnsd.errors import BalanceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dnsd.control.balance.nexthops import BackendHop

TABLE = "dnsd_balance"
_PRIORITY = -300
"""Before connections are tracked: a copy, too, is one packet to one backend."""

_NETLINK_NETFILTER = 12
_NFPROTO_IPV4, _NFPROTO_IPV6 = 2, 10
_SUBSYSTEM = 10 << 8
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE = (_SUBSYSTEM | number for number in (0, 2, 3, 6))
_REGISTER_VERDICT, _REGISTER_1 = 0, 1
_DROP, _JUMP, _RETURN = 0, -3, -5
_NETWORK, _TRANSPORT = 1, 2
_EQUAL, _NOT_EQUAL = 0, 1
_FRAGMENT = 44
_META_L4PROTO = 16
_META_IIF = 4

_NFGENMSG = Struct(">BBH")
_BE32 = Struct(">I")
_BE32_SIGNED = Struct(">i")
_PROTOCOLS = {"tcp": 6, "udp": 17}


class Guarded(NamedTuple):
    """The rules for one VIP of a service.

    ``hops`` are its backends. ``protocols`` ("tcp", "udp") and ``ports`` are what is forwarded
    besides ICMP; no ports mean all of them.
    """

    vip: str
    hops: tuple[BackendHop, ...]
    protocols: tuple[str, ...] = ("tcp", "udp")
    ports: tuple[int, ...] = ()


def replace(services: Sequence[Guarded], one_way: Iterable[int] = ()) -> bytes:
    """Return the batch that puts the rules for ``services`` in the place of all that were there.

    ``one_way`` are links by which packets only go out: what comes in by them is dropped.
    """
    closed = sorted(one_way)
    parts = [_begin()]
    for family in (_NFPROTO_IPV4, _NFPROTO_IPV6):
        own = [one for one in services if _family(one.vip) == family]
        parts += [*_removal(family), _table(family), _hook(family)]
        parts += [_rule(family, "prerouting", *_is_from(link), _verdict(_DROP)) for link in closed]
        for number, service in enumerate(own):
            parts += _rules(family, f"vip{number}", service)
    return _batch(parts)


def remove() -> bytes:
    """Return the batch that takes all of it away."""
    families = (_NFPROTO_IPV4, _NFPROTO_IPV6)
    return _batch([_begin(), *(part for family in families for part in _removal(family))])


def apply(batch: bytes) -> None:
    """Have the kernel do all of ``batch``; BalanceError if it does nothing of it."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as sock:
            sock.settimeout(10.0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
            sock.send(batch)
            error = _answer(sock)
    except OSError as failure:
        raise BalanceError(f"cannot set rules of nftables: {failure.strerror}") from failure
    if error:
        raise BalanceError(
            f"the kernel refuses the rules of nftables: {messages.reason(error)}; without them "
            "clients behind a path with a small MTU may hang"
        )


def _answer(sock: socket.socket) -> int:
    """Return the first error of a batch whose last request wants an answer; 0 if there is none."""
    while True:
        for one in messages.split(sock.recv(1 << 16)):
            if one.error or one.sequence == _LAST:
                return one.error


# -- tables and chains ------------------------------------------------------------------------


def _family(vip: str) -> int:
    return _NFPROTO_IPV6 if ":" in vip else _NFPROTO_IPV4


_LAST = 1
"""The number of the last request before the end of a batch; all others have 0."""


def _batch(parts: Sequence[bytes]) -> bytes:
    *others, last = parts
    flags = messages.U16.unpack_from(last, 6)[0] | messages.ACK
    last = messages.numbered(last[:6] + messages.U16.pack(flags) + last[8:], _LAST)
    end = message(_BATCH_END, 0, _NFGENMSG.pack(0, 0, _SUBSYSTEM >> 8))
    return b"".join((*others, last, end))


def _begin() -> bytes:
    return message(_BATCH_BEGIN, 0, _NFGENMSG.pack(0, 0, _SUBSYSTEM >> 8))


def _request(kind: int, family: int, *inner: bytes, flags: int = messages.CREATE) -> bytes:
    return message(kind, flags, _NFGENMSG.pack(family, 0, 0) + b"".join(inner))


def _table(family: int) -> bytes:
    return _request(_NEWTABLE, family, text(1, TABLE))


def _removal(family: int) -> list[bytes]:
    """Make the table if there is none, and remove it: so it is no error that there was none."""
    return [_table(family), _request(_DELTABLE, family, text(1, TABLE), flags=0)]


def _chain(family: int, name: str, *more: bytes) -> bytes:
    return _request(_NEWCHAIN, family, text(1, TABLE), text(3, name), *more)


def _hook(family: int) -> bytes:
    """The chain that sees each packet that comes in (prerouting), before anything else does."""
    hook = nested(4, attribute(1, _BE32.pack(0)), attribute(2, _BE32_SIGNED.pack(_PRIORITY)))
    return _chain(family, "prerouting", hook, text(7, "filter"))


def _rule(family: int, chain: str, *expressions: bytes) -> bytes:
    body = text(1, TABLE), text(2, chain), nested(4, *expressions)
    return _request(_NEWRULE, family, *body, flags=messages.CREATE | messages.APPEND)


def _rules(family: int, name: str, service: Guarded) -> list[bytes]:
    """The chains of one VIP: its errors are copied, its ports let through, the rest dropped."""
    errors = f"{name}_errors"
    found = [_chain(family, name), _chain(family, errors)]
    found += [_rule(family, errors, *_copy_to(hop)) for hop in service.hops]
    found.append(_rule(family, errors, _verdict(_DROP)))
    found.append(_rule(family, name, *_is_too_big(family), _verdict(_JUMP, errors)))
    found += _ports(family, name, service)
    found.append(_rule(family, "prerouting", *_is_to(service.vip), _verdict(_JUMP, name)))
    return found


def _ports(family: int, name: str, service: Guarded) -> list[bytes]:
    """What returns from the chain of a VIP is forwarded."""
    if not service.ports and len(service.protocols) == len(_PROTOCOLS):
        return []
    icmp = _is_protocol(58 if family == _NFPROTO_IPV6 else 1)
    found = [_rule(family, name, *icmp, _verdict(_RETURN))]
    for protocol in service.protocols:
        match = _is_protocol(_PROTOCOLS[protocol])
        found.append(_rule(family, name, *match, *_is_later_fragment(family), _verdict(_RETURN)))
        for port in service.ports:
            to_port = *match, _payload(_TRANSPORT, 2, 2), _equals(port.to_bytes(2, "big"))
            found.append(_rule(family, name, *to_port, _verdict(_RETURN)))
        if not service.ports:
            found.append(_rule(family, name, *match, _verdict(_RETURN)))
    return [*found, _rule(family, name, _verdict(_DROP))]


# -- expressions ------------------------------------------------------------------------------


def _expression(name: str, *inner: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, *inner))


def _payload(base: int, offset: int, length: int) -> bytes:
    numbers = enumerate((_REGISTER_1, base, offset, length), 1)
    return _expression("payload", *(attribute(kind, _BE32.pack(one)) for kind, one in numbers))


def _equals(value: bytes) -> bytes:
    return _compare(_EQUAL, value)


def _compare(operator: int, value: bytes) -> bytes:
    how = attribute(2, _BE32.pack(operator))
    return _expression("cmp", _into(1), how, nested(3, attribute(1, value)))


def _is_later_fragment(family: int) -> Iterable[bytes]:
    """A fragment offset that is not 0 (RFC 791; RFC 8200, section 4.5)."""
    if family == _NFPROTO_IPV6:
        numbers = attribute(3, _BE32.pack(2)), attribute(4, _BE32.pack(2))
        offset = _expression("exthdr", _into(1), attribute(2, bytes((_FRAGMENT,))), *numbers)
        mask = b"\xff\xf8"
    else:
        offset, mask = _payload(_NETWORK, 6, 2), b"\x1f\xff"
    data = nested(4, attribute(1, mask)), nested(5, attribute(1, bytes(2)))
    masked = _expression("bitwise", _into(1), _into(2), attribute(3, _BE32.pack(2)), *data)
    return offset, masked, _compare(_NOT_EQUAL, bytes(2))


def _into(kind: int) -> bytes:
    return attribute(kind, _BE32.pack(_REGISTER_1))


def _is_to(vip: str) -> Iterable[bytes]:
    address = ipaddress.ip_address(vip)
    offset = 24 if address.version == 6 else 16
    return _payload(_NETWORK, offset, len(address.packed)), _equals(address.packed)


def _is_from(link: int) -> Iterable[bytes]:
    key = attribute(2, _BE32.pack(_META_IIF)), attribute(1, _BE32.pack(_REGISTER_1))
    return _expression("meta", *key), _equals(messages.U32.pack(link))


def _is_protocol(number: int) -> Iterable[bytes]:
    key = attribute(2, _BE32.pack(_META_L4PROTO)), attribute(1, _BE32.pack(_REGISTER_1))
    return _expression("meta", *key), _equals(bytes((number,)))


def _is_too_big(family: int) -> Iterable[bytes]:
    """Type 3, code 4 of ICMP; type 2 of ICMPv6."""
    number, types = (58, b"\x02\x00") if family == _NFPROTO_IPV6 else (1, b"\x03\x04")
    return *_is_protocol(number), _payload(_TRANSPORT, 0, 2), _equals(types)


def _copy_to(hop: BackendHop) -> Iterable[bytes]:
    gateway = ipaddress.ip_address(hop.gateway).packed
    registers = attribute(1, _BE32.pack(_REGISTER_1)), attribute(2, _BE32.pack(_LINK_REGISTER))
    return (
        _immediate(_REGISTER_1, gateway),
        _immediate(_LINK_REGISTER, messages.U32.pack(hop.link)),
        _expression("dup", *registers),
    )


_LINK_REGISTER = 2
"""A register of 16 octets; the first one holds the address, of any family."""


def _immediate(register: int, value: bytes) -> bytes:
    into = attribute(1, _BE32.pack(register))
    return _expression("immediate", into, nested(2, attribute(1, value)))


def _verdict(code: int, chain: str = "") -> bytes:
    target = (text(2, chain),) if chain else ()
    verdict = nested(2, attribute(1, _BE32_SIGNED.pack(code)), *target)
    into = attribute(1, _BE32.pack(_REGISTER_VERDICT))
    return _expression("immediate", into, nested(2, verdict))
