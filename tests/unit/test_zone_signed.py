"""Checks of signed zones: what a signer forgot, and what time did to its work."""

from __future__ import annotations

import re

import pytest

from dnsd.zone.load import load_text

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
        (["20250101000000 20241201000000"], []),
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
    for now in (-100, 0, 100):
        assert findings(text, wrap + now) == []


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
