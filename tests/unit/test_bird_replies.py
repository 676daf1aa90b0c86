"""BIRD's replies as values: what BIRD 2.0, 2.19 and 3 print, and what nobody should."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.control.anycast import replies
from dnsd.control.anycast.replies import (
    BgpSession,
    BirdRoute,
    Protocol,
    Reply,
    Status,
    plain,
    read_bfd,
    read_protocols,
    read_reply,
    read_routes,
    read_sessions,
    read_status,
    steady,
)
from dnsd.errors import BirdError

CTL = "/run/bird/bird.ctl"


def reply(text: str, command: str = "show status") -> Reply:
    return read_reply(CTL, command, text)


# -- lines ------------------------------------------------------------------------------------


def test_a_line_without_a_code_has_that_of_the_one_before() -> None:
    found = reply("1002-vip        Direct\n     r1         BGP\n1006-  BGP state:  Active\r\n     ")
    assert [tuple(line) for line in found.lines] == [
        (1002, "vip        Direct"),
        (1002, "r1         BGP"),
        (1006, "  BGP state:  Active"),
        (1006, ""),
    ]


def test_a_reply_may_be_empty_as_birdcl_hides_the_code_for_ok() -> None:
    assert reply("").lines == ()
    assert reply("\r\n").lines == ()


def test_what_bird_says_unasked_belongs_to_no_reply() -> None:
    text = "0009-vip: disabled\n>>> Config timeout expired, starting undo\n"
    assert reply(text).lines == ((9, "vip: disabled"),)


@pytest.mark.parametrize("text", ["hello", "     first", "??? <noise>", "12-x", "12345-x", "0009"])
def test_a_reply_has_codes(text: str) -> None:
    with pytest.raises(BirdError, match=r"BIRD at /run/bird/bird\.ctl answered 'show status' with"):
        reply(text)


# -- refusals ---------------------------------------------------------------------------------


def refusal(text: str, command: str = 'disable "vip"') -> str:
    with pytest.raises(BirdError) as caught:
        reply(text, command).expect(replies.DISABLED)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(f"BIRD at {CTL} ")
    return sentence


def test_a_wrong_configuration_is_told_with_its_place() -> None:
    sentence = refusal(
        "0002-Reading configuration from /etc/bird/bird.conf\n"
        "8002 /etc/bird/bird.conf:12:3 syntax error, unexpected CF_SYM_UNDEFINED\n",
        "configure check",
    )
    assert "/etc/bird/bird.conf:12:3 syntax error, unexpected CF_SYM_UNDEFINED; " in sentence
    assert "BIRD goes on with the one it has" in sentence


def test_an_unknown_protocol_is_told() -> None:
    sentence = refusal("8003 No protocols match\n")
    assert "has no protocol for 'disable \"vip\"': correct protocol and" in sentence


def test_a_restricted_socket_is_told() -> None:
    sentence = refusal("8007 Access denied\n")
    assert "refuses 'disable \"vip\"', because this control socket is restricted" in sentence


@pytest.mark.parametrize(
    "line",
    [
        "9001 syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TEXT or ALL",
        "8004 Stopped due to reconfiguration",
        "8000 Reply too long",
        "9000 Command too long",
    ],
)
def test_any_other_refusal_is_told_in_its_words_and_code(line: str) -> None:
    code, text = line.split(" ", 1)
    assert refusal(f"{line}\n").endswith(f"refuses 'disable \"vip\"': {text} (code {code})")


def test_a_refusal_counts_wherever_it_stands() -> None:
    assert "has no protocol for" in refusal("0009-vip: disabled\n8003 No protocols match\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0006 Reconfiguration ignored, shutting down", "shutting down (code 6)"),
        ("0025 Reconfiguration rejected, another config not parsed yet", "yet (code 25)"),
        ("0017 Reconfiguration already in progress, removing queued config", "(code 17)"),
    ],
)
def test_a_reconfiguration_that_will_not_be_is_no_success(text: str, said: str) -> None:
    found = reply(f"0002-Reading configuration from b.conf\n{text}\n", "configure")
    with pytest.raises(BirdError, match="answered 'configure' with: Reconf") as caught:
        found.expect(replies.RECONFIGURED)
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("0009-vip: disabled", replies.DISABLED),
        ("0008-vip: already disabled", replies.DISABLED),
        ("0011-vip: enabled", replies.ENABLED),
        ("0010-vip: already enabled", replies.ENABLED),
        ("0002-Reading configuration from b.conf\n0020 Configuration OK", replies.CONFIGURATION_OK),
        ("0002-Reading configuration from b.conf\n0003 Reconfigured", replies.RECONFIGURED),
        ("0002-Reading…\n0004 Reconfiguration in progress", replies.RECONFIGURED),
        ("0002-R\n0005 Reconfiguration already in progress, queueing", replies.RECONFIGURED),
    ],
)
def test_what_has_been_done_is_told_by_its_code(text: str, codes: frozenset[int]) -> None:
    reply(f"{text}\n").expect(codes)


def test_silence_is_no_success() -> None:
    with pytest.raises(BirdError, match="something that dnsd does not understand"):
        reply("").expect(replies.DISABLED)


# -- show status ------------------------------------------------------------------------------


def status(version: str) -> str:
    return f"""\
1000-BIRD {version}
1011-Router ID is 10.0.0.1
     Hostname is node
     Current server time is 2026-11-23 23:30:21.823
     Last reboot on 2026-11-23 23:29:35.874
     Last reconfiguration on 2026-11-23 23:29:36.975
0013 Daemon is up and running
"""


@pytest.mark.parametrize("version", ["2.0.12", "2.19.1", "v3.1.2"])
def test_status(version: str) -> None:
    assert read_status(reply(status(version))) == Status(
        version.removeprefix("v"),
        "10.0.0.1",
        "2026-11-23 23:29:35.874",
        "2026-11-23 23:29:36.975",
    )


def booted(text: str) -> Status:
    return Status("2.0.12", "10.0.0.1", text, text)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2026-11-23 23:29:35.999", "2026-11-23 23:29:36.000", True),
        ("2026-11-23 23:29:35.874", "2026-11-23 23:29:35.884", False),
        ("2026-11-23 23:29:35", "2026-11-23 23:29:36", False),
        ("yesterday", "yesterday", True),
        ("yesterday", "today", False),
        ("", "2026-11-23 23:29:36", False),
        ("2026-11-23T23:29:35+00:00", "2026-11-23 23:29:35", False),
    ],
)
def test_a_time_that_wavers_is_the_same(first: str, second: str, same: bool) -> None:
    told = steady(booted(second), booted(first), booted(first))
    assert told == booted(first if same else second)


def test_a_time_may_waver_away_by_and_by() -> None:
    told = before = booted("2026-11-23 23:29:35.000")
    for milliseconds in range(2, 900, 2):
        read = booted(f"2026-11-23 23:29:35.{milliseconds:03}")
        told, before = steady(read, before, told), read
    assert told == booted("2026-11-23 23:29:35.000")


def test_status_without_an_end_is_none() -> None:
    with pytest.raises(BirdError):
        read_status(reply("1000-BIRD 2.0.12\n"))


# -- show protocols ---------------------------------------------------------------------------

HEADING = "2002-Name       Proto      Table      State  Since         Info\n"


def test_protocols_of_a_table() -> None:
    text = (
        f"{HEADING}"
        "1002-device1    Device     ---        up     23:29:35.874  \n"
        "     st4        Static     master4    up     2026-11-23    \n"
        "     r1         BGP        ---        start  2026-11-23 23:29:35  Active        "
        "Socket: Connection refused\n"
        "     a_name_longer_than_its_column Direct     ---        down   23:30:23.028  \n"
    )
    assert read_protocols(reply(text)) == (
        Protocol("device1", "Device", "up", False, "23:29:35.874", ""),
        Protocol("st4", "Static", "up", False, "2026-11-23", ""),
        Protocol(
            "r1", "BGP", "start", False, "2026-11-23 23:29:35", "Active, Socket: Connection refused"
        ),
        Protocol("a_name_longer_than_its_column", "Direct", "down", True, "23:30:23.028", ""),
    )


def test_a_protocol_has_a_state() -> None:
    with pytest.raises(BirdError, match=r'understand \("vip Direct up"\)'):
        read_protocols(reply("1002-vip  Direct  up\n"))


# -- sessions ---------------------------------------------------------------------------------

BIRD_2_0 = f"""\
{HEADING}1002-vip        Direct     ---        up     23:29:35.874  \n\
1006-  Channel ipv4
         State:          UP
         Table:          master4
         Routes:         0 imported, 0 exported, 0 preferred
     \n\
1002-bfd1       BFD        ---        up     23:29:35.874  \n\
1006-
1002-r1         BGP        ---        up     23:29:40.102  Established   \n\
1006-  BGP state:          Established
         Neighbor address: 10.0.0.2
         Neighbor AS:      65002
         Local AS:         65001
         Neighbor ID:      10.0.0.2
         Local capabilities
           Multiprotocol
             AF announced: ipv4
           Route refresh
         Session:          external AS4
         Source address:   10.0.0.1
       Channel ipv4
         State:          UP
     \n\
1002-r2         BGP        ---        start  23:29:35.874  Active        \
BGP Error: Hold timer expired
1006-  Description:    the other one: BGP state: Established
       BGP state:          Active
         Neighbor address: fe80::2%eth0
         Last error:       BGP Error: Hold timer expired
     \n\
1002-r3         BGP        ---        down   23:29:35.874  \n\
1006-  BGP state:          Down
         Neighbor range:   10.1.0.0/16
     \n\
"""

BIRD_3 = f"""\
{HEADING}1002-to_pe1     BGP        ---        up     15:02:35.384  Established   \n\
1006-  Created:            15:02:20.301
       BGP state:          Established
         Neighbor address: 2001:db8::2 onlink
         Neighbor AS:      65000
         Local AS:         65001
       Channel ipv6
         State:          UP
         Import state:   UP
         Export state:   READY
         Routes:         0 imported, 2 exported, 0 preferred
         Pending 0 attribute sets with total 0 prefixes to send
     \n\
"""


def test_sessions_of_bird_2() -> None:
    bfd = {"10.0.0.2": "Up", "fe80::2%eth0": "Down", "fe80::2": "Up"}
    assert read_sessions(reply(BIRD_2_0), bfd) == (
        BgpSession("r1", True, "10.0.0.2", "Up", ""),
        BgpSession("r2", False, "fe80::2%eth0", "Down", "Active, BGP Error: Hold timer expired"),
        BgpSession("r3", False, "", None, "down"),
    )


def test_sessions_of_bird_3() -> None:
    found = read_sessions(reply(BIRD_3), {"2001:db8::3": "Up"})
    assert found == (BgpSession("to_pe1", True, "2001:db8::2", None, ""),)


def test_no_sessions() -> None:
    assert read_sessions(reply(""), {}) == ()


# -- BFD --------------------------------------------------------------------------------------

BFD_2_0 = """\
1020-bfd1:
     IP address                Interface  State      Since         Interval  Timeout
     10.0.0.2                  eth0       Up         23:29:35.875    0.100    0.300
     10.0.0.3                  ---        Down       2026-11-23 23:29:35    1.000    0.000
     fe80::aaaa:bbbb:cccc:dddd eth1       Init       23:29:35.875    1.000    3.000
"""


def test_bfd_sessions() -> None:
    assert read_bfd(reply(BFD_2_0)) == {
        "10.0.0.2": "Up",
        "10.0.0.2%eth0": "Up",
        "10.0.0.3": "Down",
        "10.0.0.3%---": "Down",
        "fe80::aaaa:bbbb:cccc:dddd": "Init",
        "fe80::aaaa:bbbb:cccc:dddd%eth1": "Init",
    }


def test_bfd_that_is_down_has_no_sessions() -> None:
    assert read_bfd(reply("1020-bfd1: is not up\n")) == {}


# -- routes -----------------------------------------------------------------------------------

ROUTES_2_0 = """\
1007-Table master4:
     192.0.2.53/32        unicast [vip 23:29:35.874] * (240)
     \tdev anycast0
1008-\tType: device univ
1012-\tBGP.community: (65535,0) (65001,7)
     \tBGP.large_community: (1, 2, 3)
1007-                     unicast [r1 23:30:00.000 from 10.0.0.9] (100) [AS65002i]
     \tvia 10.0.0.2 on eth0
1008-\tType: BGP univ
1012-\tBGP.origin: IGP
     \tBGP.as_path: 65002
     \tBGP.next_hop: 10.0.0.2
     \tBGP.community: (65002,1)
     \t\t(65002,2) (65002,3)
     \tBGP.ext_community: (rt, 65002, 4)
1007-
     Table master6:
     2001:db8::53/128     blackhole [st6 2026-11-23] * (200)
1008-\tType: static univ
"""

ROUTES_3 = """\
1007-Table master4:
     192.0.2.53/32        unicast [vip 04:45:07.515] * (240)
1008-\tdev anycast0
1012-\tpreference: 240
     \tsource: device
     \tbgp_community: (65535,0)
     \tbgp_large_community: (1, 2, 3)
1008-\tInternal route handling values: 3L 4G 0S id 1
1007-192.0.2.54/32        recursive [st 04:45:07.515] (200)
1012-\tpreference: 200
     \tbgp_path: \n\
1007-192.0.2.55/32 [x 04:45:07.515] (200)
1007-flow4 { dst 10.0.0.1/32; proto 17; } unknown [rr 2025-01-13 from 10.0.0.2] * (100) [i]
"""


def test_routes_of_bird_2() -> None:
    assert read_routes(reply(ROUTES_2_0)) == (
        BirdRoute("192.0.2.53/32", ((65535, 0), (65001, 7)), "vip"),
        BirdRoute("192.0.2.53/32", ((65002, 1), (65002, 2), (65002, 3)), "r1"),
        BirdRoute("2001:db8::53/128", (), "st6"),
    )


def test_routes_of_bird_3() -> None:
    assert read_routes(reply(ROUTES_3)) == (
        BirdRoute("192.0.2.53/32", ((65535, 0),), "vip"),
        BirdRoute("192.0.2.54/32", (), "st"),
        BirdRoute("192.0.2.55/32", (), "x"),
        BirdRoute("flow4 { dst 10.0.0.1/32; proto 17; }", (), "rr"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8001 Network not found",
        "9001 No valid tables",
        "9001 Requested 'show route export' to protocols which aren't accepting exports at all.",
    ],
)
def test_no_routes(text: str) -> None:
    assert read_routes(reply(text)) == ()


@pytest.mark.parametrize("text", ["1007-192.0.2.53/32 unicast", "1007-                  [x y]"])
def test_a_route_comes_from_somewhere(text: str) -> None:
    with pytest.raises(BirdError, match="something that dnsd does not understand"):
        read_routes(reply(text))


# -- anything ---------------------------------------------------------------------------------

READERS: list[Callable[[Reply], object]] = [
    read_status,
    read_protocols,
    lambda found: read_sessions(found, {}),
    read_bfd,
    read_routes,
    lambda found: found.expect(replies.RECONFIGURED),
]
CODE = st.sampled_from([2, 3, 9, 13, 1000, 1002, 1006, 1007, 1011, 1012, 1020, 8001, 9001])
LINE = st.one_of(
    st.text(),
    st.builds(
        "{:04}{}{}".format, CODE, st.sampled_from("- "), st.text(st.sampled_from("a [](,):\t./%1"))
    ),
    st.sampled_from((ROUTES_2_0 + ROUTES_3 + BIRD_2_0 + BIRD_3 + BFD_2_0).split("\n")),
)


def complaint(read: Callable[[], object]) -> str:
    try:
        read()
    except BirdError as error:
        return str(error)
    return ""


@given(st.lists(LINE).map("\n".join))
def test_arbitrary_text_is_a_value_or_a_bird_error_of_one_line(text: str) -> None:
    sentences = [complaint(lambda: reply(text))]
    if not sentences[0]:
        sentences = [complaint(partial(read, reply(text))) for read in READERS]
    assert all(sentence.isprintable() and len(sentence) < 1000 for sentence in sentences)


@given(st.text())
def test_what_a_sentence_repeats_is_short_and_printable(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text)) <= replies._LONGEST_QUOTE + 1
