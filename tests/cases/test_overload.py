"""More than a node can answer: it answers what it can, says so, and keeps its route."""

from __future__ import annotations

import time
from pathlib import Path

from tests.anycast_node import ANNOUNCED, VIPS, ZONE, anycast_site
from tests.conftest import needs
from tests.support import until

pytestmark = needs("bird", "birdcl", "ip", "dig")

FLOOD = f"""
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect(("{VIPS[0]}", 53))
query = b"ab" + bytes.fromhex("0000000100000000000003777777076578616d706c6503636f6d0000010001")
print("asks", flush=True)
until = time.monotonic() + 5
while time.monotonic() < until:
    for _ in range(500):
        try:
            sock.send(query)
        except OSError:
            pass
"""
"""Five seconds of one query after the other, as fast as they can be sent."""


def test_a_flood_at_a_vip_costs_neither_route_nor_worker_nor_admin(tmp_path: Path) -> None:
    with anycast_site(tmp_path) as site:
        # The smallest: a flood overflows it whenever the worker is not on a CPU.
        config = site.node.config.read_text()
        small = config.replace("[server]", '[server]\nudp_receive_buffer = "64KiB"')
        site.node.config.write_text(small)
        site.start()
        site.wait("announced")
        site.wait_routes(ANNOUNCED)
        site.router.ip(f"route add {VIPS[0]} via 198.51.100.2")
        before = site.here(site.node.workers)
        with site.router.python(FLOOD) as flood:
            assert flood.stdout
            assert flood.stdout.readline() == "asks\n"
            answered = 0
            while flood.poll() is None:
                assert site.view(), "the admin socket answers"
                over_tcp = site.here.run("dig", "+short", "+tcp", f"@{VIPS[0]}", f"www.{ZONE}", "A")
                assert over_tcp.stdout == "192.0.2.80\n"
                answered += 1
                time.sleep(0.1)
        assert answered
        counters = site.here(site.node.status)["counters"]
        assert counters["drop_receive_queue"] > 0, "it was overloaded"
        assert site.here(site.node.workers) == before
        said = site.log()
        assert "→ withdrawn" not in said
        assert "→ drained" not in said
        assert "no sign of life" not in said
        until(lambda: site.routes() == ANNOUNCED, "the routes")
