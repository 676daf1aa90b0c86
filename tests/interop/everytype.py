"""Valid records of every type, each written in several ways: what a zone file may hold.

Knows the presentation formats of the RFCs and nothing of any server. Everything is drawn with a
``Random`` of the caller's, so that the same seed makes the same records.
"""

from __future__ import annotations

import base64
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Text(NamedTuple):
    """One record: the ``type`` and the tokens of its data as they stand in a zone file."""

    type: str
    tokens: tuple[str, ...]


Field = str
_CHARACTERS = ("a", "z", "A", "0", "-", "_", "/", "=", ".", r"\"", r"\\", r"\;", r"\032", r"\255")


def _name(pick: Random) -> str:
    labels = ("a", "b-c", "_x", "9", r"d\.e", r"\046", r"f\ g", "xn--4ca", "*")
    name = ".".join(pick.choice(labels) for _ in range(pick.randint(1, 3)))
    return pick.choice((name, f"{name}.other.", ".", "@"))


def _string(pick: Random) -> str:
    text = "".join(pick.choice(_CHARACTERS) for _ in range(pick.randint(1, 12)))
    return pick.choice((text, f'"{text}"', f'"{text} ; (x) {text}"', '""', f'"{"x" * 255}"'))


def _hex(octets: int, pick: Random) -> str:
    return pick.choice((str.lower, str.upper))(pick.randbytes(octets).hex())


def _base64(pick: Random, octets: int = 0) -> str:
    return base64.b64encode(pick.randbytes(octets or pick.randint(1, 40))).decode()


def _ip6(pick: Random) -> str:
    return pick.choice(
        ("::", "::1", "2001:db8::1", "2001:DB8:0:0:0:0:0:A", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8")
    )


def _types(pick: Random) -> tuple[str, ...]:
    known = ("A", "NS", "SOA", "MX", "TXT", "RRSIG", "TYPE65280", "CAA", "TYPE1")
    return tuple(pick.sample(known, pick.randint(0, 6)))


_NUMBERS = {"u8": 0xFF, "u16": 0xFFFF, "u32": 0xFFFFFFFF}
_FIELDS: dict[str, Callable[[Random], str]] = {
    "name": _name,
    "string": _string,
    "ip4": lambda pick: ".".join(str(pick.choice((0, 1, 127, 255))) for _ in range(4)),
    "ip6": _ip6,
    "salt": lambda pick: pick.choice(("-", "ab", "00FF00")),
    "hash32": lambda _: "0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM",
    "time": lambda pick: pick.choice(("20300101000000", "20200229235959")),
    "eui48": lambda _: "00-00-5e-00-53-2a",
    "eui64": lambda _: "00-00-5e-ef-10-00-00-2a",
    "locator": lambda _: "2001:db8:1140:1000",
    "tag": lambda pick: pick.choice(("issue", "issuewild", "iodef")),
    "digits": lambda pick: str(pick.randint(1, 10**12)),
}
_FORMATS: dict[str, tuple[str, ...]] = {
    "A": ("ip4",),
    "AAAA": ("ip6",),
    "NS": ("name",),
    "MD": ("name",),
    "MF": ("name",),
    "MB": ("name",),
    "MG": ("name",),
    "MR": ("name",),
    "PTR": ("name",),
    "MINFO": ("name", "name"),
    "MX": ("u16", "name"),
    "HINFO": ("string", "string"),
    "RP": ("name", "name"),
    "AFSDB": ("u16", "name"),
    "RT": ("u16", "name"),
    "KX": ("u16", "name"),
    "PX": ("u16", "name", "name"),
    "X25": ("digits",),
    "LP": ("u16", "name"),
    "NID": ("u16", "locator"),
    "L64": ("u16", "locator"),
    "L32": ("u16", "ip4"),
    "SRV": ("u16", "u16", "u16", "name"),
    "URI": ("u16", "u16", '"https://a.example/x%20y"'),
    "CAA": ("u8", "tag", "string"),
    "EUI48": ("eui48",),
    "EUI64": ("eui64",),
    "DNAME": ("name",),
    "CNAME": ("name",),
    "NSEC3PARAM": ("1", "0", "u8", "salt"),
    "NAPTR": ("u16", "u16", '"u"', '"E2U+sip"', r'"!^(.*)$!sip:\\1@example.com!"', "name"),
}

_MORE: dict[str, Callable[[Random], tuple[str, ...]]] = {
    "TXT": lambda pick: tuple(_string(pick) for _ in range(pick.randint(1, 4))),
    "SPF": lambda pick: tuple(_string(pick) for _ in range(pick.randint(1, 2))),
    "AVC": lambda pick: tuple(_string(pick) for _ in range(pick.randint(1, 2))),
    "NINFO": lambda pick: tuple(_string(pick) for _ in range(pick.randint(1, 2))),
    "ISDN": lambda pick: pick.choice((('"150862028003217"',), ('"1508"', '"004"'))),
    "CERT": lambda pick: (
        pick.choice(("PKIX", "PGP", "1", "65535")),
        str(pick.randint(0, 65535)),
        pick.choice(("0", "8", "RSASHA256")),
        _base64(pick),
    ),
    "APL": lambda pick: tuple(
        pick.sample(
            ("1:192.0.2.0/24", "!1:192.0.2.64/28", "2:2001:db8::/32", "1:0.0.0.0/0", "!2:::/0"),
            pick.randint(0, 4),
        )
    ),
    "DS": lambda pick: (str(pick.randint(0, 65535)), "13", *_digest(pick)),
    "CDS": lambda pick: pick.choice(
        ((str(pick.randint(0, 65535)), "8", *_digest(pick)), ("0", "0", "0", "00"))
    ),
    "DLV": lambda pick: (str(pick.randint(0, 65535)), "8", *_digest(pick)),
    "TA": lambda pick: (str(pick.randint(0, 65535)), "8", *_digest(pick)),
    "SSHFP": lambda pick: pick.choice(
        ((str(pick.randint(1, 6)), "1", _hex(20, pick)), ("4", "2", _hex(32, pick)))
    ),
    "IPSECKEY": lambda pick: (
        str(pick.randint(0, 255)),
        *pick.choice(
            (("1", "2", "192.0.2.38"), ("2", "2", "2001:db8::1"), ("3", "2", "gw.other."))
        ),
        _base64(pick),
    ),
    "DNSKEY": lambda pick: (pick.choice(("256", "257", "0")), "3", "13", _base64(pick, 64)),
    "CDNSKEY": lambda pick: pick.choice(
        (("257", "3", "13", _base64(pick, 64)), ("0", "3", "0", "AA=="))
    ),
    "KEY": lambda pick: (pick.choice(("256", "512")), "3", "8", _base64(pick, 70)),
    "RKEY": lambda pick: ("0", "255", "8", _base64(pick, 40)),
    "DHCID": lambda pick: (_base64(pick, 35),),
    "OPENPGPKEY": lambda pick: (_base64(pick),),
    "TLSA": lambda pick: (str(pick.randint(0, 3)), str(pick.randint(0, 1)), "1", _hex(32, pick)),
    "SMIMEA": lambda pick: ("3", "1", "2", _hex(64, pick)),
    "HIP": lambda pick: (
        "2",
        _hex(16, pick),
        _base64(pick, 64),
        *pick.sample(("r1.other.", "r2"), 1),
    ),
    "CSYNC": lambda pick: (str(pick.randint(0, 2**32 - 1)), "3", *_types(pick)),
    "ZONEMD": lambda pick: (str(pick.randint(1, 9)), "1", "1", _hex(48, pick)),
    "NSEC": lambda pick: (_name(pick), *_types(pick)),
    "NSEC3": lambda pick: (
        "1",
        pick.choice("01"),
        "3",
        "aabb",
        _FIELDS["hash32"](pick),
        *_types(pick),
    ),
    "RRSIG": lambda pick: (
        *("A", "13", "2", "300", "20300101000000", "20200101000000", str(pick.randint(0, 65535))),
        *("@", _base64(pick, 64)),
    ),
    "SIG": lambda pick: (
        *("A", "8", "2", "300", "20300101000000", "20200101000000", "4711", "@", _base64(pick, 64)),
    ),
    "NXT": lambda _: ("a", "A", "NS", "TXT"),
    "LOC": lambda pick: pick.choice(
        (
            (
                "52",
                "22",
                "23.000",
                "N",
                "4",
                "53",
                "32.000",
                "E",
                "-2.00m",
                "0.00m",
                "10000m",
                "10m",
            ),
            ("42", "21", "54", "N", "71", "06", "18", "W", "-24m", "30m"),
            ("42", "N", "71", "W", "0m"),
            ("51", "0", "S", "0", "0", "0.001", "E", "42849672.95m", "90000000m", "1", "2m"),
        )
    ),
    "GPOS": lambda pick: pick.choice((("-32.6882", "116.8652", "10.0"), ("0", "-0.5", '"5"'))),
    "NSAP": lambda _: ("0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",),
    "NSAP-PTR": lambda pick: (_name(pick),),
    "WKS": lambda pick: ("192.0.2.1", pick.choice(("6", "TCP", "udp", "17")), "25", "80", "53"),
    "NULL": lambda pick: (r"\#", "3", _hex(3, pick)),
    "AMTRELAY": lambda pick: pick.choice(
        (
            ("10", "0", "1", "192.0.2.1"),
            ("10", "1", "2", "2001:db8::1"),
            ("0", "0", "3", "relay.other."),
            ("0", "0", "0", "."),
        )
    ),
    "A6": lambda pick: pick.choice((("0", "2001:db8::1"), ("64", "::1", "a"), ("128", "a.other."))),
    "EID": lambda pick: (_hex(4, pick),),
    "NIMLOC": lambda pick: (_hex(5, pick),),
    "ATMA": lambda pick: pick.choice(
        (("+61200000000",), ("39.246f.000e7c9c031200010001.000012345678.00",))
    ),
    "SINK": lambda pick: ("1", "2", "3", _base64(pick, 6)),
    "TALINK": lambda pick: (_name(pick), _name(pick)),
    "RESINFO": lambda _: ("qnamemin", "exterr=15-17", "infourl=https://a.example/"),
    "WALLET": lambda _: ('"BTC"', '"xyz"'),
    "TYPE65280": lambda pick: pick.choice(
        ((r"\#", "0"), (r"\#", "4", "0a000001"), (r"\#", "4", "0A00", "0001"))
    ),
}


def _digest(pick: Random) -> tuple[str, str]:
    kind, octets = pick.choice((("1", 20), ("2", 32), ("4", 48)))
    return kind, _hex(octets, pick)


_PARAMETERS = (
    ("mandatory=alpn", "alpn=h2,h3"),
    ('alpn="h2,h3"', "no-default-alpn"),
    ("port=8443",),
    ("port=53", 'alpn="dot"'),
    ('ipv4hint="192.0.2.1,192.0.2.2"', "ipv6hint=2001:db8::1"),
    (
        'ech="AEj+DQBEAQAgACAdd+scUi0IYFsXnUIU7ko2Nd9+F8M26pAGZVpz/KrWPgAEAAEAAWQVZWNoLXNpdGVzLmV4YW1wbGUubmV0AAA="',
    ),
    ("key65280=hello",),
    (r'key667="hello\210qoo"',),
    ("key65281",),
    (r'alpn="f\\\\oo\\,bar,h2"',),
    ('dohpath="/q{?dns}"', "alpn=h2"),
    ("alpn=h2", "ipv4hint=192.0.2.1", "port=1", "mandatory=ipv4hint,alpn"),
    ("key1=\\002h2",),
)


def _service(pick: Random) -> tuple[str, ...]:
    if pick.random() < 0.4:
        extra = pick.choice(((), ("alpn=h2",), ("port=1",), ("key65280=x",)))
        return "0", pick.choice(("a", "a.other.", ".")), *extra
    return (
        str(pick.randint(1, 65535)),
        pick.choice((".", "a", "a.other.")),
        *pick.choice(_PARAMETERS),
    )


_MORE |= {"SVCB": _service, "HTTPS": _service}
TYPES = (*_FORMATS, *_MORE)


def _field(kind: str, pick: Random) -> str:
    if kind in _NUMBERS:
        most = _NUMBERS[kind]
        return str(pick.choice((0, 1, most, pick.randint(0, most))))
    return _FIELDS[kind](pick) if kind in _FIELDS else kind


def record(rtype: str, pick: Random) -> Text:
    """Return a record of ``rtype``, drawn with ``pick``."""
    if rtype in _MORE:
        return Text(rtype, _MORE[rtype](pick))
    return Text(rtype, tuple(_field(kind, pick) for kind in _FORMATS[rtype]))


def records(pick: Random, each: int) -> Iterator[Text]:
    """Return up to ``each`` different records of every type."""
    for rtype in TYPES:
        yield from dict.fromkeys(record(rtype, pick) for _ in range(each))


def line(text: Text, owner: str, pick: Random) -> str:
    """Return ``text`` as it may stand in a zone file: plain, with everything, in parentheses."""
    rtype, tokens = text
    commented = "\n  ".join(f"{token} ; (" for token in tokens)
    return pick.choice(
        (
            f"{owner} {rtype} {' '.join(tokens)}\n",
            f"{owner}\t300\tIN\t{rtype.lower()}\t" + "\t".join(tokens) + " ; a comment\n",
            f"{owner} IN 5m {rtype} (\n  {commented}\n)\n",
        )
    )
