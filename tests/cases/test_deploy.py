"""The steps of deploy/README.md that put files in their places are run as they stand there.

They run as root in a mount namespace, whose /etc is a copy. What would change the machine
besides (packages, services, the running BIRD) is left out; the lab runs the daemons.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import CI, needs

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "deploy/README.md").read_text()
NOT_RUN = ("sudoedit", "systemctl", "birdc")

PRIVATE_ETC = """\
set -euo pipefail
mount --make-rprivate /
cp -a /etc etc
mount --bind etc /etc
"""
AS_BIRD = "setpriv --reuid bird --regid bird --clear-groups"
AS_DNSD = "setpriv --reuid dnsd --regid dnsd --init-groups"

pytestmark = [
    needs("bird", "adduser", "unshare", "setpriv", "openssl"),
    pytest.mark.skipif(os.geteuid() != 0 and not CI, reason="only root has a mount namespace"),
]


def step(title: str) -> list[str]:
    """Return the commands under a heading."""
    section = README.split(f"\n## {title}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def followed() -> list[str]:
    """Return all commands up to the start of the service."""
    user = [line for line in step("1. Programs") if "adduser" in line]
    assert len(user) == 2
    steps = ("3. Zones and configuration", "4. BIRD on the node", "5. The router")
    return [*user, *(line for title in steps for line in step(title) if "--frr" not in line)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A working directory like a checkout, with the programs that the steps call."""
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = dict.fromkeys(NOT_RUN, "#!/bin/sh\n")
    scripts["sudo"] = '#!/bin/sh\nexec "$@"\n'
    scripts["dnsd"] = f"#!{sys.executable}\nfrom dnsd.cli import main\nmain()\n"
    for name, text in scripts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name in ("deploy", "zones"):
        (tmp_path / name).symlink_to(ROOT / name)
    yield tmp_path
    shutil.rmtree(tmp_path / "etc", ignore_errors=True)  # it has the machine's secrets


def run(place: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run ``lines`` after the steps."""
    script = PRIVATE_ETC + "\n".join([*followed(), *lines])
    return subprocess.run(
        ["unshare", "--mount", "bash", "-c", script],
        cwd=place,
        env=os.environ | {"PATH": f"{place}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_steps_succeed_and_bird_can_read_what_it_includes(place: Path) -> None:
    done = run(place, f"{AS_BIRD} bird -p", "cat /etc/bird/bird.conf")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith((ROOT / "deploy/bird/node.conf").read_text())
    assert (place / "dnsd-nodes.conf").read_text() == (ROOT / "deploy/bird/router.conf").read_text()


def test_dnsd_writes_its_file_and_reads_no_password(place: Path) -> None:
    """It makes a new state file beside the old one and renames it."""
    done = run(
        place,
        f"{AS_DNSD} touch /etc/bird/dnsd/.state.conf.new",
        f"{AS_DNSD} mv /etc/bird/dnsd/.state.conf.new /etc/bird/dnsd/state.conf",
        f"{AS_BIRD} cat /etc/bird/dnsd/state.conf",
        f"if {AS_DNSD} cat /etc/bird/dnsd-password.conf; then exit 9; fi",
        f"if {AS_DNSD} touch /etc/bird/bird.conf; then exit 10; fi",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_machine_is_left_alone(place: Path) -> None:
    before = sorted(Path("/etc/bird").iterdir())
    assert run(place).returncode == 0
    assert sorted(Path("/etc/bird").iterdir()) == before
    assert (place / "etc/dnsd/dnsd.toml").exists()
