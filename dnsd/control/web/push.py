"""States of members that other programs push: PUT /members/NAME/TYPE/MEMBER, with a token.

    {"state": "up", "for": "60s", "detail": "12 sessions"}

Off unless a token is configured. Every request costs a token of the bucket before its secret is
looked at, so that guessing is slow; the secret is compared in constant time.
"""

from __future__ import annotations

import hmac
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import unquote

import msgspec

from dnsd.checks.pushed import PushedState, PushTarget
from dnsd.config import origins, smallfile
from dnsd.config.members import read_spoken
from dnsd.config.units import format_duration, parse_duration
from dnsd.control.web.talk import Page, sentence
from dnsd.control.web.tokenbucket import Gate
from dnsd.text import printable
from dnsd.wire.member import is_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dnsd.checks.pushed import Board

PREFIX = "/members/"

PER_SECOND = 20.0
BURST = 100.0
"""A push for each of some hundred members every few seconds; 72,000 guesses an hour at a secret."""

LONGEST_BODY = 4096
SHORTEST_TOKEN = 16
EXAMPLE = '{"state": "up", "for": "60s", "detail": "12 sessions"}'
_OTHERS = 0o007
LONGEST_S = 86_400.0
"""A state that is not confirmed for a day does not count."""


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is pushed; ``for_`` is how long it is believed."""

    state: Literal["up", "down"]
    for_: Annotated[str, msgspec.Meta(max_length=32)] = msgspec.field(name="for")
    detail: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Push:
    """Takes pushes onto ``board``.

    ``token_file`` holds the secret, and is read each time; ``objection`` says why a member takes
    no state, empty if it does.
    """

    def __init__(
        self,
        token_file: Path | None,
        board: Board,
        objection: Callable[[PushTarget], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_file = token_file
        self._board = board
        self._objection = objection
        self._clock = clock
        self._gate = Gate(PER_SECOND, BURST)

    def advice(self) -> str:
        """Return what is wrong with the file of the token, if any; empty: nothing."""
        if self._token_file is None:
            return ""
        try:
            read_token(self._token_file)
            is_open = self._token_file.stat().st_mode & _OTHERS
        except ValueError as error:
            return str(error)
        except OSError:
            return ""
        if not is_open:
            return ""
        return (
            f"[http] token_file {self._token_file} can be read or changed by every user of this "
            f"machine: chmod o= {self._token_file}"
        )

    def refusal(self, authorization: str) -> Page | None:
        """Return why a request is refused before its body is read; None if it is not."""
        if self._token_file is None:
            return sentence(HTTPStatus.FORBIDDEN, "no [http] token_file is configured")
        if not self._gate.opens(self._clock()):
            return sentence(HTTPStatus.TOO_MANY_REQUESTS, "too many requests: try again later")
        try:
            token = read_token(self._token_file)
        except ValueError as error:
            return sentence(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        scheme, _, given = authorization.partition(" ")
        wanted = scheme.lower() == "bearer"
        if not hmac.compare_digest(given.strip().encode(), token) or not wanted:
            return sentence(HTTPStatus.UNAUTHORIZED, "this needs Authorization: Bearer TOKEN")
        return None

    def put(self, path: str, body: bytes) -> Page:
        """Take in what is said of the member of ``path``."""
        try:
            place = _place(path)
            said = _read(body)
            seconds = parse_duration(said.for_)
            if not 1 <= seconds <= LONGEST_S:
                raise ValueError(f'"for" is from 1s to {format_duration(LONGEST_S)}')
        except ValueError as error:
            return sentence(HTTPStatus.BAD_REQUEST, printable(str(error)))
        if why := self._objection(place):
            return sentence(HTTPStatus.NOT_FOUND, why)
        now = self._clock()
        ok = said.state == "up"
        detail = printable(said.detail) or ("" if ok else "is said to be down")
        self._board.put(place, PushedState(ok, detail, now + seconds), now)
        return sentence(HTTPStatus.OK, f"{place.address} is {said.state} for {said.for_}")


def _read(body: bytes) -> _Body:
    """Return what is said in ``body``; ValueError is a sentence that says how to write it."""
    try:
        return msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the body is not such as {EXAMPLE}: {error}") from error


def read_token(path: Path) -> bytes:
    """Return the secret in ``path``; ValueError is a sentence, which never quotes it."""
    try:
        token = smallfile.read(path).strip()
    except OSError as error:
        raise ValueError(f"[http] token_file {path} cannot be read: {error.strerror}") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii() or b"\n" in token:
        raise ValueError(
            f"[http] token_file {path} must hold one line of at least {SHORTEST_TOKEN} characters"
        )
    return token


def _place(path: str) -> PushTarget:
    parts = [unquote(part) for part in path.removeprefix(PREFIX).split("/")]
    if len(parts) != 3:
        raise ValueError(f"a member is {PREFIX}NAME/TYPE/MEMBER")
    name, rtype, spoken = parts
    rtype, member = rtype.upper(), read_spoken(spoken)
    if is_name(member) != (rtype == "CNAME"):
        kind = "a name with a dot at its end" if rtype == "CNAME" else "an IP address"
        raise ValueError(f"a member of a pool of type {rtype} is {kind}, not {spoken!r}")
    return PushTarget(origins.normal(name), rtype, member)
