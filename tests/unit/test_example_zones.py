"""The example zones: without fault for every tool, and what they say of themselves is true."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import dns.dnssec
import dns.name
import dns.rrset
import dns.zone
import pytest
from click.testing import CliRunner
from dns.rdatatype import DNSKEY, DS, NSEC, NSEC3, NSEC3PARAM, RRSIG

from dnsd import config
from dnsd.cli import main
from tests.conftest import needs

ZONES = Path(__file__).parents[2] / "zones"
FILES = config.zone_files(config.default())
SIGNED = ["signed.example.", "hashed.signed.example."]
MADE_BY_SIGNING = {RRSIG, NSEC, NSEC3, NSEC3PARAM, DNSKEY, DS}

PLAIN = [origin for origin, file in FILES.items() if "\n$GENERATE" not in file.read_text()]
"""Zones without $GENERATE, which NSD and Knot DNS don't know."""


def zone(origin: str, file: Path | None = None) -> dns.zone.Zone:
    return dns.zone.from_file(str(file or FILES[origin]), origin, relativize=False)


def test_what_there_is() -> None:
    assert set(FILES) == {
        "2.0.192.in-addr.arpa.",
        "8.b.d.0.1.0.0.2.ip6.arpa.",
        "example.com.",
        "failover.example.",
        "hashed.signed.example.",
        "lab.example.com.",
        "signed.example.",
    }


def test_no_findings() -> None:
    result = CliRunner(env={"DNSD_CONFIG": ""}).invoke(main, ["check"])
    assert result.stdout.startswith(f"no findings in {len(FILES)} zones with ")


@needs("named-checkzone")
@pytest.mark.parametrize("origin", FILES)
def test_named_finds_nothing(origin: str) -> None:
    silent(["named-checkzone", "-q", "-i", "local", origin, str(FILES[origin])])


@needs("nsd-checkzone")
@pytest.mark.parametrize("origin", PLAIN)
def test_nsd_finds_nothing(origin: str) -> None:
    silent(["nsd-checkzone", origin, str(FILES[origin])])


@pytest.mark.skipif(shutil.which("kzonecheck") is None, reason="no kzonecheck")
@pytest.mark.parametrize("origin", PLAIN)
def test_knot_finds_nothing(origin: str) -> None:
    silent(["kzonecheck", "-o", origin, str(FILES[origin])])


def silent(command: list[str]) -> None:
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


@needs("dnssec-verify")
@pytest.mark.parametrize("origin", SIGNED)
def test_signatures_are_good(origin: str) -> None:
    subprocess.run(
        ["dnssec-verify", "-q", "-z", "-o", origin, str(FILES[origin])],
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("origin", SIGNED)
def test_signatures_last(origin: str) -> None:
    expirations = [
        rdata.expiration
        for _, rdataset in zone(origin).iterate_rdatasets()
        for rdata in rdataset
        if rdataset.rdtype == RRSIG
    ]
    assert min(expirations) > datetime(2050, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("origin", SIGNED)
def test_a_signed_zone_is_its_source(origin: str) -> None:
    source = zone(origin, ZONES / "unsigned" / f"{origin}zone")
    assert data_of(zone(origin)) == data_of(source)


def data_of(found: dns.zone.Zone) -> set[str]:
    """What a zone says apart from DNSSEC; the DS of the child is put in when it is signed."""
    return {
        f"{name} {rdata.rdtype.name} {rdata.to_text()}"
        for name, rdataset in found.iterate_rdatasets()
        for rdata in rdataset
        if rdataset.rdtype not in MADE_BY_SIGNING
    }


def test_the_trust_anchor_fits() -> None:
    lines = (ZONES / "signed.example.anchor").read_text().splitlines()
    (anchor,) = [line for line in lines if not line.startswith(";")]
    expected = dns.rrset.from_text("signed.example.", 0, "IN", "DS", anchor.split(" DS ")[1])
    assert hashes(zone("signed.example."), "signed.example.") == set(expected)
    assert expected[0].to_text().split()[-1].upper() in "\n".join(lines[:-1])


def test_the_parent_knows_the_key_of_its_child() -> None:
    parent = zone("signed.example.")
    child = dns.name.from_text("hashed.signed.example.")
    known = set(parent.find_rdataset(child, DS))
    assert known == hashes(zone("hashed.signed.example."), "hashed.signed.example.")


def hashes(found: dns.zone.Zone, origin: str) -> set[object]:
    name = dns.name.from_text(origin)
    return {dns.dnssec.make_ds(name, key, "SHA256") for key in found.find_rdataset(name, DNSKEY)}


def test_one_is_nsec_and_the_other_nsec3_with_opt_out() -> None:
    assert list(zone("signed.example.").iterate_rdatasets(NSEC))
    hashed = list(zone("hashed.signed.example.").iterate_rdatasets(NSEC3))
    assert hashed
    assert all(rdata.flags == 1 for _, rdataset in hashed for rdata in rdataset)


@pytest.mark.parametrize("origin", FILES)
def test_comments_begin_the_file(origin: str) -> None:
    assert FILES[origin].read_text().startswith("; ")


def test_reverse_names_lead_to_names_that_exist() -> None:
    forward = {name for origin in FILES for name in zone(origin).nodes}
    wildcard = dns.name.from_text("*.dev.example.com.")
    for _, rdataset in zone("2.0.192.in-addr.arpa.").iterate_rdatasets("PTR"):
        for rdata in rdataset:
            target = rdata.target
            assert target in forward or target.is_subdomain(wildcard.parent())
