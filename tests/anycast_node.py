"""An anycast node for tests: dnsd and BIRD in one namespace, the router's BIRD in another.

Both BIRDs run what dnsd writes for them. Root only; nothing is left of it.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnsd.cli import exits
from dnsd.config import load
from dnsd.control.anycast.statefile import write_state
from dnsd.routerconf import Dialect, node_bird, router_bird, site_of
from tests.netspace import Space
from tests.support import COMMAND, Node, until
from tests.support import zone as zone_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VIPS = ("192.0.2.53", "2001:db8:53::53")
INTERFACE = "anycast0"
ZONE = "example.com"

CONFIG = """\
[server]
listen = ["127.0.0.1:5300"]
workers = {workers}
state_directory = "{directory}/state"
[zones]
directory = "{directory}/zones"
poll = "100ms"
settle = "50ms"
[anycast]
enabled = true
vips = ["192.0.2.53/32", "2001:db8:53::53/128"]
subnets = ["192.0.2.0/24", "2001:db8:53::/48"]
hold_down = "{hold_down}"
drain_linger = "300ms"
[anycast.check]
interval = "100ms"
timeout = "2s"
[[anycast.query]]
name = "www.example.com"
type = "A"
expect = ["192.0.2.80"]
[anycast.bird]
ctl = "{directory}/bird.ctl"
state_file = "{directory}/dnsd-state.conf"
timeout = "5s"
[anycast.bgp]
asn = 65010
bfd_interval = "500ms"
[[anycast.neighbor]]
name = "rtr4"
address = "198.51.100.1"
local = "198.51.100.2"
asn = 65001
[[anycast.neighbor]]
name = "rtr6"
address = "2001:db8:1::1"
local = "2001:db8:1::2"
asn = 65001
"""

ROUTER = """\
router id 198.51.100.1;
protocol device {{ scan time 10; }}
{sessions}
"""


def text(serial: int, address: str = "192.0.2.80") -> str:
    """The zone, with the answer that the self-check expects unless told otherwise."""
    return zone_text(serial, f"www A {address}")


class Site:
    """A node, its router, and the cable between them."""

    def __init__(self, directory: Path, here: Space, router: Space, **keys: object) -> None:
        self.here, self.router = here, router
        self.directory = directory
        self.node = Node(directory, 5300)
        self.node.zones.mkdir()
        self.node.write(ZONE, text(1))
        values = {"workers": 1, "hold_down": "1s", **keys}
        self.node.config.write_text(CONFIG.format(directory=directory, **values))
        self._birds: list[subprocess.Popen[bytes]] = []

    def build(self) -> None:
        """Lay the cable and start both BIRDs."""
        self.here.join(self.router, "up0", "down0")
        for space, four, six, name in (
            (self.here, "198.51.100.2/24", "2001:db8:1::2/64", "up0"),
            (self.router, "198.51.100.1/24", "2001:db8:1::1/64", "down0"),
        ):
            space.ip(
                "link set lo up",
                f"addr add {four} dev {name}",
                f"addr add {six} dev {name} nodad",
            )
        anycast = load(self.node.config).anycast
        write_state(anycast.bird.state_file, False)
        sessions = router_bird(site_of({"node": anycast}), Dialect.BIRD2)
        self.start_bird(self.here, "bird", node_bird(anycast, Dialect.BIRD2))
        self.start_bird(self.router, "router", ROUTER.format(sessions=sessions))

    def start_bird(self, space: Space, name: str, config: str | None = None) -> None:
        """Start a BIRD with its files at ``name``; without ``config`` with that it had."""
        place = self.directory / name
        if config is not None:
            place.with_suffix(".conf").write_text(config)
        files = (("-c", ".conf"), ("-s", ".ctl"), ("-P", ".pid"))
        options = [word for flag, end in files for word in (flag, str(place.with_suffix(end)))]
        self._birds.append(space(subprocess.Popen, ["bird", "-f", *options]))

    def start(self) -> None:
        """Start dnsd."""
        self.here(self.node.start)
        self.node.wait_ready()

    def start_unread(self) -> None:
        """Start dnsd with a standard error that is full and is not read."""
        self.here(self.node.start_unread)

    def end(self) -> None:
        """End all that runs."""
        if hasattr(self.node, "process"):
            self.node.process.kill()
            self.node.process.wait()
        for bird in self._birds:
            bird.kill()
            bird.wait()

    # -- looking ------------------------------------------------------------------------------

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of dnsd on the node."""
        return self.here.run(*COMMAND, *words, "--config", str(self.node.config), check=False)

    def view(self) -> dict[str, Any] | None:
        """Return what ``dnsd anycast --json`` says; None while nobody answers."""
        done = self.command("anycast", "--json")
        # Without control it is exits.DEGRADED, too, and nothing is said.
        told = done.returncode in (0, exits.DEGRADED) and done.stdout
        return json.loads(done.stdout) if told else None

    def wait(self, state: str) -> dict[str, Any]:
        """Wait until the node is in ``state`` and BIRD as wanted; return the view."""
        return self._wait(state, _is_done)

    def wait_state(self, state: str) -> dict[str, Any]:
        """Wait until the node is in ``state``, whatever problems it has; return the view."""
        return self._wait(state, lambda _view: True)

    def _wait(self, state: str, is_done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        seen: list[object] = []

        def there() -> dict[str, Any] | None:
            view = self.view()
            seen[:] = [view]
            return view if view and view["state"] == state and is_done(view) else None

        try:
            found: dict[str, Any] = until(there, state)
        except AssertionError:
            raise AssertionError(f"not {state}: {seen}\n{self.log()}") from None
        return found

    def log(self) -> str:
        """Return what dnsd has said."""
        return "\n".join(self.node.lines)

    def routes(self) -> dict[str, bool]:
        """Return the VIPs that the router has a route to, and whether it is marked as drained."""
        done = self.router.run(
            "birdcl", "-r", "-s", str(self.directory / "router.ctl"), "show", "route", "all"
        )
        found: dict[str, bool] = {}
        vip = ""
        for line in done.stdout.splitlines():
            if line[:1].isalnum() and "/" in line:
                vip = line.split("/")[0]
                found[vip] = False
            elif "community" in line and "(65535,0)" in line.replace(" ", ""):
                found[vip] = True
        return {vip: marked for vip, marked in found.items() if vip in VIPS}

    def wait_routes(self, wanted: dict[str, bool]) -> None:
        """Wait until the router has just these routes."""
        try:
            until(lambda: self.routes() == wanted, f"routes {wanted}")
        except AssertionError:
            raise AssertionError(f"{self.routes()}, not {wanted}\n{self.log()}") from None


def _is_done(view: dict[str, Any]) -> bool:
    """Return whether BIRD exports what ``view`` says is wanted."""
    exported = all(vip["exported_to"] for vip in view["vips"])
    return not view["problems"] and exported == (view["state"] in {"announced", "drained"})


ANNOUNCED = dict.fromkeys(VIPS, False)
DRAINED = dict.fromkeys(VIPS, True)


@contextmanager
def anycast_site(directory: Path, **keys: object) -> Iterator[Site]:
    """Make a site with dnsd not started yet; ``keys`` are those in CONFIG's braces."""
    with Space() as here, Space() as router:
        site = Site(directory, here, router, **keys)
        try:
            site.build()
            yield site
        finally:
            site.end()
