"""Every command in README.md is run: it works, or it is not in there.

A server that README's reader would have running is running, on a port of its own in place of
5300 and 5301. Commands that serve are waited for and stopped; targets of make are looked up, not
built.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dnsd import config
from dnsd.config import policyfile

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line
]
DNSD = [sys.executable, "-c", "from dnsd.cli import main; main()"]
CONFIGURATIONS = re.findall(r"^```toml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
RUN_S = 120
ELSEWHERE = re.compile(r"dnsd (anycast|drain node|undrain node|withdraw|announce)\b")
"""Commands that need a VIP and BIRD: test_anycast runs them."""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def environment(state: Path) -> dict[str, str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {key: value for key, value in os.environ.items() if key != "DNSD_CONFIG"}
    return given | {"PATH": programs, "STATE_DIRECTORY": str(state)}


def words(command: str, port: int) -> list[str]:
    """Split ``command``; it finds this Python's programs, and the server on ``port``."""
    found = shlex.split(re.sub(r"530[01]", str(port), command).replace(".venv/bin/", ""))
    ours = {"python": [sys.executable], "dnsd": DNSD}
    return [*ours.get(found[0], found[:1]), *found[1:]]


@contextlib.contextmanager
def serving(command: list[str], state: Path) -> Iterator[None]:
    """Run ``command`` until it says that it is ready; at the end it stops cleanly."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(state), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("dnsd: ready"):
                break
        else:
            pytest.fail(f"{shlex.join(command)} is not ready: {''.join(said)}")
        yield
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=RUN_S)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port and the state directory of a server of the example zones."""
    state, port = tmp_path_factory.mktemp("state"), free_port()
    with serving(words("dnsd serve --zones zones --listen 127.0.0.1:5300", port), state):
        until_checked(state)
        yield port, state


def until_checked(state: Path) -> None:
    """Wait until something is known of every member of a pool: orders are judged by that."""
    deadline = time.monotonic() + RUN_S
    while '"state": "init"' in run([*DNSD, "failover", "--json"], state):
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_knows_the_target(command: str) -> None:
    done = subprocess.run(
        [*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    target = command.removeprefix("make ")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("dnsd serve")])
def test_it_serves(command: str, tmp_path: Path) -> None:
    port = free_port()
    listen = [] if "--listen" in command else ["--listen", f"127.0.0.1:{port}"]
    with serving([*words(command, port), *listen], tmp_path):
        pass


def test_configurations_are_right(tmp_path: Path) -> None:
    assert CONFIGURATIONS
    for number, text in enumerate(CONFIGURATIONS):
        path = tmp_path / f"{number}.toml"
        path.write_text(text)
        if "[[pool]]" in text or "[[alias]]" in text:
            policy, problems = policyfile.read_policy(text, path, "failover.example.")
            assert policy
            assert problems == ()
        else:
            assert config.load(path) != config.default()


@pytest.mark.needs("dig")
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("dig ")])
def test_dig_gets_an_answer(command: str, node: tuple[int, Path]) -> None:
    port, state = node
    output = run(words(command, port), state)
    assert "status: NOERROR" in output
    assert "ANSWER SECTION" in output


@pytest.mark.parametrize(
    "command",
    [
        command
        for command in COMMANDS
        if re.match(r"(\.venv/bin/)?dnsd (?!serve)", command) and not ELSEWHERE.match(command)
    ],
)
def test_it_succeeds(command: str, node: tuple[int, Path]) -> None:
    port, state = node
    # The commands before it may have been given to the server of another test process.
    if command.startswith(("dnsd drain", "dnsd horizon")):
        run([*DNSD, "declare", "past", "--ttl", "0s"], state)
    if command.startswith("dnsd horizon"):
        run(words(command.replace("horizon", "drain member"), port), state)
    if command.startswith("dnsd failover cancel"):
        planned = words(command.replace("cancel", "force") + " down --at 22:00 --for 1h", port)
        subprocess.run(planned, env=environment(state), capture_output=True, check=False)
    if command.startswith("dnsd undrain member"):
        drain = [*words(command.replace("undrain", "drain"), port), "--no-wait"]
        subprocess.run(drain, env=environment(state), capture_output=True, check=False)
    assert run(words(command, port), state)


@pytest.mark.needs("dnsperf", "nsd")
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python -m bench")])
def test_it_measures(command: str, tmp_path: Path) -> None:
    output = tmp_path / "run.json"
    assert run([*words(command, 0), "--output", str(output)], tmp_path)
    assert output.exists()


def test_no_command_is_left_out() -> None:
    known = r"make |export STATE_DIRECTORY=/|(\.venv/bin/)?dnsd |dig |python -m bench"
    assert [c for c in COMMANDS if not re.match(known, c)] == []
    assert len(COMMANDS) > 10


def run(command: list[str], state: Path) -> str:
    """Run ``command`` to its successful end; return what it printed."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(state),
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
