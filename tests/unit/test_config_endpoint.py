"""Addresses to listen on, and what is said of texts that are none."""

from __future__ import annotations

import ipaddress
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.config import Endpoint


@pytest.mark.parametrize(
    ("text", "address", "port", "family"),
    [
        ("127.0.0.1:53", "127.0.0.1", 53, socket.AF_INET),
        ("0.0.0.0:65535", "0.0.0.0", 65535, socket.AF_INET),
        ("[::1]:5300", "::1", 5300, socket.AF_INET6),
        ("[2001:DB8:0::1]:53", "2001:db8::1", 53, socket.AF_INET6),
        ("[fe80::1%eth0]:53", "fe80::1%eth0", 53, socket.AF_INET6),
    ],
)
def test_parse(text: str, address: str, port: int, family: int) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.address, endpoint.port, endpoint.family) == (address, port, family)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("127.0.0.1", "'127.0.0.1' has no port: write 127.0.0.1:53"),
        ("[::1]", "'[::1]' has no port: write [::1]:53"),
        ("", "'' has no port: write 127.0.0.1:53"),
        ("::1", "'::1' must have its IPv6 address in brackets, as in [::1]:53"),
        (
            "2001:db8::1:53",
            "'2001:db8::1:53' must have its IPv6 address in brackets, as in [::1]:53",
        ),
        ("tcp://[::1]:53", "'tcp://[::1]:53' is not ADDRESS:PORT, as in 127.0.0.1:53 or [::1]:53"),
        (
            "localhost:53",
            "'localhost:53' does not begin with an IP address: write it as in 127.0.0.1:53 or "
            "[::1]:53",
        ),
        (
            "[127.0.0.1]:53",
            "'[127.0.0.1]:53' does not begin with an IP address: write it as in 127.0.0.1:53 or "
            "[::1]:53",
        ),
        ("127.0.0.1:", "'127.0.0.1:' needs a port from 1 to 65535 after the colon"),
        ("127.0.0.1:65536", "'127.0.0.1:65536' needs a port from 1 to 65535 after the colon"),
        ("127.0.0.1:dns", "'127.0.0.1:dns' needs a port from 1 to 65535 after the colon"),
        ("127.0.0.1:²", "'127.0.0.1:²' needs a port from 1 to 65535 after the colon"),
        ("127.0.0.1:0", "'127.0.0.1:0' has port 0, which would be another one in each worker"),
        (
            "[fe80::1]:53",
            "'[fe80::1]:53' is a link-local address: name its interface, as in [fe80::1%eth0]:53",
        ),
        (
            "224.0.0.251:53",
            "'224.0.0.251:53' is a multicast address: DNS queries come to unicast ones",
        ),
    ],
)
def test_what_is_no_endpoint(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Endpoint.parse(text)


@given(
    st.ip_addresses().filter(lambda ip: not (ip.is_multicast or ip.is_link_local)),
    st.integers(1, 65535),
)
def test_an_endpoint_comes_back_from_its_text(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    endpoint = Endpoint(str(ip), port)
    assert Endpoint.parse(str(endpoint)) == endpoint
