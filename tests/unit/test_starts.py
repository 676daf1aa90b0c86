"""What each program has loaded when it begins its work: a start costs what is imported for it.

The lists are complete. A package that comes in anew is either needed at each start, and then it
is added here, or imported where it is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TELL = """
import json, sys
parts = {".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("dnsd.")}
tops = {name.partition(".")[0] for name in sys.modules}
files = {name: getattr(sys.modules.get(name), "__file__", None) or "" for name in tops}
others = {name for name, file in files.items() if "site-packages" in file}
watched = {"asyncio", "ssl", "email", "subprocess", "ctypes", "tomllib"} & tops
sys.stdout.write(json.dumps([sorted(parts), sorted(others), sorted(watched)]))
"""

COMMAND = """
import sys
from dnsd.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
"""

NOT_COUNTED = {"_distutils_hack", "__editable___dnsd_0_1_0_dev0_finder", "sitecustomize"}

PURE = {"dnsd.errors", "dnsd.process", "dnsd.text"}
ANSWERING = {"dnsd.hotpath", "dnsd.image", "dnsd.metrics", "dnsd.wire"}


def _loaded(program: str, *arguments: str) -> tuple[set[str], set[str], set[str]]:
    """Return dnsd's packages, those of others, and of Python's own those that are watched."""
    done = subprocess.run(
        [sys.executable, "-c", program + TELL, *arguments],
        check=True,
        env={**os.environ, "STATE_DIRECTORY": "/nowhere"},  # no node of this machine answers
        capture_output=True,
        text=True,
        timeout=60,
    )
    parts, others, watched = json.loads(done.stdout.splitlines()[-1])
    return set(parts), {one for one in others if one.partition("__")[0]} - NOT_COUNTED, set(watched)


def test_a_worker_loads_what_answers() -> None:
    parts, others, watched = _loaded("import dnsd.serve.__main__")
    assert parts == {*PURE, *ANSWERING, "dnsd.rights", "dnsd.serve"}
    assert others == {"msgspec", "typing_extensions", "uvloop"}
    assert watched == {"asyncio", "ssl", "subprocess", "ctypes"}  # uvloop brings the first three


def test_control_loads_no_library_that_only_some_nodes_need() -> None:
    parts, others, watched = _loaded("import dnsd.control.__main__")
    assert others == {"msgspec", "typing_extensions"}
    assert parts.isdisjoint({"dnsd.cli", "dnsd.compile", "dnsd.daemon", "dnsd.routerconf"})
    assert "email" not in watched


def test_the_master_loads_neither_an_event_loop_nor_dns() -> None:
    parts, others, watched = _loaded("import dnsd.daemon")
    assert others == {"msgspec", "typing_extensions"}
    assert parts.isdisjoint({"dnsd.build", "dnsd.compile", "dnsd.failover", "dnsd.zone"})
    assert "asyncio" not in watched


@pytest.mark.parametrize("command", ["status", "reload"])
def test_a_command_that_asks_loads_no_more_than_it_takes_to_ask(command: str) -> None:
    _, others, watched = _loaded(COMMAND, command)
    assert others <= {"click", "msgspec", "typing_extensions"}
    assert watched <= {"subprocess", "tomllib"}


BUILD = """
import sys
from dnsd.build.images import Job
from dnsd.build.pipeline import build_zones
from dnsd.config import Limits
file = "zones/example.com.zone"
job = Job(origin="example.com.", file=file, limits=Limits(), images=sys.argv[1])
assert build_zones([job])[0].image
"""


def test_a_zone_without_a_policy_is_built_without_what_checks_policies(tmp_path: Path) -> None:
    parts, others, watched = _loaded(BUILD, str(tmp_path))
    assert others <= {"dns", "idna", "msgspec", "typing_extensions"}
    assert parts.isdisjoint({"dnsd.checks", "dnsd.control"})
    assert watched.isdisjoint({"asyncio", "ssl"})


def test_usual_records_are_read_without_dnspython(tmp_path: Path) -> None:
    zone = tmp_path / "plain.zone"
    zone.write_text("$TTL 60\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n")
    build = BUILD.replace("zones/example.com.zone", str(zone))
    _, others, watched = _loaded(build, str(tmp_path))
    assert others == {"msgspec", "typing_extensions"}
    assert "tomllib" not in watched


def test_the_version_is_told_without_the_configuration() -> None:
    parts, others, watched = _loaded(COMMAND, "version")
    assert "dnsd.config" not in parts
    assert others == {"click"}
    assert watched.isdisjoint({"asyncio", "ssl"})


def test_help_loads_click_alone() -> None:
    parts, others, watched = _loaded(COMMAND, "--help")
    assert parts == {*PURE, "dnsd.cli"}
    assert others == {"click"}
    assert watched == set()


def test_a_check_of_a_file_without_a_policy_loads_no_checks_of_services() -> None:
    parts, others, watched = _loaded(COMMAND, "check", "zones/example.com.zone")
    assert parts.isdisjoint({"dnsd.build", "dnsd.checks", "dnsd.compile", "dnsd.control"})
    assert others <= {"click", "dns", "idna", "msgspec", "typing_extensions"}
    assert watched.isdisjoint({"asyncio", "ssl"})
