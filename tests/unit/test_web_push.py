"""Pushing states of members over HTTP: who may, what is taken, and how often."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path

import pytest

from dnsd.checks.pushed import Board, PushTarget
from dnsd.config import Endpoint
from dnsd.control.web.push import BURST, EXAMPLE, LONGEST_BODY, PER_SECOND, Push, read_token
from dnsd.control.web.server import WebServer
from dnsd.control.web.talk import Page
from dnsd.control.web.tokenbucket import Gate

TOKEN = "correct-horse-battery"
BEARER = f"Bearer {TOKEN}"
AT = PushTarget("www.example.com.", "A", "192.0.2.1")
PATH = "/members/www.example.com/A/192.0.2.1"
UP = b'{"state":"up","for":"60s"}'


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def make(token: Path | None, objection: str = "") -> tuple[Push, Board, Clock]:
    board, clock = Board(), Clock()
    return Push(token, board, lambda _: objection, clock), board, clock


def status(page: Page | None) -> HTTPStatus | None:
    return page and page.status


def test_who_has_the_token_is_let_in(token: Path) -> None:
    push, _, _ = make(token)
    assert push.refusal(BEARER) is None
    assert push.refusal(f"bearer  {TOKEN}") is None
    for wrong in ("", TOKEN, f"Basic {TOKEN}", "Bearer ", f"{BEARER}x", BEARER[:-1], "Bearer ÿ"):
        assert status(push.refusal(wrong)) == HTTPStatus.UNAUTHORIZED, wrong


def test_without_a_token_nothing_is_taken() -> None:
    push, _, _ = make(None)
    assert status(push.refusal(BEARER)) == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "content", ["", "short", "two\nlines that are long enough", "ä" * 20, None]
)
def test_a_token_that_is_none_lets_nobody_in(token: Path, content: str | None) -> None:
    if content is None:
        token.unlink()
    else:
        token.write_text(content)
    push, _, _ = make(token)
    page = push.refusal(f"Bearer {content}")
    assert status(page) == HTTPStatus.SERVICE_UNAVAILABLE
    assert page
    if content:
        assert content.encode() not in page.body
    with pytest.raises(ValueError, match="token_file"):
        read_token(token)


def test_a_token_that_others_can_read_is_told(token: Path) -> None:
    push, _, _ = make(token)
    token.chmod(0o640)
    assert push.advice() == ""
    token.chmod(0o644)
    assert push.advice().endswith(f"machine: chmod o= {token}")
    token.write_text("short")
    assert "at least 16 characters" in push.advice()
    assert TOKEN not in push.advice()
    assert make(None)[0].advice() == ""


def test_guessing_is_slow(token: Path) -> None:
    push, _, clock = make(token)
    answers = [status(push.refusal("Bearer x")) for _ in range(int(BURST) + 5)]
    assert answers.count(HTTPStatus.UNAUTHORIZED) == BURST
    assert answers[-1] == HTTPStatus.TOO_MANY_REQUESTS
    clock.now += 1
    answers = [status(push.refusal("Bearer x")) for _ in range(100)]
    assert answers.count(HTTPStatus.UNAUTHORIZED) == PER_SECOND


def test_a_gate_never_holds_more_than_its_burst() -> None:
    gate = Gate(1.0, 2.0)
    assert [gate.opens(1e9) for _ in range(3)] == [True, True, False]


def test_a_state_is_taken_with_its_end(token: Path) -> None:
    push, board, clock = make(token)
    assert status(push.put(PATH, UP)) == HTTPStatus.OK
    assert board.word(AT) == (True, "", clock.now + 60)
    body = b'{"state":"down","for":"5m","detail":"a\\u001b[2J"}'
    assert status(push.put("/members/WWW.example.com./a/192.0.2.1", body)) == HTTPStatus.OK
    assert board.word(AT) == (False, r"a\x1b[2J", clock.now + 300)
    push.put(PATH, b'{"state":"down","for":"5m"}')
    assert board.word(AT) == (False, "is said to be down", clock.now + 300)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, b""),
        (PATH, b"{}"),
        (PATH, b'{"state":"up"}'),
        (PATH, b'{"state":"well","for":"60s"}'),
        (PATH, b'{"state":"up","for":"60"}'),
        (PATH, b'{"state":"up","for":"2d"}'),
        (PATH, b'{"state":"up","for":"1ms"}'),
        (PATH, b'{"state":"up","for":"60s","more":1}'),
        (PATH, b'{"state":"up","for":"60s","detail":"' + b"x" * 300 + b'"}'),
        (PATH, b"[" * 4000),
        (PATH, b"\xff"),
        ("/members/www.example.com/A", UP),
        ("/members/www.example.com/A/x", UP),
        ("/members/www..com/A/192.0.2.1", UP),
        (f"{PATH}/more", UP),
    ],
)
def test_what_makes_no_sense_is_refused(token: Path, path: str, body: bytes) -> None:
    push, board, _ = make(token)
    page = push.put(path, body)
    assert page.status == HTTPStatus.BAD_REQUEST
    assert page.body.decode().rstrip("\n").isprintable()
    assert board.word(AT) is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"state":"well","for":"60s"}', b"[" * 4000])
def test_who_is_refused_hears_how_a_state_is_written(token: Path, body: bytes) -> None:
    push, board, _ = make(token)
    told = push.put(PATH, body).body.decode()
    assert told.startswith(f"the body is not such as {EXAMPLE}: ")
    assert push.put(PATH, EXAMPLE.encode()).status == HTTPStatus.OK
    assert board.word(AT)


def test_a_member_that_takes_no_state(token: Path) -> None:
    push, board, _ = make(token, "there is no such pool")
    assert push.put(PATH, UP) == Page(
        "text/plain; charset=utf-8", b"there is no such pool\n", HTTPStatus.NOT_FOUND
    )
    assert board.word(AT) is None


# -- over HTTP --------------------------------------------------------------------------------


def talk(push: Push | None, request: bytes) -> str:
    """Return what a server answers to ``request``."""

    async def run() -> bytes:
        web = WebServer([Endpoint("127.0.0.1", 0)], {}, push=push)
        task = asyncio.create_task(web.run())
        while not web.addresses:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(*web.addresses[0])
        writer.write(request)
        answer = await reader.read()
        writer.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return answer

    return asyncio.run(run()).decode()


LETS_IN = f"Authorization: {BEARER}\r\n"


def put(body: bytes = UP, *, path: str = PATH, fields: str = LETS_IN) -> bytes:
    length = f"Content-Length: {len(body)}\r\n"
    return f"PUT {path} HTTP/1.1\r\nHost: x\r\n{length}{fields}\r\n".encode() + body


def test_a_push_over_http(token: Path) -> None:
    push, board, _ = make(token)
    assert talk(push, put()).startswith("HTTP/1.1 200 ")
    assert board.word(AT)
    chunked = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {BEARER}\r\n".encode()
    chunked += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(UP), UP)
    assert talk(push, chunked).startswith("HTTP/1.1 200 ")


def test_what_is_not_let_in_over_http(token: Path) -> None:
    push, board, _ = make(token)
    answer = talk(push, put(fields=""))
    assert answer.startswith("HTTP/1.1 401 ")
    assert "WWW-Authenticate: Bearer" in answer
    both = f"Authorization: {BEARER}\r\nAuthorization: {BEARER}x\r\n"
    assert talk(push, put(fields=both)).startswith("HTTP/1.1 401 ")
    assert talk(push, put(b"x" * (LONGEST_BODY + 1))).startswith("HTTP/1.1 413 ")
    assert talk(push, put(path="/status")).startswith("HTTP/1.1 405 ")
    assert talk(push, put(path="//[")).startswith("HTTP/1.1 405 ")
    assert talk(None, put()).startswith("HTTP/1.1 405 ")
    assert board.word(AT) is None


def test_a_client_that_asks_first_is_told_to_go_on(token: Path) -> None:
    push, board, _ = make(token)

    async def run() -> None:
        web = WebServer([Endpoint("127.0.0.1", 0)], {}, push=push)
        task = asyncio.create_task(web.run())
        while not web.addresses:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(*web.addresses[0])
        head, _, body = put(
            fields=f"Authorization: {BEARER}\r\nExpect: 100-continue\r\n"
        ).partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(body)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert board.word(AT)
