"""Sockets have the options they need, and refusals are sentences."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from dnsd.errors import ListenError
from dnsd.serve import sockets
from dnsd.serve.sockets import ListenAddress

IP_MTU_DISCOVER = 10
IPV6_MTU_DISCOVER = 23
PMTUDISC_OMIT = 5


@pytest.mark.parametrize(
    ("address", "text", "wildcard"),
    [
        ("192.0.2.1", "192.0.2.1:53", False),
        ("0.0.0.0", "0.0.0.0:53", True),
        ("2001:db8::1", "[2001:db8::1]:53", False),
        ("::", "[::]:53", True),
        ("fe80::1%lo", "[fe80::1%lo]:53", False),
        ("0:0:0:0:0:0:0:0", "[0:0:0:0:0:0:0:0]:53", True),
    ],
)
def test_sockets_place(address: str, text: str, wildcard: bool) -> None:
    place = ListenAddress(address, 53)
    assert str(place) == text
    assert place.is_wildcard is wildcard


def test_sockets_address_with_the_interface_it_belongs_to() -> None:
    loopback = socket.if_nametoindex("lo")
    assert ListenAddress("fe80::1%lo", 53).sockaddr == ("fe80::1", 53, 0, loopback)
    assert ListenAddress("::1", 53).sockaddr == ("::1", 53, 0, 0)
    assert ListenAddress("127.0.0.1", 53).sockaddr == ("127.0.0.1", 53)


def test_sockets_address_at_an_interface_that_is_not_there() -> None:
    with pytest.raises(ListenError, match="give the address to an interface"):
        sockets.open_udp(ListenAddress("fe80::1%none", 53), 65536)


def test_sockets_path_mtu_that_others_tell_is_ignored() -> None:
    with sockets.open_udp(ListenAddress("127.0.0.1", 0), 65536) as sock:
        assert sock.getsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER) == PMTUDISC_OMIT
    with sockets.open_udp(ListenAddress("::1", 0), 65536) as sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER) == PMTUDISC_OMIT


@pytest.mark.parametrize("opener", ["udp", "tcp"])
def test_sockets_workers_share_a_place_and_families_do_not(opener: str) -> None:
    def bound(place: ListenAddress) -> socket.socket:
        if opener == "udp":
            return sockets.open_udp(place, 65536)
        return sockets.open_tcp(place, 65536)

    with bound(ListenAddress("0.0.0.0", 0)) as first:
        port = first.getsockname()[1]
        with bound(ListenAddress("0.0.0.0", port)), bound(ListenAddress("::", port)) as six:
            assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            assert first.getblocking() is False


def test_sockets_accepted_ones_inherit_their_options() -> None:
    with sockets.open_tcp(ListenAddress("127.0.0.1", 0), 70_000) as listener:
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
        with accepted:
            options = (socket.TCP_NODELAY, socket.TCP_NOTSENT_LOWAT)
            found = [accepted.getsockopt(socket.IPPROTO_TCP, each) for each in options]
            assert found == [1, 70_000]


def test_sockets_port_of_another_is_a_sentence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            sockets.open_udp(ListenAddress("127.0.0.1", port), 65536)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port} (UDP): address already in use; "
        "stop the server that has it, or choose another port"
    )


def test_sockets_address_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(ListenError) as caught:
        sockets.open_tcp(ListenAddress("2001:db8::53", 5300), 65536)
    assert str(caught.value) == (
        "cannot listen on [2001:db8::53]:5300 (TCP): cannot assign requested address; "
        "give the address to an interface, or choose one of this machine"
    )


def test_sockets_family_that_the_system_lacks_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_ipv6(*_: object) -> socket.socket:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", without_ipv6)
    with pytest.raises(ListenError) as caught:
        sockets.open_udp(ListenAddress("::1", 53), 65536)
    assert str(caught.value) == (
        "cannot listen on [::1]:53 (UDP): address family not supported by protocol; "
        "this machine has no such addresses"
    )


def test_sockets_interface_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on \[fe80::1%nowhere\]:5300 \(TCP\): "):
        sockets.open_tcp(ListenAddress("fe80::1%nowhere", 5300), 65536)


@pytest.mark.parametrize("address", ["192.0.2.153", "2001:db8::53"])
def test_sockets_floating_address_is_bound_before_it_is_there(address: str) -> None:
    place = ListenAddress(address, 0, floating=True)
    with sockets.open_udp(place, 65536) as udp, sockets.open_tcp(place, 65536) as tcp:
        assert udp.getsockname()[0] == address
        assert tcp.getsockname()[0] == address


class Limited(socket.socket):
    """A socket of a process that may not go past net.core.rmem_max."""

    def setsockopt(self, level: int, option: int, *value: Any) -> None:
        if option == 33:  # SO_RCVBUFFORCE
            raise PermissionError(errno.EPERM, "Operation not permitted")
        super().setsockopt(level, option, *value)


def test_sockets_receive_buffer_without_privileges() -> None:
    with Limited(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sockets.ask_receive_buffer(sock, 8192)
        assert sockets.receive_buffer(sock) == 8192
        sockets.ask_receive_buffer(sock, 1 << 30)
        assert 8192 < sockets.receive_buffer(sock) < 1 << 30
