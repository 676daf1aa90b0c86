"""SAFE is never false: real nodes that are killed, redeployed, renamed, doubled or stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.serving import free_port
from tests.support import Node, make_node, remember, until, zone

HOST = "127.0.0.1"
OLD, NEW = "192.0.2.10", "192.0.2.11"
OLD_ZONE, NEW_ZONE = (zone(n, f"www 300 A {address}") for n, address in ((1, OLD), (2, NEW)))


class Member:
    """A node of a site: ``url`` is where it is asked."""

    def __init__(self, node: Node, name: str, port: int) -> None:
        self.node, self.name, self.port = node, name, port
        self.url = f"http://{HOST}:{port}"

    def knows(self, *others: Member) -> None:
        """Give it others as [failover] peers."""
        if others:
            urls = json.dumps([other.url for other in others])
            text = self.node.config.read_text()
            self.node.config.write_text(f"{text}[failover]\npeers = {urls}\npoll = '100ms'\n")

    def start(self) -> None:
        self.node.start()
        self.node.wait_ready()
        until(self._can_be_asked, "control answers")

    def _can_be_asked(self) -> bool:
        try:
            self.node.status()
            socket.create_connection((HOST, self.port), 10).close()
        except (OSError, AssertionError, KeyError):
            return False
        return True

    def kill(self) -> None:
        """End all of it without a word."""
        self.node.kill()

    def horizon(self, *arguments: str, config: bool = True) -> dict[str, Any]:
        mine = ("--config", str(self.node.config)) if config else ()
        done = self.node.run("horizon", *arguments, "--json", *mine)
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert (done.returncode == 0) == (found["safety"] == "safe")
        return found


@contextmanager
def site(*names: str, text: str = NEW_ZONE) -> Iterator[list[Member]]:
    """Nodes that have not been started; each has an account that goes back for weeks."""
    with ExitStack() as stack:
        members = []
        for name in names:
            port = free_port()
            node = stack.enter_context(
                make_node(
                    {"example.test": text},
                    server=f'server_id = "{name}"',
                    tail=f'[http]\nlisten = ["{HOST}:{port}"]\n',
                )
            )
            remember(node, name)
            members.append(Member(node, name, port))
        yield members


def missing(found: dict[str, Any]) -> str:
    assert found["safety"] == "unknown", found
    return "; ".join(f"{one['node']} {one['reason']}" for one in found["missing"])


@pytest.mark.parametrize("names", [("a",), ("a", "b")])
def test_a_node_that_was_redeployed_is_not_safe(names: tuple[str, ...]) -> None:
    """Its state directory is lost, and it begins with a zone that has another address."""
    with site(*names, text=OLD_ZONE) as members:
        here, other = members[0], members[-1]
        here.knows(*(one for one in members if one is not here))
        for member in members:
            member.start()
        until(lambda: OLD in other.node.addresses("www.example.test"))
        for member in members:
            member.kill()
            member.node.replace("example.test", NEW_ZONE)
        shutil.rmtree(other.node.state)
        for member in members:
            member.start()
        assert here.horizon(OLD)["safety"] != "safe"
        assert here.horizon("www.example.test", "A")["safety"] != "safe"


def test_a_node_that_is_stopped_is_named() -> None:
    with site("a", "b") as (a, b):
        a.knows(b)
        a.start()
        b.start()
        until(lambda: a.horizon(OLD)["safety"] == "safe", "the whole site is safe")
        control = a.node.status()["control"]["pid"]
        os.kill(control, signal.SIGSTOP)
        try:
            assert missing(a.horizon(OLD))
        finally:
            os.kill(control, signal.SIGCONT)


def test_a_node_of_this_machine_that_has_died_counts_although_others_are_named() -> None:
    with site("a", "b") as (a, b):
        a.start()
        b.start()
        assert a.horizon(OLD, "--node", b.url)["nodes"] == ["a", "b"]
        a.kill()
        found = a.horizon(OLD, "--node", b.url)
        assert "it does not run on this machine" in missing(found)
        # By its state directory alone, too.
        found = a.horizon(OLD, "--node", b.url, config=False)
        assert missing(found).startswith(f"a ({a.node.state})")
        found = a.horizon(OLD, "--node", b.url, "--fenced-at", "a=1h")
        assert found["safety"] == "wait"
        found = a.horizon(OLD, "--node", b.url, "--fenced-at", "a=1h", "--ttl", "30m")
        assert found["safety"] == "safe"


def test_a_node_that_only_a_named_one_knows_is_asked() -> None:
    with site("a", "b", "c") as (a, b, c):
        a.knows(b)
        b.knows(c)
        c.node.replace("example.test", OLD_ZONE)
        for member in (a, b, c):
            member.start()
        found = a.horizon(OLD)
        assert found["nodes"] == ["a", "b", "c"]
        assert "node c answers with it now" in found["reasons"][0]
        until(lambda: f'"{c.name}"' in json.dumps(b.node.admin("failover")["peers"]))
        c.kill()
        assert missing(a.horizon(OLD)).startswith(f"c ({c.url})")
        # It stays known when nothing names it any more; an operator can say that it is dead.
        b.node.stop()
        text = b.node.config.read_text()
        b.node.config.write_text(text[: text.index("[failover]")])
        b.start()
        assert missing(a.horizon(OLD)).startswith(f"c ({c.url})")
        config = ("--config", str(b.node.config))
        assert b.node.run("declare", "dead", "c", "--since", "2m", *config).returncode == 0
        assert a.horizon(OLD)["safety"] == "wait"


def test_two_nodes_of_one_name_are_named_and_one_at_two_urls_is_one() -> None:
    with site("a", "a", "c") as (a, twin, c):
        for member in (a, twin, c):
            member.start()
        there = a.url.replace(HOST, "localhost")
        found = c.horizon(OLD, "--node", a.url, "--node", there)
        assert (found["safety"], found["nodes"]) == ("safe", ["a", "c"])
        found = c.horizon(OLD, "--node", a.url, "--node", twin.url)
        assert "is the name of two nodes" in missing(found)


def test_a_node_that_was_renamed_is_missed_under_its_old_name() -> None:
    with site("a", "b") as (a, b):
        a.knows(b)
        a.start()
        b.start()
        until(lambda: '"b"' in json.dumps(a.node.admin("failover")["peers"]))
        until(lambda: b'"b"' in (a.node.state / "ledger").read_bytes(), "it is remembered")
        b.node.stop()
        b.node.config.write_text(b.node.config.read_text().replace('"b"', '"b2"'))
        b.start()
        until(lambda: "which is now node b2" in missing(a.horizon(OLD)))


def test_the_last_answers_before_a_restart_count() -> None:
    """Forced down, then stopped or killed at once: what was answered last is not forgotten."""
    for end in ("stop", "kill"):
        with site("a", text=zone(1, f"www 300 A {OLD}", f"www 300 A {NEW}")) as (a,):
            policy = '[[pool]]\nname = "www"\ntype = "A"\ncheck = "none"\n'
            (a.node.zones / "example.test.toml").write_text(policy)
            a.start()
            until(lambda: OLD in a.node.addresses("www.example.test"))
            config = ("--config", str(a.node.config))
            a.node.addresses("www.example.test")
            words = ("failover", "force", "www.example.test", "A", OLD, "down")
            assert a.node.run(*words, *config).returncode == 0
            a.node.stop() if end == "stop" else a.kill()
            a.start()
            found = until(lambda: (said := a.horizon(OLD))["seconds"] and said)
            assert found["safety"] == "wait"
            assert found["seconds"] > 250
