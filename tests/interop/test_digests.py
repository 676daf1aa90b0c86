"""Digests of zones (ZONEMD) that other people's signers make: verified, and missed when wrong."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsd.zone.load import load_zone

ZONE = """\
$ORIGIN example.
$TTL 60
@ 3600 SOA ns h 7 2 3 4 5
@ NS NS.net.
M MX 1 M
m.b TXT a
M.b A 192.0.2.1
sub NS ns.sub
ns.sub A 192.0.2.2
x NAPTR 1 2 "s" "" "" A.Example.
"""

KNOT = """\
server:
  rundir: {0}
database:
  storage: {0}
policy:
  - id: p
    algorithm: ecdsap256sha256
zone:
  - domain: example.
    storage: {0}
    file: example.zone
    dnssec-signing: on
    dnssec-policy: p
    zonemd-generate: zonemd-sha512
"""


def run(directory: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def by_ldns(directory: Path) -> Path:
    key = run(directory, "ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "example.")
    both = ("-z", "1:1", "-z", "1:2")
    run(directory, "ldns-signzone", "-n", *both, "-f", "signed", "example.zone", key)
    return directory / "signed"


def by_knot(directory: Path) -> Path:
    (directory / "out").mkdir()
    (directory / "knot.conf").write_text(KNOT.format(directory))
    run(directory, "kzonesign", "-c", "knot.conf", "-o", str(directory / "out"), "example.")
    return directory / "out" / "example.zone"


@pytest.mark.parametrize(("tool", "sign"), [("ldns-signzone", by_ldns), ("kzonesign", by_knot)])
def test_a_digest_is_verified(tmp_path: Path, tool: str, sign: Callable[[Path], Path]) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    (tmp_path / "example.zone").write_text(ZONE)
    signed = sign(tmp_path)
    assert "ZONEMD" in signed.read_text()
    good = load_zone("example.", signed)
    assert good.zone is not None, good.findings
    assert not [one for one in good.findings if one.code.startswith("zonemd")]
    signed.write_text(signed.read_text().replace("192.0.2.2", "192.0.2.3"))
    bad = load_zone("example.", signed)
    assert "zonemd-mismatch" in {one.code for one in bad.findings}
    assert bad.zone is None
