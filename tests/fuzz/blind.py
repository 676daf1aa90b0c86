"""Search with gcc's sanitizers alone: ``python -m tests.fuzz.blind TARGET SECONDS SEED``.

For machines without clang: the inputs are seeds and corpus, changed at random, so a search finds
less than that of ``python -m tests.fuzz``. An input that fails is left in ``failed-TARGET``.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from random import Random

from tests.fuzz import overlay, sanitizers

ODD = (*(bytes((c,)) for c in b'\x00\x7f\x80\xff\n"\\('), b"\xc0\x0c", bytes(2), b"\xff\xff")
"""Octets that mean something to one parser or another."""


def search(target: str, seconds: float, seed: int) -> None:
    """Change inputs at random until the time is over; the one that fails is kept and raised."""
    fuzz_one = import_module(f"tests.fuzz.{target}").fuzz_one
    known = import_module(f"tests.fuzz.{target}").seeds()
    directory = Path(__file__).parent / "corpus" / target
    known += [file.read_bytes() for file in sorted(directory.iterdir())]
    pick, until, runs = Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = changed(pick.choice(known), known, pick)
        Path(f"failed-{target}").write_bytes(data)
        fuzz_one(data)
        runs += 1
    Path(f"failed-{target}").unlink()
    sys.stdout.write(f"{target}: {runs} inputs\n")


def changed(data: bytes, known: list[bytes], pick: Random) -> bytes:
    """Return ``data`` with a few octets replaced, cut out, put in, or taken from another input."""
    octets = bytearray(data)
    for _ in range(pick.choice((1, 1, 2, 4, 16))):
        at = pick.randrange(len(octets) + 1)
        end = min(len(octets), at + pick.choice((0, 1, 1, 2, 4, 20)))
        other = pick.choice(known)
        start = pick.randrange(len(other) + 1)
        octets[at:end] = pick.choice(
            (
                pick.randbytes(end - at),
                pick.choice(ODD),
                b"",
                other[start : start + pick.choice((1, 4, 40))],
                bytes(octets[at:end]) * 2,
            )
        )
    return bytes(octets)


def main() -> None:
    """Build a copy with sanitizers, and search in it."""
    target, seconds, seed, *inside = sys.argv[1:]
    if inside:
        logging.disable()  # a damaged image says so for every packet
        search(target, float(seconds), int(seed))
        return
    with tempfile.TemporaryDirectory() as name:
        overlay.build(Path(name), sanitizers.COMPILER)
        command = ("-m", "tests.fuzz.blind", target, seconds, seed, "inside")
        done = sanitizers.python(Path(name), *command)
        sys.stdout.write(done.stdout[-8000:])
        failed = Path(name) / f"failed-{target}"
        if failed.exists():
            Path(failed.name).write_bytes(failed.read_bytes())
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
