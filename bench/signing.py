"""Signs the zone of the signed loads, once, with BIND's tools: every server gets the same file."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from bench.run import LoadError

if TYPE_CHECKING:
    from pathlib import Path

ALGORITHM = "ECDSAP256SHA256"
DENIALS = ("NSEC", "NSEC3")
TIMEOUT_S = 300
NSEC3 = ["-3", "-", "-H", "0"]
"""No salt and no iterations, as RFC 9276 wants it."""


OPT_OUT = ["-A"]
"""Insecure delegations have no NSEC3 record (RFC 5155 §6)."""


def sign(origin: str, zone: Path, directory: Path, *, opt_out: bool = False) -> dict[str, Path]:
    """Sign ``zone`` with one key, once with each kind of denial; return the files.

    With ``opt_out`` there is one file, with NSEC3.
    """
    for tool in ("dnssec-keygen", "dnssec-signzone"):
        if shutil.which(tool) is None:
            raise LoadError(f"{tool} signs the zone and is not installed")
    key = _tool(["dnssec-keygen", "-q", "-K", str(directory), "-a", ALGORITHM, "-f", "KSK", origin])
    whole = directory / "unsigned"
    whole.write_bytes(zone.read_bytes() + (directory / f"{key.strip()}.key").read_bytes())
    signed = {}
    nsec3 = [*NSEC3, *(OPT_OUT if opt_out else [])]
    for denial in ("NSEC3",) if opt_out else DENIALS:
        signed[denial] = directory / f"zone.{denial.lower()}"
        command = ["dnssec-signzone", "-z", "-P", "-O", "full", "-K", str(directory)]
        command += ["-d", str(directory), "-o", origin, "-f", str(signed[denial])]
        _tool([*command, *(nsec3 if denial == "NSEC3" else []), str(whole)])
    return signed


def _tool(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise LoadError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
