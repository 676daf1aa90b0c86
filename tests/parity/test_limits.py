"""Rate limits in front of answers, on both hot paths: what counts as the same, what is withheld."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, Any

import dns.flags
import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd import compile as compiler
from dnsd import hotpath
from dnsd.hotpath import Client, RateLimit, Settings, Transport
from dnsd.hotpath._python import PythonHotPath
from dnsd.image import buckets
from dnsd.image.store import Image
from dnsd.metrics import counters
from tests.packets import CH, header, opt, option, query, question
from tests.parity.sections import NOW, packet, put
from tests.records import records_of
from tests.strategies import Scene, models, scenes, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SECRET = b"0123456789abcdef"
COOKIE = 10
ZONE = """
@ 300 SOA ns hostmaster 1 3600 600 86400 60
@ 300 NS ns
ns A 192.0.2.53
www A 192.0.2.1
www AAAA 2001:db8::1
mail A 192.0.2.2
*.wild A 192.0.2.3
*.tame TXT "tame"
sub NS ns.sub
ns.sub A 192.0.2.4
moved DNAME www.example.
"""


class Limited:
    """A hot path with rate limits and a clock of its own."""

    def __init__(self, law: RateLimit, make: Callable[..., Any] = hotpath.make) -> None:
        settings = Settings(rate_limit=law, cookie_secrets=(SECRET,), version=b"dnsd")
        self.counters = counters.fresh()
        self.memory = buckets.fresh(SECRET, 256)
        self.path = make(settings, self.counters, self.memory)
        self.time = 0
        self.path.limiter.now = lambda: self.time

    def ask(
        self, octets: bytes, address: str = "192.0.2.1", over: Transport = Transport.UDP
    ) -> bytes | None:
        response: bytes | None = self.path.answer(octets, NOW, Client(over, address))
        return response

    def fates(self, packets: Iterable[bytes]) -> str:
        """What becomes of each packet: answered, truncated, or dropped."""
        return "".join(
            "-" if response is None else "t" if response[2] & 2 else "a"
            for response in map(self.ask, packets)
        )

    def count(self, name: str) -> int:
        return self.counters[counters.INDEX[name]]


def limited(law: RateLimit) -> Limited:
    found = Limited(law)
    put(found.path, dns.name.from_text("example."), ZONE)
    put(found.path, dns.name.from_text("other."), ZONE.replace(".example.", ".other."))
    return found


@pytest.mark.parametrize(
    ("kind", "same", "another"),
    [
        ("answer", [query("www.example."), query("WWW.example.", 28)], query("mail.example.")),
        ("answer", [query("www.example."), query("www.example.", 1, opt())], query("www.other.")),
        (
            "wildcard",
            [query("a.wild.example."), query("b.c.wild.example.")],
            query("a.tame.other."),
        ),
        (
            "wildcard",
            [query("a.moved.example."), query("b.moved.example.")],
            query("a.wild.other."),
        ),
        ("any", [query("www.example.", 255)] * 2, query("mail.example.", 255)),
        ("referral", [query("a.sub.example."), query("b.c.sub.example.", 15)], query("sub.other.")),
        (
            "nodata",
            [query("www.example.", 15), query("mail.example.", 16)],
            query("www.other.", 15),
        ),
        ("nxdomain", [query("a.example."), query("b.c.example.", 16)], query("a.other.")),
        ("other", [query("a.elsewhere."), query("b.elsewhere.")], query("www.example.")),
        ("other", [header(0x2800), query("a.elsewhere.")], query("www.example.")),
        ("other", [header() + question("version.bind.", 16, CH)] * 2, query("www.example.")),
    ],
)
def test_what_counts_as_the_same(kind: str, same: list[bytes], another: bytes) -> None:
    path = limited(RateLimit(per_second=1, slip=0))
    assert path.fates(same) == "a-"
    assert path.count(f"limited_{kind}") == path.count("limited") == 1
    assert path.fates([another]) == "a"


def test_answers_come_again_with_time() -> None:
    path = limited(RateLimit(per_second=4, slip=0))
    flood = [query("www.example.")] * 10
    assert path.fates(flood) == "aaaa------"
    path.time += 500_000
    assert path.fates(flood) == "aa--------"
    path.time += 60_000_000
    assert path.fates(flood) == "aaaa------"


def test_slips_have_nothing_but_the_question_and_a_cookie() -> None:
    path = limited(RateLimit(per_second=1, slip=1))
    asked = query("www.example.", 1, opt(option(COOKIE, b"clientck")))
    path.ask(asked)
    response = path.ask(asked)
    assert response is not None
    message = dns.message.from_wire(response)
    assert message.flags & dns.flags.TC
    assert [*message.answer, *message.authority, *message.additional] == []
    cookie = bytes(message.options[0].to_wire() or b"")
    again = query("www.example.", 1, opt(option(COOKIE, cookie)))
    assert path.fates([again] * 20) == "a" * 20
    assert path.count("cookies_valid") == 20
    assert path.count("limited") == path.count("limited_slipped") == path.count("truncated") == 1


def test_a_cookie_that_is_not_valid_is_no_way_out() -> None:
    path = limited(RateLimit(per_second=1, slip=0))
    made_up = query("www.example.", 1, opt(option(COOKIE, b"clientck" + b"\x01" * 16)))
    assert path.fates([made_up] * 5) == "a----"


def test_errors_slip_as_they_are() -> None:
    """They are no larger than the query, and TCP would bring nothing else."""
    path = limited(RateLimit(per_second=1, slip=1))
    assert path.fates([query("a.elsewhere.")] * 3) == "aaa"
    assert path.count("limited_slipped") == 2


def test_tcp_is_not_limited() -> None:
    path = limited(RateLimit(per_second=1))
    for _ in range(10):
        assert path.ask(query("www.example."), over=Transport.TCP) is not None
    assert path.count("limited") == 0


def test_what_is_dropped_is_no_response() -> None:
    path = limited(RateLimit(per_second=1, slip=0))
    path.fates([query("www.example.")] * 5)
    assert path.count("queries_udp") == path.count("qtype_1") == 5
    assert path.count("responses_udp") == path.count("rcode_0") == 1


def test_a_flood_of_large_answers_is_amplified_little() -> None:
    """4,000 identical queries in two seconds, for the largest answer there is."""
    path = Limited(RateLimit())
    zone = ZONE + "".join(f'big TXT "{number:0>60}"\n' for number in range(16))
    put(path.path, dns.name.from_text("example."), zone)
    asked = query("big.example.", 16, opt(payload=1232))
    sent = 0
    for _ in range(4000):
        path.time += 500
        sent += len(path.ask(asked) or b"")
    unlimited = path.ask(asked, over=Transport.TCP)
    assert unlimited is not None
    assert len(unlimited) > 25 * len(asked)
    assert sent < 5 * 4000 * len(asked)


# Twins

native = pytest.importorskip("dnsd.hotpath._native", reason="built without a C compiler")

laws = st.builds(
    RateLimit,
    per_second=st.sampled_from((1, 2, 3)),
    slip=st.integers(0, 3),
    ipv4_prefix=st.sampled_from((8, 21, 24, 32)),
    ipv6_prefix=st.sampled_from((16, 43, 56, 64)),
    exempt=st.sampled_from(((), ("192.0.2.1",), ("127.0.0.0/8", "2001:db8::/43"))),
)
clients = st.builds(
    Client,
    st.sampled_from((Transport.UDP, Transport.UDP, Transport.TCP)),
    st.sampled_from(("192.0.2.1", "192.0.7.200", "2001:db8::1", "2001:db8:0:1f::", "fe80::1%lo")),
    st.integers(0, 65535),
)
steps = st.lists(
    st.tuples(
        st.integers(0, 11), clients, st.booleans(), st.sampled_from((0, 0, 7, 333_333, 1_000_000))
    ),
    max_size=60,
)


@given(scenes(models() | signed(models())), laws, steps, st.sampled_from((0, (1 << 40) - 500_000)))
def test_twins_agree(
    scene: Scene, law: RateLimit, steps: list[tuple[int, Client, bool, int]], start: int
) -> None:
    """The same octets, counters, buckets and rows."""
    pair = Limited(law, PythonHotPath), Limited(law, native.NativeHotPath)
    data = records_of(scene.model.zone())
    image = bytes(compiler.build(data))
    for one in pair:
        one.time = start
        one.path.put_zone(data.apex, Image(image))
    cookie = b"clientck"
    for number, client, with_cookie, pause in steps:
        plain = packet(scene.queries[number % len(scene.queries)], None)
        if with_cookie:
            content = option(COOKIE, cookie)
            plain = plain[:11] + b"\x01" + plain[12:] + opt(content)
        for one in pair:
            one.time += pause
        first, second = (one.path.answer(plain, NOW, client) for one in pair)
        assert first == second, plain.hex()
        if with_cookie and first is not None and number % 2:
            cookie = first[-24:]
        assert pair[0].counters.tolist() == pair[1].counters.tolist(), plain.hex()
    assert pair[0].memory.rows == pair[1].memory.rows
    assert pair[0].memory.words == pair[1].memory.words


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=60), laws)
def test_twins_agree_on_arbitrary_octets(packets: list[bytes], law: RateLimit) -> None:
    pair = Limited(law, PythonHotPath), Limited(law, native.NativeHotPath)
    for octets in packets:
        whole = octets[:2] + b"\x00" + octets[3:]
        assert pair[0].ask(whole) == pair[1].ask(whole)
    assert pair[0].counters.tolist() == pair[1].counters.tolist()
    assert pair[0].memory.words == pair[1].memory.words


def test_what_the_native_twin_declines_counts_once() -> None:
    """Class CH is answered by the readable twin, out of the same bucket."""
    path = Limited(RateLimit(per_second=3, slip=2), native.NativeHotPath)
    chaos = header() + question("version.bind.", 16, CH)
    assert path.fates([chaos, pack(">6H", 1, 0x2800, 0, 0, 0, 0), chaos, chaos, chaos]) == "aaa-t"
    assert path.count("limited") == 2
