"""Checks of names: which address is asked, and what a name that cannot be resolved means."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from dnsd.checks import named
from dnsd.checks.named import NamedCheck, resolved
from dnsd.checks.result import Blind, FailureKind, Result, ServiceFault
from dnsd.checks.targets import target_of
from dnsd.checks.tcp import TcpCheck
from dnsd.config import Failover
from dnsd.config.policy import PoolPolicy
from dnsd.config.policyfile import read_policy

NAME = "cdn.example.net."
HERE = "127.0.0.1"
PATIENCE = 30.0


@contextmanager
def service() -> Iterator[int]:
    with socket.create_server((HERE, 0)) as server:
        yield server.getsockname()[1]


def run(check: NamedCheck) -> Result:
    return asyncio.run(check.run(NAME))


def gives(*found: str | Exception) -> named.Resolve:
    """A resolver that gives these answers one after the other."""
    left = list(found)

    async def resolve(_name: str, _family: str) -> str:
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    return resolve


def test_the_address_of_now_is_asked() -> None:
    with service() as port:
        check = NamedCheck(TcpCheck(port, PATIENCE), resolve=gives(HERE, "127.0.0.2", HERE))
        assert run(check).ok
        gone = run(check)
        assert (gone.ok, gone.reason) == (False, FailureKind.REFUSED)
        assert gone.detail == f"127.0.0.2: connection refused on TCP port {port}"
        assert run(check).ok


def test_a_name_without_an_address_is_down() -> None:
    check = NamedCheck(TcpCheck(1, PATIENCE), resolve=gives(ServiceFault(f"{NAME} does not exist")))
    found = run(check)
    assert (found.ok, found.detail) == (False, f"{NAME} does not exist")


def test_a_resolver_that_does_not_answer_says_nothing() -> None:
    with pytest.raises(Blind, match="out of order"):
        run(NamedCheck(TcpCheck(1, PATIENCE), resolve=gives(Blind("out of order"))))


@pytest.mark.parametrize(
    ("address", "networks", "why"),
    [
        ("169.254.169.254", (), "a link-local address"),
        ("127.0.0.2", ("192.0.2.0/24",), "outside the networks"),
    ],
)
def test_a_name_cannot_lead_where_no_check_may_go(
    address: str, networks: tuple[str, ...], why: str
) -> None:
    check = NamedCheck(TcpCheck(1, PATIENCE), networks=networks, resolve=gives(address))
    with pytest.raises(Blind, match=why):
        run(check)


def test_a_given_address_needs_no_resolver() -> None:
    with service() as port:
        check = NamedCheck(TcpCheck(port, PATIENCE), HERE, resolve=gives())
        assert run(check).ok
        assert check.endpoint(NAME) == TcpCheck(port, PATIENCE).endpoint(HERE)
        assert check.timeout == PATIENCE
    assert NamedCheck(TcpCheck(port, PATIENCE)).endpoint(NAME) is None
    assert NamedCheck(TcpCheck(port, PATIENCE)).timeout == PATIENCE + named.RESOLVE_S


# -- the system's resolver ------------------------------------------------------------------------


class Answers(asyncio.DatagramProtocol):
    """A resolver that answers what ``records`` has, by name and type."""

    def __init__(self, records: dict[tuple[str, str], list[str]]) -> None:
        self.records = records
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, rtype = question.name.to_text(), question.rdtype.name
        self.asked.append(rtype)
        response = dns.message.make_response(query, recursion_available=True)
        if not any(known == name for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        for text in self.records.get((name, rtype), ()):
            response.answer.append(dns.rrset.from_text(name, 60, "IN", rtype, text))
        self.transport.sendto(response.to_wire(), addr)


def ask(
    records: dict[tuple[str, str], list[str]] | None,
    monkeypatch: pytest.MonkeyPatch,
    *questions: tuple[str, str],
) -> tuple[list[str | Exception], list[str]]:
    """What is found by a resolver with ``records`` (None: by one that is not there)."""

    async def asking() -> tuple[list[str | Exception], list[str]]:
        loop = asyncio.get_running_loop()
        transport, answers = await loop.create_datagram_endpoint(
            lambda: Answers(records or {}), local_addr=(HERE, 0)
        )
        port = transport.get_extra_info("sockname")[1]
        if records is None:
            transport.close()

        class Here(dns.asyncresolver.Resolver):
            def __init__(self) -> None:
                super().__init__(configure=False)
                self.nameservers, self.port = [HERE], port

        monkeypatch.setattr(dns.asyncresolver, "Resolver", Here)
        monkeypatch.setattr(named, "_cache", dns.resolver.LRUCache())
        if records is not None:
            monkeypatch.setattr(named, "RESOLVE_S", PATIENCE)
        found: list[str | Exception] = []
        for question in questions:
            try:
                found.append(await resolved(*question))
            except (Blind, ServiceFault) as error:
                found.append(error)
        transport.close()
        return found, answers.asked

    return asyncio.run(asking())


def test_ipv4_comes_first_and_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {(NAME, "A"): ["192.0.2.1"], (NAME, "AAAA"): ["2001:db8::1"]}
    found, asked = ask(records, monkeypatch, (NAME, ""), (NAME, ""), (NAME, "6"))
    assert found == ["192.0.2.1", "192.0.2.1", "2001:db8::1"]
    assert asked == ["A", "AAAA"]


def test_ipv6_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {(NAME, "AAAA"): ["2001:db8::1"]}
    found, _ = ask(records, monkeypatch, (NAME, ""), (NAME, "4"))
    assert found[0] == "2001:db8::1"
    assert isinstance(found[1], ServiceFault)
    assert str(found[1]) == f"{NAME} has no A record"


def test_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ((found,), _) = ask({}, monkeypatch, (NAME, ""))
    assert isinstance(found, ServiceFault)
    assert str(found) == f"{NAME} does not exist"


def test_no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "RESOLVE_S", 0.2)
    ((found,), _) = ask(None, monkeypatch, (NAME, ""))
    assert isinstance(found, Blind)


# -- as policies say it ---------------------------------------------------------------------------


def pool(text: str) -> PoolPolicy:
    whole = f'[[pool]]\nname = "www"\ntype = "CNAME"\nmembers = ["{NAME}"]\n{text}\n'
    policy, problems = read_policy(whole, Path("example.com.toml"), "example.com.")
    assert policy is not None, problems
    return policy.pools[0]


def test_the_host_is_what_clients_ask_for_unless_it_is_the_member() -> None:
    for text, host, sni in (
        ("", "www.example.com", "www.example.com"),
        ('host = "{member}"', "cdn.example.net", "cdn.example.net"),
        ('sni = "{member}"', "www.example.com", "cdn.example.net"),
    ):
        target = target_of(pool(f'check = "https"\n{text}'), NAME, Failover())
        assert target is not None
        check = target.check
        assert isinstance(check, NamedCheck)
        assert (check.check.host, check.check.tls.name) == (host, sni)  # type: ignore[attr-defined]


def test_a_program_is_given_the_name() -> None:
    commands = Failover(commands={"probe": ("/bin/probe", "{address}")})
    target = target_of(pool('check = "command"\ncommand = "probe"'), NAME, commands)
    assert target is not None
    assert (target.address, isinstance(target.check, NamedCheck)) == (NAME, False)


def test_each_of_several_checks_finds_the_address() -> None:
    text = 'checks = [{ check = "tcp", port = 1 }, { check = "pushed" }]'
    target = target_of(pool(text), NAME, Failover())
    assert target is not None
    one, other = target.check.checks  # type: ignore[attr-defined]
    assert isinstance(one, NamedCheck)
    assert not isinstance(other, NamedCheck)
