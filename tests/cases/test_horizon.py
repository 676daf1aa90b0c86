"""Two nodes, and Unbound as a caching resolver in front: it never holds what the horizon forgot.

While a backend dies, a member is drained and a zone is edited, Unbound's cache is looked into
again and again: each address in it, with the TTL it has left, against what the nodes say.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import msgspec
import pytest

from dnsd.caches.inquiry import Inquiry
from dnsd.caches.judge import MARGIN_S, Safety, Verdict, judge
from dnsd.caches.report import NodeReport
from dnsd.caches.site import Answered, Sighting, Site
from dnsd.caches.version import about_target
from tests.conftest import needs
from tests.serving import free_port
from tests.support import Node, make_node, remember, until, zone

HOST = "127.0.0.1"
ONE, TWO, OLD = "127.0.0.2", "127.0.0.3", "192.0.2.10"
NAMES = ("www.example.test", "old.example.test")
TTL = 4
LOOK_S = 0.15

_RECORD = re.compile(r"^(\S+)\s+(\d+)\s+IN\s+A\s+(\S+)$", re.MULTILINE)


class Resolver:
    """Unbound, asking ``ports`` for the zone."""

    def __init__(self, directory: Path, ports: list[int]) -> None:
        self.port = free_port()
        self._config = directory / "unbound.conf"
        control = directory / "control.sock"
        self._config.write_text(
            f"""
server:
  interface: {HOST}@{self.port}
  chroot: ""
  username: ""
  pidfile: ""
  directory: "{directory}"
  use-syslog: no
  logfile: "{directory}/log"
  do-daemonize: no
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
stub-zone:
  name: "example.test."
"""
            + "".join(f"  stub-addr: {HOST}@{port}\n" for port in ports)
            + f"remote-control:\n  control-enable: yes\n  control-interface: {control}\n"
        )
        command = ["unbound", "-d", "-c", str(self._config)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def ask(self, name: str) -> set[str]:
        query = dns.message.make_query(name, "A")
        try:
            answer = dns.query.udp(query, HOST, timeout=5, port=self.port)
        except dns.exception.Timeout:
            return set()
        return {str(rdata) for rrset in answer.answer for rdata in rrset}

    def held(self) -> dict[str, int]:
        """Return the addresses in its cache, with the seconds they have left."""
        command = ["unbound-control", "-c", str(self._config), "dump_cache"]
        dump = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        found: dict[str, int] = {}
        for _, ttl, address in _RECORD.findall(dump.stdout):
            found[address] = max(int(ttl), found.get(address, 0))
        return found


class Scene:
    """Nodes, resolver, backends; ``looks`` counts how often an address was found in the cache."""

    def __init__(
        self, nodes: list[Node], resolver: Resolver, backends: list[socket.socket]
    ) -> None:
        self.nodes, self.resolver, self.backends = nodes, resolver, backends
        self.looks = 0

    def verdict(self, target: str) -> Verdict:
        seen = []
        began = time.monotonic()
        for node in self.nodes:
            asked = time.monotonic()
            report = msgspec.convert(node.admin("horizon", target=target), NodeReport)
            seen.append(Sighting(str(node.state), Answered(report, asked, time.monotonic())))
        question = about_target(target)
        inquiry = Inquiry(question=question, site=Site(tuple(seen)), since=began)
        return judge(inquiry, time.monotonic())

    def look(self) -> None:
        """Ask as clients do, and compare what the cache holds with what the nodes say."""
        for name in NAMES:
            self.resolver.ask(name)
        time.sleep(LOOK_S)
        seen = time.monotonic()
        for address, left in self.resolver.held().items():
            if address not in (ONE, TWO, OLD):
                continue
            self.looks += 1
            found = self.verdict(address)
            assert found.safety == Safety.WAIT, (address, left, found)
            latest = max((one.until for one in found.held), default=0.0)
            endless = found.until is None
            assert endless or latest + MARGIN_S >= seen + left, (address, left, found)

    def until(self, what: str, target: str) -> None:
        """Look again and again until an address is answered (or "gone", or "safe")."""

        def come() -> bool:
            self.look()
            if what == "safe":
                return self.verdict(target).safety == Safety.SAFE
            answered = all(target in node.addresses(NAMES[0]) for node in self.nodes)
            gone = all(target not in node.addresses(NAMES[0]) for node in self.nodes)
            return answered if what == "answered" else gone

        until(come, f"{target} {what}")


def backend(address: str, port: int) -> socket.socket:
    """Return a service that accepts connections (the kernel does, as long as it listens)."""
    return socket.create_server((address, port), backlog=1000)


def records(*more: str) -> str:
    return zone(1 + len(more), f"www {TTL} A {ONE}", f"www {TTL} A {TWO}", *more)


@contextmanager
def scene(tmp_path: Path) -> Iterator[Scene]:
    port = 0
    with ExitStack() as stack:
        backends = [stack.enter_context(backend(ONE, port))]
        port = backends[0].getsockname()[1]
        backends.append(stack.enter_context(backend(TWO, port)))
        nodes = []
        for name in ("a", "b"):
            node = stack.enter_context(
                make_node(
                    {"example.test": records(f"old {TTL} A {OLD}")},
                    server=f'server_id = "{name}"',
                    tail=f'[http]\nlisten = ["{HOST}:{free_port()}"]\n',
                )
            )
            (node.zones / "example.test.toml").write_text(
                f'[[pool]]\nname = "www"\ntype = "A"\ncheck = "tcp"\nport = {port}\n'
                'interval = "300ms"\ntimeout = "250ms"\nfast_interval = "250ms"\n'
                "down = 2\nok = 1\nup = 2\nttl_min = 2\n"
            )
            remember(node, name)
            node.start()
            nodes.append(node)
        for node in nodes:
            node.wait_ready()
        resolver = Resolver(tmp_path, [node.port for node in nodes])
        stack.callback(resolver.process.wait)
        stack.callback(resolver.process.terminate)
        until(lambda: ONE in resolver.ask(NAMES[0]), "Unbound resolves")
        yield Scene(nodes, resolver, backends)


@needs("unbound", "unbound-control")
def test_unbound_never_holds_what_the_horizon_has_forgotten(tmp_path: Path) -> None:
    with scene(tmp_path) as there:
        there.until("answered", TWO)
        there.backends[1].close()
        there.until("gone", TWO)
        with backend(TWO, there.backends[0].getsockname()[1]):
            there.until("answered", TWO)
            # An edit takes one address away, an operator another one, both on both nodes.
            for node in there.nodes:
                node.replace("example.test", records())
                node.admin("drain_member", member=ONE, direct=True)
            there.until("gone", ONE)
            there.until("safe", ONE)
            there.until("safe", OLD)
        held = there.resolver.held()
        assert ONE not in held
        assert OLD not in held
        assert there.looks > 5
        _command_line(there)


def _command_line(there: Scene) -> None:
    """What the operator sees, of both nodes together and of one that is not there."""
    first, second = there.nodes
    url = re.search(r"127\.0\.0\.1:\d+(?=\"\]\n*$)", second.config.read_text())
    assert url
    config = ("--config", str(first.config))
    node = ("--node", f"http://{url[0]}")
    done = first.run("horizon", ONE, *config, *node, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["safety"]) == (0, "safe"), found
    done = first.run("horizon", TWO, *config, *node)
    assert done.returncode == 1
    assert "node b answers with it now: www.example.test. A" in " ".join(done.stdout.split())
    dead = ("--node", f"http://{HOST}:{free_port()}")
    done = first.run("horizon", ONE, *config, *node, *dead)
    assert done.returncode == 1
    assert done.stdout.startswith("UNKNOWN")
    done = first.run("horizon", *config, *node)
    assert done.returncode == 0
    assert "www.example.test. A" in done.stdout


def verdict_of(node: Node, *what: str) -> dict[str, Any]:
    """What the command line says."""
    done = node.run("horizon", *what, "--json", "--config", str(node.config))
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == (found["safety"] == "safe")
    return found


@pytest.mark.parametrize("left", [f"www {TTL} A {TWO}", f"other {TTL} A {TWO}", ""])
def test_a_pool_that_an_edit_takes_away_is_waited_for_and_then_over(left: str) -> None:
    """Its policy is deleted, with its records, or with the whole zone."""
    texts = {"a.example": records(), "b.example": zone(1)}
    with make_node(texts, tail='vanish = "100%"\nshrink = "100%"\n') as node:
        policy = node.zones / "a.example.toml"
        policy.write_text('[[pool]]\nname = "www"\ntype = "A"\ncheck = "none"\nttl_min = 2\n')
        remember(node)
        node.start()
        node.wait_ready()
        until(lambda: node.addresses("www.a.example"), "it is answered")
        policy.unlink()
        if left:
            node.replace("a.example", zone(9, left))
        else:
            (node.zones / "a.example.zone").unlink()
        node.run("reload", "--force", "--config", str(node.config))
        questions = ((ONE,), ("www.a.example", "A"))
        seen: list[str] = []

        def over() -> bool:
            found = [verdict_of(node, *question)["safety"] for question in questions]
            seen.extend(found)
            return found == ["safe", "safe"]

        assert not over()
        until(over, "caches have forgotten it")
        assert "wait" in seen
