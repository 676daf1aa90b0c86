"""``dnsd querylog``: a running node logs its queries, for a while, and answers as ever."""

from __future__ import annotations

import json
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from tests.packets import query
from tests.support import Node, family, start_dnsd, until, zone

if TYPE_CHECKING:
    from pathlib import Path

ZONES = {"log.example": zone(1, "www 120 A 192.0.2.1")}
JSON = '\n[querylog]\nformat = "json"\n'


def ask(node: Node, count: int) -> list[bytes]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        answers = []
        for _ in range(count):
            sock.sendto(query("www.log.example."), ("127.0.0.1", node.port))
            answers.append(sock.recv(65535))
    return answers


def order(node: Node, *words: str) -> dict[str, Any]:
    done = node.run("querylog", "--config", str(node.config), "--json", *words)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def is_off(node: Node) -> bool:
    """Whether the node's control process says that nothing is logged."""
    done = node.run("querylog", "--config", str(node.config))
    return done.returncode == 0 and done.stdout.startswith("off")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def writes(node: Node) -> bool:
    """Ask once; return whether a line for that, or an earlier one, is there."""
    ask(node, 1)
    return bool(order(node)["written"])


def test_queries_are_logged_until_it_is_switched_off() -> None:
    with start_dnsd(ZONES, workers=2, tail=JSON) as dnsd:
        before = ask(dnsd, 1)
        assert order(dnsd)["on"] is False
        on = order(dnsd, "on", "--for", "1h")
        assert (on["on"], on["sample"], on["left"] > 3590) == (True, 1, True)
        until(lambda: writes(dnsd), "the first line")
        count = len(lines(dnsd.state / "queries.log"))
        assert ask(dnsd, 200) == before * 200
        off = order(dnsd, "off")
        found = lines(dnsd.state / "queries.log")
        assert off["on"] is False
        assert off["written"] == len(found) >= count + 200
        assert off["lost"] == 0
        assert {one["name"] for one in found} == {"www.log.example."}
        ask(dnsd, 5)
        assert len(lines(dnsd.state / "queries.log")) == len(found)


def test_it_ends_by_itself_and_with_the_control_process() -> None:
    with start_dnsd(ZONES, workers=1, tail=JSON) as dnsd:
        order(dnsd, "on", "--for", "1s")
        until(lambda: is_off(dnsd), "the log to end")
        order(dnsd, "on", "--for", "1h")
        os.kill(dnsd.status()["control"]["pid"], signal.SIGKILL)
        until(lambda: is_off(dnsd), "another control process")


def test_a_recorder_that_is_stopped_delays_nothing_and_says_what_is_lost() -> None:
    with start_dnsd(ZONES, workers=1, tail=JSON) as dnsd:
        order(dnsd, "on", "--for", "1h")
        until(lambda: writes(dnsd), "the first line")
        (recorder,) = family(dnsd.status()["control"]["pid"])
        os.kill(recorder, signal.SIGSTOP)
        assert len(ask(dnsd, 20_000)) == 20_000
        os.kill(recorder, signal.SIGCONT)
        until(lambda: order(dnsd)["lost"] > 0, "it to say what is lost")
        found = order(dnsd, "off")
        assert found["written"] + found["lost"] >= 20_000
