"""Two directors and three backends in each city, in the place of one node.

Each backend is a dnsd of its own that answers with the city's name: so a client sees which city
serves it, and none of what happens behind the directors of a city.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from bench.lab import events, files, story
from bench.lab.events import VICTIM
from bench.lab.stacks import COMMAND, Program, bird
from bench.lab.topology import FARM, NODE_AS, SUBNETS, VIPS, lan
from dnsd import config, routerconf
from dnsd.config.balancerules import announced

if TYPE_CHECKING:
    from pathlib import Path

    from bench.lab.lab import Lab
    from bench.lab.topology import Site

DIRECTORS = ("director1", "director2")
BACKENDS = ("a", "b", "c")
HASH_SEED = 4711


class Directors:
    """dnsd as director and as what it balances, and BIRD as dnsd wants it."""

    name = "directors"
    server = DIRECTORS[0]
    period = 1.0
    machines = FARM

    def announcers(self, site: Site, directory: Path) -> dict[str, config.Anycast]:
        """Both directors."""
        del site
        return {name: announced(config.load(directory / f"{name}.toml")) for name in DIRECTORS}

    def write(self, site: Site, directory: Path) -> None:
        """Write the configurations of directors and backends, and what they share."""
        (directory / "zones").mkdir()
        (directory / "zones" / f"{files.ZONE}.zone").write_text(files.zone(site))
        (directory / "password").write_text(f'define DNSD_PASSWORD = "{files.PASSWORD}";\n')
        for name in BACKENDS:
            (directory / f"{name}.toml").write_text(_backend(site, name, directory))
        for name in DIRECTORS:
            (directory / f"{name}.toml").write_text(_director(site, name, directory))
            (directory / f"{name}-state.conf").write_text("define DNSD_DRAIN = false;\n")
        for name, anycast in self.announcers(site, directory).items():
            rendered = routerconf.node_bird(anycast)
            (directory / f"{name}-bird.conf").write_text(f"{files.LOG}{rendered}")

    def addresses(self) -> tuple[str, ...]:
        """Nothing: there is no node."""
        return ()

    def preparation(self, machine: str, directory: Path) -> tuple[str, ...]:
        """What an operator does on a backend."""
        record = ("--record", str(directory / f"{machine}-setup"))
        return (*COMMAND, "backend", "setup", *record, *VIPS) if machine in BACKENDS else ()

    def programs(self, site: Site, directory: Path) -> tuple[Program, ...]:
        """BIRD and dnsd on each director, dnsd on each backend."""
        del site
        kinds = {**dict.fromkeys(BACKENDS, "serve"), **dict.fromkeys(DIRECTORS, "balance")}
        return (
            *(bird(f"{name}-bird", directory / f"{name}-bird", name) for name in DIRECTORS),
            *(
                Program(name, (*COMMAND, kind, "--config", f"{directory}/{name}.toml"), name)
                for name, kind in kinds.items()
            ),
        )


def _backend(site: Site, name: str, directory: Path) -> str:
    own = lan(site, FARM[name])
    listen = (VIPS[0], f"[{VIPS[1]}]", own.v4, f"[{own.v6}]")
    return f"""[server]
listen = [{", ".join(f'"{address}:53"' for address in listen)}]
workers = 1
server_id = "{site.name}"
state_directory = "{directory}/{name}"

[rate_limit]
per_second = 0

[zones]
directory = "{directory}/zones"
"""


def _director(site: Site, name: str, directory: Path) -> str:
    neighbors = "".join(
        f"""
[[anycast.neighbor]]
name = "{session}"
address = "{address}"
local = "{local}"
asn = {site.asn}
"""
        for session, address, local in zip(
            files.SESSIONS, lan(site, 1), lan(site, FARM[name]), strict=True
        )
    )
    backends = "".join(
        f"""
[[service.backend]]
name = "{one}"
address = {[*lan(site, FARM[one])]}
"""
        for one in BACKENDS
    )
    return f"""[server]
state_directory = "{directory}/{name}"

[anycast]
subnets = ["{SUBNETS[0]}", "{SUBNETS[1]}"]
hold_down = "1s"
drain_linger = "1s"

[anycast.bird]
ctl = "{directory}/{name}-bird.ctl"
state_file = "{directory}/{name}-state.conf"

[anycast.bgp]
asn = {NODE_AS}
password_file = "{directory}/password"
{neighbors}
[balance]
hash_seed = {HASH_SEED}

[[service]]
name = "dns"
vips = ["{VIPS[0]}/32", "{VIPS[1]}/128"]
protocol = "both"
ports = [53]
check = "dns"
query = "city.{files.ZONE}"
query_type = "TXT"
idle = "5s"
{backends}"""


class Play(story.Play):
    """What happens behind directors, and what other cities notice of it."""

    def run(self) -> None:
        """Play all steps."""
        self._begin()
        self._step("steady: each client is answered by its own city", lambda _: None)
        self._step("kill -9 of a backend in New York", lambda lab: kill(lab, "b"), events.AT_HOME)
        self._step("it is back", lambda lab: start(lab, "b"), events.AT_HOME)
        self._step("kill -9 of a director", lambda lab: kill(lab, DIRECTORS[0]), events.AT_HOME)
        self._step("it is back", lambda lab: start(lab, DIRECTORS[0]), events.AT_HOME)
        self._step("kill -9 of all backends", lambda lab: kill(lab, *BACKENDS), events.ELSEWHERE)
        self._step("they are back", lambda lab: start(lab, *BACKENDS), events.AT_HOME)


def kill(lab: Lab, *names: str) -> None:
    """SIGKILL programs of New York, all at once."""
    for name in names:
        lab[VICTIM].send_to_tree(name, signal.SIGKILL)
    for name in names:
        lab[VICTIM].wait_gone(name)


def start(lab: Lab, *names: str) -> None:
    """Start programs of New York."""
    for name in names:
        lab[VICTIM].start(name)
