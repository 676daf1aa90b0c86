"""The zones that are attacked: a DNAME, large answers, names of one CRC-32, NSEC3 iterations."""

from __future__ import annotations

import subprocess
from itertools import islice
from typing import TYPE_CHECKING
from zlib import crc32

from bench.study.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN, HASH, NSEC3 = "abuse.example", "hash.example", "nsec3.example"
HOSTS = 1000
ITERATIONS = 150
COLLIDING = 20_000
_LETTERS = 48
"""Letters of a colliding label: 32 bits of CRC leave 2^16 labels of a and q."""
_HEAD = "@ 300 SOA ns hostmaster 1 3600 600 86400 60\n@ 300 NS ns\nns 300 A 10.53.0.1\n"
TOOL_S = 120


def write(directory: Path, wanted: set[str]) -> dict[str, Path]:
    """Write the zones ``wanted`` into ``directory``; return their files by name."""
    files = {name: directory / f"{name}.zone" for name in sorted(wanted)}
    hosts = "".join(f"w{number} 300 A 192.0.2.{number % 256}\n" for number in range(HOSTS))
    large = "".join(f'big 300 TXT "{number:0>60}"\n' for number in range(16))
    many = "".join(f"x.tt 300 A 10.1.{n >> 8}.{n & 255}\n" for n in range(3000))
    if PLAIN in files:
        files[PLAIN].write_text(f"{_HEAD}{hosts}{large}dd 300 DNAME tt\n{many}")
    if HASH in files:
        same = (f"{label} 300 A 192.0.2.1\n" for label in islice(labels(HASH), COLLIDING))
        files[HASH].write_text(_HEAD + "".join(same))
    if NSEC3 in files:
        _sign(directory, files[NSEC3], _HEAD + hosts[: hosts.index("w100 ")])
    return files


def labels(origin: str) -> Iterator[str]:
    """Yield labels that make names of one CRC-32 in the zone ``origin``, 2^16 of them.

    CRC is affine: what flipping bits of a name does to it does not depend on the name.
    """
    tail = b"".join(bytes((len(part),)) + part.encode() for part in origin.split(".")) + b"\0"

    def crc(flipped: int) -> int:
        letters = bytes(0x71 if flipped >> at & 1 else 0x61 for at in range(_LETTERS))
        return crc32(bytes((_LETTERS,)) + letters + tail)

    basis: dict[int, tuple[int, int]] = {}
    kernel: list[int] = []
    for at in range(_LETTERS):
        value, flips = crc(1 << at) ^ crc(0), 1 << at
        while value and value.bit_length() in basis:
            other, others = basis[value.bit_length()]
            value, flips = value ^ other, flips ^ others
        if value:
            basis[value.bit_length()] = value, flips
        else:
            kernel.append(flips)
    for number in range(1 << len(kernel)):
        flipped = 0
        for at, flips in enumerate(kernel):
            flipped ^= flips if number >> at & 1 else 0
        yield "".join("q" if flipped >> at & 1 else "a" for at in range(_LETTERS))


def _sign(directory: Path, signed: Path, text: str) -> None:
    plain = directory / "nsec3.plain"
    keygen = ["dnssec-keygen", "-q", "-K", str(directory), "-a", "ECDSAP256SHA256", "-f", "KSK"]
    key = _tool([*keygen, NSEC3]).strip()
    plain.write_text(text + (directory / f"{key}.key").read_text())
    sign = ["dnssec-signzone", "-z", "-P", "-O", "full", "-3", "-", "-H", str(ITERATIONS)]
    place = ["-K", str(directory), "-d", str(directory), "-o", NSEC3, "-f", str(signed)]
    _tool([*sign, *place, str(plain)])


def _tool(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S, check=False)
    except FileNotFoundError:
        raise StudyError(f"{command[0]} signs a zone and is not installed") from None
    if done.returncode:
        raise StudyError(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
