"""New zone data while dnsd runs: by command, by signal, by itself; broken zones and mended ones."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from pathlib import Path

import dns.edns
import dns.rcode

from tests.support import Node, make_node, start_dnsd, until, zone

NAME = "example.com"
BROKEN = "$TTL 60\n@ IN SOA ns hostmaster 9 3600 600 86400 60\n@ IN NS ns\nns IN A not-an-address\n"


class Asker:
    """Asks for a zone's serial all the time, from two threads; ``serials`` are the answers.

    No answer may be missing, and none older than ``promised`` was when it was asked for.
    """

    def __init__(self, node: Node, name: str) -> None:
        self.serials: list[int] = []
        self.promised = 0
        self._node = node
        self._name = name
        self._stop = threading.Event()
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                promised = self.promised
                serial = self._node.serial(self._name)
                assert serial is not None, "the zone was gone"
                assert serial >= promised, f"{serial} is stale: {promised} was served already"
                self.serials.append(serial)
        except BaseException as error:
            self._faults.append(error)

    def more(self, count: int) -> None:
        """Wait for ``count`` more answers."""
        wanted = len(self.serials) + count
        until(lambda: self._faults or len(self.serials) >= wanted)

    def __enter__(self) -> Asker:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self._faults, self._faults


# -- by command and signal --------------------------------------------------------------------


def test_reload_waits_until_the_new_data_is_served() -> None:
    with start_dnsd({NAME: zone(1)}, workers=2, poll="1h") as node:
        for serial in range(2, 7):
            node.write(NAME, zone(serial))
            assert node.admin("reload")["ok"]
            # each of them comes from another source port, so both workers are asked
            assert {node.serial(NAME) for _ in range(10)} == {serial}


def test_reload_says_what_it_has_done_to_each_zone() -> None:
    with start_dnsd({NAME: zone(1), "example.org": zone(5)}, poll="1h") as node:
        node.write(NAME, zone(2))
        node.write("example.net", zone(3))
        result = node.reload()
        assert result.returncode == 0
        assert "zone example.com. loaded: serial 2, 3 records" in result.stdout
        assert "zone example.net. loaded: serial 3" in result.stdout
        assert "2 loaded, 1 unchanged" in result.stdout
        assert node.reload().stdout.startswith("dnsd: 3 unchanged in")


def test_reload_of_named_zones_touches_no_other() -> None:
    with start_dnsd({NAME: zone(1), "example.org": zone(1)}, poll="1h") as node:
        node.write(NAME, zone(2))
        node.write("example.org", zone(2))
        report = node.admin("reload", zones=["EXAMPLE.COM"])
        assert [(one["zone"], one["outcome"]) for one in report["zones"]] == [
            ("example.com.", "loaded")
        ]
        assert node.serial("example.org") == 1
        unknown = node.reload("example.invalid")
        assert unknown.returncode == 1
        assert "zone example.invalid. is not in the configuration" in unknown.stderr


def test_sighup_reloads() -> None:
    with start_dnsd({NAME: zone(1)}, poll="1h") as node:
        node.write(NAME, zone(2))
        node.process.send_signal(signal.SIGHUP)
        node.wait_line("zone example.com. loaded: serial 2")
        assert node.serial(NAME) == 2


def test_a_reload_reads_the_configuration_again() -> None:
    with start_dnsd({NAME: zone(1)}, poll="1h") as node:
        other = node.directory / "other"
        other.write_text(zone(8))
        with node.config.open("a") as file:
            file.write(f'[[zone]]\nname = "example.org"\nfile = "{other}"\n')
        assert node.reload().returncode == 0
        assert node.serial("example.org") == 8
        text = node.config.read_text()
        node.config.write_text(text.replace('name = "example.org"', 'name = "example.net"'))
        assert node.reload().returncode == 0
        assert node.serial("example.net") == 8
        assert node.query("example.org", "SOA").rcode() == dns.rcode.REFUSED


def test_a_bad_configuration_leaves_the_old_one_in_force() -> None:
    with start_dnsd({NAME: zone(1)}, poll="1h") as node:
        good = node.config.read_text()
        node.write(NAME, zone(2))
        node.config.write_text(good + "[[zone]]\nnaame = 3\n")
        result = node.reload()
        assert result.returncode == 1
        assert "naame" in result.stderr
        assert node.status()["problems"]
        assert node.serial(NAME) == 1
        node.config.write_text(good)
        assert node.reload().returncode == 0
        assert node.status()["problems"] == []
        assert node.serial(NAME) == 2


def test_a_key_that_wants_a_restart_is_named() -> None:
    with start_dnsd({NAME: zone(1)}, poll="1h") as node:
        text = node.config.read_text().replace("workers = 1", 'workers = 2\nnsid = "here"')
        node.config.write_text(text)
        result = node.reload()
        assert result.returncode == 1
        assert "restart needed: [server] workers has changed" in result.stderr
        assert "restart needed: [server] nsid has changed" in result.stderr
        assert len(node.status()["workers"]) == 1


def test_changed_limits_are_held_against_unchanged_zones() -> None:
    zones = {NAME: zone(1, "www A 192.0.2.1", "www A 192.0.2.2")}
    with start_dnsd(zones, poll="1h") as node:
        with node.config.open("a") as file:
            file.write("[zones.limits]\nrecords_per_rrset = 1\n")
        assert node.reload().returncode == 1
        assert node.zone_status(NAME)["state"] == "stale"


# -- under load -------------------------------------------------------------------------------


def test_no_answer_is_lost_and_none_is_stale_during_reloads() -> None:
    with start_dnsd({NAME: zone(1)}, workers=2) as node, Asker(node, NAME) as asker:
        for serial in range(2, 22):
            node.replace(NAME, zone(serial, *(f"h{number} A 192.0.2.1" for number in range(50))))
            assert node.admin("reload")["ok"]
            asker.promised = serial
            asker.more(10)
    assert asker.serials[-1] == 21


def test_a_worker_that_dies_during_reloads_comes_back_with_the_newest_data() -> None:
    with start_dnsd({NAME: zone(1)}, workers=2) as node:
        for serial in range(2, 6):
            os.kill(node.workers()[0], signal.SIGKILL)
            node.write(NAME, zone(serial))
            assert node.admin("reload")["ok"]
            until(lambda: all(one["generation"] for one in node.status()["workers"]))
            assert {node.serial(NAME) for _ in range(10)} == {serial}


# -- broken zones -----------------------------------------------------------------------------


def test_a_broken_zone_keeps_the_old_one_in_place_and_heals() -> None:
    with start_dnsd({NAME: zone(1), "example.org": zone(1)}) as node:
        with Asker(node, NAME) as asker:
            path = node.write(NAME, BROKEN)
            result = node.reload()
            assert result.returncode == 1
            assert "zone example.com. is broken: still serving serial 1" in result.stderr
            assert f"{path}:4: error: " in result.stderr
            state = node.zone_status(NAME)
            assert state["state"] == "stale"
            assert state["serial"] == 1
            assert f"{path}:4" in state["error"]
            # another zone is not held up by it
            node.write("example.org", zone(2))
            node.wait_serial("example.org", 2)
        assert set(asker.serials) == {1}
        node.write(NAME, zone(10))
        node.wait_serial(NAME, 10)
        assert node.zone_status(NAME)["state"] == "served"
        assert node.zone_status(NAME)["error"] is None


def test_a_zone_broken_from_the_start_is_servfail_and_heals() -> None:
    with make_node({NAME: BROKEN, "example.org": zone(1)}) as node:
        node.start()
        assert "2 zones, 1 of them broken" in node.wait_ready()
        node.wait_line(f"{node.zones}/example.com.zone:4: error: ")
        answer = node.query(f"www.{NAME}", use_edns=0)
        assert answer.rcode() == dns.rcode.SERVFAIL
        (option,) = answer.options
        assert isinstance(option, dns.edns.EDEOption)
        assert option.code == dns.edns.EDECode.NOT_READY
        assert node.serial("example.org") == 1
        node.replace(NAME, zone(1))
        node.wait_serial(NAME, 1)


def test_a_zone_file_that_does_not_exist_yet_is_found_when_it_does() -> None:
    with make_node(tail='[[zone]]\nname = "example.com"\nfile = "late"\n') as node:
        node.start()
        node.wait_ready()
        assert node.query(NAME, "SOA").rcode() == dns.rcode.SERVFAIL
        (node.directory / "late").write_text(zone(4))
        node.wait_serial(NAME, 4)


# -- by itself --------------------------------------------------------------------------------


def test_a_change_is_seen_without_being_told() -> None:
    with start_dnsd({NAME: zone(1)}) as node:
        for serial, write in zip(range(2, 8), itertools.cycle([node.write, node.replace])):
            write(NAME, zone(serial))
            node.wait_serial(NAME, serial)


def test_an_included_file_is_watched_too() -> None:
    with start_dnsd({}) as node:
        include = node.zones / "hosts.inc"
        include.write_text("www A 192.0.2.1\n")
        node.write(NAME, zone(1, "$INCLUDE hosts.inc"))
        node.wait_serial(NAME, 1)
        include.write_text("www A 192.0.2.2\n")
        until(lambda: node.addresses("www.example.com") == {"192.0.2.2"})
        include.unlink()
        until(lambda: node.zone_status(NAME)["state"] == "stale")
        assert node.addresses("www.example.com") == {"192.0.2.2"}
        include.write_text("www A 192.0.2.3\n")
        until(lambda: node.addresses("www.example.com") == {"192.0.2.3"})


def test_editors_that_move_the_old_file_away_first() -> None:
    # long enough for the test to be held up between two steps
    with start_dnsd({NAME: zone(1)}, settle="1500ms") as node, Asker(node, NAME):
        for serial in (2, 3):
            path = node.zones / f"{NAME}.zone"
            path.rename(f"{path}~")
            path.write_text(zone(serial)[:40])
            with path.open("w") as file:
                file.write(zone(serial))
            node.wait_serial(NAME, serial)
        assert node.zone_status(NAME)["state"] == "served"


def test_a_file_is_not_read_while_it_is_being_written() -> None:
    with start_dnsd({NAME: zone(1)}, settle="1500ms") as node:
        lines = zone(2, *(f"h{number} A 192.0.2.1" for number in range(40))).splitlines(True)
        with (node.zones / f"{NAME}.zone").open("w") as file:
            for line in lines:
                file.write(line)
                file.flush()
                assert node.status()["zones"][0]["state"] == "served"
        node.wait_serial(NAME, 2)
        assert not any("broken" in line for line in node.lines)


def test_zones_come_and_go_with_their_files() -> None:
    with start_dnsd({NAME: zone(1)}) as node:
        node.write("example.org", zone(2))
        node.wait_serial("example.org", 2)
        (node.zones / "example.org.zone").unlink()
        until(lambda: node.query("example.org").rcode() == dns.rcode.REFUSED)
        assert node.zone_status("example.org") is None
        assert node.serial(NAME) == 1
        until(lambda: len(list((node.state / "images").iterdir())) == 1)


def test_a_child_zone_that_comes_takes_over_from_its_parent() -> None:
    with start_dnsd({NAME: zone(1, "www.sub A 192.0.2.1")}) as node:
        assert node.addresses("www.sub.example.com") == {"192.0.2.1"}
        node.write("sub.example.com", zone(1, "www A 192.0.2.2"))
        until(lambda: node.addresses("www.sub.example.com") == {"192.0.2.2"})
        (node.zones / "sub.example.com.zone").unlink()
        until(lambda: node.addresses("www.sub.example.com") == {"192.0.2.1"})


def test_a_file_with_an_impossible_name_stops_nothing_else() -> None:
    with start_dnsd({NAME: zone(1)}) as node:
        (node.zones / "no..name.zone").write_text(zone(1))
        node.wait_line("no..name.zone")
        node.write(NAME, zone(2))
        node.wait_serial(NAME, 2)


def test_many_zones_at_once_are_few_reloads() -> None:
    names = [f"z{number}.example" for number in range(400)]
    with start_dnsd({NAME: zone(1)}) as node:
        before = node.status()["generation"]
        with Asker(node, NAME):
            for name in names:
                node.write(name, zone(3))
            until(lambda: node.serial(names[-1]) == 3 and node.serial(names[0]) == 3)
        until(lambda: node.status()["zone_states"] == {"served": 401})
        assert node.status()["generation"] - before <= 20
        until(lambda: all(node.serial(name) == 3 for name in names[::50]))


def test_a_large_zone_is_built_beside_the_running_server() -> None:
    size = 30_000
    with start_dnsd({NAME: zone(1)}, poll="1h") as node:
        records = (f"host-{number:06} A 192.0.2.{number % 250}" for number in range(size))
        node.write(NAME, zone(2, *records))
        with Asker(node, NAME):
            report = node.admin("reload")
        assert report["ok"]
        assert node.addresses(f"host-{size - 1:06}.example.com")
        # the builders have ended, and their memory is the system's again
        control = node.status()["control"]["pid"]
        assert Path(f"/proc/{control}/task/{control}/children").read_text() == ""
