"""Many small zones in packs: an edit leaves its pack, a pack ends with its last zone."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from dnsd.image import pack
from tests.support import Node, start_dnsd, until, zone

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"z{number}.example" for number in range(200)]
"""More than are built one by one."""


def files(node: Node) -> set[str]:
    return {path.name for path in (node.state / "images").iterdir()}


def packs(node: Node) -> list[Path]:
    return sorted((node.state / "images").glob("+pack.*"))


def test_an_edited_zone_leaves_its_pack_and_a_restart_finds_all() -> None:
    with start_dnsd({name: zone(1) for name in NAMES}, workers=2) as node:
        before = files(node)
        assert before == {path.name for path in packs(node)}
        assert 1 < len(before) < len(NAMES) / 4
        node.write(NAMES[7], zone(2))
        node.wait_serial(NAMES[7], 2)
        until(lambda: len(files(node)) == len(before) + 1, "an image of its own")
        assert before < files(node)
        after = files(node)
        assert node.stop() == 0
        told = len(node.lines)
        node.start()
        node.wait_line("dnsd: ready on", told)
        assert node.serial(NAMES[7]) == 2
        assert all(node.serial(name) == 1 for name in NAMES if name != NAMES[7])
        assert files(node) == after, "nothing was built again"


def test_packs_of_which_nothing_is_served_go() -> None:
    with start_dnsd({name: zone(1) for name in NAMES}, poll="1h") as node:
        before = files(node)
        for name in NAMES:
            node.write(name, zone(2))
        assert node.reload().returncode == 0
        until(lambda: not before & files(node), "the old packs go")
        assert all(node.serial(name) == 2 for name in NAMES)


def test_zones_that_were_dropped_do_not_come_back_with_a_restart() -> None:
    gone = [name for number, name in enumerate(NAMES) if number % 4]
    with start_dnsd({name: zone(1) for name in NAMES}, workers=1, poll="1h") as node:
        for name in gone:
            (node.zones / f"{name}.zone").unlink()
        assert node.run("reload", "--force", "--config", str(node.config)).returncode == 0
        told = len(node.lines)
        until(lambda: struck_out(node) == len(gone), "no worker needs them")
        assert node.stop() == 0
        node.start()
        node.wait_line("dnsd: ready on", told)
        assert not node.status()["problems"]
        assert all((node.serial(name) is None) == (name in gone) for name in NAMES)


def struck_out(node: Node) -> int:
    """How many images in packs are none any more."""
    left = sum(len(pack.index(path)) for path in packs(node))
    return len(NAMES) - left


@pytest.mark.parametrize("size", [0, 100])
def test_a_pack_that_is_lost_under_a_running_node_is_built_again(size: int) -> None:
    with start_dnsd({name: zone(1) for name in NAMES}, workers=1, poll="1h") as node:
        (victim,) = node.workers()
        lost = packs(node)[0]
        os.truncate(lost, size)
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in node.workers() and 0 not in node.workers(), "a new worker")
        until(lambda: lost not in packs(node), "the lost pack is cleared away")
        until(lambda: not node.status()["differences"], "all is as it should be")
        assert all(node.serial(name) == 1 for name in NAMES)
