"""What befalls zone files in the field: a fault of one file is that file's, and nothing is lost."""

from __future__ import annotations

import shutil
import time

from tests.support import make_node, start_dnsd, until, zone

NAME = "example.com"
HOSTS = tuple(f"h{number} A 192.0.2.1" for number in range(100))


def test_odd_files_are_told_and_the_others_are_served() -> None:
    with make_node({NAME: zone(1), "new.example": "broken"}) as node:
        odd = ("a b", "copy of example.com", "Example.COM", "l" * 70, "esc\x1b[31m")
        for name in odd:
            node.write(name, zone(9))
        node.start()
        assert "2 zones, 1 of them broken" in node.wait_ready()
        assert node.serial(NAME) == 1
        told = [line for line in node.lines if "[odd-file]" in line]
        assert len(told) == len(odd)
        assert all(line.isprintable() for line in told)
        node.write("example.org", zone(2))
        node.wait_serial("example.org", 2)
        result = node.reload()
        assert result.returncode == 1
        assert result.stderr.count("[odd-file]") == len(odd)
        assert node.reload(NAME).returncode == 0


def test_half_a_file_is_not_served_and_half_a_zone_by_order_only() -> None:
    settle = 0.1
    with start_dnsd({NAME: zone(1, *HOSTS)}, settle=f"{settle * 1000:.0f}ms") as node:
        whole = zone(2, *HOSTS)
        with (node.zones / f"{NAME}.zone").open("w") as file:
            for part in (whole[: len(whole) * 3 // 4], whole[len(whole) * 3 // 4 :]):
                file.write(part)
                file.flush()
                # much longer than it takes to settle, and to be looked at
                time.sleep(8 * settle)
                assert node.serial(NAME) == 1
        node.wait_serial(NAME, 2)
        node.write(NAME, "".join(zone(3, *HOSTS).splitlines(keepends=True)[:20]))
        line = node.wait_line("[zone-shrunk]")
        assert "84 of 103 records are gone, more than [zones] shrink allows (50%)" in line
        assert node.serial(NAME) == 2
        assert node.reload(NAME).returncode == 1
        assert node.reload("--force", NAME).returncode == 0
        assert node.serial(NAME) == 3


def test_an_empty_directory_takes_no_zone_away_not_even_by_a_restart() -> None:
    names = ("a.example", "b.example", "c.example")
    with start_dnsd({name: zone(1) for name in names}) as node:
        away = node.directory / "away"
        node.zones.rename(away)
        node.zones.mkdir()
        node.wait_line("[zones-gone]")
        assert [node.serial(name) for name in names] == [1, 1, 1]
        node.stop()
        node.zones.rmdir()
        told = len(node.lines)
        node.start()
        node.wait_line("dnsd: ready on", after=told)
        assert [node.serial(name) for name in names] == [1, 1, 1]
        node.zones.mkdir()
        shutil.copytree(away, node.zones, dirs_exist_ok=True)
        until(lambda: all(one["state"] == "served" for one in node.status()["zones"]))
        for path in node.zones.iterdir():
            path.unlink()
        assert node.reload("--force").returncode == 0
        assert node.status()["zones"] == []
