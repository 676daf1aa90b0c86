"""All addresses of a name: what a resolver's answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dnsd.checks import addresses
from dnsd.checks.addresses import addresses_of
from dnsd.checks.result import Blind
from dnsd.config.endpoint import Endpoint
from dnsd.failover.follower import AddressAnswer
from tests.resolver import Resolver, running

NAME = "cdn.example.net."
ONE, TWO = "198.51.100.1", "198.51.100.2"


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    with running() as found:
        yield found


def ask(resolver: Resolver, rtype: str = "A") -> AddressAnswer:
    return asyncio.run(addresses_of(NAME, rtype, [Endpoint.parse(resolver.endpoint)]))


def test_all_addresses_are_found(resolver: Resolver) -> None:
    resolver.records[NAME, "A"] = ([TWO, ONE], 60)
    resolver.records[NAME, "AAAA"] = (["2001:DB8::1"], 30)
    found = ask(resolver)
    assert (sorted(found.addresses), found.ttl) == ([ONE, TWO], 60)
    assert ask(resolver, "AAAA") == (("2001:db8::1",), 30)


def test_the_shortest_ttl_of_a_chain_counts(resolver: Resolver) -> None:
    resolver.records[NAME, "CNAME"] = (["edge.example.org."], 20)
    resolver.records["edge.example.org.", "A"] = ([ONE], 300)
    assert ask(resolver) == ((ONE,), 20)


def test_nothing_is_cached_here(resolver: Resolver) -> None:
    resolver.records[NAME, "A"] = ([ONE], 60)
    ask(resolver)
    resolver.records[NAME, "A"] = ([TWO], 60)
    assert ask(resolver).addresses == (TWO,)


def test_why_there_is_none(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Blind, match=f"^{NAME} does not exist$"):
        ask(resolver)
    resolver.records[NAME, "AAAA"] = (["2001:db8::1"], 30)
    with pytest.raises(Blind, match=f"^{NAME} has no A record$"):
        ask(resolver)
    monkeypatch.setattr(addresses, "LOOKUP_S", 0.1)
    resolver.answering = False
    with pytest.raises(Blind, match=f"{NAME} A"):
        ask(resolver)
