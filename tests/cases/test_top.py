"""``dnsd top``: what a running node is asked, for programs and on a terminal."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pexpect

from tests.packets import query
from tests.support import Node, start_dnsd, zone

ZONES = {"top.example": zone(1, "www 120 A 192.0.2.1", "mail A 192.0.2.2")}
ALTERNATE, BACK, SHOWN = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
"""What a terminal is told: another screen, the one before, the cursor is to be seen."""


@contextmanager
def asked(node: Node) -> Iterator[None]:
    """Ask the node all the time."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.005):
            node.ask(query("www.top.example."))
            node.ask(query("nothing.of.ours.", 28))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_what_is_asked_is_seen_with_names_rates_and_refusals() -> None:
    with start_dnsd(ZONES, workers=2) as dnsd, asked(dnsd):
        done = dnsd.run("top", "--config", str(dnsd.config), "--once", "--json")
        found = json.loads(done.stdout)
        rate, seen = found["per_second"], found["queries"]
        assert rate["queries_udp"] > 0
        assert rate["qtype_1"] > 0 < rate["rcode_5"]
        assert {one["what"] for one in seen["names"]} == {"www.top.example.", "nothing.of.ours."}
        assert [one["what"] for one in seen["clients"]] == ["127.0.0.1"]
        assert {one["name"] for one in seen["refused"]} == {"nothing.of.ours."}
        assert seen["refused"][0]["type"] == "AAAA"
        text = dnsd.run("top", "--config", str(dnsd.config), "--once").stdout
        assert "www.top.example." in text
        assert "\x1b" not in text


def heeds_interrupts() -> None:
    """What a shell has started in the background ignores them, and so does what that starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_terminal_is_as_before_when_it_ends() -> None:
    with start_dnsd(ZONES, workers=1) as dnsd, asked(dnsd):
        command = [*dnsd.command, "top", "--config", str(dnsd.config)]
        screen = pexpect.spawn(
            command[0], command[1:], env={**dnsd.environ, "TERM": "xterm"}, timeout=30,
            encoding="utf-8", dimensions=(40, 120), preexec_fn=heeds_interrupts,
        )  # fmt: skip
        screen.expect_exact(ALTERNATE)
        for _ in range(2):
            screen.expect_exact("www.top.example.")
        screen.sendintr()
        screen.expect(pexpect.EOF)
        left = screen.before
        screen.close()
        assert screen.exitstatus == 0
        assert BACK in left
        assert SHOWN in left
        assert "Aborted" not in left.rpartition(BACK)[2]
