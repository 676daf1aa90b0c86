"""Checks of signed zones: what a signer forgot, and what time did to its work."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsd.zone.load import load_text
from dnsd.zone.records import Zone
from dnsd.zone.signedtimes import times_of
from dnsd.zone.validity import Validity

HEAD = "$TTL 60\n@ SOA ns.example.org. h 1 7200 3600 1209600 300\n@ NS ns.example.org.\n"
NOW = 1735689600  # 2025-01-01
VALID = "20250201000000 20241201000000"
KEY = f"@ DNSKEY 257 3 13 {'A' * 86}==\n"
NEXT = "2vptu5timamqttgl4luu9kg21e0aor3s"


def signature(owner: str, covered: str, times: str = VALID, signer: str = "@") -> str:
    return f"{owner} RRSIG {covered} 13 2 60 {times} 1 {signer} AAAA\n"


APEX = HEAD + KEY + "".join(signature("@", covered) for covered in ("SOA", "NS", "DNSKEY"))
"""A signed apex that lacks nothing but a chain; seven lines."""
NSEC = "@ NSEC @ NS SOA RRSIG NSEC DNSKEY\n" + signature("@", "NSEC")
NSEC3 = f"@ NSEC3PARAM 1 0 0 -\n{NEXT} NSEC3 1 0 0 - {NEXT} NS\n" + "".join(
    signature(*rrset) for rrset in (("@", "NSEC3PARAM"), (NEXT, "NSEC3"))
)


def findings(text: str, now: float = NOW) -> list[str]:
    result = load_text("example.com", text, "z", now=now)
    return [re.sub("^z:(?=[0-9])", "", str(finding)) for finding in result.findings]


@pytest.mark.parametrize("chain", [NSEC, NSEC3], ids=["NSEC", "NSEC3"])
def test_a_well_signed_zone(chain: str) -> None:
    delegation = f"sub NS ns.sub\nns.sub A 192.0.2.1\nsub DS 1 13 2 {'00' * 32}\n" + signature(
        "sub", "DS"
    )
    if chain == NSEC:
        chain = chain.replace("NSEC @", "NSEC sub")
        chain += "sub NSEC @ NS DS RRSIG NSEC\n" + signature("sub", "NSEC")
    assert findings(APEX + chain + delegation) == []


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (
            ["20250101000000 20241201000000"],
            [
                "12: warning: the first signatures of this zone, those of a.example.com. TXT, end "
                "on 2025-01-01 at 00:00 UTC: sign the zone again [rrsig-ends-soon]"
            ],
        ),
        (
            ["20241231235959 20241201000000"],
            [
                "12: warning: the signatures of a.example.com. TXT (and 1 more) are expired: "
                "sign the zone again [rrsig-expired]"
            ],
        ),
        (["20250201000000 20250101000000"], []),
        (
            ["20250201000000 20250101000001"],
            [
                "12: warning: the signatures of a.example.com. TXT (and 1 more) are not valid yet: "
                "check the clock here and where it was signed [rrsig-not-yet-valid]"
            ],
        ),
        (["20241231000000 20241201000000", VALID], []),
    ],
)
def test_times(times: list[str], expected: list[str]) -> None:
    text = APEX + NSEC.replace("NSEC @", "NSEC a") + "a NSEC @ TXT NSEC\n" + signature("a", "NSEC")
    text += "a TXT x\na A 192.0.2.1\n"
    text += "".join(signature("a", "TXT", t) + signature("a", "A", t) for t in times)
    assert findings(text) == expected


def test_times_are_serial_numbers() -> None:
    wrap = 1 << 32
    text = (APEX + NSEC).replace(VALID, f"100 {wrap - 100}")
    for now, code in [(-101, "rrsig-not-yet-valid"), (101, "rrsig-expired")]:
        (finding,) = findings(text, wrap + now)
        assert code in finding
    for now in (-100, 0, 79):
        assert findings(text, wrap + now) == []
    (finding,) = findings(text, wrap + 81)
    assert "rrsig-ends-soon" in finding


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            APEX + NSEC + "a TXT x\nb TXT x\n",
            [
                "10: warning: the name of a.example.com. TXT (and 1 more) has no NSEC record: "
                "sign the zone again [nsec-chain]",
                "10: warning: the zone is signed but a.example.com. TXT (and 1 more) is not: "
                "sign the zone again [rrset-unsigned]",
            ],
            id="unsigned names",
        ),
        pytest.param(
            APEX.replace(signature("@", "NS"), "") + NSEC,
            [
                "3: warning: the zone is signed but example.com. NS is not: sign the zone again "
                "[rrset-unsigned]"
            ],
            id="unsigned RRset",
        ),
        pytest.param(
            APEX + NSEC + signature("a", "TXT"),
            [
                "10: warning: a.example.com. has signatures for TXT records that it does not have: "
                "sign the zone again [rrsig-without-rrset]"
            ],
            id="signature of nothing",
        ),
        pytest.param(
            APEX.replace(signature("@", "NS"), signature("@", "NS", signer="example.org.")) + NSEC,
            [
                "3: warning: the signatures of example.com. NS are not by this zone's keys: "
                "sign the zone again [rrsig-signer]"
            ],
            id="foreign signature",
        ),
        pytest.param(
            APEX,
            [
                "4: warning: the zone is signed but has neither an NSEC nor an NSEC3 chain, so "
                "that resolvers reject its negative answers: sign the zone again [denial-missing]"
            ],
            id="no chain",
        ),
        pytest.param(
            HEAD + "@ NSEC3PARAM 1 0 0 -\n",
            [
                "4: warning: the zone is signed but has neither an NSEC nor an NSEC3 chain, so "
                "that resolvers reject its negative answers: sign the zone again [denial-missing]"
            ],
            id="no NSEC3 chain",
        ),
        pytest.param(
            APEX + NSEC.replace("NSEC @", "NSEC b"),
            [
                "8: warning: example.com. NSEC does not lead to the next name: "
                "sign the zone again [nsec-chain]"
            ],
            id="broken NSEC chain",
        ),
        pytest.param(
            APEX + NSEC3.replace(f"- {NEXT}", f"- {NEXT[::-1]}"),
            [
                f"9: warning: {NEXT}.example.com. NSEC3 does not lead to another NSEC3: "
                "sign the zone again [nsec3-chain]"
            ],
            id="broken NSEC3 chain",
        ),
        pytest.param(
            APEX + NSEC3.replace("NSEC3PARAM 1 0 0 -", "NSEC3PARAM 1 0 0 ab"),
            [
                f"9: warning: no NSEC3PARAM at the apex has the parameters of {NEXT}.example.com. "
                "NSEC3: sign the zone again [nsec3-chain]"
            ],
            id="NSEC3PARAM for another chain",
        ),
        pytest.param(
            APEX + NSEC3.replace("1 0 0 -", "2 0 0 -"),
            [
                "8: warning: example.com. NSEC3PARAM has one record with hash algorithm 2, which "
                "is ignored: remove it, or sign the zone with algorithm 1 (SHA-1) and flags 0 "
                "[nsec3param-ignored]",
                f"9: error: {NEXT}.example.com. NSEC3 uses the unknown hash algorithm 2: "
                "sign the zone with algorithm 1 (SHA-1), or with NSEC [nsec3-algorithm]",
            ],
            id="algorithm",
        ),
    ],
)
def test_finding(text: str, expected: list[str]) -> None:
    assert findings(text) == expected


# -- how long they hold -----------------------------------------------------------------------

DAY = 86400


def stamp(at: int) -> str:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(at))


def loaded(text: str, *, native: bool) -> Zone:
    zone = load_text("example.com", text, "z", now=NOW).zone
    assert zone is not None
    return zone if native else Zone(zone.apex, dict(zone.nodes), dict(zone.signatures))


@pytest.mark.parametrize(
    ("lifetime", "left", "warned"),
    [
        (30 * DAY, 6 * DAY, True),
        (28 * DAY, 7 * DAY - 1, True),
        (28 * DAY, 7 * DAY, False),
        (14 * DAY, 6 * DAY, False),
        (14 * DAY, DAY, True),
        (30 * DAY, 0, True),
    ],
)
def test_signatures_that_end_soon(lifetime: int, left: int, warned: bool) -> None:
    soon = f"{stamp(NOW + left)} {stamp(NOW + left - lifetime)}"
    text = APEX + NSEC.replace("NSEC @", "NSEC a") + "a TXT x\na NSEC @ TXT RRSIG NSEC\n"
    text += signature("a", "NSEC") + signature("a", "TXT", soon)
    end = time.strftime("%Y-%m-%d at %H:%M UTC", time.gmtime(NOW + left))
    told = (
        "10: warning: the first signatures of this zone, those of a.example.com. TXT, end on "
        f"{end}: sign the zone again [rrsig-ends-soon]"
    )
    assert findings(text) == ([told] if warned else [])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["@ SOA", "@ NS", "a TXT", "b TXT", "b A", "none A"]),
            st.integers(-40, 40),
            st.integers(0, 60),
        ),
        max_size=8,
    )
)
def test_when_they_begin_and_end_is_found_natively_as_in_python(
    signed: list[tuple[str, int, int]],
) -> None:
    text = HEAD + "a TXT x\nb TXT x\nb A 192.0.2.1\n"
    spans: dict[str, list[tuple[int, int]]] = {}
    for rrset, left, lifetime in dict.fromkeys(signed):
        owner, rtype = rrset.split()
        end, start = NOW + left * DAY, NOW + (left - lifetime) * DAY
        text += signature(owner, rtype, f"{stamp(end)} {stamp(start)}")
        if owner != "none":
            spans.setdefault(rrset, []).append((end, start))
    native, plain = (times_of(loaded(text, native=one), NOW) for one in (True, False))
    assert native == plain
    if native is None:
        assert not spans
        return
    validity = native.validity(NOW)
    assert validity.ends == min(max(end for end, _ in each) for each in spans.values())
    assert validity.begins == max(min(start for _, start in each) for each in spans.values())


def test_what_is_said_of_them_before_and_after() -> None:
    validity = Validity(1000, 1000 + 40 * DAY, 40 * DAY, "a. A")
    end = validity.ends
    said = [
        (999, "early", "the signatures of z. are not valid for another 1 s: check the clock"),
        (1000, "good", ""),
        (end - 7 * DAY, "good", ""),
        (end - 7 * DAY + 1, "soon", "the signatures of z. end in 6 d 23 h (a. A): sign"),
        (end, "soon", "the signatures of z. end in 0 s (a. A): sign"),
        (end + 60, "ended", "the signatures of z. ended 1 min ago (a. A): resolvers that"),
    ]
    for at, state, sentence in said:
        assert validity.state(at) == state
        assert validity.sentence("z.", at).startswith(sentence), at
        assert bool(sentence) == bool(validity.sentence("z.", at))
