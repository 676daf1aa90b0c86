"""A backend's machine: made ready, looked at, given back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dnsd.control.balance import backendhost, settings
from dnsd.errors import BalanceError
from tests.netspace import Space
from tests.support import COMMAND

VIPS = ("192.0.2.80", "2001:db8:53::80")


@pytest.fixture
def space() -> Iterator[Space]:
    with Space() as made:
        made.ip("link set lo up", "link add lan0 type veth peer name lan1")
        made.ip("link set lan0 up", "link set lan1 up")
        yield made


def values(space: Space) -> dict[str, str]:
    return {
        place: space((settings.ROOT / place).read_text).strip() for place in backendhost.SETTINGS
    }


def test_it_is_made_ready_and_given_back_as_it_was(space: Space, tmp_path: Path) -> None:
    before = values(space), space.run("ip", "-br", "addr", "show", "lo").stdout
    told = space(backendhost.check, VIPS)
    assert [line.split(" is ")[0] for line in told] == [
        *VIPS,
        "net.ipv4.conf.all.arp_ignore",
        "net.ipv4.conf.all.arp_announce",
        "net.ipv4.tcp_mtu_probing",
    ]
    assert len(space(backendhost.setup, VIPS, tmp_path)) == 5
    assert space(backendhost.check, VIPS) == []
    assert space(backendhost.setup, VIPS, tmp_path) == []
    assert len(space(backendhost.undo, tmp_path)) == 5
    assert (values(space), space.run("ip", "-br", "addr", "show", "lo").stdout) == before
    assert space(backendhost.undo, tmp_path) == []


def test_what_was_there_before_and_what_others_have_changed_since_stays(
    space: Space, tmp_path: Path
) -> None:
    space.ip(f"addr add {VIPS[0]}/32 dev lo")
    space.run("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1")
    space(backendhost.setup, VIPS, tmp_path)
    space.run("sysctl", "-qw", "net.ipv4.tcp_mtu_probing=2")
    space(backendhost.undo, tmp_path)
    found = space.run("ip", "addr", "show", "lo").stdout
    assert VIPS[0] in found
    assert VIPS[1] not in found
    assert values(space)["ipv4/conf/all/arp_ignore"] == "1"
    assert values(space)["ipv4/tcp_mtu_probing"] == "2"


def test_a_vip_on_a_link_is_told(space: Space) -> None:
    space.ip(f"addr add {VIPS[0]}/32 dev lan0")
    told = space(backendhost.check, VIPS[:1])
    assert told[0].startswith(
        f"{VIPS[0]} is an address of lan0, which answers its neighbours for it"
    )


def test_settings_of_each_link_are_as_good_as_that_of_all(space: Space) -> None:
    for link in ("lan0", "lan1"):
        space.run("sysctl", "-qw", f"net.ipv4.conf.{link}.arp_ignore=1")
    assert not any("arp_ignore" in line for line in space(backendhost.check, VIPS))


def test_nothing_is_changed_that_cannot_be_written_down(space: Space) -> None:
    with pytest.raises(BalanceError, match="cannot record changes in /proc"):
        space(backendhost.setup, VIPS, Path("/proc/none"))
    assert len(space(backendhost.check, VIPS)) == 5


def test_the_commands_say_what_they_do(space: Space, tmp_path: Path) -> None:
    def dnsd(*words: str) -> tuple[int, str]:
        done = space.run(*COMMAND, "backend", *words, check=False)
        return done.returncode, done.stdout + done.stderr

    record = ("--record", str(tmp_path))
    assert dnsd("check", *VIPS)[0] == 1
    status, told = dnsd("setup", *record, *VIPS)
    assert (status, f"lo has {VIPS[1]}" in told) == (0, True)
    assert dnsd("check", *VIPS) == (0, "")
    assert "192.0.2.80 is removed from lo" in dnsd("undo", *record)[1]
    assert dnsd("setup", *record, "192.0.2.0/24")[0] == 2
