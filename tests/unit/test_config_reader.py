"""Reading a configuration: values, and every problem at once with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsd import config
from dnsd.config import Endpoint, ZoneFile
from dnsd.config.reader import read_text
from dnsd.errors import ConfigError

FILE = Path("/etc/dnsd/dnsd.toml")


def problems(text: str) -> list[str]:
    found, listed = read_text(text, FILE)
    assert (found is None) == bool(listed)
    return [str(problem) for problem in listed]


def read(text: str) -> config.Config:
    found, listed = read_text(text, FILE)
    assert not listed
    assert found is not None
    return found


def test_nothing_is_a_configuration() -> None:
    found = read("")
    assert found.server.listen == (Endpoint("127.0.0.1", 5300), Endpoint("::1", 5300))
    assert found.server.udp_payload == 1232
    assert found.zone == ()
    assert found.zones.directory is None


def test_values() -> None:
    found = read(
        """
        [server]
        listen = ["192.0.2.1:53", "[2001:db8::1]:53"]
        workers = 4
        state_directory = "state"
        nsid = "fra1"
        server_id = ""
        udp_receive_buffer = 1048576
        tcp_idle = "1m30s"
        tcp_unsent = "256KiB"
        [zones]
        directory = "/srv/zones"
        [zones.limits]
        include_depth = 2
        [[zone]]
        name = "Example.ORG"
        file = "org.db"
        """
    )
    server = found.server
    assert server.listen == (Endpoint("192.0.2.1", 53), Endpoint("2001:db8::1", 53))
    assert server.workers == 4
    assert server.state_directory == Path("/etc/dnsd/state")
    assert server.admin_socket == Path("/etc/dnsd/state/admin.sock")
    assert (server.nsid, server.server_id) == ("fra1", None)
    assert (server.udp_receive_buffer, server.tcp_unsent) == (1 << 20, 256 << 10)
    assert server.tcp_idle == 90.0
    assert found.zones.directory == Path("/srv/zones")
    assert found.zones.limits.include_depth == 2
    assert found.zone == (ZoneFile(name="example.org.", file=Path("/etc/dnsd/org.db"), line=15),)
    assert found.path == FILE


def test_one_address_needs_no_list() -> None:
    assert read('server.listen = "127.0.0.1:53"').server.listen == (Endpoint("127.0.0.1", 53),)


def test_an_admin_socket_of_its_own() -> None:
    found = read('[server]\nstate_directory = "/x"\nadmin_socket = "/run/dnsd.sock"')
    assert found.server.admin_socket == Path("/run/dnsd.sock")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # unknown keys
        ("[server]\nlistne = 1", "2: [server] listne: is unknown; did you mean listen?"),
        ("[sever]\n", "1: sever: is unknown; did you mean [server]?"),
        ("[[zones]]\n", "1: zones: must be a table: write [zones] and its keys below it"),
        ("[zone]\n", "1: zone: must be a list of tables: write [[zone]] before each of them"),
        ("zone = [3]", "1: [[zone]] #1: must be a table: write [[zone]] and its keys below it"),
        ("server = 3", "1: server: must be a table: write [server] and its keys below it"),
        ("directory = 1", "1: directory: is unknown here; it belongs in [zones]"),
        ("[zones]\nnsid = 1", "2: [zones] nsid: is unknown here; it belongs in [server]"),
        ("workrs = 1", "1: workrs: is unknown; did you mean workers in [server]?"),
        ("[zones.limit]", "1: [zones] limit: is unknown; did you mean limits?"),
        (
            "x = 1",
            "1: x: is unknown; the tables are [server], [zones], [anycast], [http], [failover], "
            "[rate_limit], [demand], [log], [querylog], [dnstap], [balance], [transfers], "
            "[[zone]], [[key]], [[catalog]], [[template]], [[service]]",
        ),
        (
            "[zones]\nx = 1",
            "2: [zones] x: is unknown; the keys here are directory, include, watch, poll, "
            "settle, shrink, vanish, policy_grace, ready_within, limits",
        ),
        # types
        ("server.workers = true", "1: [server] workers: must be a whole number, not true or false"),
        ("server.workers = 1.0", "1: [server] workers: must be a whole number, not a number "
         "with a fraction"),
        ('zones.shrink = "101%"', '1: [zones] shrink: must be a share from "0%" to "100%", not '
         "'101%'"),
        ("zones.vanish = 0.5", '1: [zones] vanish: must be a share from "0%" to "100%", not 0.5'),
        ("zones.watch = 1", "1: [zones] watch: must be true or false, not a number"),
        ("zones.include = 1", "1: [zones] include: must be a list of paths, not a number"),
        ('zones.include = ["a", ""]', "1: [zones] include: must be a path, not an empty string or "
         "one with a NUL"),
        ("server.nsid = 1", "1: [server] nsid: must be a string, not a number"),
        ("server.listen = 53", "1: [server] listen: must be a list of ADDRESS:PORT, not a number"),
        (
            "server.listen = [53]",
            "1: [server] listen: must be a list of ADDRESS:PORT in strings, not a number",
        ),
        (
            "server.listen = []",
            '1: [server] listen: needs at least one address, such as "127.0.0.1:53"',
        ),
        (
            "server.listen = ['[::1]:53', '[0::1]:53']",
            "1: [server] listen: '[::1]:53' is listed twice",
        ),
        (
            "server.tcp_idle = 10",
            '1: [server] tcp_idle: must be a duration with its unit, such as "10s"',
        ),
        (
            "server.tcp_idle = 2026-01-01",
            '1: [server] tcp_idle: must be a duration, such as "1s", not a date or time',
        ),
        (
            "server.tcp_idle = '10'",
            "1: [server] tcp_idle: '10' is not a duration: write numbers with the units d, h, m, "
            's, ms, us, from large to small, such as "1h30m" or "50ms"',
        ),
        (
            "server.tcp_unsent = '1MB'",
            "1: [server] tcp_unsent: '1MB' is not a size: write a number with GiB, MiB, KiB or B, "
            'such as "4MiB"',
        ),
        (
            "server.tcp_unsent = {}",
            '1: [server] tcp_unsent: must be a size, such as "4MiB", not a table',
        ),
        (
            "zones.directory = ''",
            "1: [zones] directory: must be a path, not an empty string or one with a NUL",
        ),
        ("zones.directory = 1", "1: [zones] directory: must be a path in a string, not a number"),
        # bounds
        (
            "server.udp_payload = 511",
            "1: [server] udp_payload: 511 is out of bounds: from 512 to 4096, because every client "
            "takes 512 octets, and larger packets are fragmented",
        ),
        (
            "server.tcp_idle = '2h'",
            "1: [server] tcp_idle: 2h is out of bounds: from 100ms to 1h, because clients reuse "
            "connections, and idle ones cost memory",
        ),
        (
            "server.tcp_unsent = '64KiB'",
            "1: [server] tcp_unsent: 64KiB is out of bounds: from 65537B to 16MiB, because one "
            "response of the largest size must fit",
        ),
        (
            f"server.nsid = '{'ü' * 65}'",
            "1: [server] nsid: has 130 octets; 128 are allowed, because it goes into every answer "
            "that asks for it",
        ),
        (
            f"server.admin_socket = '/{'x' * 107}'",
            f"1: [server] admin_socket: /{'x' * 107} has 108 octets; the path of a unix socket may "
            "have 107",
        ),
        (
            f"server.state_directory = '/{'x' * 97}'",
            f"1: [server] state_directory: /{'x' * 97}/admin.sock has 109 octets; the path of a "
            "unix socket may have 107",
        ),
        # zones
        ("[[zone]]\nfile = 'x'", "1: [[zone]] #1: needs the key name"),
        ("[[zone]]\nname = 'x'", "1: [[zone]] #1: needs a file, or primaries to fetch it from"),
        ("[[zone]]\nfile='x'\nname = 1", "3: [[zone]] #1 name: must be a zone's name in a string, "
         "not a number"),
        # other nodes
        (
            "failover.commands = ['/bin/true']",
            "1: [failover] commands: must be a table of commands by name, not a list",
        ),
        (
            "[failover.commands]\nx = ['true']",
            "1: [failover] commands: x: needs the program with its path first, such as "
            '["/usr/local/lib/check-backend", "{address}"]',
        ),
        (
            "[failover.commands]\ny = ['/bin/x']\nx = ['/bin/{a}']",
            "1: [failover] commands: x: '/bin/{a}' contains a placeholder: only arguments can "
            "contain one",
        ),
        (
            "[failover.commands]\nX = ['/bin/x']",
            "1: [failover] commands: X: 'X' is not a valid name: use up to 64 lower-case letters, "
            "digits, _ and -, a letter first",
        ),
        (
            "failover.check_networks = ['192.0.2.1/24']",
            "1: [failover] check_networks: '192.0.2.1/24' is not a network, such as "
            "192.0.2.0/24 or "
            "2001:db8::/48: 192.0.2.1/24 has host bits set",
        ),
        (
            "failover.peers = ['192.0.2.54:9153']",
            "1: [failover] peers: '192.0.2.54:9153' is not the URL of a node: write it as "
            "http://192.0.2.54:9153",
        ),
        (
            "failover.peers = ['http://fra1.example.com:9153']",
            "1: [failover] peers: 'http://fra1.example.com:9153' must have an IP address and a "
            "port, as in http://192.0.2.54:9153: a name server must not need names",
        ),
        (
            "failover.peers = ['http://[::1]:1', 'http://[0::1]:1/']",
            "1: [failover] peers: '[::1]:1' is listed twice",
        ),
        (
            f"failover.peers = [{', '.join(repr(f'http://[::1]:{n}') for n in range(1, 33))}]",
            "1: [failover] peers: has 32 nodes; 31 others are allowed",
        ),
        (
            "failover.peers = ['http://[::1]:1']",
            "1: [failover] peers: the other nodes ask this one for its votes, too: it needs "
            "[http] listen",
        ),
        # the file as a whole
        ("[server]\nx = = 1", "2: is not TOML: invalid value"),
        ("[server", "1: is not TOML: expected ']' at the end of a table declaration"),
    ],
)  # fmt: skip
def test_a_problem(text: str, problem: str) -> None:
    assert problems(text) == [f"{FILE}:{problem}"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "'' has an empty label: two dots in a row, or nothing at all"),
        ("a..b", "'a..b' has an empty label: two dots in a row, or nothing at all"),
        (".com", "'.com' has an empty label: two dots in a row, or nothing at all"),
        ("x" * 64, f"{'x' * 64!r} has a label of 64 octets; 63 are allowed"),
        ("x." * 128, f"{'x.' * 128!r} has 257 octets; a name may have 255"),
        ("bücher.example", "'bücher.example' is not ASCII: write it as xn--bcher-kva.example"),
        (
            "ü" * 64 + ".example",
            f"{'ü' * 64 + '.example'!r} is not ASCII: write it as A-labels, such as "
            "xn--bcher-kva.example",
        ),
        ("a b", "'a b' has a blank or a control character: write it as \\DDD"),
        ("a\\", "'a\\\\' has a backslash that no character or \\DDD follows"),
        ("a\\256", "'a\\\\256' has a backslash that no character or \\DDD follows"),
    ],
)
def test_a_zone_name_that_is_none(name: str, problem: str) -> None:
    literal = name.replace("\\", "\\\\")
    text = f'[[zone]]\nname = "{literal}"\nfile = "x"'
    assert problems(text) == [f"{FILE}:2: [[zone]] #1 name: {problem}"]


def test_every_problem_at_once() -> None:
    text = """
        colour = "blue"
        [server]
        listen = ["127.0.0.1", "::1"]
        workers = -1
        # a comment
        txt = 3
        [[zone]]
        name = "a..b"
        file = 1
        """
    assert [problem.split(": ")[:2] for problem in problems(text)] == [
        [f"{FILE}:2", "colour"],
        [f"{FILE}:4", "[server] listen"],
        [f"{FILE}:4", "[server] listen"],
        [f"{FILE}:5", "[server] workers"],
        [f"{FILE}:7", "[server] txt"],
        [f"{FILE}:9", "[[zone]] #1 name"],
        [f"{FILE}:10", "[[zone]] #1 file"],
    ]


def test_load_raises_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "dnsd.toml"
    path.write_text("[server]\nlisen = 1\nworkers = 'many'\n")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert caught.value.problems == (
        f"{path}:2: [server] lisen: is unknown; did you mean listen?",
        f"{path}:3: [server] workers: must be a whole number, not a string",
    )


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}: cannot read the configuration: No such file or directory"


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "dnsd.toml"
    path.write_bytes(b"[server]\nnsid = '\xff'\n")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert str(caught.value) == f"{path}:2: is not UTF-8, which TOML must be"


def test_what_zones_may_lose_is_a_share() -> None:
    found = read('zones.shrink = "12.5 %"\nzones.vanish = "100%"\nzones.watch = false').zones
    assert (found.shrink, found.vanish, found.watch) == (0.125, 1.0, False)
    assert (read("").zones.shrink, read("").zones.vanish) == (0.5, 0.5)


def test_paths_begin_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dnsd.toml").write_text("[zones]\ndirectory = 'zones'\n")
    monkeypatch.chdir(tmp_path)
    assert config.load(Path("dnsd.toml")).zones.directory == tmp_path / "zones"


# -- anycast ----------------------------------------------------------------------------------

_VIP = 'subnets = ["192.0.2.0/24"]\nvips = ["192.0.2.53/32"]\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[anycast]\nsubnets = ["192.0.2.0/24"]\nvips = ["198.51.100.7"]',
            "3: [anycast] vips: 198.51.100.7 is in none of the subnets (192.0.2.0/24), "
            "so it is never announced",
        ),
        (
            '[anycast]\nvips = ["192.0.2.0/25"]',
            "2: [anycast] vips: '192.0.2.0/25' is not one address: only /32 is ever announced",
        ),
        (
            '[anycast]\nsubnets = ["0.0.0.0/0"]',
            "2: [anycast] subnets: '0.0.0.0/0' contains all addresses: name the anycast subnet",
        ),
        (
            "[anycast]\nenabled = true",
            "1: [anycast] vips: anycast is enabled, but there is no address to announce",
        ),
        (
            f'[anycast]\nenabled = true\n{_VIP}heartbeat_miss = "50ms"',
            "5: [anycast] heartbeat_miss: must be longer than [server] heartbeat, or every worker "
            "seems dead between two of its heartbeats",
        ),
        (
            '[anycast]\non_unhealthy = "panic"',
            '2: [anycast] on_unhealthy: must be "drain" or "withdraw", not \'panic\'',
        ),
        (
            "[anycast]\nenable = true",
            "2: [anycast] enable: is unknown; did you mean enabled?",
        ),
        (
            '[[anycast.neighbor]]\nname = "r"\nasn = 1\naddress = "192.0.2.1"\nlocal = "::1"',
            "5: [[anycast.neighbor]] #1 local: ::1 and 192.0.2.1 must be of one family",
        ),
    ],
)
def test_what_anycast_refuses(text: str, problem: str) -> None:
    assert problems(text) == [f"{FILE}:{problem}"]
