"""What the pages of a node and of a director show in tests and in the README's picture."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from typing import Any

from dnsd.control.web.directorpage import director_pages
from dnsd.control.web.overview import OverviewSource, overview_pages
from dnsd.control.web.server import Pages
from dnsd.control.web.traffic import MOST, Traffic
from dnsd.image.state import StateVector
from dnsd.metrics.counters import INDEX
from dnsd.process.recent import RecentEvent, RecentEvents

DAY = 86_400
VIPS = ("192.0.2.53", "2001:db8:53::53")
NODE = "fra1"


def node_pages() -> Pages:
    """The pages of a node that is announced, with a pool that has lost a member."""
    commands = {"status": _said(_status), "failover": _said(_failover)}
    return overview_pages(
        OverviewSource(NODE, commands, lambda: (), _traffic(), _events(), lambda _: "for 48 s")
    )


def lost_pages() -> Pages:
    """The pages of a node on which much is wrong."""
    commands = {"status": _said(_lost), "failover": _said(_failover)}
    problems = ["worker 1 has made no progress for 2.4 s"]
    return overview_pages(
        OverviewSource(NODE, commands, lambda: problems, _traffic(), _events(), lambda _: "")
    )


def balance_pages() -> Pages:
    """The pages of a director with a backend that is down, and one that is drained."""
    return director_pages("lb1.fra", _said(_director), _events())


def _said(values: Any) -> Any:
    async def command(_request: Mapping[str, Any]) -> Any:
        return values(time.time())

    return command


def _status(now: float) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "hot_path": "native",
        "pid": 812,
        "uptime": 12 * DAY + 3600.0,
        "listen": ["198.51.100.2:53", "[2001:db8:1::2]:53"],
        "generation": 1841,
        "limited": [{"network": "203.0.113.0/24", "kinds": ["nxdomain"], "withheld": 18_342}],
        "zone_states": {"served": 3},
        "zones": [
            _zone("example.com.", 2026113002, 48_213, {"state": "good", "phrase": "end in 23 d"}),
            _zone("example.net.", 2026112801, 912, None),
            _zone("example.org.", 2026111904, 77, {"state": "soon", "phrase": "end in 6 d 4 h"}),
        ],
        "workers": [
            {
                "index": index,
                "pid": 820 + index,
                "listening": True,
                "heartbeat_age": 0.012 + index / 100,
                "generation": 1841,
                "tcp_open": 4 + index,
            }
            for index in range(4)
        ],
        "counters": {
            "qtype_1": 912_311_204,
            "qtype_28": 604_112_870,
            "qtype_65": 201_442_019,
            "qtype_6": 9_112,
            "rcode_0": 1_630_220_114,
            "rcode_3": 98_311_872,
        },
        "problems": ["the signatures of example.org. end in 6 d 4 h (SOA): sign the zone again"],
        "route": _route(now),
    }


def _lost(now: float) -> dict[str, Any]:
    status = _status(now)
    route = status["route"]
    route |= {"state": "withdrawn", "as_ordered": False, "why": ["no worker answers"]}
    for vip in route["vips"]:
        vip |= {"wanted": "withdrawn", "carrier": False, "exported_to": []}
    status["workers"][1]["listening"] = False
    broken = {"state": "broken", "serial": None, "error": "a.zone:7: error: 'x' is no address"}
    status["zones"][1] |= broken
    return {**status, "zone_states": {"served": 2, "broken": 1}}


def _zone(name: str, serial: int, records: int, signatures: Any) -> dict[str, Any]:
    return {
        "zone": name,
        "serial": serial,
        "records": records,
        "state": "served",
        "error": None,
        "signatures": signatures,
    }


def _route(now: float) -> dict[str, Any]:
    return {
        "state": "announced",
        "since": now - 9 * DAY,
        "why": ["the self-check is right"],
        "as_ordered": True,
        "problems": (),
        "vips": [
            {
                "vip": vip,
                "wanted": "announced",
                "address": True,
                "carrier": True,
                "in_bird": "up",
                "exported_to": [router],
            }
            for vip, router in zip(VIPS, ("rtr4", "rtr6"), strict=True)
        ],
        "bird": {
            "sessions": [
                {"name": "rtr4", "neighbor": "198.51.100.1", "established": True, "bfd": "Up"},
                {"name": "rtr6", "neighbor": "2001:db8:1::1", "established": True, "bfd": "Up"},
            ]
        },
    }


def _failover(now: float) -> dict[str, Any]:
    members = [
        _member(now, "192.0.2.80", "up", 8_812, 0.0113),
        _member(now, "192.0.2.81", "up", 8_812, 0.0127),
        _member(now, "192.0.2.82", "down", 0, 0.5),
    ]
    pool = {
        "name": "www.example.com.",
        "type": "A",
        "answer": "192.0.2.80, 192.0.2.81",
        "ttl": 30,
        "ttl_max": 300,
        "since": now - 132,
        "why": ["192.0.2.82 is down"],
        "members": members,
    }
    return {"pools": [pool], "problems": ()}


def _member(now: float, address: str, state: str, stable: int, latency: float) -> dict[str, Any]:
    is_up = state == "up"
    detail = "" if is_up else "no response to GET /health within 500ms"
    return {
        "address": address,
        "answered": is_up,
        "state": state,
        "seen_as": state,
        "since": now - (9 * DAY if is_up else 132),
        "failures": 0 if is_up else 41,
        "stable": stable,
        "last": {"ok": is_up, "detail": detail, "latency": latency},
    }


def _director(now: float) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "pid": 700,
        "uptime": 3 * DAY,
        "problems": ["the backend web3 cannot be checked: no route to host"],
        "services": [
            {
                "service": "web",
                "vips": ["192.0.2.80", "2001:db8:53::80"],
                "ports": [80, 443],
                "state": "announced",
                "since": now - 3 * DAY,
                "why": [],
                "min_backends": 1,
                "slots": 1024,
                "waiting": 12,
                "backends": [
                    _backend("web1", "up", 506, 512, None, 88_120.4),
                    _backend("web2", "up", 506, 512, None, 90_002.0),
                    _backend("web3", "down", 12, 0, {"reason": "new disks"}, None),
                ],
            }
        ],
    }


def _backend(
    name: str, state: str, slots: int, wanted: int, drained: Any, rate: float | None
) -> dict[str, Any]:
    return {
        "backend": name,
        "address": [f"198.51.100.{slots % 200}"],
        "weight": 1,
        "state": state,
        "drained": drained,
        "slots": slots,
        "wanted": wanted,
        "packets_per_second": rate,
        "why": "" if state == "up" else "timeout",
    }


def _traffic() -> Traffic:
    """Three minutes of a busy day, the same each time."""
    vector, chance, clock = StateVector.create(1), random.Random(7), [0.0]
    traffic = Traffic(vector, lambda: clock[0])
    cells = vector.counters(0)
    for second in range(MOST):
        clock[0] += 1.0
        wave = 41_000 + 6_000 * math.sin(second / 25) + chance.uniform(-2500, 2500)
        cells[INDEX["queries_udp"]] += int(wave)
        cells[INDEX["queries_tcp"]] += int(wave / 90 + chance.uniform(0, 80))
        cells[INDEX["limited"]] += int(chance.uniform(300, 900)) if second > 110 else 0
        traffic.turn()
    return traffic


class _Told(RecentEvents):
    def latest(self) -> list[RecentEvent]:
        now = time.time()
        told = [
            (132, "notice", "answer-changed", "failover: www.example.com. A: answers with 2 of 3"),
            (132, "error", "member-down", "failover: 192.0.2.82 suspect → down (timeout)"),
            (410, "notice", "network-limited", "answers to 203.0.113.0/24 are withheld (nxdomain)"),
            (3_605, "info", "zone-loaded", "zone example.com. loaded: serial 2026113002"),
            (DAY, "warning", "signatures-end-soon", "the signatures of example.org. end in 7 d"),
        ]
        return [RecentEvent(now - ago, level, name, text) for ago, level, name, text in told]


def _events() -> RecentEvents:
    return _Told()
