"""Which secondaries of a site are asked, and what is made of their answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from dnsd.caches.acquainted import KnownSecondary
from dnsd.caches.inquiry import Secondary
from dnsd.caches.report import NodeReport
from dnsd.caches.site import Answered, Sighting, Silent, Site
from dnsd.caches.version import Version, rrset
from dnsd.cli.askers import SecondaryServer, secondary
from dnsd.cli.secondaries import MOST, Secondaries

ZONE, SERVER, HOST = "example.com.", "192.0.2.54:53", "ns2.example.net."
WWW, AAAA = ("www.example.com.", "A"), ("www.example.com.", "AAAA")
GIVEN = rrset("www.example.com.", "A", [bytes((192, 0, 2, 1))])


def node(
    name: str, *told: KnownSecondary, listens: Sequence[str] = (), url: str = "http://192.0.2.1"
) -> Sighting:
    report = NodeReport(name, 0.0, (), secondaries=told, listens=tuple(listens))
    return Sighting(url, Answered(report, 0.0, 0.0), name)


def asked(*seen: Sighting, named: Sequence[SecondaryServer] = ()) -> list[Secondary]:
    survey: Any = SimpleNamespace(site=Site(seen), serials=lambda zones: dict.fromkeys(zones, 7))
    return list(Secondaries(named).ask(survey))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has all secondaries have serial 7; returns the names of the pools that they are asked for."""
    names: list[str] = []

    def given(_: SecondaryServer, name: str, rtype: str) -> tuple[Version, ...] | None:
        names.append(f"{name} {rtype}")
        return None if rtype == "TXT" else (GIVEN,)

    monkeypatch.setattr(SecondaryServer, "serial", lambda _: 7)
    monkeypatch.setattr(SecondaryServer, "given", given)
    return names


def test_those_that_nodes_notify_are_asked_as_those_that_are_named(heard: list[str]) -> None:
    began = time.monotonic()
    silent = Sighting("http://192.0.2.2", Silent("no route"))
    told = asked(node("a", KnownSecondary(SERVER, ZONE)), silent)
    named = asked(node("a"), named=[secondary("192.0.2.54/example.com")])
    for found in (*told, *named):
        assert (found.name, found.zone, found.wanted, found.serial) == (SERVER, ZONE, 7, 7)
        assert (found.since >= began, found.given, found.node) == (True, (), "")
    assert (len(told), len(named), heard) == (1, 1, [])
    assert asked(node("a")) == []


def test_each_is_asked_once_for_all_pools(heard: list[str]) -> None:
    (found,) = asked(
        node("a", KnownSecondary(SERVER, ZONE, (WWW,))),
        node("b", KnownSecondary(SERVER, ZONE, (AAAA,))),
        named=[secondary("192.0.2.54/example.com")],
    )
    assert sorted(heard) == ["www.example.com. A", "www.example.com. AAAA"]
    assert found.given == (GIVEN, GIVEN)


def test_who_does_not_answer_for_a_pool_has_not_answered(heard: list[str]) -> None:
    pool = ("t.example.com.", "TXT")
    (found,) = asked(node("a", KnownSecondary(SERVER, ZONE, (pool, WWW))))
    assert (found.serial, found.since, heard[0]) == (None, 0.0, "t.example.com. TXT")


@pytest.mark.usefixtures("heard")
def test_a_name_is_asked_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[Any] = [(0, 0, 0, "", (one, 53)) for one in ("192.0.2.5", "2001:db8::5")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: there)
    found = asked(node("a", KnownSecondary(HOST, ZONE)))
    assert [(one.name, one.serial) for one in found] == [(HOST, 7), (HOST, 7)]


@pytest.mark.parametrize("server", [HOST, "nonsense", "192.0.2.5:0", "192.0.2.5"])
@pytest.mark.usefixtures("heard")
def test_what_cannot_be_found_has_not_answered(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", fails)
    assert asked(node("a", KnownSecondary(server, ZONE))) == [Secondary(server, ZONE, 7, None)]


@pytest.mark.parametrize(
    ("listens", "url", "name"),
    [
        ((SERVER,), "http://192.0.2.1:9153", "b"),
        (("0.0.0.0:53",), "http://192.0.2.54:9153", "b"),
        (("[::]:53",), "http://192.0.2.54:9153", "b"),
        (("0.0.0.0:5353",), "http://192.0.2.54:9153", ""),
        (("0.0.0.0:53",), "http://192.0.2.1:9153", ""),
        (("192.0.2.1:53",), "http://192.0.2.54:9153", ""),
        ((), "this machine", ""),
    ],
)
def test_a_node_of_the_site_needs_no_question(
    listens: Sequence[str], url: str, name: str, heard: list[str]
) -> None:
    (found,) = asked(
        node("a", KnownSecondary(SERVER, ZONE, (WWW,))), node("b", listens=listens, url=url)
    )
    assert (found.node, found.serial, heard) == (name, None if name else 7, heard[:1])
    assert bool(heard) != bool(name)


@pytest.mark.usefixtures("heard")
def test_not_more_are_asked_than_a_limit() -> None:
    told = [KnownSecondary(f"[2001:db8::{number:x}]:53", ZONE) for number in range(MOST + 1)]
    assert len(asked(node("a", *told))) == MOST
