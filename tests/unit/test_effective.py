"""The configuration in force: which changes want a restart, and what a successor finds."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dnsd.config import Options, resolve
from dnsd.control.effective import EffectiveConfig
from dnsd.image.keepsake import Keepsake
from dnsd.image.memory import Memory, create
from dnsd.image.state import ControlCells
from dnsd.process.events import LogLevel

TEXT = """\
[server]
state_directory = "state"
[zones]
directory = "zones"
[anycast]
enabled = true
vips = ["192.0.2.53/32"]
subnets = ["192.0.2.0/24"]
[[anycast.query]]
name = "www.example.com"
type = "A"
"""


def begin(directory: Path) -> EffectiveConfig:
    (directory / "zones").mkdir()
    (directory / "state").mkdir()
    file = directory / "dnsd.toml"
    file.write_text(TEXT)
    keepsake = Keepsake(Memory(create("kept")), memoryview(bytearray(8)).cast("Q"), 0)
    cells = memoryview(bytearray(4096)).cast("Q")
    return EffectiveConfig(resolve(file, Options()), Options(), keepsake, cells)


def test_a_question_that_only_stands_elsewhere_is_no_change(tmp_path: Path) -> None:
    force = begin(tmp_path)
    file = tmp_path / "dnsd.toml"
    file.write_text(f"# a new line\n{TEXT}")
    assert force.reread() == ()
    file.write_text(TEXT.replace("www", "ftp"))
    assert force.reread() == ("[anycast] query",)


def test_what_cannot_change_stays(tmp_path: Path) -> None:
    force = begin(tmp_path)
    before = force.config.anycast
    (tmp_path / "dnsd.toml").write_text(TEXT.replace("0.2.53", "0.2.54"))
    assert force.reread() == ("[anycast] vips",)
    assert force.config.anycast == before


def test_a_successor_goes_on_without_what_is_no_configuration(tmp_path: Path) -> None:
    force = begin(tmp_path)
    before = force.config
    for rubbish in (b"", b"[]", b'{"path":"\xff"}'):
        force._keepsake.put(rubbish)
        force.recover()
        assert force.config == before


def test_default_addresses_that_the_machine_lacks_are_no_change(tmp_path: Path) -> None:
    force = begin(tmp_path)
    here = force.config.server.listen[:1]
    server = msgspec.structs.replace(force.config.server, listen=here)
    force.config = msgspec.structs.replace(force.config, server=server)
    assert force.reread() == ()
    (tmp_path / "dnsd.toml").write_text(
        TEXT.replace("[server]", '[server]\nlisten = ["127.0.0.1:5300", "[::1]:5300"]')
    )
    assert force.reread() == ("[server] listen",), "that is asked for"


def test_the_level_of_the_log_is_applied_at_once_and_its_format_wants_a_restart(
    tmp_path: Path,
) -> None:
    force = begin(tmp_path)
    file = tmp_path / "dnsd.toml"
    cells = force._cells
    file.write_text(TEXT + '[log]\nlevel = "debug"\nformat = "json"\n')
    assert force.reread() == ("[log] format",)
    assert cells[ControlCells.LOG_LEVEL] == LogLevel.DEBUG
    assert (force.config.log.level, force.config.log.format) == ("debug", "text")
    cells[ControlCells.LOG_LEVEL] = LogLevel.ERROR  # an order
    force.reread()
    assert cells[ControlCells.LOG_LEVEL] == LogLevel.ERROR
