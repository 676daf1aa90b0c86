"""A flood from one network against a whole node: how many answers leave, and what is told of it."""

from __future__ import annotations

import socket
import time

from tests.packets import query
from tests.support import start_dnsd, until, zone

RATE = 5
FLOOD = 200
WWW = query("www.flood.example.")

LIMITS = f"""
[rate_limit]
per_second = {RATE}
slip = 0
exempt = ["127.0.1.0/24"]
"""


def test_a_flood_is_limited_on_all_workers_together() -> None:
    zones = {"flood.example": zone(1, "www A 192.0.2.1", "mail A 192.0.2.2")}
    with start_dnsd(zones, workers=2, tail=LIMITS) as dnsd:
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
        began = time.monotonic()
        for number in range(FLOOD):
            sockets[number % 8].sendto(WWW, ("127.0.0.1", dnsd.port))

        def handled() -> int:
            counted = dnsd.status()["counters"]
            return int(counted["responses_udp"] + counted["limited"]) >= FLOOD

        until(handled, "every query of the flood to be counted")
        took = time.monotonic() - began
        answers = 0
        for each in sockets:
            each.setblocking(False)
            while True:
                try:
                    each.recv(65535)
                except BlockingIOError:
                    break
                answers += 1
            each.close()
        assert RATE <= answers <= RATE * (1 + took) + 1

        assert dnsd.addresses("mail.flood.example") == {"192.0.2.2"}
        assert dnsd.ask_tcp(WWW)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exempt:
            exempt.bind(("127.0.1.1", 0))
            exempt.settimeout(10)
            for _ in range(3 * RATE):
                exempt.sendto(WWW, ("127.0.0.1", dnsd.port))
                exempt.recv(65535)

        (network,) = dnsd.status()["limited"]
        assert network["network"] == "127.0.0.0/24"
        assert network["kinds"] == ["answer"]
        assert network["withheld"] == FLOOD - answers
        dnsd.wait_line("rate limit: answers to 127.0.0.0/24 are withheld (answer)")
        shown = dnsd.run("status", "--config", str(dnsd.config)).stdout
        assert "127.0.0.0/24" in shown
