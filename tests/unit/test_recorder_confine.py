"""What a recorder can still do: write where it is told to, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROBE = """
import errno, json, os, socket, sys
from pathlib import Path
from dnsd.recorder.confine import confine_to_directory, confine_to_sockets
from dnsd.recorder.boundedfile import BoundedFile
from dnsd.rights import capabilities

home, other = Path(sys.argv[2]), Path(sys.argv[3])

def tried(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return ""

def rotated():
    file = BoundedFile(home / "log", 16)
    for _ in range(9):
        file.write(b"1234567\\n")

def connected():
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(home / "socket"))

waiting = socket.socket(socket.AF_UNIX)
waiting.bind(str(home / "socket"))
waiting.listen()
capabilities.gain_no_more()
lacking = confine_to_directory(home) if sys.argv[1] == "file" else confine_to_sockets()
print(json.dumps({
    "lacking": lacking,
    "write": tried(rotated),
    "write elsewhere": tried(lambda: (other / "x").write_text("x")),
    "read elsewhere": tried((other / "secret").read_text),
    "connect": tried(connected),
    "execute": tried(lambda: os.execv("/bin/true", ["true"])),
}))
"""


@pytest.mark.parametrize(
    ("way", "write", "connect"), [("file", "", "EPERM"), ("socket", "EACCES", "")]
)
def test_it_writes_in_one_directory_or_connects(
    way: str, write: str, connect: str, tmp_path: Path
) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    (other / "secret").write_text("x")
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, way, str(home), str(other)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "lacking": [],
        "write": write,
        "write elsewhere": "EACCES",
        "read elsewhere": "EACCES",
        "connect": connect,
        "execute": "EPERM",
    }
