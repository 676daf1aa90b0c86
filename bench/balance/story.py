"""The events, one after the other on one site, while all loads run."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import Counter
from typing import TYPE_CHECKING

from bench.balance.loads import DOWNLOADS, KEPT, fetch
from bench.balance.site import FAR, IDLE_S, WEIGHTS, Client, Lines, Site, at_home
from bench.balance.study import Row
from tests import evil
from tests.director import BACKENDS, PORT, VIPS
from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.director import Director

FLOWS = 10_000
QUIET_S = 2.0
"""How long after an event broken flows are waited for."""
SMALL_MTU, PATHS = 1280, 50
"""Clients of each family behind a link with this MTU."""
CLIENTS = ("198.51.100.", "2001:db8:1::")
"""The client's networks; all other machines are in others."""
OUT_MS, ROUTE_MS = 300, 10


class Play:
    """Plays the events on ``site``, where all is up; ``rows`` is what was found."""

    def __init__(self, site: Site, client: Client, say: Callable[[str], None]) -> None:
        self._site = site
        self._client = client
        self._say = say
        self._one, self._two = site.directors
        self.rows: list[Row] = []

    def run(self) -> None:
        """Play all of them."""
        began = time.monotonic()
        self._spread()
        self._killed()
        self._returns()
        self._dies_while_slots_wait()
        self._converge()
        self._drained()
        self._converge()
        self._director_dies()
        self._agree()
        self._all_killed()
        self._too_big()
        self._evil()
        self._seen(began)

    def _note(self, event: str, goal: str, measured: str, met: bool) -> None:
        self.rows.append(Row(event, goal, measured, met))
        self._say(f"{event}: {measured}" + ("" if met else f" (the goal is: {goal})"))

    def _converge(self) -> None:
        """Have clients end their kept flows until no slot waits for silence.

        Until then directors differ in the slots that wait.
        """

        def has_converged() -> bool:
            if not any(one.service()["waiting"] for one in self._site.directors):
                return True
            for name in BACKENDS:
                self._client.release(name)
            time.sleep(IDLE_S + 1.0)
            return False

        until(has_converged, "no slot waits for silence")

    def _spread(self) -> None:
        total = sum(WEIGHTS.values())
        worst = worst_slot = 0.0
        for vip in VIPS:
            shares = Counter(self._one.choices(vip, FLOWS))
            for row in self._one.service()["backends"]:
                share = shares[row["backend"]] / FLOWS
                wanted = WEIGHTS[row["backend"]] / total
                worst = max(worst, abs(share - wanted))
                worst_slot = max(worst_slot, abs(share / (row["slots"] / 1021) - 1))
        self._note(
            f"spread over weights 1:2:1, {FLOWS:,} flows of each family",
            "shares within 3 points of the weights', and within 10 % of the slots'",
            f"{worst * 100:.1f} points off the weights', {worst_slot:.1%} off the slots'",
            worst <= 0.03 and worst_slot <= 0.1,
        )

    def _killed(self) -> None:
        updates = self._site.updates()
        began = self._site.kill("b")
        for director in self._site.directors:
            director.wait(up=("a", "c"))
        time.sleep(QUIET_S)
        lost = Counter(one.backend for one in self._client.lost(began))
        others = sum(count for name, count in lost.items() if name not in ("b", "-"))
        failed = self._client.failed(began)
        last = max((one.began for one in failed), default=began)
        more = self._site.updates() - updates
        out = (last - began) * 1e3
        self._note(
            "one of three killed",
            f"no other flow disturbed, 0 BGP updates, new flows elsewhere in ≤ {OUT_MS} ms",
            f"{lost['b']} of its kept flows lost, {others} of others; {more} updates; new flows "
            f"failed for {out:.0f} ms ({len(failed)} of them)",
            others == 0 and more == 0 and out <= OUT_MS,
        )

    def _returns(self) -> None:
        began = time.monotonic()
        self._site.start("b")
        for director in self._site.directors:
            director.wait()
        up = time.monotonic()
        first = self._client.first(began, lambda one: one.backend == "b")
        time.sleep(2 * QUIET_S)
        lost = len(self._client.lost(began))
        failed = len(self._client.failed(began))
        waiting = max(one.service()["waiting"] for one in self._site.directors)
        self._note(
            "it returns",
            "0 live connections lost, new flows reach it at once",
            f"{lost} lost, {failed} new flows failed; first new flow {(first - up) * 1e3:+.0f} ms "
            f"from when both directors say it is up; {waiting} slots wait for silence",
            lost == failed == 0 and first - up < 1.0,
        )

    def _dies_while_slots_wait(self) -> None:
        """Directors do not know which slots the other one holds back for flows of its own."""
        waiting = max(one.service()["waiting"] for one in self._site.directors)
        began = time.monotonic()
        self._one.node.process.kill()
        time.sleep(2 * QUIET_S)
        back = time.monotonic()
        self._one.start()
        self._one.wait()
        time.sleep(QUIET_S)
        lost = self._client.lost(began)
        gone = sum(one.began < back for one in lost)
        self._note(
            "a director killed while slots wait, and back",
            "no flow lost but those in slots that wait",
            f"{gone} of {KEPT + DOWNLOADS} kept flows lost when it went, {len(lost) - gone} when "
            f"it came back; {waiting} slots waited",
            len(lost) <= 2 * waiting,
        )

    def _drained(self) -> None:
        began = time.monotonic()
        early = []
        for director in self._site.directors:
            done = director.command("balance", "drain", "b", "--no-wait")
            early.append(done.returncode == 0)
        time.sleep(2 * QUIET_S)
        early += [bool(one.backend("b")["safe"]) for one in self._site.directors]
        released = time.monotonic()
        until(self._is_left, "b is SAFE")
        took = time.monotonic() - released
        self._site.kill("b")
        time.sleep(QUIET_S)
        lost, failed = len(self._client.lost(began)), len(self._client.failed(began))
        self._note(
            "drained",
            "0 connections lost, SAFE only when its slots are silent",
            f"SAFE {took:.1f} s after its kept flows had begun to end (idle = {IDLE_S:g} s)"
            f"{', but earlier too' if any(early) else ', not before'}; then killed: {lost} lost, "
            f"{failed} new flows failed",
            lost == failed == 0 and not any(early),
        )
        self._site.start("b")
        for director in self._site.directors:
            director.command("balance", "undrain", "b")
            director.wait()

    def _is_left(self) -> bool:
        """Return whether b is SAFE; have its flows end if not: new ones may come to busy slots."""
        if all(one.backend("b")["safe"] for one in self._site.directors):
            return True
        self._client.release("b")
        time.sleep(IDLE_S + 1.0)
        return False

    def _director_dies(self) -> None:
        routes = Lines(self._site.router, "ip", "-o", "monitor", "route")
        time.sleep(0.5)
        began = time.monotonic()
        self._one.node.process.kill()
        until(lambda: len(_about_vips(routes, began)) >= len(VIPS))
        gone = max(_about_vips(routes, began)[: len(VIPS)])
        routes.end()
        time.sleep(QUIET_S)
        lost, failed = len(self._client.lost(began)), len(self._client.failed(began))
        took = (gone - began) * 1e3
        self._note(
            "director killed (SIGKILL), another one in the city",
            f"0 connections lost, its routes gone in ≤ {ROUTE_MS} ms",
            f"{lost} lost, {failed} new flows failed; routes gone in {took:.0f} ms",
            lost == failed == 0 and took <= ROUTE_MS,
        )

    def _agree(self) -> None:
        began = time.monotonic()
        ports = range(20_000, 20_300)
        over_two = {vip: self._site.client(_answerers, vip, ports) for vip in VIPS}
        self._one.start()
        self._one.wait()
        self._site.wait_shared()
        over_both = {vip: self._site.client(_answerers, vip, ports) for vip in VIPS}
        same = sum(
            one == other
            for vip in VIPS
            for one, other in zip(over_two[vip], over_both[vip], strict=True)
        )
        lost = len(self._client.lost(began))
        busy = self._two.service()["waiting"]
        self._note(
            "director restarted, the other one has a history",
            "300 of 300 flows agree (each family)",
            f"{same} of 600 connections from the same ports are answered by the same backend, over "
            f"one director and over both; {lost} lost; {busy} slots of the other one wait",
            same == 600 and lost == 0,
        )

    def _all_killed(self) -> None:
        began = time.monotonic()
        for name in BACKENDS:
            self._site.kill(name)
        away = self._client.first(began, lambda one: one.backend == FAR) - began
        time.sleep(QUIET_S)
        back = time.monotonic()
        for name in BACKENDS:
            self._site.start(name)
        home = self._client.first(back, at_home) - back
        time.sleep(QUIET_S)
        failed = self._client.failed(began)
        last = max((one.began for one in failed if one.began < back), default=began)
        later = sum(one.began >= back for one in failed)
        for director in self._site.directors:
            director.wait()
        self._note(
            "all killed, and back",
            "withdrawn, the next city serves; announced after rise and hold-down",
            f"the next city from {away * 1e3:.0f} ms on, new flows failed for "
            f"{(last - began) * 1e3:.0f} ms; home {home:.1f} s after the first start (hold-down "
            f"1 s); {later} new flows were under way then and failed",
            home > 1.0,
        )

    def _too_big(self) -> None:
        site = self._site
        site.router.ip(f"link set c0 mtu {SMALL_MTU}")
        four = [f"198.51.100.{100 + number}" for number in range(PATHS)]
        six = [f"2001:db8:1::{100 + number}" for number in range(PATHS)]
        site.client.ip(*(f"addr add {one}/24 dev up0" for one in four))
        site.client.ip(*(f"addr add {one}/64 dev up0 nodad" for one in six))
        for name in BACKENDS:
            site.backends[name].space.run("sysctl", "-qw", "net.ipv4.tcp_mtu_probing=0")
        names = Counter(
            name
            for vip, sources in zip(VIPS, (four, six), strict=True)
            for name in site.client(_much, vip, sources)
        )
        whole = sum(names[name] for name in BACKENDS)
        self._note(
            f"ICMP too big for {2 * PATHS} flows, each from an address of its own",
            f"{2 * PATHS} reach their backend",
            f"{whole} downloads went on (over {', '.join(sorted(names))})",
            whole == 2 * PATHS,
        )

    def _evil(self) -> None:
        own = {f"{vip}/{128 if ':' in vip else 32}" for vip in VIPS}
        offered = evil.by_mistake(self._site) - own
        taken = evil.on_purpose(self._site)
        self._note(
            f"{len(evil.CLAIMED)} evil routes, and 2 defaults without the director's guards",
            "refused by director and router",
            f"{len(offered)} offered by the director, {len(taken)} taken by the router",
            not offered and not taken,
        )

    def _seen(self, began: float) -> None:
        found = self._client.since(began, "kept", "long", "fresh")
        named = [one for one in found if one.outcome in ("open", "ok")]
        wrong = sum(not one.seen.startswith(CLIENTS) for one in named)
        dns = self._client.since(began, "udp", "tcp")
        served = sum(one.outcome == "ok" for one in dns)
        self._note(
            "what the service sees",
            "the client's own address, always",
            f"{len(named) - wrong:,} of {len(named):,} HTTP connections; beside them {served:,} of "
            f"{len(dns):,} DNS queries were answered through all of it",
            wrong == 0,
        )


def _about_vips(routes: Lines, began: float) -> list[float]:
    return [at for at, line in [*routes.found] if at >= began and any(vip in line for vip in VIPS)]


def _much(vip: str, sources: list[str]) -> list[str]:
    """Return which backend each download of many packets came from; - where it hangs."""

    async def one(source: str) -> str:
        try:
            async with asyncio.timeout(20):
                return (await fetch(vip, PORT, "/much", source))[0]
        except (OSError, EOFError):
            return "-"

    async def every() -> list[str]:
        return await asyncio.gather(*map(one, sources))

    return asyncio.run(every())


def _answerers(vip: str, ports: Iterable[int]) -> list[str]:
    """Return who answers a connection from each of these ports."""
    return [_answerer(vip, port) for port in ports]


def _answerer(vip: str, port: int) -> str:
    with socket.create_connection((vip, PORT), 5.0, ("", port)) as sock:
        # It ends with a reset: its port can be had again at once.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with sock.makefile() as lines:
            while lines.readline().strip():
                pass
            return lines.readline().split()[0]


def ready(director: Director) -> None:
    """Start a director and wait until it announces, and each backend has its slots."""
    director.start()
    director.converge()
