"""dnstap as others read it: fstrm_capture reads the socket, two more read files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.packets import query
from tests.support import Node, family, start_dnsd, until, zone

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("fstrm_capture", "dnstap-ldns", "dnstap-read"))),
    reason="fstrm-bin, dnstap-ldns and bind9-dnsutils are not installed",
)

ZONES = {"tap.example": zone(1, "www 120 A 192.0.2.1")}


def ask(node: Node, count: int) -> None:
    for number in range(count):
        way = node.ask_tcp if number % 5 == 4 else node.ask
        assert way(query("www.tap.example."))


def dnstap(node: Node) -> dict[str, Any]:
    found: list[dict[str, Any]] = node.status()["dnstap"]
    return found[0] if found else {"written": 0, "lost": 0}


def flows(node: Node) -> bool:
    ask(node, 1)
    return bool(dnstap(node)["written"])


def read(program: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def captured(directory: Path) -> Iterator[tuple[Path, Path]]:
    """A program that writes what comes to a socket into a file; both paths."""
    path, file = directory / "dnstap.sock", directory / "captured"
    kind = "protobuf:dnstap.Dnstap"
    process = subprocess.Popen(["fstrm_capture", "-t", kind, "-u", path, "-w", file])
    try:
        until(path.exists, "fstrm_capture")
        yield path, file
    finally:
        process.terminate()
        process.wait(20)


def test_a_socket_is_read_by_fstrm_capture_and_its_file_by_others(tmp_path: Path) -> None:
    with captured(tmp_path) as (path, file):
        tail = f'\n[dnstap]\nsocket = "{path}"\nidentity = "ns1.tap.example"\n'
        with start_dnsd(ZONES, workers=2, tail=tail) as dnsd:
            until(lambda: flows(dnsd), "the first query to arrive")
            ask(dnsd, 100)
            until(lambda: dnstap(dnsd)["written"] > 100, "the others")
            found = dnstap(dnsd)
            assert (found["lost"], found["fault"], found["to"]) == (0, "", str(path))
            told = dnsd.run("status", "--config", str(dnsd.config)).stdout
            assert f"dnstap: to {path}, " in told
    lines = read("dnstap-ldns", "-q", "-r", file).splitlines()
    assert len(lines) >= 200
    assert {line.split()[2] for line in lines} == {"AQ", "AR"}
    assert {line.split()[4] for line in lines} == {"UDP", "TCP"}
    assert {line.split()[6] for line in lines} == {'"www.tap.example."'}
    text = read("dnstap-read", "-y", file)
    assert text.count("identity: ns1.tap.example") == len(lines)
    assert text.count("type: AUTH_RESPONSE") == text.count("\t192.0.2.1\n") > 100


def test_a_file_is_rotated_by_moving_it_and_a_reload_ends_it(tmp_path: Path) -> None:
    file, away = tmp_path / "dnstap", tmp_path / "away"
    tail = f'\n[dnstap]\nfile = "{file}"\nsample = 2\nmessages = "responses"\n'
    with start_dnsd(ZONES, workers=1, tail=tail) as dnsd:
        until(lambda: flows(dnsd), "the first query to arrive")
        ask(dnsd, 100)
        file.rename(away)
        until(lambda: flows(dnsd) and file.exists(), "another file")
        dnsd.config.write_text(dnsd.config.read_text().replace(tail, ""))
        dnsd.reload()
        control = dnsd.status()["control"]["pid"]
        until(lambda: not family(control), "its end")
        assert dnsd.status()["dnstap"] == []
    older = read("dnstap-read", away).splitlines()
    newer = read("dnstap-ldns", "-q", "-r", file).splitlines()
    assert len(older) >= 45
    assert newer
    assert all(" AR " in line for line in older + newer)


def test_a_reader_that_stops_delays_nothing_and_what_it_loses_is_said(tmp_path: Path) -> None:
    with captured(tmp_path) as (path, _):
        tail = f'\n[dnstap]\nsocket = "{path}"\n'
        with start_dnsd(ZONES, workers=1, tail=tail) as dnsd:
            until(lambda: flows(dnsd), "the first query to arrive")
            (recorder,) = family(dnsd.status()["control"]["pid"])
            os.kill(recorder, signal.SIGKILL)
            ask(dnsd, 100)
            assert dnsd.run("status", "--config", str(dnsd.config)).returncode == 0
            before = dnstap(dnsd)["written"]
            until(lambda: flows(dnsd) and dnstap(dnsd)["written"] > before, "another recorder")
