"""Hooks: what is told of changes, to receivers that take it, refuse it, or are away."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dnsd.config import Failover
from dnsd.config.hookkinds import HooksConfig as Wanted
from dnsd.config.hookkinds import parts_of, read_secret
from dnsd.config.reader import read_text
from dnsd.control.failover.live import LivePool
from dnsd.control.hooks import outbox as module
from dnsd.control.hooks.hooks import FILE, Command, Hooks
from dnsd.control.hooks.news import LONGEST, encoded, news
from dnsd.control.hooks.outbox import MOST, TRIES, Outbox, Undelivered
from dnsd.control.hooks.post import SIGNATURE, Post
from dnsd.failover.drain import Drain
from dnsd.failover.member import Forced, MemberOrder
from dnsd.image.keepsake import Keepsake
from dnsd.process import log
from dnsd.process.durablefile import Durable
from tests.jumping import Jumping, play
from tests.unit.test_commitments import pools
from tests.unit.test_keepsake import Site

PATIENCE_S = 30
SECRET = b"correct horse battery staple"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(log, "say", lambda _event, line, **_about: lines.append(line))
    return lines


class Receiver:
    """Takes changes as ``answers`` say, in turn: None is a success; then it takes all."""

    def __init__(self, *answers: str | None) -> None:
        self.taken: list[bytes] = []
        self.times: list[float] = []
        self._answers = list(answers)

    async def __call__(self, change: bytes) -> None:
        self.times.append(time.monotonic())
        why = self._answers.pop(0) if self._answers else None
        if why is not None:
            raise Undelivered(why, is_final=why == "status 404")
        self.taken.append(change)


@pytest.mark.parametrize("is_killed", [True, False])
@pytest.mark.parametrize("answered", [0, 1, 2])
def test_what_control_has_not_told_when_it_ends_its_successor_tells(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answered: int, is_killed: bool
) -> None:
    """Each change at least once, in their order, and the numbers go on.

    A control that ``is_killed`` leaves it in memory, a node that is stopped on disk.
    """
    site, receiver = Site(), Receiver()
    wanted = Wanted(command="notify")
    monkeypatch.setattr(Command, "__call__", lambda _, change: receiver(change))

    def begin() -> Hooks:
        left = Durable(tmp_path / FILE, site.begin().hooks if is_killed else None)
        return Hooks(Failover(hooks=wanted, commands={"notify": ("/bin/true",)}), "a", left)

    async def first(_loop: Jumping) -> None:
        receiver._answers = [*[None] * answered, *["it is away"] * 3]
        hooks = begin()
        for member in "ab":
            hooks.tell(news("order", member=member))
        task = asyncio.create_task(hooks.run())
        await asyncio.sleep(0.5)
        hooks.tell(news("order", member="c"))
        await asyncio.sleep(1.0)
        task.cancel()
        if not is_killed:
            hooks.stop()

    async def second(_loop: Jumping) -> None:
        receiver._answers = []
        hooks = begin()
        hooks.tell(news("order", member="d"))
        task = asyncio.create_task(hooks.run())
        await asyncio.sleep(60)
        task.cancel()
        assert not any(one.waiting for one in hooks.outboxes)
        assert not (tmp_path / FILE).exists()  # or a crash would have it told again much later

    play(first)
    play(second)
    told = [json.loads(change) for change in receiver.taken]
    assert [one["member"] for one in told] == list("abcd")
    assert [one["number"] for one in told] == [1, 2, 3, 4]
    os.close(site.fd)


def test_changes_of_one_moment_are_kept_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand pools that lose a member at once are told of without a thousand writes of all."""
    puts: list[int] = []
    site, put = Site(), Keepsake.put

    def counting(self: Keepsake, octets: bytes) -> None:
        puts.append(len(octets))
        put(self, octets)

    async def story(_loop: Jumping) -> None:
        wanted = Failover(hooks=Wanted(command="notify"), commands={"notify": ("/bin/true",)})
        hooks = Hooks(wanted, "a", Durable(Path("/nowhere"), site.begin().hooks))
        monkeypatch.setattr(Keepsake, "put", counting)
        for _ in range(200):
            hooks.tell(news("order", member="a"))
        await asyncio.sleep(1)
        again = Hooks(wanted, "a", Durable(Path("/nowhere"), site.begin().hooks))
        assert [one.waiting for one in again.outboxes] == [200]

    play(story)
    assert len(puts) == 1
    os.close(site.fd)


def delivering(receiver: Receiver, *changes: bytes, seconds: float = 1000) -> Outbox:
    """Return the outbox of ``receiver`` so many seconds after ``changes`` were put into it."""
    outboxes = []

    async def story(_loop: Jumping) -> None:
        outbox = Outbox("url", receiver)
        outboxes.append(outbox)
        for change in changes:
            outbox.put(change)
        task = asyncio.create_task(outbox.run())
        await asyncio.sleep(seconds)
        task.cancel()

    play(story)
    return outboxes[0]


# -- the queue ----------------------------------------------------------------------------------


def test_changes_come_in_their_order(said: list[str]) -> None:
    receiver = Receiver()
    outbox = delivering(receiver, b"1", b"2", b"3")
    assert receiver.taken == [b"1", b"2", b"3"]
    assert (outbox.delivered, outbox.dropped, outbox.waiting, outbox.fault) == (3, 0, 0, "")
    assert said == []


def test_what_is_not_taken_is_tried_again_later_and_later(said: list[str]) -> None:
    receiver = Receiver("no response", "no response", "status 503")
    outbox = delivering(receiver, b"1", b"2")
    assert receiver.taken == [b"1", b"2"]
    pauses = [after - at for at, after in zip(receiver.times, receiver.times[1:], strict=False)]
    assert pauses == pytest.approx([1.0, 2.0, 4.0, 0.0])
    assert (outbox.delivered, outbox.dropped) == (2, 0)
    assert said == [
        "hooks: url does not accept changes: no response; trying again",
        "hooks: url accepts changes again; 0 were dropped so far",
    ]


def test_a_receiver_that_is_away_costs_changes_and_is_told_once(said: list[str]) -> None:
    receiver = Receiver(*["no response"] * 2 * TRIES)
    outbox = delivering(receiver, b"1", b"2", b"3")
    assert receiver.taken == [b"3"]
    assert (outbox.delivered, outbox.dropped) == (1, 2)
    assert len(said) == 3
    assert said[1] == ("hooks: a change for url is dropped: no response; others are only counted")
    assert (
        max(after - at for at, after in zip(receiver.times, receiver.times[1:], strict=False)) == 60
    )


def test_what_would_be_refused_again_is_not_tried_again(said: list[str]) -> None:
    receiver = Receiver("status 404")
    outbox = delivering(receiver, b"1", b"2", seconds=0.5)
    assert (receiver.taken, outbox.dropped) == ([b"2"], 1)
    assert len(said) == 3


def test_the_newest_changes_stay_where_too_many_wait(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    receiver = Receiver()
    outbox = delivering(receiver, b"1", b"2", b"3", b"4", b"5")
    assert receiver.taken == [b"3", b"4", b"5"]
    assert outbox.dropped == 2
    assert said[0].startswith("hooks: a change for url is dropped: its queue is full")
    assert MOST == 1000


# -- a URL --------------------------------------------------------------------------------------


async def _read(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    line, *head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    fields = {name.lower(): value for name, value in (one.split(": ", 1) for one in head if one)}
    return line, fields, await reader.readexactly(int(fields["content-length"]))


def posted(
    status: bytes, secret: bytes | None = None, timeout: float = PATIENCE_S
) -> tuple[str, dict[str, str], bytes]:
    """Post a change to a server that answers ``status``, and return what it got."""
    got: list[tuple[str, dict[str, str], bytes]] = []

    async def run() -> None:
        ended = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                got.append(await _read(reader))
                if status:
                    writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
                with suppress(ConnectionError):
                    await reader.read()
            finally:
                writer.transport.abort()
                ended.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                await Post(parts_of(f"http://127.0.0.1:{port}/a?b=c"), secret, timeout)(b'{"x":1}')
            finally:
                await ended.wait()
                await asyncio.sleep(0)

    asyncio.run(run())
    return got[0]


def test_a_change_is_posted_as_json() -> None:
    line, fields, body = posted(b"204 No Content")
    assert line == "POST /a?b=c HTTP/1.1"
    assert fields["content-type"] == "application/json"
    assert fields["host"].startswith("127.0.0.1:")
    assert SIGNATURE.lower() not in fields
    assert body == b'{"x":1}'


def test_a_signature_proves_the_sender() -> None:
    _, fields, body = posted(b"200 OK", SECRET)
    wanted = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    assert fields[SIGNATURE.lower()] == f"sha256={wanted}"


@pytest.mark.parametrize(
    ("status", "final"), [(b"404 No", True), (b"503 Later", False), (b"302 Over there", False)]
)
def test_another_status_is_no_delivery(status: bytes, final: bool) -> None:
    with pytest.raises(Undelivered, match=f"status {status[:3].decode()}") as caught:
        posted(status)
    assert caught.value.is_final == final


def test_a_receiver_that_is_silent_closed_or_no_web_server() -> None:
    with pytest.raises(Undelivered, match=r"no response within 0.2 s"):
        posted(b"", timeout=0.2)
    with pytest.raises(Undelivered):
        posted(b"nonsense")
    with pytest.raises(Undelivered, match="cannot connect"):
        asyncio.run(Post(parts_of("http://127.0.0.1:1/"), None, 5.0)(b"{}"))


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://a.example", (False, "a.example", 80, "/", "a.example")),
        ("https://a.example:8443/x?y", (True, "a.example", 8443, "/x?y", "a.example:8443")),
        ("https://[2001:db8::1]/", (True, "2001:db8::1", 443, "/", "[2001:db8::1]")),
    ],
)
def test_the_parts_of_a_url(url: str, wanted: tuple[object, ...]) -> None:
    where = parts_of(url)
    assert (*where, where.authority) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a",
        "a.example",
        "http://",
        "http://a:b@c/",
        "http://a/ b",
        "http://a:99999/",
        "http://[1",
    ],
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        parts_of(url)


# -- a command ----------------------------------------------------------------------------------


def test_a_command_gets_a_change_on_its_input() -> None:
    told = b'{"x":"%s"}' % (b"y" * (LONGEST - 10))
    wanted = hashlib.sha256(told + b"\n").hexdigest()
    script = f'test "$(sha256sum | cut -c1-64)" = {wanted} || {{ echo wrong; exit 3; }}'
    asyncio.run(Command(("/bin/sh", "-c", script), PATIENCE_S)(told))
    with pytest.raises(Undelivered, match="exit status 3, output: wrong"):
        asyncio.run(Command(("/bin/sh", "-c", script), PATIENCE_S)(b"{}"))


def test_a_command_that_does_not_read_hangs_or_is_not_there() -> None:
    asyncio.run(Command(("/bin/true",), PATIENCE_S)(b"x" * LONGEST))

    async def hang() -> None:
        with pytest.raises(Undelivered, match=r"did not end within 0.2 s"):
            await Command(("/bin/sleep", "60"), 0.2)(b"{}")
        await asyncio.sleep(0.3)  # until it is reaped

    asyncio.run(hang())
    with pytest.raises(Undelivered, match="cannot start /no/such"):
        asyncio.run(Command(("/no/such",), PATIENCE_S)(b"{}"))


# -- what is told -------------------------------------------------------------------------------


def test_no_change_is_too_long_to_be_told() -> None:
    change = news("answer", why=["x" * 100] * 1000, name="www.example.com.")
    octets = encoded(change, "a", 7)
    assert len(octets) < LONGEST
    found = json.loads(octets)
    assert (found["node"], found["number"], found["name"]) == ("a", 7, "www.example.com.")


def test_without_receivers_nothing_is_made() -> None:
    hooks = Hooks(Failover(), "a")
    hooks.tell(news("member"))
    assert (hooks.outboxes, hooks.problems) == ((), ())


def test_receivers_get_the_same_and_problems_are_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")
    wanted = Wanted(url="http://127.0.0.1:1/", secret_file=secret, command="notify")
    hooks = Hooks(Failover(hooks=wanted, commands={"notify": ("/bin/true",)}), "a")
    hooks.tell(news("member"))
    assert [one.name for one in hooks.outboxes] == ["url", "command"]
    assert [one.waiting for one in hooks.outboxes] == [1, 1]
    hooks.outboxes[0].fault = "no response"
    assert hooks.problems == (
        "hooks: url does not accept changes: no response; 1 wait, 0 were dropped",
    )


def test_without_its_secret_nothing_is_posted(tmp_path: Path, said: list[str]) -> None:
    wanted = Wanted(url="http://127.0.0.1:1/", secret_file=tmp_path / "none")
    assert Hooks(Failover(hooks=wanted), "a").outboxes == ()
    assert "cannot post to http://127.0.0.1:1/: cannot read" in said[0]


@pytest.mark.usefixtures("said")
def test_members_answers_orders_and_drains_are_told() -> None:
    (meta,) = pools("example.com.", 1)
    pool = LivePool("example.com.", meta, 0.0)
    now = 0.0

    def after(*_: object) -> list[dict[str, Any]]:
        pool.decide(now, lambda _coming: True)
        pool.tell(now)
        return pool.take_news()

    first, second = pool.state.members.values()
    for member in (first, second):
        member.result(now, True)
    after()
    now = 10.0
    first.result(now, False, "status 503", 0.1, "answer")
    (suspect,) = after()
    assert {key: suspect[key] for key in ("event", "zone", "name", "type", "member")} == {
        "event": "member",
        "zone": "example.com.",
        "name": "n0.example.com.",
        "type": "A",
        "member": "192.0.2.1",
    }
    assert (suspect["was"], suspect["now"], suspect["why"]) == ("up", "suspect", "status 503")
    first.result(now, False, "status 503", 0.1, "answer")
    down, answer = after()
    assert (down["was"], down["now"]) == ("suspect", "down")
    assert (answer["event"], answer["answered"]) == ("answer", ("192.0.2.2",))
    assert pool.take_news() == []
    pool.force("192.0.2.1", MemberOrder(Forced.UP, None, "I know better"))
    order, answer = after()
    assert (order["event"], order["forced"], order["why"]) == ("order", "up", "I know better")
    assert answer["answered"] == ("192.0.2.1", "192.0.2.2")
    pool.obey(
        "192.0.2.2",
        pool.state.ordered("192.0.2.2")._replace(
            order=MemberOrder(Forced.DRAIN), drain=Drain(now, now + 5)
        ),
    )
    events = [(one["event"], one.get("was"), one.get("now")) for one in after()]
    assert ("drain", None, "lowering") in events
    assert all(json.loads(encoded(one, "a", 1)) for one in (suspect, down, answer, order))


# -- the configuration --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[failover.hooks]\nurl = "gopher://x"\n', "is not a URL that begins with http://"),
        ('[failover.hooks]\ncommand = "x"\n', "x is not in [failover.commands]"),
        (
            '[failover.commands]\nx = ["/bin/x", "{address}"]\n[failover.hooks]\ncommand = "x"\n',
            "x contains a placeholder",
        ),
        ('[failover.hooks]\nsecret_file = "s"\n', "url is missing"),
        ("[failover.hooks]\nurl = 7\n", "must be a URL in a string"),
    ],
)
def test_faults_of_the_configuration(text: str, message: str, tmp_path: Path) -> None:
    _, problems = read_text(text, tmp_path / "dnsd.toml")
    assert message in str(problems[0])


def test_a_secret_is_long_enough_and_never_quoted(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(SECRET + b"\n")
    assert read_secret(path) == SECRET
    path.write_bytes(b"hush")
    with pytest.raises(ValueError, match="holds 4 octets; a secret has at least 16") as caught:
        read_secret(path)
    assert "hush" not in str(caught.value)
