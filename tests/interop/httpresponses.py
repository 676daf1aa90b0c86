"""Responses to a health check, and what curl and HAProxy make of them.

Each is what a server sends after a GET, and whether it then keeps the connection open. Verdicts:
True: status 200 is seen and the check passes. They were found with the programs themselves, and
``test_http_checks.py`` finds them again where these are installed.
"""

from __future__ import annotations

from typing import NamedTuple


class Response(NamedTuple):
    """What is sent; with ``stays`` the connection stays open afterwards."""

    octets: bytes
    stays: bool = False


class Verdicts(NamedTuple):
    """Whether each lets the check pass."""

    curl: bool
    haproxy: bool
    dnsd: bool
    dnsd_body: bool
    """With ``expect_body = "ok"``."""
    why: str = ""
    """Why dnsd decides as it does where they don't agree."""


_OK = b"HTTP/1.1 200 OK\r\n"
_LENGTH = b"Content-Length: 2\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_BODY = b"ok"
_GZIPPED = bytes.fromhex("1f8b0800000000000003cbcf060047dddc7902000000")

RESPONSES = {
    "ordinary": Response(_OK + _LENGTH + b"\r\n" + _BODY),
    "body ends with the connection": Response(_OK + b"\r\n" + _BODY),
    "no reason phrase": Response(b"HTTP/1.1 200 \r\n" + _LENGTH + b"\r\n" + _BODY),
    "no reason phrase, no blank": Response(b"HTTP/1.1 200\r\n" + _LENGTH + b"\r\n" + _BODY),
    "reason phrase in UTF-8": Response(
        "HTTP/1.1 200 Très bien\r\n".encode() + _LENGTH + b"\r\n" + _BODY
    ),
    "reason phrase in Latin-1": Response(
        "HTTP/1.1 200 Très bien\r\n".encode("latin-1") + _LENGTH + b"\r\n" + _BODY
    ),
    "reason phrase with a tab": Response(b"HTTP/1.1 200 all\tgood\r\n" + _LENGTH + b"\r\n" + _BODY),
    "reason phrase with a control character": Response(
        b"HTTP/1.1 200 a\x01b\r\n" + _LENGTH + b"\r\n" + _BODY
    ),
    "two blanks before the status": Response(b"HTTP/1.1  200 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "tab before the status": Response(b"HTTP/1.1\t200 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "bare LF in the status line": Response(b"HTTP/1.1 200 OK\n" + _LENGTH + b"\r\n" + _BODY),
    "bare LF everywhere": Response(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    "bare CR in a field": Response(_OK + b"X: a\rb\r\n" + _LENGTH + b"\r\n" + _BODY),
    "CR CR LF": Response(_OK.replace(b"\r\n", b"\r\r\n") + _LENGTH + b"\r\n" + _BODY),
    "empty line before the status line": Response(b"\r\n" + _OK + _LENGTH + b"\r\n" + _BODY),
    "HTTP/1.0 without length": Response(b"HTTP/1.0 200 OK\r\n\r\n" + _BODY),
    "HTTP/1.0 with keep-alive": Response(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + _LENGTH + b"\r\n" + _BODY, stays=True
    ),
    "HTTP/1.2": Response(b"HTTP/1.2 200 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "HTTP/1.10": Response(b"HTTP/1.10 200 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "HTTP/2 in clear text": Response(b"HTTP/2 200 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "HTTP/0.9": Response(b"<html>ok</html>"),
    "lower case http": Response(b"http/1.1 200 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "ICY": Response(b"ICY 200 OK\r\n\r\n" + _BODY),
    "RTSP": Response(b"RTSP/1.0 200 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "status of two digits": Response(b"HTTP/1.1 20 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "status of four digits": Response(b"HTTP/1.1 2000 OK\r\n" + _LENGTH + b"\r\n" + _BODY),
    "obs-fold": Response(_OK + b"X: a\r\n b\r\n" + _LENGTH + b"\r\n" + _BODY),
    "obs-fold in the first field": Response(_OK + b" X: a\r\n" + _LENGTH + b"\r\n" + _BODY),
    "blank before the colon": Response(_OK + b"Content-Length : 2\r\n\r\n" + _BODY),
    "blank before the colon of another field": Response(
        _OK + b"Server : x\r\n" + _LENGTH + b"\r\n" + _BODY
    ),
    "blank in a field name": Response(_OK + b"X Y: a\r\n" + _LENGTH + b"\r\n" + _BODY),
    "field name with odd characters": Response(_OK + b"X@(Y): a\r\n" + _LENGTH + b"\r\n" + _BODY),
    "empty field name": Response(_OK + b": a\r\n" + _LENGTH + b"\r\n" + _BODY),
    "field without a colon": Response(_OK + b"nonsense\r\n" + _LENGTH + b"\r\n" + _BODY),
    "field value in UTF-8": Response(_OK + "X: é\r\n".encode() + _LENGTH + b"\r\n" + _BODY),
    "field value in Latin-1": Response(_OK + b"X: \xe9\r\n" + _LENGTH + b"\r\n" + _BODY),
    "field value with a control character": Response(
        _OK + b"X: a\x01b\r\n" + _LENGTH + b"\r\n" + _BODY
    ),
    "field value with NUL": Response(_OK + b"X: a\x00b\r\n" + _LENGTH + b"\r\n" + _BODY),
    "empty field value": Response(_OK + b"X:\r\n" + _LENGTH + b"\r\n" + _BODY),
    "long field of 10 KiB": Response(
        _OK + b"X: " + b"a" * 10_240 + b"\r\n" + _LENGTH + b"\r\n" + _BODY
    ),
    "150 fields": Response(
        _OK + b"".join(b"X-%d: a\r\n" % number for number in range(150)) + _LENGTH + b"\r\n" + _BODY
    ),
    "Content-Length twice, equal": Response(_OK + _LENGTH + _LENGTH + b"\r\n" + _BODY),
    "Content-Length as a list, equal": Response(_OK + b"Content-Length: 2, 2\r\n\r\n" + _BODY),
    "Content-Length twice, different": Response(
        _OK + _LENGTH + b"Content-Length: 3\r\n\r\n" + _BODY
    ),
    "Content-Length with a sign": Response(_OK + b"Content-Length: +2\r\n\r\n" + _BODY),
    "Content-Length negative": Response(_OK + b"Content-Length: -1\r\n\r\n" + _BODY),
    "Content-Length is no number": Response(_OK + b"Content-Length: two\r\n\r\n" + _BODY),
    "Content-Length with blanks": Response(_OK + b"Content-Length:   2  \r\n\r\n" + _BODY),
    "Content-Length empty": Response(_OK + b"Content-Length:\r\n\r\n" + _BODY),
    "Content-Length larger than 64 bits": Response(
        _OK + b"Content-Length: 99999999999999999999\r\n\r\n" + _BODY
    ),
    "Content-Length larger than the body": Response(_OK + b"Content-Length: 9\r\n\r\n" + _BODY),
    "Content-Length smaller than the body": Response(_OK + b"Content-Length: 1\r\n\r\n" + _BODY),
    "Transfer-Encoding and Content-Length": Response(
        _OK + _CHUNKED + _LENGTH + b"\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "Transfer-Encoding: identity": Response(_OK + b"Transfer-Encoding: identity\r\n\r\n" + _BODY),
    "Transfer-Encoding: identity and Content-Length": Response(
        _OK + b"Transfer-Encoding: identity\r\n" + _LENGTH + b"\r\n" + _BODY
    ),
    "Transfer-Encoding: gzip, chunked": Response(
        _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n16\r\n" + _GZIPPED + b"\r\n0\r\n\r\n"
    ),
    "Transfer-Encoding: Chunked": Response(
        _OK + b"Transfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "Transfer-Encoding: chunked twice": Response(
        _OK + _CHUNKED + _CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "Transfer-Encoding in HTTP/1.0": Response(
        b"HTTP/1.0 200 OK\r\n" + _CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "chunk extension": Response(_OK + _CHUNKED + b'\r\n2;a=b;c="d"\r\nok\r\n0;e\r\n\r\n'),
    "blanks behind the chunk size": Response(_OK + _CHUNKED + b"\r\n2  \r\nok\r\n0\r\n\r\n"),
    "chunk size with leading zeros": Response(
        _OK + _CHUNKED + b"\r\n0000000002\r\nok\r\n00\r\n\r\n"
    ),
    "chunks with bare LF": Response(_OK + _CHUNKED + b"\r\n2\nok\n0\n\n"),
    "trailer": Response(_OK + _CHUNKED + b"\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n"),
    "last chunk without the final line": Response(_OK + _CHUNKED + b"\r\n2\r\nok\r\n0\r\n"),
    "no last chunk": Response(_OK + _CHUNKED + b"\r\n2\r\nok\r\n"),
    "chunk size is no number": Response(_OK + _CHUNKED + b"\r\nzz\r\nok\r\n0\r\n\r\n"),
    "interim 100": Response(b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + _LENGTH + b"\r\n" + _BODY),
    "interim 102 and 103": Response(
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + _OK
        + _LENGTH
        + b"\r\n"
        + _BODY
    ),
    "interim 199": Response(b"HTTP/1.1 199 Odd\r\n\r\n" + _OK + _LENGTH + b"\r\n" + _BODY),
    "interim with Content-Length": Response(
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n" + _OK + _LENGTH + b"\r\n" + _BODY
    ),
    "101 that was not asked for": Response(
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
        + _OK
        + _LENGTH
        + b"\r\n"
        + _BODY
    ),
    "octets behind the response": Response(_OK + _LENGTH + b"\r\n" + _BODY + b"\r\n\r\n"),
    "garbage behind the response": Response(_OK + _LENGTH + b"\r\n" + _BODY + b"garbage"),
    "second response behind the first": Response((_OK + _LENGTH + b"\r\n" + _BODY) * 2),
    "connection stays open": Response(_OK + _LENGTH + b"\r\n" + _BODY, stays=True),
    "head is cut off": Response(_OK + b"Content-Le"),
    "only the status line": Response(_OK),
    "status line without its end": Response(b"HTTP/1.1 200 OK"),
    "nothing": Response(b""),
    "Connection: close twice": Response(
        _OK + b"Connection: close\r\nConnection: close\r\n" + _LENGTH + b"\r\n" + _BODY
    ),
    "Upgrade offered": Response(
        _OK + b"Upgrade: h2,h2c\r\nConnection: Upgrade\r\n" + _LENGTH + b"\r\n" + _BODY
    ),
    "BOM before the status line": Response(b"\xef\xbb\xbf" + _OK + _LENGTH + b"\r\n" + _BODY),
}

VERDICTS = {
    "ordinary": Verdicts(True, True, True, True),
    "body ends with the connection": Verdicts(True, True, True, True),
    "no reason phrase": Verdicts(True, True, True, True),
    "no reason phrase, no blank": Verdicts(True, True, True, True),
    "reason phrase in UTF-8": Verdicts(True, True, True, True),
    "reason phrase in Latin-1": Verdicts(True, True, True, True),
    "reason phrase with a tab": Verdicts(True, True, True, True),
    "reason phrase with a control character": Verdicts(True, True, True, True),
    "two blanks before the status": Verdicts(True, True, True, True),
    "tab before the status": Verdicts(
        False, True, True, True, "RFC 9112 §4 lets a recipient take any white space for a blank"
    ),
    "bare LF in the status line": Verdicts(True, True, True, True),
    "bare LF everywhere": Verdicts(True, True, True, True),
    "bare CR in a field": Verdicts(
        True, False, True, True, "RFC 9112 §2.2 lets a recipient take a bare CR for a blank"
    ),
    "CR CR LF": Verdicts(
        True, False, True, True, "RFC 9112 §2.2 lets a recipient take a bare CR for a blank"
    ),
    "empty line before the status line": Verdicts(
        False,
        True,
        False,
        False,
        "RFC 9112 §2.2 has servers skip it, not clients, and curl does not",
    ),
    "HTTP/1.0 without length": Verdicts(True, True, True, True),
    "HTTP/1.0 with keep-alive": Verdicts(True, True, True, True),
    "HTTP/1.2": Verdicts(
        False, True, True, True, "RFC 9110 §2.5: it is read as the highest minor version known"
    ),
    "HTTP/1.10": Verdicts(False, False, False, False),
    "HTTP/2 in clear text": Verdicts(
        True, False, False, False, "nobody asked for HTTP/2, and it does not look like that"
    ),
    "HTTP/0.9": Verdicts(False, False, False, False),
    "lower case http": Verdicts(
        True, False, False, False, "RFC 9112 §2.3: the name is case-sensitive"
    ),
    "ICY": Verdicts(False, False, False, False),
    "RTSP": Verdicts(False, True, False, False, "it is another protocol"),
    "status of two digits": Verdicts(False, False, False, False),
    "status of four digits": Verdicts(False, False, False, False),
    "obs-fold": Verdicts(True, True, True, True),
    "obs-fold in the first field": Verdicts(False, False, False, False),
    "blank before the colon": Verdicts(
        True, False, True, True, "RFC 9112 §5.1 has a proxy remove it"
    ),
    "blank before the colon of another field": Verdicts(
        True, False, True, True, "RFC 9112 §5.1 has a proxy remove it"
    ),
    "blank in a field name": Verdicts(
        True, False, False, False, "RFC 9110 §5.1: a name is a token"
    ),
    "field name with odd characters": Verdicts(
        True, False, False, False, "RFC 9110 §5.1: a name is a token"
    ),
    "empty field name": Verdicts(True, False, False, False, "RFC 9110 §5.1: a name is a token"),
    "field without a colon": Verdicts(False, False, False, False),
    "field value in UTF-8": Verdicts(True, True, True, True),
    "field value in Latin-1": Verdicts(True, True, True, True),
    "field value with a control character": Verdicts(True, True, True, True),
    "field value with NUL": Verdicts(
        False, True, True, True, "RFC 9110 §5.5 lets a recipient take a NUL for a blank"
    ),
    "empty field value": Verdicts(True, True, True, True),
    "long field of 10 KiB": Verdicts(True, True, True, True),
    "150 fields": Verdicts(True, False, True, True, "the head is bounded in octets"),
    "Content-Length twice, equal": Verdicts(True, True, True, True),
    "Content-Length as a list, equal": Verdicts(True, True, True, True),
    "Content-Length twice, different": Verdicts(False, False, False, False),
    "Content-Length with a sign": Verdicts(
        True, False, False, False, "RFC 9110 §8.6: it has digits only"
    ),
    "Content-Length negative": Verdicts(False, False, False, False),
    "Content-Length is no number": Verdicts(False, False, False, False),
    "Content-Length with blanks": Verdicts(True, True, True, True),
    "Content-Length empty": Verdicts(False, False, False, False),
    "Content-Length larger than 64 bits": Verdicts(
        True, False, True, False, "the status is known; a number that large means until the end"
    ),
    "Content-Length larger than the body": Verdicts(
        False, True, True, False, "the status is known; expect_body wants the whole body"
    ),
    "Content-Length smaller than the body": Verdicts(
        True, True, True, False, "the body ends where its length says"
    ),
    "Transfer-Encoding and Content-Length": Verdicts(True, True, True, True),
    "Transfer-Encoding: identity": Verdicts(
        True, False, True, True, "RFC 2616 §3.6 had it, and it says nothing"
    ),
    "Transfer-Encoding: identity and Content-Length": Verdicts(
        True, False, True, True, "RFC 2616 §3.6 had it, and it says nothing"
    ),
    "Transfer-Encoding: gzip, chunked": Verdicts(
        True, False, False, False, "it was not asked for (RFC 9110 §10.1.4)"
    ),
    "Transfer-Encoding: Chunked": Verdicts(True, True, True, True),
    "Transfer-Encoding: chunked twice": Verdicts(
        True, False, False, False, "RFC 9112 §7.1: chunked must not be applied twice"
    ),
    "Transfer-Encoding in HTTP/1.0": Verdicts(True, True, True, True),
    "chunk extension": Verdicts(True, True, True, True),
    "blanks behind the chunk size": Verdicts(True, True, True, True),
    "chunk size with leading zeros": Verdicts(True, True, True, True),
    "chunks with bare LF": Verdicts(
        True,
        True,
        True,
        False,
        "the status is known; RFC 9112 §2.2 forgives a bare LF in start line and fields, not "
        "in §7.1: where a chunk ends is not to be guessed, so expect_body fails",
    ),
    "trailer": Verdicts(True, True, True, True),
    "last chunk without the final line": Verdicts(
        False, True, True, False, "the status is known; expect_body wants the whole body"
    ),
    "no last chunk": Verdicts(
        False, True, True, False, "the status is known; expect_body wants the whole body"
    ),
    "chunk size is no number": Verdicts(
        False, False, True, False, "the status is known before the body comes"
    ),
    "interim 100": Verdicts(
        True,
        False,
        True,
        True,
        "RFC 9110 §15.2: interim responses may come; HAProxy's check takes them for the answer",
    ),
    "interim 102 and 103": Verdicts(
        True, False, True, True, "RFC 9110 §15.2: interim responses may come"
    ),
    "interim 199": Verdicts(True, False, True, True, "RFC 9110 §15.2: interim responses may come"),
    "interim with Content-Length": Verdicts(
        True, False, True, True, "RFC 9110 §15.2: interim responses may come"
    ),
    "101 that was not asked for": Verdicts(False, False, False, False),
    "octets behind the response": Verdicts(True, True, True, True),
    "garbage behind the response": Verdicts(True, True, True, True),
    "second response behind the first": Verdicts(True, True, True, True),
    "connection stays open": Verdicts(True, True, True, True),
    "head is cut off": Verdicts(True, False, False, False, "the response is not whole"),
    "only the status line": Verdicts(True, False, False, False, "the response is not whole"),
    "status line without its end": Verdicts(False, False, False, False),
    "nothing": Verdicts(False, False, False, False),
    "Connection: close twice": Verdicts(True, True, True, True),
    "Upgrade offered": Verdicts(True, True, True, True),
    "BOM before the status line": Verdicts(False, False, False, False),
}
