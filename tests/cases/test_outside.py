"""States from outside, for real: a file that is written, and a program that pushes over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path

from tests.serving import free_port
from tests.support import Node, make_node, until, zone

A, B = "127.0.0.2", "127.0.0.3"
TOKEN = "correct-horse-battery"
QUICK = """
interval = "200ms"
fast_interval = "100ms"
timeout = "200ms"
down = 1
up = 1
ttl_min = 1
"""


def pool(name: str, check: str) -> str:
    return f'[[pool]]\nname = "{name}"\ntype = "A"\n{check}\n{QUICK}'


def put(port: int, path: str, token: str, **said: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        fields = {"Authorization": f"Bearer {token}"}
        client.request("PUT", path, json.dumps(said), fields)
        return client.getresponse().status
    finally:
        client.close()


def unseen(node: Node, name: str) -> list[str | None]:
    pools = {one["name"]: one for one in node.admin("failover")["pools"]}
    return [member["unseen"] for member in pools[name]["members"]]


def says(path: Path, text: str) -> None:
    """Write a file as programs should: another one takes its name."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def answers(node: Node, name: str, *members: str) -> Callable[[], bool]:
    return lambda: node.addresses(name) == {*members}


def test_a_file_and_a_push_decide_and_silence_changes_nothing() -> None:
    port = free_port()
    tail = f"""
[http]
listen = ["127.0.0.1:{port}"]
token_file = "token"
[failover.state_files]
balancer = "states"
"""
    records = [f"{name} 30 IN A {member}" for name in ("read", "told") for member in (A, B)]
    with make_node(tail=tail) as node:
        states = node.config.with_name("states")
        node.config.with_name("token").write_text(TOKEN)
        says(states, f"{A} => UP\n{B} => DOWN\n")
        policy = pool("read", 'check = "file"\nstate_file = "balancer"')
        policy += pool("told", 'check = "pushed"')
        (node.zones / "example.com.toml").write_text(policy)
        node.replace("example.com", zone(1, *records))
        node.start()
        node.wait_line("dnsd: ready on")
        until(answers(node, "read.example.com", A))
        says(states, f"{A} => DOWN\n{B} => UP\n")
        until(answers(node, "read.example.com", B))
        states.unlink()
        until(lambda: all(unseen(node, "read.example.com.")))
        assert node.addresses("read.example.com") == {B}, "silence is never health"

        assert node.addresses("told.example.com") == {A, B}
        where = "/members/told.example.com/A/"
        assert put(port, where + A, "guessed-is-not-known", state="down", **{"for": "60s"}) == 401
        assert (
            put(port, "/members/read.example.com/A/" + A, TOKEN, state="up", **{"for": "9s"}) == 404
        )
        assert put(port, where + A, TOKEN, state="down", **{"for": "1s"}) == 200
        assert put(port, where + B, TOKEN, state="up", **{"for": "60s"}) == 200
        until(answers(node, "told.example.com", B))
        until(lambda: "pushed state has expired" in (unseen(node, "told.example.com.")[0] or ""))
        assert node.addresses("told.example.com") == {B}
        assert put(port, where + A, TOKEN, state="up", **{"for": "60s"}) == 200
        until(answers(node, "told.example.com", A, B))
