"""The slow path: rdata of any type from tokens, by dnspython.

dnspython reads a record's data from a tokenizer; here it gets one that hands out the tokens
the scanner has already found, and reads names the way :mod:`dnsd.zone.names` does, so that
there is one understanding of quotes, escapes and origins.
"""

from __future__ import annotations

import re
from decimal import Decimal
from socket import AF_INET, AF_INET6, inet_pton
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.tokenizer import EOF, IDENTIFIER, QUOTED_STRING, WHITESPACE, Tokenizer
from dns.tokenizer import Token as DnsToken

from dnsd.wire.name import labels
from dnsd.wire.rdata import AAAA, CNAME, HTTPS, NS, PTR, SVCB, A
from dnsd.zone import raretypes
from dnsd.zone.names import BadName, parse_name, shown
from dnsd.zone.scan import Token
from dnsd.zone.typenames import type_name

if TYPE_CHECKING:
    from collections.abc import Sequence

_APL, _NID, _L64 = 42, 104, 106
_LOC = 29
_ALIAS_MODE = b"\x00\x00"
_GENERIC = r"\#"
"""What the form of RFC 3597 §5, which any type may have, begins with."""
_ESCAPE = re.compile(r"\\(?:([0-9]{1,3})|.)", re.DOTALL)
MAX_RDATA = 0xFFFF
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_SHORT_NAMES = frozenset((NS, CNAME, PTR))
_SHORT = _SHORT_NAMES | {A, AAAA}


class BadRdata(ValueError):
    """Data that is not valid for its type; ``str()`` says why and what to do."""


def parse_rdata(rtype: int, tokens: Sequence[Token], origin: bytes) -> bytes:
    """Return the wire form of ``tokens`` as data of ``rtype``; BadRdata if they are not valid."""
    if not tokens and rtype != _APL:  # RFC 3123 §4: a list may be empty
        raise BadRdata(f"the {type_name(rtype)} record has no data{_hint(rtype)}")
    if rtype in _SHORT and len(tokens) == 1:
        rdata = _parse_short(rtype, tokens[0], origin)
        if rdata is not None:
            return rdata
    for token in tokens:
        if fault := _wrong_escape(token.text):
            raise BadRdata(f"in the {type_name(rtype)} record {fault}")
    if raretypes.is_rare(rtype) and tokens[0].text != _GENERIC:
        return _parse_rare(rtype, tokens, origin)
    if rtype in (SVCB, HTTPS) and _is_alias_mode(tokens):
        # The parameters that a recipient ignores (RFC 9460 §2.4.2) are read as any others.
        return _ALIAS_MODE + parse_by_dnspython(rtype, _in_service_mode(tokens), origin)[2:]
    if rtype in (_NID, _L64) and len(tokens) == 2:
        tokens = [tokens[0], Token(_four_digits(tokens[1].text))]
    rdata = parse_by_dnspython(rtype, tokens, origin)
    if rtype == _LOC and tokens[0].text != _GENERIC:
        return rdata[:-4] + _altitude(tokens)
    return rdata


def _wrong_escape(text: str) -> str | None:
    """Return the first wrong escape of a token (RFC 1035 §5.1), if there is one."""
    for found in _ESCAPE.finditer(text) if "\\" in text else ():
        digits = found[1]
        if digits and (len(digits) < 3 or int(digits) > 255):
            return (
                f"'{shown(found[0])}' is not an escape (a backslash and three digits from 000 "
                f"to 255): write '\\{shown(found[0])}' for a backslash before a digit"
            )
    return None


def _parse_rare(rtype: int, tokens: Sequence[Token], origin: bytes) -> bytes:
    try:
        return raretypes.parse_rare(rtype, tokens, origin)
    except BadName as error:
        raise BadRdata(f"in the {type_name(rtype)} record {error}") from None
    except (ValueError, OverflowError, OSError, IndexError, dns.exception.DNSException):
        raise BadRdata(f"{_invalid(rtype, tokens)}{_hint(rtype)}") from None


def _is_alias_mode(tokens: Sequence[Token]) -> bool:
    """Tell whether SVCB or HTTPS data begins with a priority of 0, in whichever form."""
    if tokens[0].text == _GENERIC:
        return len(tokens) > 2 and "".join(t.text for t in tokens[2:]).startswith("0000")
    return bool(tokens[0].text) and not tokens[0].text.strip("0")


def _in_service_mode(tokens: Sequence[Token]) -> list[Token]:
    """Return the same data with a priority of 1."""
    if tokens[0].text == _GENERIC:
        octets = "".join(token.text for token in tokens[2:])
        return [*tokens[:2], Token(f"0001{octets[4:]}")]
    return [Token("1"), *tokens[1:]]


def _four_digits(text: str) -> str:
    """Return an ILNP locator or identifier with all its digits (RFC 6742 §2.1.2)."""
    return ":".join(part.zfill(4) for part in text.split(":"))


def _altitude(tokens: Sequence[Token]) -> bytes:
    """Return the altitude of valid LOC data in centimetres from 100 km below (RFC 1876 §2).

    dnspython computes it in binary: of 1.13 m it makes 112 cm.
    """
    words = [_Token(token).unescape().value for token in tokens]
    metres = words[1 + next(at for at, word in enumerate(words) if word in ("E", "W"))]
    return (int(Decimal(metres.removesuffix("m")) * 100) + 10_000_000).to_bytes(4, "big")


def _parse_short(rtype: int, token: Token, origin: bytes) -> bytes | None:
    """Return an address or a name; None leaves it to dnspython, which knows what is wrong.

    They are what $GENERATE makes, and it makes many.
    """
    if token.quoted or token.text == _GENERIC:
        return None
    try:
        if rtype in _SHORT_NAMES:
            return parse_name(token.text, origin)
        return inet_pton(AF_INET if rtype == A else AF_INET6, token.text)
    except (OSError, BadName):
        return None


def parse_by_dnspython(rtype: int, tokens: Sequence[Token], origin: bytes) -> bytes:
    """Return ``tokens`` as dnspython reads them; BadRdata if it cannot."""
    kind = dns.rdatatype.RdataType.make(rtype)
    feed = _Feed(tokens, origin)
    try:
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN, kind, feed, dns.name.root, relativize=False
        ).to_wire()
    except Exception as error:
        # dnspython raises whatever its helpers do: ValueError, binascii.Error, struct.error...
        if isinstance(error.__cause__, BadName):
            raise BadRdata(f"in the {type_name(rtype)} record {error.__cause__}") from None
        if feed.has_ended and str(error).startswith("expecting "):
            error = ValueError(_ENDS)
        raise BadRdata(f"{_invalid(rtype, tokens, error)}{_hint(rtype)}") from None
    if rdata is None or len(rdata) > MAX_RDATA:
        raise BadRdata(
            f"the data of the {type_name(rtype)} record is longer than 65535 octets: shorten it"
        )
    return rdata


_ENDS = "it ends too early"


class _Token(DnsToken):
    """A token that remembers its octets: for dnspython those above 127 are escaped."""

    def __init__(self, token: Token) -> None:
        value = token.text
        if not value.isascii():
            value = _NOT_ASCII.sub(lambda c: f"\\{ord(c[0]):03d}", value)
        super().__init__(QUOTED_STRING if token.quoted else IDENTIFIER, value, "\\" in value)
        self.text = token.text


class _Feed(Tokenizer):
    """Hands out the tokens of one record."""

    def __init__(self, tokens: Sequence[Token], origin: bytes) -> None:
        super().__init__("")
        self._tokens = iter(tokens)
        self._origin = origin
        self._next: Token | None = None
        self.has_ended = False
        """Whether more than there is has been asked for."""

    def get(self, want_leading: bool = False, want_comment: bool = False) -> DnsToken:  # noqa: ARG002
        """Return the next token; white space only when it is asked for and there is some."""
        ungotten, self.ungotten_token = self.ungotten_token, None
        if ungotten is not None and not ungotten.is_whitespace():
            return ungotten
        token = self._next or next(self._tokens, None)
        self._next = None
        if token is None:
            self.has_ended = True
            return DnsToken(EOF)
        if want_leading and token.spaced:
            self._next = token
            return DnsToken(WHITESPACE, " ")
        return _Token(token)

    def get_eol_as_token(self) -> DnsToken:
        """Return the end of the record, or say what stands there in its place."""
        token = self.get()
        if not token.is_eol_or_eof():
            raise ValueError(f"'{token.value}' is one field too many")
        return token

    def as_name(
        self,
        token: DnsToken,
        origin: dns.name.Name | None = None,  # noqa: ARG002  the same for all names of a record
        relativize: bool = False,  # noqa: ARG002
        relativize_to: dns.name.Name | None = None,  # noqa: ARG002
    ) -> dns.name.Name:
        """Return the name that ``token`` is, always absolute."""
        if token.is_eol_or_eof():
            raise ValueError(_ENDS)
        if not token.is_identifier():
            raise BadName("a name stands in quotes: remove them")
        text = token.text if isinstance(token, _Token) else str(token.value)
        return dns.name.Name((*labels(parse_name(text, self._origin)), b""))


def _invalid(rtype: int, tokens: Sequence[Token], error: Exception | None = None) -> str:
    """Return a sentence about invalid data: the data, and the reason if it is known."""
    data = shown(" ".join(f'"{one.text}"' if one.quoted else one.text for one in tokens))
    if rtype in (A, AAAA) and len(tokens) == 1 and not tokens[0].quoted:
        return f"'{data}' is not an IPv{4 if rtype == A else 6} address"
    return f"'{data}' is not valid {type_name(rtype)} data{_reason(error)}"


def _reason(error: Exception | None) -> str:
    text = str(error or "").removesuffix(".")
    if text in _SAYS_NOTHING:
        return ""
    return f": {shown(text.encode('latin-1', 'replace').decode('latin-1'))}"


def _hint(rtype: int) -> str:
    example = _EXAMPLES.get(type_name(rtype))
    if raretypes.is_rare(rtype):
        example = raretypes.example(rtype)
    if example:
        return f" (write for example {type_name(rtype)} {example})"
    return r" (it can be written as \# LENGTH HEX, RFC 3597)"


_SAYS_NOTHING = (
    "",
    dns.exception.SyntaxError.__doc__,
    dns.exception.FormError.__doc__,
    # The hint says it better.
    r"generic rdata does not start with \#",
)

_EXAMPLES = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": '0 issue "ca.example.net"',
    "CNAME": "www.example.com.",
    "DNAME": "example.net.",
    "DS": "60485 13 2 AND-64-HEX-DIGITS",
    "HTTPS": '1 . alpn="h2,h3"',
    "MX": "10 mail.example.com.",
    "NAPTR": '100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" .',
    "NS": "ns1.example.com.",
    "PTR": "host.example.com.",
    "SOA": "ns1.example.com. hostmaster.example.com. 2024010101 7200 3600 1209600 300",
    "SRV": "10 5 443 www.example.com.",
    "SSHFP": "4 2 AND-64-HEX-DIGITS",
    "SVCB": "1 svc.example.com. port=8053",
    "TLSA": "3 1 1 AND-64-HEX-DIGITS",
    "TXT": '"text of at most 255 octets" "more text"',
}
