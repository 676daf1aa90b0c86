"""Failover for real: web servers on loopback addresses die in many ways, and so does dnsd."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dns.rcode
import pytest

from dnsd.failover.drain import T_DRAIN
from tests.services import SLOW_S, Service, services
from tests.support import Node, make_node, remember, until, zone

ORIGIN = "example.com"
WWW = "www.example.com"
A, B, C = "127.0.0.2", "127.0.0.3", "127.0.0.4"

POLICY = """
[[pool]]
name = "www"
type = "A"
check = "http"
port = {port}
interval = "300ms"
timeout = "300ms"
fast_interval = "100ms"
down = 2
ok = 2
up = 2
ttl_min = 1
{more}
"""


class Cluster:
    """A node, and the services that one of its pools leads to."""

    def __init__(self, node: Node, port: int, services: dict[str, Service]) -> None:
        self.node, self.port, self.services = node, port, services
        self.serial = 0

    def write(self, *members: str, more: str = "", ttl: int = 30) -> None:
        """Write the zone and its policy."""
        policy = POLICY.format(port=self.port, more=more)
        (self.node.zones / f"{ORIGIN}.toml").write_text(policy)
        self.serial += 1
        records = [f"www {ttl} IN A {member}" for member in members]
        self.node.replace(ORIGIN, zone(self.serial, *records))

    def start(self) -> None:
        seen = len(self.node.lines)
        remember(self.node)
        self.node.start()
        self.node.wait_line("dnsd: ready on", seen)

    @property
    def answer(self) -> set[str]:
        return self.node.addresses(WWW)

    @property
    def ttl(self) -> int:
        (rrset,) = self.node.query(WWW).answer
        return int(rrset.ttl)

    def wait(self, *members: str) -> None:
        """Wait until just these are answered."""
        until(lambda: self.answer == {*members}, f"{members} of {WWW}")

    def pool(self) -> dict[str, Any]:
        (pool,) = self.node.admin("failover")["pools"]
        assert isinstance(pool, dict)
        return pool

    def member(self, address: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            one for one in self.pool()["members"] if one["address"] == address
        )
        return found

    def wait_state(self, address: str, state: str) -> None:
        until(lambda: self.member(address)["state"] == state, f"{address} is {state}")

    def dnsd(self, *words: str, fails: bool = False) -> str:
        """Run a command and return what it says."""
        config = ("--config", str(self.node.config))
        result = self.node.run(*words, *config)
        assert bool(result.returncode) == fails, result
        return result.stderr if fails else result.stdout


@contextmanager
def cluster(
    *members: str, more: str = "", ttl: int = 30, workers: int = 1, tail: str = ""
) -> Iterator[Cluster]:
    """A node that is ready, with a pool of members that are all well."""
    with (
        services(A, B, C) as (port, found),
        make_node(workers=workers, settle="50ms", tail=tail) as node,
    ):
        one = Cluster(node, port, found)
        one.write(*members, more=more, ttl=ttl)
        one.start()
        for member in members:
            one.wait_state(member, "up")
        yield one


def test_services_die_in_many_ways() -> None:
    with cluster(A, B, workers=2) as one:
        one.wait(A, B)
        for how in ("dies", "hangs", "is ill", "flaps"):
            one.services[A].set(how)
            one.wait(B)
            assert one.member(A)["state"] in ("down", "recovering")
            one.services[A].set("lives")
            one.wait(A, B)
        one.services[A].set("is slow")
        until(lambda: one.member(A)["last"]["latency"] >= SLOW_S)
        assert one.answer == {A, B}
        assert any(f"{WWW}. A: answers {B} for" in line for line in one.node.lines)


def test_changes_are_told_to_a_url_and_a_command(tmp_path: Path) -> None:
    got: list[tuple[bytes, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((body, self.headers["X-Dnsd-Signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    secret = tmp_path / "secret"
    secret.write_text("s" * 32)
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/changes"
        tail = (
            '[failover.commands]\nrefusing = ["/bin/false"]\n[failover.hooks]\n'
            f'url = "{url}"\nsecret_file = "{secret}"\ncommand = "refusing"\n'
        )
        with cluster(A, B, tail=tail) as one:
            one.wait(A, B)
            one.services[A].set("dies")
            one.wait(B)
            until(lambda: len(got) >= 3)
            until(lambda: any("command does not accept changes" in line for line in one.node.lines))
            assert "exit status 1" in " ".join(one.node.status()["problems"])
        server.shutdown()
    events = [json.loads(body) for body, _ in got]
    told = [(one["event"], one.get("member"), one.get("now")) for one in events[:3]]
    assert told == [("member", A, "suspect"), ("member", A, "down"), ("answer", None, None)]
    assert [one["number"] for one in events] == sorted(one["number"] for one in events)
    for body, signature in got:
        assert signature == f"sha256={hmac.new(b's' * 32, body, hashlib.sha256).hexdigest()}"


def test_all_die_at_once() -> None:
    with cluster(A, B) as one:
        for service in one.services.values():
            service.set("dies")
        until(lambda: [member["state"] for member in one.pool()["members"]] == ["down", "down"])
        assert one.answer == {A, B}
        assert one.ttl == 1
        assert 'all_down = "all"' in one.pool()["why"][0]
        assert one.node.status()["pools"] == {"pools": 1, "reduced": 0, "unseen": 0}
        one.services[B].set("lives")
        one.wait(B)
        assert "1 of them reduced" in one.dnsd("status")


def test_errors_and_nothing_when_all_are_down() -> None:
    with cluster(A, more='all_down = "servfail"') as one:
        one.services[A].set("dies")
        until(lambda: one.node.query(WWW).rcode() == dns.rcode.SERVFAIL)
        one.write(A, more='all_down = "nodata"')
        until(lambda: one.node.query(WWW).rcode() == dns.rcode.NOERROR)
        assert one.answer == set()
        assert one.node.query(WWW).authority[0].ttl <= 10


def test_the_ttl_grows_with_stability() -> None:
    with cluster(A, B, ttl=8) as one:
        until(lambda: one.ttl == 8)
        one.services[A].set("dies")
        one.wait(B)
        one.services[A].set("lives")
        one.wait(A, B)
        until(lambda: one.ttl == 8)


def test_control_dies_and_answers_go_on() -> None:
    with cluster(A, B) as one:
        one.services[A].set("dies")
        one.wait(B)
        before = one.node.status()["control"]["pid"]
        os.kill(before, signal.SIGKILL)

        def there_again() -> bool:
            assert one.answer == {B}
            try:
                return bool(one.node.status()["control"]["pid"] != before and one.pool())
            except OSError:
                return False

        until(there_again)
        one.wait_state(A, "down")
        assert one.answer == {B}
        one.services[A].set("lives")
        one.wait(A, B)


def test_dnsd_is_killed_and_the_first_answer_is_right_again() -> None:
    with cluster(A, B, C) as one:
        one.services[A].set("dies")
        one.dnsd("failover", "force", WWW, "A", B, "down", "--reason", "new disks")
        one.wait(C)
        one.node.kill()
        one.start()
        assert one.answer == {C}
        assert one.member(B)["order"]["reason"] == "new disks"
        assert one.node.stop() == 0
        one.start()
        assert one.answer == {C}
        one.dnsd("failover", "force", WWW, "A", B, "auto")
        one.wait(B, C)


def test_a_state_that_is_damaged_is_ignored() -> None:
    with cluster(A, B) as one:
        one.services[A].set("dies")
        one.wait(B)
        one.node.stop()
        file = one.node.state / "failover.state"
        file.write_bytes(file.read_bytes().replace(b"down", b"up  "))
        one.start()
        one.node.wait_line("the file is damaged")
        one.wait(B)
        one.wait_state(A, "down")


def test_no_node_can_check_and_nothing_changes() -> None:
    with cluster(A, B) as one:
        one.services[A].set("dies")
        one.wait(B)
        one.write(A, B, more='source = "192.0.2.1"')
        until(lambda: all(member["unseen"] for member in one.pool()["members"]))
        one.node.wait_line("source 192.0.2.1 is not an address of this node")
        one.services[A].set("lives")
        one.services[B].set("dies")
        assert one.answer == {B}
        assert one.node.status()["pools"]["unseen"] == 1
        assert "not seen: 127.0.0.2" in one.dnsd("failover")
        one.write(A, B)
        one.wait(A)
        assert one.node.admin("failover")["alarms"] == []


def test_a_zone_is_edited_while_a_member_is_down() -> None:
    with cluster(A, B) as one:
        one.services[A].set("dies")
        one.wait(B)
        since = one.member(A)["since"]
        one.write(A, B, C)
        one.wait(B, C)
        assert one.member(A)["since"] == pytest.approx(since, abs=0.1)
        one.write(A, C)
        one.wait(C)
        (one.node.zones / f"{ORIGIN}.toml").unlink()
        said = one.dnsd("reload", ORIGIN, fails=True)
        assert f"{ORIGIN}.toml is gone: its pool goes on as before for 1m" in said
        assert f"{ORIGIN}.toml is gone" in one.dnsd("failover")
        assert one.answer == {C}, "a lost file brings no member back"
        one.dnsd("reload", "--force", ORIGIN)
        one.wait(A, C)
        assert one.node.admin("failover")["pools"] == []


def test_a_member_is_drained() -> None:
    with cluster(A, B, ttl=2) as one:
        refusal = one.dnsd("drain", "member", "192.0.2.99", fails=True)
        assert "192.0.2.99 is not a member of any pool: there are www.example.com. A" in refusal
        one.wait(A, B)
        said = one.dnsd("drain", "member", A, "--reason", "new disks").splitlines()
        assert said[0].startswith(f"{WWW}. A: lowering its TTL since ")
        assert said[1].startswith(f"{WWW}. A: removed from answers at ")
        assert said[-1].startswith(f"{A}: SAFE to power off since ")
        assert one.answer == {B}
        (pool,) = json.loads(one.dnsd("failover", "--json"))["pools"]
        assert pool["members"][0]["drain"]["phase"] == "safe"
        objection = one.dnsd("failover", "force", WWW, "A", B, "down", fails=True)
        assert "order it with --force" in objection
        one.dnsd("undrain", "member", A)
        one.wait(A, B)


def test_a_drain_waits_for_long_ttls_before_it_switches() -> None:
    """Also if nobody has ever asked for the address before."""
    with cluster(A, B, ttl=20) as one:
        until(lambda: one.ttl == 20)
        (step,) = one.node.admin("drain_member", member=A)["steps"]
        assert step["phase"] == "lowering"
        assert step["until"] - step["since"] >= 20
        until(lambda: one.ttl == T_DRAIN)
        assert one.answer == {A, B}


def test_the_plan_of_a_node_that_runs() -> None:
    with cluster(A, B, more='rto = "40s"') as one:
        assert "within the objective of 40s" in " ".join(one.dnsd("rto").split())
        over = one.node.run("rto", "--config", str(one.node.config), "--objective", "10s", "--json")
        assert over.returncode == 1
        (pool,) = json.loads(over.stdout)["pools"]
        assert pool["largest_ttl"] == 8


@pytest.mark.parametrize("ends", ["is stopped", "is killed"])
def test_the_last_answers_before_an_order_outlive_the_end_of_the_node(ends: str) -> None:
    """A long TTL goes out, a member is forced down, and the node ends within the same second."""
    with cluster(A, B, ttl=300) as one:
        until(lambda: one.ttl == 300)
        one.dnsd("failover", "force", WWW, "A", A, "down")
        one.wait(B)
        one.dnsd("failover", "force", WWW, "A", A, "auto")
        one.wait(A, B)
        assert one.ttl == 300
        one.dnsd("failover", "force", WWW, "A", A, "down")
        if ends == "is stopped":
            one.node.stop()
        else:
            one.node.kill()
        seen = len(one.node.lines)
        one.node.start()  # with the ledger that it has left
        one.node.wait_line("dnsd: ready on", seen)
        config = ("--config", str(one.node.config))
        found = json.loads(one.node.run("horizon", "--json", A, *config).stdout)
        assert found["safety"] != "safe", found
        assert max(one["seconds"] for one in found["held"]) > 250, found
