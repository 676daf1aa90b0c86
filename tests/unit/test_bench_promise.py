"""The study of promises: machines that die as told, and what is said of a promise that is kept."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.promise.machines import CLOSED, DEAD, ILL, WELL
from bench.promise.run import Machines
from bench.promise.site import Site
from bench.promise.study import Promise, Row, faults, parts
from bench.study import results
from bench.tables import Table
from tests.serving import free_port

ADDRESS = "127.38.0.1"


def asked(port: int) -> str:
    """Return what comes of a request."""
    try:
        with socket.create_connection((ADDRESS, port), timeout=0.3) as sock:
            try:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                return sock.recv(100).decode().split("\r\n")[0]
            except TimeoutError:
                return "no answer"
    except TimeoutError:
        return "no connection"
    except ConnectionRefusedError:
        return "refused"


def test_machines_die_as_they_are_told_and_live_again() -> None:
    port = free_port()
    machines = Machines(Site(1, False, (ADDRESS,), 0, port))
    try:
        for state, wanted in (
            (WELL, "HTTP/1.1 200 OK"),
            (CLOSED, "refused"),
            (ILL, "no answer"),
            (DEAD, "no connection"),
            (WELL, "HTTP/1.1 200 OK"),
        ):
            machines.become(ADDRESS, state)
            assert (state, asked(port)) == (state, wanted)
    finally:
        machines.stop()


def test_one_kill_for_real(tmp_path: Path) -> None:
    output = tmp_path / "promise.json"
    options = ["--names", "3", "--kills", "1", "--checks", "distinct", "--way", "closed"]
    options.append("--busy-ok")
    where = ["--port", str(free_port()), "--output", str(output)]
    result = CliRunner().invoke(main, ["promise", *options, *where])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(output.read_text())["rows"]
    assert row["promised"] == pytest.approx(8.26)
    assert 4 < row["longest"] <= row["promised"]  # the TTL of 5 s is felt in any case
    assert "| 3 | distinct | closed | 1 | 8.26 |" in output.with_suffix(".md").read_text()


def test_a_promise_that_is_not_kept_is_told() -> None:
    site = Site(2, True, (ADDRESS,), 0, 0)
    row = Row.of(site, DEAD, 1, 7.0, [6.0, 7.5])
    assert (row.is_kept, row.median, row.longest) == (False, 6.75, 7.5)
    study = Promise(kind="promise", about=results.about({}), rows=[row])
    table = parts(study)[1]
    assert isinstance(table, Table)
    assert table.rows == [["2", "shared", "dead", "1", "7.00", "6.8", "7.5", "no"]]
    assert faults(study) == ["shared checks, dead: felt for 7.5 s, promised 7.00 s"]
