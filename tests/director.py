"""A site with directors, for tests: a client, a router, directors and backends in namespaces.

    client ── router ═╤═ LAN ═╤═ director1, director2
                              └═ a, b, c: each answers with its name

With ``far``, the backends are on a network of their own behind the router, and reached by VXLAN.

The router's BIRD and the directors' run what dnsd writes for them. Root only; nothing is left.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnsd.config import load
from dnsd.config.balancerules import announced
from dnsd.control.anycast.statefile import write_state
from dnsd.control.balance import backendhost
from dnsd.control.balance.backendhost import Way
from dnsd.routerconf import Dialect, node_bird, router_bird, site_of
from tests.netspace import Space
from tests.support import COMMAND, Node, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VIP4, VIP6 = "192.0.2.80", "2001:db8:53::80"
VIPS = (VIP4, VIP6)
PORT = 8080
BACKENDS = ("a", "b", "c")
CLIENT4, CLIENT6 = "198.51.100.9", "2001:db8:1::9"

CONFIG = """\
[server]
state_directory = "{directory}/state"
[anycast]
subnets = ["192.0.2.0/24", "2001:db8:53::/48"]
hold_down = "{hold_down}"
drain_linger = "300ms"
[anycast.bird]
ctl = "{directory}/bird.ctl"
state_file = "{directory}/dnsd-state.conf"
timeout = "5s"
[anycast.bgp]
asn = 65020
bfd_interval = "500ms"
[[anycast.neighbor]]
name = "rtr4"
address = "10.0.0.254"
local = "10.0.0.{number}"
asn = 65001
[[anycast.neighbor]]
name = "rtr6"
address = "fd00::254"
local = "fd00::{number}"
asn = 65001
[balance]
hash_seed = 4711
[[service]]
name = "web"
vips = ["192.0.2.80/32", "2001:db8:53::80/128"]
protocol = "{protocol}"
ports = {ports}
check = "tcp"
interval = "{interval}"
fast_interval = "200ms"
timeout = "{interval}"
up = 2
down = 4
min_backends = {min_backends}
idle = "{idle}"
patience = "{patience}"
{backends}
"""

BACKEND = """\
[[service.backend]]
name = "{name}"
address = ["10.{net}.0.{number}", "fd0{net}::{number}"]
weight = {weight}
via = "{via}"
"""

ROUTER = """\
router id 10.0.0.254;
protocol device {{ scan time 10; }}
protocol kernel {{ ipv4 {{ import none; export all; }}; merge paths on; }}
protocol kernel {{ ipv6 {{ import none; export all; }}; merge paths on; }}
{sessions}
"""


class Machine:
    """A machine on the LAN or, with ``net`` 1, on the far one, ``number`` in its addresses."""

    def __init__(self, site: DirectorSite, number: int, name: str, net: int = 0) -> None:
        self.name = name
        self.addresses = f"10.{net}.0.{number}", f"fd0{net}::{number}"
        self._bridge = f"br{net}"
        self.number = number
        self.space = Space()
        self.port = f"p{number}"
        self._net = net
        self._site = site
        self.space.ip("link set lo up")
        self.plug()

    def plug(self) -> None:
        """Make its link to the LAN."""
        self.space.join(self._site.router, "lan0", self.port)
        self._site.router.ip(f"link set {self.port} master {self._bridge}")
        self.space.ip(
            f"addr add {self.addresses[0]}/24 dev lan0",
            f"addr add {self.addresses[1]}/64 dev lan0 nodad",
            f"route add default via 10.{self._net}.0.254",
            f"-6 route add default via fd0{self._net}::254",
        )

    def vanish(self) -> None:
        """Take it off the LAN without a sign: no link loses its carrier."""
        self._site.router.ip(f"link set {self.port} nomaster")

    def come_back(self) -> None:
        """Put it on the LAN again."""
        self._site.router.ip(f"link set {self.port} master {self._bridge}")


class Backend(Machine):
    """A machine that answers, ready for direct server return."""

    def __init__(self, site: DirectorSite, number: int, name: str) -> None:
        super().__init__(site, number, name, int(site.far))
        self.process: subprocess.Popen[bytes] | None = None
        self.module = "tests.echo"
        """What is run with its name and its port."""
        way = Way(self.addresses if site.far else ())
        place = site.directory / name
        # As systemd has it: sources are filtered, loosely.
        self.space.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2")
        self.space(lambda: backendhost.setup(VIPS, place, way=way))

    def start(self) -> None:
        """Start its service."""
        line = [sys.executable, "-m", self.module, self.name, str(PORT)]
        root = Path(__file__).parents[1]
        self.process = self.space(lambda: subprocess.Popen(line, cwd=root))
        until(lambda: self.space(_can_connect), f"{self.name} listens")

    def kill(self) -> None:
        """End its service at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def _can_connect() -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", PORT)):
        return True
    return False


class _DirectorNode(Node):
    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [*self.command, "balance", *(arguments or ("--config", str(self.config)))]

    def wait_ready(self) -> str:
        return self.wait_line("dnsd: ready to balance")


class Director(Machine):
    """A machine with dnsd in the role of a director, and BIRD."""

    def __init__(self, site: DirectorSite, number: int, **keys: object) -> None:
        super().__init__(site, number, f"director{number}")
        self.directory = site.directory / self.name
        self.directory.mkdir()
        self.node = _DirectorNode(self.directory, 0)
        self.keys = keys
        self.bird: subprocess.Popen[bytes] | None = None
        self.configure()

    def configure(self, weights: dict[str, int] | None = None, **keys: object) -> None:
        """Write the configuration, with other backends or ``keys`` if they are given."""
        self.keys = {**self.keys, **keys}
        weights = weights or dict.fromkeys(BACKENDS, 1)
        how = {"net": int(self._site.far), "via": "vxlan" if self._site.far else "link"}
        backends = "".join(
            BACKEND.format(name=name, number=11 + BACKENDS.index(name), weight=weight, **how)
            for name, weight in weights.items()
        )
        values = {
            **{"hold_down": "1s", "interval": "1s", "idle": "2s", "patience": "1h"},
            **{"protocol": "both", "ports": [PORT], "min_backends": 1},
            **self.keys,
        }
        self.node.config.write_text(
            CONFIG.format(directory=self.directory, number=self.number, backends=backends, **values)
        )

    def start(self) -> None:
        """Start dnsd, and BIRD if it does not run."""
        if self.bird is None:
            anycast = announced(load(self.node.config))
            write_state(anycast.bird.state_file, False)
            conf = self.directory / "bird.conf"
            conf.write_text(node_bird(anycast, Dialect.BIRD2))
            self.bird = _bird(self.space, self.directory / "bird")
        self.space(self.node.start)
        self.node.wait_ready()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of dnsd there."""
        return self.space.run(*COMMAND, *words, "--config", str(self.node.config), check=False)

    def birdc(self, *words: str) -> str:
        """Return what its BIRD says."""
        return birdc(self.directory / "bird", *words)

    def service(self) -> dict[str, Any]:
        """Return what is said of the service; empty while nobody answers."""
        done = self.command("balance", "status", "--json")
        found: dict[str, Any] = json.loads(done.stdout)["services"][0] if done.stdout else {}
        return found

    def backend(self, name: str) -> dict[str, Any]:
        """Return what is said of a backend."""
        rows = self.service().get("backends", [])
        return next((one for one in rows if one["backend"] == name), {})

    def wait(self, state: str = "announced", up: Iterable[str] = BACKENDS) -> None:
        """Wait until the service is in ``state``, with just these backends ``up``."""
        wanted = set(up)

        def there() -> bool:
            found = self.service()
            now = {one["backend"] for one in found.get("backends", []) if one["state"] == "up"}
            return found.get("state") == state and now == wanted

        try:
            until(there, f"{state} with {wanted}")
        except AssertionError:
            raise AssertionError(f"{self.service()}\n" + "\n".join(self.node.lines)) from None

    def converge(self) -> None:
        """Wait until it announces, all are up, and each has its share of the slots.

        One that is found up after the others gets its slots when nobody has used them for a while.
        """
        self.wait()
        until(
            lambda: all(one["slots"] == one["wanted"] > 0 for one in self.service()["backends"]),
            "each has its slots",
        )

    def service_pid(self) -> int:
        """Return the number of the process of control."""
        done = self.command("status", "--json")
        pid: int = json.loads(done.stdout)["control"]["pid"]
        return pid

    def choices(self, vip: str, count: int = 100, first: int = 20000) -> list[str]:
        """Return the backend of each of so many flows, by what the kernel says."""
        return self.space(_choices, vip, count, first)

    def end(self) -> None:
        """End all that runs."""
        for process in (getattr(self.node, "process", None), self.bird):
            if process is not None:
                process.kill()
                process.wait()


def _choices(vip: str, count: int, first: int) -> list[str]:
    source, family = (CLIENT6, "-6") if ":" in vip else (CLIENT4, "-4")
    lines = [
        f"route get {vip} from {source} iif lan0 ipproto tcp sport {port} dport {PORT}"
        for port in range(first, first + count)
    ]
    done = subprocess.run(
        ["ip", family, "-batch", "-"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
    )
    words = [line.split() for line in done.stdout.splitlines() if " via " in line]
    numbers = [int(line[line.index("via") + 1].replace("::", ".").split(".")[-1]) for line in words]
    return [BACKENDS[number - 11] for number in numbers]


def _bird(space: Space, place: Path) -> subprocess.Popen[bytes]:
    files = (("-c", ".conf"), ("-s", ".ctl"), ("-P", ".pid"))
    options = [word for flag, end in files for word in (flag, str(place.with_suffix(end)))]
    return space(subprocess.Popen, ["bird", "-f", *options])


def birdc(place: Path, *words: str) -> str:
    """Return what the BIRD at ``place`` says."""
    command = ["birdc", "-s", str(place.with_suffix(".ctl")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class DirectorSite:
    """The whole of it; ``directors`` are made, not started."""

    def __init__(
        self, directory: Path, directors: int = 1, *, far: bool = False, **keys: object
    ) -> None:
        self.directory = directory
        self.far = far
        self.router, self.client = Space(), Space()
        self._router_bird: subprocess.Popen[bytes] | None = None
        self.router.ip("link set lo up", *(f"link add br{net} type bridge" for net in (0, 1)))
        self.client.join(self.router, "up0", "c0")
        self.router.ip(
            "link set br0 up",
            "link set br1 up",
            "addr add 10.0.0.254/24 dev br0",
            "addr add fd00::254/64 dev br0 nodad",
            "addr add 10.1.0.254/24 dev br1",
            "addr add fd01::254/64 dev br1 nodad",
            "addr add 198.51.100.1/24 dev c0",
            "addr add 2001:db8:1::1/64 dev c0 nodad",
        )
        for setting in ("ipv4.ip_forward", "ipv6.conf.all.forwarding"):
            self.router.run("sysctl", "-qw", f"net.{setting}=1")
        # By addresses and ports alone, as a router does to which packets come over a wire: policy 1
        # takes what the client's socket says, which says something else after a retransmission.
        for family in ("ipv4", "ipv6"):
            for name, value in (("fields", "0x37"), ("policy", "3")):
                self.router.run("sysctl", "-qw", f"net.{family}.fib_multipath_hash_{name}={value}")
        self.client.ip(
            "link set lo up",
            f"addr add {CLIENT4}/24 dev up0",
            f"addr add {CLIENT6}/64 dev up0 nodad",
            "route add default via 198.51.100.1",
            "-6 route add default via 2001:db8:1::1",
        )
        self.directors = [Director(self, number, **keys) for number in range(1, 1 + directors)]
        self.backends = {name: Backend(self, 11 + n, name) for n, name in enumerate(BACKENDS)}

    def build(self) -> None:
        """Start the backends and the router's BIRD."""
        for backend in self.backends.values():
            backend.start()
        nodes = {one.name: announced(load(one.node.config)) for one in self.directors}
        sessions = router_bird(site_of(nodes), Dialect.BIRD2)
        (self.directory / "router.conf").write_text(ROUTER.format(sessions=sessions))
        self._router_bird = _bird(self.router, self.directory / "router")

    def routes(self) -> set[str]:
        """Return the VIPs that the router's kernel has a route to."""
        said = "".join(self.router.run("ip", f, "route").stdout for f in ("-4", "-6"))
        return {vip for vip in VIPS if vip in said}

    def birdc(self, *words: str) -> str:
        """Return what the router's BIRD says."""
        return birdc(self.directory / "router", *words)

    def wait_routes(self, wanted: Iterable[str] = VIPS) -> None:
        """Wait until the router has just these routes."""
        until(lambda: self.routes() == set(wanted), f"routes {wanted}")

    def ask(self, vip: str = VIP4, timeout: float = 5.0) -> tuple[str, str]:
        """Return who answers a new connection of the client's, and the address that it saw."""
        return self.client(_ask, vip, timeout)

    def wait_shared(self) -> None:
        """Wait until the router shares packets to each VIP out to two directors."""

        def is_shared() -> bool:
            shown = (self.router.run("ip", f, "route", "show") for f in ("-4", "-6"))
            return sum(one.stdout.count("nexthop") for one in shown) == 2 * len(VIPS)

        until(is_shared, "two directors for each VIP")

    def answerers(self, vip: str, ports: Iterable[int]) -> list[str]:
        """Return who answers connections of the client's from each of these ports."""
        return self.client(lambda: [_ask(vip, 5.0, port)[0] for port in ports])

    def end(self) -> None:
        """End all that runs."""
        for director in self.directors:
            director.end()
        for backend in self.backends.values():
            backend.kill()
        if self._router_bird is not None:
            self._router_bird.kill()
            self._router_bird.wait()
        spaces = [one.space for one in (*self.directors, *self.backends.values())]
        for space in (self.router, self.client, *spaces):
            space.close()


def _ask(vip: str, timeout: float, port: int = 0) -> tuple[str, str]:
    with socket.create_connection((vip, PORT), timeout, ("", port)) as sock:
        # It ends with a reset: its port can be had again at once.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(b"?\n")
        with sock.makefile() as lines:
            name, address = lines.readline().split()
        return name, address


@contextmanager
def director_site(
    directory: Path, directors: int = 1, *, far: bool = False, **keys: object
) -> Iterator[DirectorSite]:
    """Make a site whose directors are not started yet; ``keys`` are those in CONFIG's braces."""
    site = DirectorSite(directory, directors, far=far, **keys)
    try:
        site.build()
        yield site
    finally:
        site.end()
