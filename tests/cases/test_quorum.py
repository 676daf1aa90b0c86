"""Three nodes that agree on members, for real: on loopback, with services that not all reach."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.serving import free_port
from tests.support import Node, make_node, until, zone

ORIGIN = "example.com"
WWW = "www.example.com"
A, B = "127.0.0.2", "127.0.0.3"
SOURCES = {"x": "127.0.1.1", "y": "127.0.1.2", "z": "127.0.1.3"}
"""Where the checks of each node come from."""

POLICY = """
[[pool]]
name = "www"
type = "A"
check = "http"
port = {port}
source = "{source}"
interval = "600ms"
timeout = "500ms"
fast_interval = "100ms"
down = 2
ok = 2
up = 2
ttl_min = 1
scope = "quorum:2/3"
"""

NODE = """
[http]
listen = ["127.0.0.1:{port}"]
[failover]
peers = [{peers}]
poll = "100ms"
timeout = "500ms"
"""


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        ill = self.client_address[0] in self.server.refused
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE if ill else HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Service(ThreadingHTTPServer):
    """A web server that is ill for whoever asks from the addresses ``refused``."""

    request_queue_size = 100

    def __init__(self, address: str, port: int) -> None:
        self.refused: set[str] = set()
        super().__init__((address, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who asks may go before it is answered."""


class Site:
    """Three nodes and two services."""

    def __init__(self, nodes: dict[str, Node], services: dict[str, Service]) -> None:
        self.nodes, self.services = nodes, services

    def hide(self, member: str, *names: str) -> None:
        """Let ``member`` be ill for the checks of these nodes, and well for those of others."""
        self.services[member].refused = {SOURCES[name] for name in names}

    def wait(self, names: str, *members: str) -> None:
        """Wait until these nodes answer just these members."""
        for name in names:
            node = self.nodes[name]
            until(partial(self._answers, node, {*members}), f"{name} answers {members}")

    def _answers(self, node: Node, members: set[str]) -> bool:
        return node.addresses(WWW) == members

    def report(self, name: str) -> Any:
        return self.nodes[name].admin("failover")

    def member(self, name: str, address: str) -> Any:
        (pool,) = self.report(name)["pools"]
        return next(one for one in pool["members"] if one["address"] == address)

    def votes(self, name: str, address: str) -> dict[str | None, str]:
        """Return who says what of a member, as far as it counts; nobody while zones are loaded."""
        if not self.report(name)["pools"]:
            return {}
        votes = self.member(name, address)["agreement"]["votes"]
        return {vote["node"]: vote["state"] for vote in votes if vote["counted"]}

    def wait_votes(self, name: str, address: str, **votes: str) -> None:
        """Wait until ``name`` counts these votes; "own" is its own."""
        wanted = {None if node == "own" else node: state for node, state in votes.items()}
        until(lambda: self.votes(name, address) == wanted, f"{name} hears {votes}")


@contextmanager
def site() -> Iterator[Site]:
    """Three nodes that know each other, and have agreed that all is well."""
    with ExitStack() as stack:
        port = free_port()
        services = {address: stack.enter_context(Service(address, port)) for address in (A, B)}
        for service in services.values():
            threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(service.shutdown)
        pages = {name: free_port() for name in SOURCES}
        nodes = {}
        for name, source in SOURCES.items():
            peers = ", ".join(
                f'"http://127.0.0.1:{page}"' for other, page in pages.items() if other != name
            )
            node = stack.enter_context(
                make_node(
                    {ORIGIN: zone(1, f"www 30 IN A {A}", f"www 30 IN A {B}")},
                    server=f'server_id = "{name}"',
                    tail=NODE.format(port=pages[name], peers=peers),
                )
            )
            policy = POLICY.format(port=port, source=source)
            (node.zones / f"{ORIGIN}.toml").write_text(policy)
            node.start()
            nodes[name] = node
        found = Site(nodes, services)
        for name, node in nodes.items():
            node.wait_ready()
            others = dict.fromkeys((*SOURCES.keys() - {name}, "own"), "up")
            found.wait_votes(name, A, **others)
            found.wait_votes(name, B, **others)
        yield found


def page(url: str, name: str) -> bytes:
    with urllib.request.urlopen(f"{url}/{name}", timeout=10) as answer:
        body: bytes = answer.read()
    return body


def test_three_nodes_agree() -> None:
    with site() as nodes:
        nodes.wait("xyz", A, B)
        x, z = nodes.nodes["x"], nodes.nodes["z"]

        # The odd one out changes nothing.
        nodes.hide(A, "x")
        nodes.wait_votes("x", A, own="down", y="up", z="up")
        nodes.wait_votes("y", A, x="down", own="up", z="up")
        nodes.wait("xyz", A, B)
        shown = x.run("failover", "--config", str(x.config)).stdout
        assert f"{A} is agreed to be up: 2 of 3 nodes say so" in shown
        assert "this node says down" in shown
        assert "y says up" in shown

        # It sees nobody, and others do: it is cut off, and says so.
        nodes.hide(B, "x")
        until(lambda: nodes.report("x")["cut_off"], "x is cut off")
        assert nodes.report("y")["cut_off"] is None
        nodes.wait("xyz", A, B)
        nodes.hide(B)
        until(lambda: nodes.report("x")["cut_off"] is None, "x is cut off no more")

        # Two of three see it down: it is out for all three, z among them, which sees it well.
        nodes.hide(A, "x", "y")
        nodes.wait("xyz", B)
        assert nodes.member("z", A)["state"] == "up"
        z.wait_line(f"{A} is agreed to be down: 2 of 3 nodes say so")

        # One of the two goes, and the other two differ: nothing changes, and it is told.
        nodes.nodes["y"].stop()
        nodes.wait_votes("z", A, x="down", own="up")
        line = z.wait_line(f"{A} is not agreed on: 1 of 3 nodes say up, 1 down, and it takes 2")
        assert "it stays down (" in line
        assert A in [one["address"] for one in nodes.report("z")["disputes"]]
        nodes.wait("xz", B)
        (heard, gone) = nodes.report("z")["peers"]
        assert (heard["node"], heard["fault"]) == ("x", None)
        refused = f"connection refused on TCP port {gone['url'][-5:]}"
        # A question that was under way when it went has been reset.
        until(lambda: nodes.report("z")["peers"][1]["fault"] == refused, refused)
        metrics = page(nodes.report("x")["peers"][1]["url"], "metrics").decode()
        assert 'dnsd_pool_disputed_members{pool="www.example.com.",type="A"} 1' in metrics
        assert f'dnsd_peer_heard{{peer="{heard["url"]}"}} 1' in metrics
        assert f'dnsd_peer_heard{{peer="{gone["url"]}"}} 0' in metrics

        # The two agree again: two are enough.
        nodes.hide(A)
        nodes.wait("xz", A, B)
        votes = json.loads(page(heard["url"], "votes"))
        assert votes["node"] == "x"
        assert {vote["address"]: vote["state"] for vote in votes["votes"]} == {A: "up", B: "up"}
        assert "findings in 1 zone" in x.run("check", "--config", str(x.config)).stdout
