"""``dnsd horizon``: what is asked of whom, how silence is told, what is shown."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from click.testing import CliRunner

from dnsd.caches.acquainted import KnownNodes, KnownPeer
from dnsd.caches.judge import MARGIN_S
from dnsd.caches.ledger import Ledger
from dnsd.caches.report import WEEK_S, NodeReport, Use
from dnsd.caches.site import Sighting, Silent, census
from dnsd.caches.version import about_target, rrset
from dnsd.cli import askers, horizon, survey
from dnsd.cli.askers import Local, Remote, SecondaryServer, fenced, secondary
from dnsd.cli.remains import NOTHING, Remains, remains
from dnsd.cli.secondaries import Secondaries
from dnsd.cli.survey import MOST_NODES, Survey
from dnsd.config import Endpoint
from dnsd.errors import AdminError, NotRunning

TARGET = "192.0.2.10"
WWW = rrset("www.example.com.", "A", [bytes((192, 0, 2, 10))])


class Fake:
    """A node that says what it is told to say; an error is raised."""

    def __init__(self, says: object, address: str = "this machine") -> None:
        self.says, self.address = says, address
        self.asked: list[str] = []

    def get(self, page: str, _arguments: Mapping[str, str]) -> Any:
        self.asked.append(page)
        if isinstance(self.says, Exception):
            raise self.says
        if page == "status":
            return {"zones": [{"zone": "example.com.", "serial": 7}]}
        return self.says


def report(
    node: str,
    given: float | None = None,
    use: Use = Use.IDLE,
    peers: Mapping[str, str] | None = None,
) -> Any:
    """What a node says that has given it out ``given`` seconds ago with TTL 60.

    ``peers`` are the nodes that it knows: names by URL.
    """
    now = time.monotonic()
    ledger = Ledger(node, now - 2 * WEEK_S)
    if given is not None:
        ledger.offer(WWW, 60, use, now - given)
        ledger.note(WWW, now - given, 60)
        ledger.offer(WWW, 60, use, now - given)
    known = KnownNodes(tuple(KnownPeer(url, name) for url, name in (peers or {}).items()))
    told = msgspec.structs.replace(
        ledger.report(now), knows=known, ceiling=60, instance=f"run of {node}", up=WEEK_S
    )
    return msgspec.to_builtins(told)


Asked = Callable[..., Any]


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Runs the command with the node of this machine (None: none runs) and others by URL."""

    def run(local: Fake | None, others: Mapping[str, Fake], *arguments: str) -> Any:
        monkeypatch.setattr(Local, "runs", lambda _: local is not None)
        monkeypatch.setattr(Local, "get", lambda _, *what: (local or GONE).get(*what))
        monkeypatch.setattr(Remote, "get", lambda self, *what: others[self.address].get(*what))
        return CliRunner().invoke(horizon.horizon, arguments)

    return run


GONE = Fake(NotRunning("dnsd is not running"))
URL, OTHER = "http://192.0.2.1:9153", "http://192.0.2.2:9153"
NO_ROUTE = Fake(AdminError(f"{URL} cannot be asked: no route"))


def test_safe_wait_and_unknown(asking: Asked) -> None:
    found = asking(Fake(report("a", 70)), {}, TARGET)
    assert (found.exit_code, found.stdout.split()[0]) == (0, "SAFE")
    found = asking(Fake(report("a", 10)), {}, TARGET)
    assert (found.exit_code, found.stdout.split()[:2]) == (1, ["WAIT", "until"])
    assert "www.example.com. A → 192.0.2.10" in found.stdout
    found = asking(Fake(report("a", 70)), {URL: NO_ROUTE}, TARGET, "--node", URL)
    assert (found.exit_code, found.stdout.split()[0]) == (1, "UNKNOWN")
    assert "no route" in found.stdout


def test_json_has_relative_seconds_only(asking: Asked) -> None:
    found = json.loads(asking(Fake(report("a", 10, Use.SERVED)), {}, TARGET, "--json").stdout)
    assert (found["safety"], found["seconds"], found["nodes"]) == ("wait", None, ["a"])
    assert found["held"][0]["node"] == "a"
    assert 40 < found["held"][0]["seconds"] < 60
    assert found["held"][0]["use"] == "served"


def test_json_names_each_missing_piece(asking: Asked) -> None:
    local = Fake(report("a", 70, peers={URL: "b"}))
    found = json.loads(asking(local, {URL: NO_ROUTE}, TARGET, "--json").stdout)
    (missing,) = found["missing"]
    assert missing["node"] == f"b ({URL})"
    assert "no route" in missing["reason"]
    assert "--fenced-at b=TIME" in missing["remedy"]


def test_several_nodes_are_merged(asking: Asked) -> None:
    other = {URL: Fake(report("b", 10))}
    found = asking(Fake(report("a", 70)), other, TARGET, "--node", f"{URL}/", "--json")
    assert json.loads(found.stdout)["safety"] == "wait"
    found = asking(Fake(report("a", 70)), {URL: Fake(report("b", 70))}, TARGET, "--node", URL)
    assert "according to 2 nodes: a, b" in found.stdout


def test_the_nodes_that_the_one_here_knows_are_asked(asking: Asked) -> None:
    others = {URL: Fake(report("b", 10, Use.SERVED)), "http://b.test:9153": Fake(report("b", 10))}
    local = Fake(report("a", 70, peers={URL: "b"}))
    found = asking(local, others, TARGET)
    assert "node b answers with it now" in found.stdout
    # It is one node, whatever URL it is named by.
    found = asking(local, others, TARGET, "--node", "http://b.test:9153", "--json")
    assert json.loads(found.stdout)["nodes"] == ["a", "b"]
    others[URL] = NO_ROUTE
    found = asking(local, others, TARGET)
    assert found.stdout.split()[0] == "UNKNOWN"
    assert f"node b ({URL}) has not reported" in " ".join(found.stdout.split())
    for fence in ("b=80s", f"{URL}=80s"):
        found = asking(local, others, TARGET, "--fenced-at", fence)
        assert found.exit_code == 0, found.stdout


def test_the_nodes_that_a_named_one_knows_are_asked_and_those_that_they_know(asking: Asked) -> None:
    """Around a circle, each once."""
    others = {
        URL: Fake(report("b", 70, peers={OTHER: "c"})),
        OTHER: Fake(report("c", 70, peers={"http://d": "d", URL: "b"})),
        "http://d": Fake(report("d", 70, Use.SERVED, peers={URL: "b", OTHER: "c"})),
    }
    found = asking(None, others, TARGET, "--node", URL)
    assert "node d answers with it now" in found.stdout
    assert [fake.asked for fake in others.values()] == [["horizon"]] * 3
    others["http://d"].says = AdminError("http://d cannot be asked: no route")
    found = asking(None, others, TARGET, "--node", URL)
    assert "UNKNOWN" in found.stdout
    assert "node d (http://d) has not reported: http://d cannot be asked" in found.stdout


def test_a_site_without_end_is_unknown() -> None:
    class Endless(Fake):
        def get(self, _page: str, _arguments: Mapping[str, str]) -> Any:
            return report("a", peers={f"http://{n}": "" for n in range(MOST_NODES + 7)})

    with patch.object(Remote, "get", lambda self, *_: report(self.address)):
        site = Survey([Endless(None)]).ask(about_target(TARGET))
    assert len(site.sightings) == MOST_NODES + 1
    missing = " ".join(str(one) for one in census(site, ()).missing)
    assert "it is one of more than 1000 nodes" in missing
    assert "has not been asked, but node a knows it" in missing


def test_a_node_that_is_busy_makes_it_unknown_and_never_alone(asking: Asked) -> None:
    """Once, the list of nodes was asked for apart, and none was what a time-out meant."""
    busy = Fake(AdminError("the node behind /run/x does not answer"))
    found = asking(busy, {}, TARGET)
    assert found.exit_code == 1
    assert "UNKNOWN" in found.stdout
    assert "the node behind /run/x does not answer" in " ".join(found.stdout.split())


def test_a_dead_node_that_is_fenced(asking: Asked) -> None:
    fence = ("--fenced-at", "b=10s")
    found = asking(Fake(report("a", 70)), {}, TARGET, *fence, "--json")
    assert 40 < json.loads(found.stdout)["seconds"] < 60
    found = asking(Fake(report("a", 70)), {}, TARGET, "--fenced-at", "b=70s")
    assert found.exit_code == 0


def test_waiting_ends_when_it_is_safe(asking: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    local = Fake(report("a", 10))

    def sleep(_seconds: float) -> None:
        local.says = report("a", 70)

    monkeypatch.setattr(horizon, "AGAIN_S", 0.0)
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(survey, "_EARLIER", 0)
    found = asking(local, {}, TARGET, "--wait")
    assert found.exit_code == 0
    assert "WAIT: caches may hold it" in found.stderr
    assert found.stdout.startswith("SAFE")


def test_without_a_question_all_is_listed(asking: Asked) -> None:
    found = asking(Fake(report("a", 10)), {})
    assert found.exit_code == 0
    assert "www.example.com. A" in found.stdout
    found = asking(Fake(report("a", 10)), {}, "--json")
    assert json.loads(found.stdout)["reports"][0]["node"] == "a"
    found = asking(Fake(report("a", 10, peers={URL: "b"})), {URL: NO_ROUTE})
    assert found.exit_code == 1
    assert "no route" in found.stderr


def test_the_list_says_from_when_on_it_is_complete(asking: Asked) -> None:
    new = report("a", 10) | {"kept": 20.0, "ceiling": None}
    found = asking(Fake(new), {})
    assert found.exit_code == 0
    told = " ".join(found.stdout.split())
    assert "node a began its account 20s ago, and caches may hold what was given out there" in told
    for options, known in (({"ceiling": 30}, 30.0), ({"before": 0}, 0.0)):
        for kept in (known + MARGIN_S - 1.0, known + MARGIN_S):
            found = asking(Fake(new | options | {"kept": kept}), {})
            assert ("began its account" in found.stdout) == (kept < known + MARGIN_S)


def test_no_node_at_all(asking: Asked) -> None:
    assert isinstance(asking(None, {}, TARGET).exception, NotRunning)


@pytest.mark.parametrize("what", [("192.0.2.300",), ("a..b",), ("a", "A", "b"), ("1:2",)])
def test_what_is_no_question(asking: Asked, what: tuple[str, ...]) -> None:
    assert asking(Fake(report("a")), {}, *what).exit_code == 2


def config(tmp_path: Path, more: str = "") -> Path:
    file = tmp_path / "dnsd.toml"
    state = f'[server]\nserver_id = "a"\nstate_directory = "{tmp_path}/state"\n'
    file.write_text(f'{state}{more}[zones]\ndirectory = "."\n')
    return file


def test_a_node_of_this_machine_that_has_died_is_named(asking: Asked, tmp_path: Path) -> None:
    file = config(
        tmp_path,
        '[http]\nlisten = ["127.0.0.1:9153"]\n[failover]\npeers = ["http://192.0.2.2:9153"]\n',
    )
    (tmp_path / "state").mkdir()
    ledger = Ledger("old name", 0.0)
    ledger.meet("c", "http://192.0.2.3:9153", 0.0)
    (tmp_path / "state/ledger").write_bytes(ledger.dump(0.0))
    others = {URL: Fake(report("b", 70)), OTHER: NO_ROUTE, "http://192.0.2.3:9153": NO_ROUTE}
    arguments = (TARGET, "--node", URL, "--config", str(file))
    shown = " ".join(asking(None, others, *arguments).stdout.split())
    assert f"node old name ({tmp_path}/state) has not reported: it does not run on this" in shown
    assert f"node {OTHER} has not reported" in shown
    assert "node http://192.0.2.3:9153 has not reported" in shown
    fences = ("--fenced-at", f"{OTHER}=1h", "--fenced-at", "http://192.0.2.3:9153=1h")
    found = asking(None, others, *arguments, *fences, "--fenced-at", "old name=1h")
    assert found.exit_code == 0, found.stdout


def test_where_a_configuration_is_named_there_is_a_node(tmp_path: Path) -> None:
    """Its state directory may have been lost with all that is in it."""
    (here,) = remains(config(tmp_path)).sightings
    assert here.node == "a"
    (tmp_path / "dnsd.toml").write_text(
        f'[server]\nstate_directory = "{tmp_path}"\n[failover]\npeers = 1\n'
    )
    _, unreadable = remains(tmp_path / "dnsd.toml").sightings
    assert isinstance(unreadable.outcome, Silent)
    assert "the nodes that it knows cannot be read" in unreadable.outcome.reason


def test_a_machine_on_which_no_node_has_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "none"))
    assert remains(None) == NOTHING
    (tmp_path / "none").mkdir()
    assert remains(None) == NOTHING
    (tmp_path / "none/ledger").write_text("damaged")
    assert len(remains(None).sightings) == 1

    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = remains(None)
    assert isinstance(found, Remains)
    assert "cannot be read (Permission denied)" in str(found.sightings[0].outcome)


def test_a_node_that_stops_meanwhile_is_missed() -> None:
    local = Fake(report("a"))
    asker = Survey([local])
    asker.ask(about_target(TARGET))
    local.says = NotRunning("no")
    site = asker.ask(about_target(TARGET))
    assert site.sightings == (
        Sighting("this machine", Silent("the node that ran here has stopped"), "a"),
    )
    assert [one.node for one in site.earlier] == ["a"]


def test_what_is_no_report_is_a_fault() -> None:
    (seen,) = Survey([Fake({"node": 1}, "http://x")]).ask(about_target(TARGET)).sightings
    assert isinstance(seen.outcome, Silent)
    assert "answers with an invalid report" in seen.outcome.reason


def test_a_node_that_names_what_is_no_url_makes_it_unknown() -> None:
    asker = Survey([Fake(report("a", peers={"ftp://x": ""}))])
    site = asker.ask(about_target(TARGET))
    assert "is not the URL of a node" in str(site.sightings[1].outcome)


def serials_of(
    server: SecondaryServer, *nodes: Fake, secondaries: Secondaries | None = None
) -> Any:
    asker = Survey(nodes)
    asker.ask(None)
    (found,) = (secondaries or Secondaries((server,))).ask(asker)
    return found


def test_secondaries_are_compared_with_the_serial_of_the_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = secondary("192.0.2.2/example.com")
    assert server == SecondaryServer(Endpoint("192.0.2.2", 53), "example.com.")
    for serial, moved in ((6, False), (7, True), (8, True), (None, False)):
        monkeypatch.setattr(SecondaryServer, "serial", lambda _self, serial=serial: serial)
        found = serials_of(server, Fake(report("a")))
        assert (found.wanted, found.serial, found.since > 0) == (7, serial, moved)
    found = serials_of(secondary("[::1]:54/other.com"), Fake(report("a")))
    assert found.wanted == "no node that was asked serves it"


def test_a_node_whose_serials_cannot_be_had_leaves_them_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be the one that has the latest."""

    class Deaf(Fake):
        def get(self, page: str, arguments: Mapping[str, str]) -> Any:
            if page == "status":
                raise AdminError("b does not answer")
            return super().get(page, arguments)

    monkeypatch.setattr(SecondaryServer, "serial", lambda _: 7)
    server = secondary("192.0.2.2/example.com")
    found = serials_of(server, Fake(report("a")), Deaf(report("b"), "http://b"))
    assert (found.wanted, found.since) == ("b does not answer", 0.0)
    found = serials_of(server, Fake(report("a")), type("Odd", (Fake,), {"get": _odd})(report("b")))
    assert "does not report which zones it has" in found.wanted


def _odd(self: Fake, page: str, _arguments: Mapping[str, str]) -> Any:
    return {} if page == "status" else self.says


def test_a_secondary_that_has_a_change_has_not_had_the_next_one_for_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = secondary("192.0.2.2/example.com")
    servers = Secondaries((server,))
    monkeypatch.setattr(SecondaryServer, "serial", lambda _: 8)
    first = serials_of(server, Fake(report("a")), secondaries=servers)
    later = type("Later", (Fake,), {"get": _serial_8})(report("a"))
    again = serials_of(server, later, secondaries=servers)
    assert (first.wanted, again.wanted) == (7, 8)
    assert again.since > first.since


def _serial_8(self: Fake, page: str, _arguments: Mapping[str, str]) -> Any:
    return {"zones": [{"zone": "example.com.", "serial": 8}]} if page == "status" else self.says


def test_a_secondary_that_is_silent_has_no_serial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(askers, "SERIAL_S", 0.01)
    assert SecondaryServer(Endpoint("127.0.0.1", 9), "example.com.").serial() is None


@pytest.mark.parametrize("text", ["x", "=1m", "a=", "a=soon"])
def test_what_is_no_fence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not NODE=TIME|is not a time"):
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
    assert isinstance(found, NodeReport)
    assert found.node == "b"
    assert [line.version for line in found.lines] == [WWW]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"", "connection closed without a response"),
        (b"SSH-2.0-x\r\n", "response is not HTTP/1.1"),
        (HEAD + b"a: b\r\n" * 20_000, "response header section of more than 65536 octets"),
        (HEAD + b"\r\n[]", "answers with an invalid horizon: Expected `object`, got `array`"),
        (HEAD + b"\r\n{", "answers with invalid JSON: "),
        (HEAD + b'\r\n{"x": ' + b"[" * 100_000, "answers with invalid JSON: maximum recursion"),
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
    with pytest.raises(ValueError, match="is not the URL of a node"):
        Remote(text)


@pytest.mark.parametrize("text", ["x", "192.0.2.1", "name/example.com"])
def test_what_is_no_secondary(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|does not begin"):
        secondary(text)


def test_what_is_no_name_is_said_with_what_was_given(asking: Asked) -> None:
    done = asking(None, {}, "not..a..name")
    assert done.exit_code == 2
    assert "'not..a..name' is not a domain name: a label must have 1 to 63 octets" in done.output
