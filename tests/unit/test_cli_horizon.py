"""``dnsd horizon``: what is asked of whom, how silence is told, what is shown."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from dnsd.cli import askers, horizon
from dnsd.cli.askers import Remote, SecondaryServer, Site, fenced, secondary
from dnsd.config import Endpoint
from dnsd.errors import AdminError, NotRunning
from dnsd.failover.ledger import WEEK_S, Ledger, Report, Use
from dnsd.failover.version import about_target, rrset

TARGET = "192.0.2.10"
WWW = rrset("www.example.com.", "A", [bytes((192, 0, 2, 10))])


class Fake:
    """A node that says what it is told to say; an error is raised."""

    def __init__(
        self,
        says: object,
        name: str = "here",
        optional: bool = False,
        peers: Mapping[str, Any] | None = None,
    ) -> None:
        self.says, self.name, self.optional = says, name, optional
        self.peers = peers or {"peers": []}

    def get(self, page: str, _arguments: Mapping[str, str]) -> Any:
        if isinstance(self.says, Exception):
            raise self.says
        if page == "failover":
            return self.peers
        if page == "status":
            return {"zones": [{"zone": "example.com.", "serial": 7}]}
        return self.says


def report(node: str, given: float | None = None, use: Use = Use.IDLE) -> Any:
    """What a node says that has given it out ``given`` seconds ago with TTL 60."""
    now = time.monotonic()
    ledger = Ledger(node, now - 2 * WEEK_S)
    if given is not None:
        ledger.offer(WWW, 60, use, now - given)
        ledger.note(WWW, now - given, 60)
        ledger.offer(WWW, 60, use, now - given)
    return msgspec.to_builtins(ledger.report(now))


def asked(*nodes: Fake) -> Site:
    site = Site(nodes, {}, (), time.monotonic())
    site.ask(about_target(TARGET))
    return site


def run(
    monkeypatch: pytest.MonkeyPatch, local: Fake, others: Mapping[str, Fake], *arguments: str
) -> Any:
    monkeypatch.setattr(horizon, "Local", lambda _path, optional: _set(local, optional))
    monkeypatch.setattr(
        askers.Remote, "get", lambda self, *what: others[self.name].get(*what), raising=True
    )
    return CliRunner().invoke(horizon.horizon, arguments)


def _set(node: Fake, optional: bool) -> Fake:
    node.optional = optional
    return node


def test_safe_wait_and_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, Fake(report("a", 70)), {}, TARGET)
    assert (found.exit_code, found.stdout.split()[0]) == (0, "SAFE")
    found = run(monkeypatch, Fake(report("a", 10)), {}, TARGET)
    assert (found.exit_code, found.stdout.split()[:2]) == (1, ["WAIT", "until"])
    assert "www.example.com. A → 192.0.2.10" in found.stdout
    url = "http://192.0.2.1:9153"
    silent = {url: Fake(AdminError(f"{url} cannot be asked: no route"))}
    found = run(monkeypatch, Fake(report("a", 70)), silent, TARGET, "--node", url)
    assert (found.exit_code, found.stdout.split()[0]) == (1, "UNKNOWN")
    assert "no route" in found.stdout


def test_json_has_relative_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, Fake(report("a", 10, Use.SERVED)), {}, TARGET, "--json")
    found = json.loads(done.stdout)
    assert (found["safety"], found["seconds"]) == ("wait", None)
    assert found["held"][0]["node"] == "a"
    assert 40 < found["held"][0]["seconds"] < 60
    assert found["held"][0]["use"] == "served"


def test_several_nodes_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://192.0.2.1:9153"
    other = {url: Fake(report("b", 10))}
    found = run(monkeypatch, Fake(report("a", 70)), other, TARGET, "--node", f"{url}/", "--json")
    assert json.loads(found.stdout)["safety"] == "wait"


def test_the_nodes_that_the_one_here_knows_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://192.0.2.1:9153"
    peers = {"peers": [{"url": url, "node": "b"}]}
    others = {url: Fake(report("b", 10, Use.SERVED)), "http://b.test:9153": Fake(report("b", 10))}
    local = Fake(report("a", 70), peers=peers)
    found = run(monkeypatch, local, others, TARGET)
    assert "node b gives it out now" in found.stdout
    # By whatever URL somebody names it: it is one node.
    found = run(monkeypatch, local, others, TARGET, "--node", "http://b.test:9153", "--json")
    assert len(json.loads(found.stdout)["held"]) == 2
    others[url] = Fake(AdminError(f"{url} cannot be asked: no route"))
    found = run(monkeypatch, local, others, TARGET)
    assert found.stdout.split()[0] == "UNKNOWN"
    assert "node b has not reported" in found.stdout
    for fence in ("b=80s", f"{url}=80s"):
        found = run(monkeypatch, local, others, TARGET, "--fenced-at", fence)
        assert found.exit_code == 0, found.stdout


def test_a_dead_node_that_is_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    fence = ("--fenced-at", "b=10s")
    found = run(monkeypatch, Fake(report("a", 70)), {}, TARGET, *fence, "--json")
    assert 40 < json.loads(found.stdout)["seconds"] < 60
    found = run(monkeypatch, Fake(report("a", 70)), {}, TARGET, "--fenced-at", "b=70s")
    assert found.exit_code == 0


def test_waiting_ends_when_it_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    local = Fake(report("a", 10))

    def sleep(_seconds: float) -> None:
        local.says = report("a", 70)

    monkeypatch.setattr(horizon, "AGAIN_S", 0.0)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(askers, "_KEPT", 1)
    found = run(monkeypatch, local, {}, TARGET, "--wait")
    assert found.exit_code == 0
    assert "WAIT: caches may hold it" in found.stderr
    assert found.stdout.startswith("SAFE")


def test_without_a_question_all_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, Fake(report("a", 10)), {})
    assert found.exit_code == 0
    assert "www.example.com. A" in found.stdout
    found = run(monkeypatch, Fake(report("a", 10)), {}, "--json")
    assert json.loads(found.stdout)["reports"][0]["node"] == "a"


def test_no_node_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, Fake(NotRunning("dnsd is not running")), {}, TARGET)
    assert isinstance(found.exception, NotRunning)


@pytest.mark.parametrize("what", [("192.0.2.300",), ("a..b",), ("a", "A", "b"), ("1:2",)])
def test_what_is_no_question(monkeypatch: pytest.MonkeyPatch, what: tuple[str, ...]) -> None:
    assert run(monkeypatch, Fake(report("a")), {}, *what).exit_code == 2


def test_the_node_here_need_not_run_when_others_are_named() -> None:
    site = asked(Fake(NotRunning("no"), optional=True), Fake(report("b"), "http://b"))
    assert (site.names, site.faults) == (("b",), ())


def test_a_node_that_stops_meanwhile_is_missed() -> None:
    local = Fake(report("a"), optional=True)
    site = asked(local)
    local.says = NotRunning("no")
    site.ask(about_target(TARGET))
    assert site.names == ("a",)
    assert site.faults == ("the node that ran here has stopped",)


def test_two_nodes_of_one_name_are_not_merged() -> None:
    site = asked(Fake(report("a"), "http://x"), Fake(report("a"), "http://y"))
    assert site.names == ("a", "http://y")
    assert "both say that they are node a" in site.faults[0]


def test_the_node_here_may_be_named_by_its_url_too() -> None:
    site = asked(Fake(report("a"), optional=True), Fake(report("a"), "http://x"))
    assert (site.names, site.faults) == (("a",), ())


def test_what_is_no_report_is_a_fault() -> None:
    site = asked(Fake({"node": 1}, "http://x"))
    assert site.names == ("http://x",)
    assert "answers what is no report" in site.faults[0]


def test_secondaries_are_compared_with_the_serial_of_the_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = secondary("192.0.2.2/example.com")
    assert server == SecondaryServer(Endpoint("192.0.2.2", 53), "example.com.")
    for serial, moved in ((6, False), (7, True), (8, True), (None, False)):
        monkeypatch.setattr(SecondaryServer, "serial", lambda _self, serial=serial: serial)
        site = Site([Fake(report("a"))], {}, (server,), time.monotonic())
        site.ask(None)
        (found,) = site.secondaries()
        assert (found.wanted, found.serial, found.since > 0) == (7, serial, moved)
    site = Site([Fake(report("a"))], {}, (secondary("[::1]:54/other.com"),), 0.0)
    site.ask(None)
    with pytest.raises(AdminError, match=r"no node that was asked serves other\.com\."):
        site.secondaries()


def test_a_secondary_that_is_silent_has_no_serial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(askers, "SERIAL_S", 0.01)
    assert SecondaryServer(Endpoint("127.0.0.1", 9), "example.com.").serial() is None


@pytest.mark.parametrize("text", ["x", "=1m", "a=", "a=soon"])
def test_what_is_no_fence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not NODE=TIME|is no time"):
        fenced(text)


def test_fences() -> None:
    assert fenced("http://b:9153/=10m") == ("http://b:9153", 600.0)
    name, ago = fenced("b=2001-01-01T00:00:00")
    assert name == "b"
    assert ago > 7e8


# -- over HTTP, from a node that may be hostile -------------------------------------------------


HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(answer: bytes, drip: bytes = b"") -> Iterator[str]:
    """The URL of a server that sends ``answer``, and then ``drip`` again and again."""
    ended = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            sock, _ = listener.accept()
            with sock:
                sock.recv(65536)
                sock.sendall(answer)
                while drip and not ended.wait(0.01):
                    sock.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def told_by(answer: bytes, drip: bytes = b"") -> Any:
    with answering(answer, drip) as url:
        return Remote(url).get("horizon", {"target": TARGET})


def test_a_report_comes_over_http() -> None:
    body = msgspec.json.encode({**report("b", 10), "more": [1, {"x": []}]})
    found = told_by(HEAD + b"\r\n" + body)
    assert isinstance(found, Report)
    assert found.node == "b"
    assert [line.version for line in found.lines] == [WWW]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "connection closed without a response"),
        (b"SSH-2.0-x\r\n", "response is not HTTP/1.1"),
        (HEAD + b"a: b\r\n" * 20_000, "response header section of more than 65536 octets"),
        (HEAD + b"\r\n[]", "answers what is no horizon: Expected `object`, got `array`"),
        (HEAD + b"\r\n{", "answers what is no JSON: "),
        (HEAD + b'\r\n{"x": ' + b"[" * 100_000, "answers what is no JSON: maximum recursion"),
        (HEAD + b"\r\n" + b" " * 3000, "answers with more than 2000 octets"),
        (
            b"HTTP/1.1 400 Bad\r\n\r\nthat is \x1b[2J no\naddress",
            r"refuses: that is \x1b[2J no address",
        ),
        (b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n", "refuses: status 302"),
    ],
)
def test_whatever_a_node_answers_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, says: str
) -> None:
    monkeypatch.setattr(askers, "LONGEST_REPORT", 2000 if b" " * 3000 in answer else 10_000_000)
    with pytest.raises(AdminError, match="^http://127.0.0.1:[0-9]+:? " + re.escape(says)):
        told_by(answer)


@pytest.mark.parametrize("head", [b"", HEAD, HEAD + b"\r\n"])
def test_an_answer_that_drips_ends_with_the_time(
    monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(askers, "ANSWER_S", 0.2)
    drip = b" " if head.endswith(b"\r\n\r\n") else b"a: b\r\n"
    with pytest.raises(AdminError, match=r"no response within 0\.2 s|is not HTTP/1.1"):
        told_by(head, drip)


@pytest.mark.parametrize("text", ["ftp://x", "192.0.2.1:9153", "http://", "http://:80"])
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ValueError, match="is no URL of a node"):
        Remote(text)


@pytest.mark.parametrize("text", ["x", "192.0.2.1", "name/example.com"])
def test_what_is_no_secondary(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|does not begin"):
        secondary(text)
