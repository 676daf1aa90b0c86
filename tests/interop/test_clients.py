"""dig, kdig and delv as clients of the example zones, over UDP and TCP."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import needs
from tests.interop.peers import HOST, Dnsd
from tests.interop.zonefiles import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def dnsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dnsd]:
    zones = {f"{path.stem}.": path for path in EXAMPLES.glob("*.zone")}
    with Dnsd(tmp_path_factory.mktemp("clients") / "dnsd", zones) as server:
        yield server


@pytest.fixture(scope="module")
def anchors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trust anchor of the signed examples as delv wants it."""
    lines = (EXAMPLES / "signed.example.anchor").read_text().splitlines()
    origin, _, _, *fields, digest = lines[-1].split()
    path = tmp_path_factory.mktemp("delv") / "anchors"
    path.write_text(f'trust-anchors {{ {origin} static-ds {" ".join(fields)} "{digest}"; }};\n')
    return path


def run(*command: str) -> str:
    """Run a client and return what it writes, blanks made single."""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r"[ \t]+", " ", done.stdout)


def dig(dnsd: Dnsd, *words: str) -> str:
    return run("dig", "-r", "-p", str(dnsd.port), f"@{HOST}", "+norec", *words)


def kdig(dnsd: Dnsd, *words: str) -> str:
    return run("kdig", "-p", str(dnsd.port), f"@{HOST}", "+norec", *words)


transports = pytest.mark.parametrize("transport", ["+notcp", "+tcp"], ids=["udp", "tcp"])


@needs("dig")
@transports
def test_dig(dnsd: Dnsd, transport: str) -> None:
    output = dig(dnsd, transport, "www.example.com.", "AAAA")
    assert "status: NOERROR" in output
    assert "flags: qr aa;" in output
    assert "www.example.com. 300 IN AAAA 2001:db8::80" in output
    assert "WARNING" not in output


@needs("dig")
@transports
def test_dig_with_dnssec(dnsd: Dnsd, transport: str) -> None:
    output = dig(dnsd, transport, "+dnssec", "nothing.signed.example.", "A")
    assert "status: NXDOMAIN" in output
    assert "flags: do;" in output
    assert len(re.findall(r" IN RRSIG (?:SOA|NSEC) ", output)) >= 2
    assert "WARNING" not in output


@needs("dig")
def test_dig_referral(dnsd: Dnsd) -> None:
    output = dig(dnsd, "x.insecure.signed.example.", "A")
    assert "flags: qr; QUERY: 1, ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2" in output
    assert "ns1.insecure.signed.example. 3600 IN A 192.0.2.55" in output


@needs("dig")
def test_dig_is_told_that_it_asks_the_wrong_server(dnsd: Dnsd) -> None:
    output = dig(dnsd, "www.example.org.", "A")
    assert "status: REFUSED" in output
    assert "EDE: 20 (Not Authoritative)" in output


@needs("dig")
def test_dig_transfer_is_refused(dnsd: Dnsd) -> None:
    assert "Transfer failed" in dig(dnsd, "example.com.", "AXFR")


@needs("dig")
def test_dig_any_over_udp(dnsd: Dnsd) -> None:
    output = dig(dnsd, "+notcp", "www.example.com.", "ANY")
    assert "status: NOERROR" in output
    assert set(re.findall(r"www\.example\.com\. \d+ IN (\w+)", output)) == {"A"}


@needs("dig")
def test_dig_goes_on_over_tcp(dnsd: Dnsd) -> None:
    """Two NSEC, a SOA and their signatures need more than 512 octets."""
    question = ("+dnssec", "+bufsize=512", "nothing.signed.example.", "A")
    truncated = dig(dnsd, "+ignore", *question)
    assert "flags: qr aa tc; QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1" in truncated
    whole = dig(dnsd, *question)
    assert "Truncated, retrying in TCP mode" in whole
    assert "flags: qr aa; QUERY: 1, ANSWER: 0, AUTHORITY: 6, ADDITIONAL: 1" in whole


@needs("kdig")
@transports
def test_kdig(dnsd: Dnsd, transport: str) -> None:
    output = kdig(dnsd, transport, "+dnssec", "anyone.users.signed.example.", "A")
    assert "status: NOERROR" in output
    assert "Flags: qr aa;" in output
    assert "anyone.users.signed.example. 3600 IN A 192.0.2.91" in output
    assert "WARNING" not in output


@needs("kdig")
def test_kdig_keeps_a_connection_open(dnsd: Dnsd) -> None:
    output = kdig(
        dnsd, "+tcp", "+keepopen", "+short", "ns1.example.com.", "A", "mail1.example.com.", "A"
    )
    assert output.split() == ["192.0.2.53", "192.0.2.25"]


@needs("kdig")
def test_kdig_edns_version_1(dnsd: Dnsd) -> None:
    output = kdig(dnsd, "+edns=1", "www.example.com.", "A")
    assert "ext-rcode: BADVERS" in output
    assert "Version: 0;" in output


@needs("delv")
@pytest.mark.parametrize(
    ("name", "rtype", "verdict"),
    [
        ("www.signed.example.", "A", "; fully validated"),
        ("anyone.users.signed.example.", "A", "; fully validated"),
        ("x.moved.signed.example.", "TXT", "; fully validated"),
        ("www.hashed.signed.example.", "AAAA", "; fully validated"),
        ("empty.signed.example.", "A", "; negative response, fully validated"),
        ("nothing.signed.example.", "A", "; negative response, fully validated"),
        ("insecure.signed.example.", "DS", "; negative response, fully validated"),
    ],
)
def test_delv(dnsd: Dnsd, anchors: Path, name: str, rtype: str, verdict: str) -> None:
    """Delv follows the chain of trust from the anchor beside the zone by itself."""
    server = ("-p", str(dnsd.port), f"@{HOST}")
    assert verdict in run("delv", *server, "-a", str(anchors), "+root=signed.example.", name, rtype)
