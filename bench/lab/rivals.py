"""What people use today instead: a server, and beside it a program that asks it for its health.

    healthchecker   anycast-healthchecker (PyPI): a list of prefixes and ``birdc configure``
    exabgp          ExaBGP and its own ``healthcheck``

Each with its own default times, and as fast as its manual's examples go (one second). The server
is NSD with the VIPs on the loopback interface. All get the router, the timers and (with BIRD) the
BFD that dnsd gets, so that only what watches the server differs.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from bench.lab import files, stacks
from bench.lab.errors import LabError
from bench.lab.stacks import Program
from bench.lab.topology import NODE_AS, VIPS, lan
from dnsd import routerconf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.lab.stacks import Stack
    from bench.lab.topology import Site

LENGTHS = (32, 128)
LISTS = (("ACAST_PS_ADVERTISE", "10.189.200.255/32"), ("ACAST6_PS_ADVERTISE", "2001:db8::1/128"))
"""The sets of prefixes that anycast-healthchecker writes, each with what is always in it."""


class Nsd(stacks.OneNode):
    """NSD with the VIPs on lo."""

    server = "nsd"

    def write(self, site: Site, directory: Path) -> None:
        """Write NSD's files, and dnsd's: the router's configuration is made of those."""
        stacks.write_dnsd(site, directory)
        (directory / "nsd.conf").write_text(_nsd(site, directory))

    def addresses(self) -> tuple[str, ...]:
        """The VIPs."""
        return (
            f"address add {VIPS[0]}/32 dev lo",
            f"address add {VIPS[1]}/128 dev lo nodad",
        )

    def programs(self, site: Site, directory: Path) -> tuple[Program, ...]:
        """NSD."""
        del site
        return (Program("nsd", ("nsd", "-d", "-c", f"{directory}/nsd.conf")),)


class Healthchecker(Nsd):
    """anycast-healthchecker: asks every ``interval`` seconds, and gives up after ``fall`` times."""

    def __init__(self, name: str, interval: float, timeout: float, fall: int) -> None:
        self.name = name
        self.period = interval
        self._times = (interval, timeout, fall)
        _need("anycast-healthchecker", "pip install it in an environment on PATH")
        _need("nsd", "apt-get install nsd")

    def write(self, site: Site, directory: Path) -> None:
        """Write BIRD's and anycast-healthchecker's files besides."""
        super().write(site, directory)
        node = routerconf.node_bird(stacks.load(directory))
        node = re.sub(r"define DNSD_VIPS\d = .*;\n", "", node)
        for (name, dummy), family in zip(LISTS, "46", strict=True):
            node = node.replace(f"DNSD_VIPS{family}", name)
            path = directory / f"prefixes{family}.conf"
            path.write_text(f"define {name} =\n    [\n        {dummy}\n    ];\n")
            node = f'include "{path}";\n{node}'
        node = node.replace('interface "anycast0";', 'interface "lo";')
        (directory / "node.conf").write_text(files.LOG + node)
        (directory / "checks").mkdir()  # more checks, if it had any
        (directory / "checker.conf").write_text(_checker(directory, *self._times))

    def programs(self, site: Site, directory: Path) -> tuple[Program, ...]:
        """NSD, BIRD and the checker."""
        settings = ("-f", f"{directory}/checker.conf", "-d", f"{directory}/checks")
        return (
            *super().programs(site, directory),
            stacks.bird("bird", directory / "node"),
            Program("checker", ("anycast-healthchecker", *settings)),
        )


class ExaBgp(Nsd):
    """ExaBGP, which speaks BGP itself, and its ``healthcheck``."""

    def __init__(self, name: str, interval: float, timeout: float, fall: int) -> None:
        self.name = name
        self.period = interval
        self._times = (interval, timeout, fall)
        _need("exabgp", "apt-get install exabgp")
        _need("nsd", "apt-get install nsd")

    def write(self, site: Site, directory: Path) -> None:
        """Write ExaBGP's configuration besides."""
        super().write(site, directory)
        (directory / "exabgp.conf").write_text(_exabgp(site, *self._times))

    def programs(self, site: Site, directory: Path) -> tuple[Program, ...]:
        """NSD and ExaBGP, which starts its checkers."""
        settings = ("exabgp.daemon.user=root", "exabgp.api.cli=false", "exabgp.log.level=INFO")
        run = ("env", *settings, "exabgp", f"{directory}/exabgp.conf")
        return (*super().programs(site, directory), Program("exabgp", run))


STACKS: dict[str, Callable[[], Stack]] = {
    "healthchecker": lambda: Healthchecker("healthchecker", 10, 2, 2),
    "healthchecker-1s": lambda: Healthchecker("healthchecker-1s", 1, 0.5, 2),
    "exabgp": lambda: ExaBgp("exabgp", 5, 5, 3),
    "exabgp-1s": lambda: ExaBgp("exabgp-1s", 1, 1, 3),
}
VERSIONS: dict[str, tuple[str, ...]] = {
    "BIRD": ("bird", "--version"),
    "NSD": ("nsd", "-v"),
    "anycast-healthchecker": ("anycast-healthchecker", "--version"),
    "ExaBGP": ("exabgp", "--version"),
}


def _need(program: str, how: str) -> None:
    if shutil.which(program) is None:
        raise LabError(f"{program} is not installed: {how}, or choose others with --stack")


def _ask(vip: str, timeout: float) -> str:
    seconds = max(1, round(timeout))
    return f"dig +time={seconds} +tries=1 @{vip} id.server CH TXT"


def _nsd(site: Site, directory: Path) -> str:
    listen = "".join(f"  ip-address: {vip}\n" for vip in VIPS)
    return f"""server:
{listen}  identity: "{site.name}"
  username: ""
  server-count: {stacks.WORKERS}
  reuseport: yes
  zonesdir: "{directory}/zones"
  database: ""
  pidfile: "{directory}/nsd-own.pid"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  zonelistfile: "{directory}/zone.list"
  # A prober asks a thousand times a second.
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {files.ZONE}
  zonefile: {files.ZONE}.zone
"""


def _checker(directory: Path, interval: float, timeout: float, fall: int) -> str:
    configure = f"birdcl -s {directory}/node.ctl configure"
    checks = "".join(
        f"""
[vip{family}]
check_cmd = {_ask(vip, timeout)}
check_interval = {interval}
check_timeout = {timeout}
check_rise = 2
check_fail = {fall}
check_disabled = false
on_disabled = withdraw
ip_prefix = {vip}/{bits}
"""
        for family, vip, bits in zip("46", VIPS, LENGTHS, strict=True)
    )
    return f"""[DEFAULT]
interface = lo

[daemon]
pidfile = {directory}/checker-own.pid
ipv4 = true
ipv6 = true
bird_conf = {directory}/prefixes4.conf
bird6_conf = {directory}/prefixes6.conf
bird_variable = {LISTS[0][0]}
bird6_variable = {LISTS[1][0]}
bird_reconfigure_cmd = {configure}
bird6_reconfigure_cmd = {configure}
dummy_ip_prefix = {LISTS[0][1]}
dummy_ip6_prefix = {LISTS[1][1]}
loglevel = info
{checks}"""


def _exabgp(site: Site, interval: float, timeout: float, fall: int) -> str:
    parts = []
    ends = zip(VIPS, LENGTHS, lan(site, 1), lan(site, 2), (4, 6), strict=True)
    for vip, bits, router, node, family in ends:
        parts.append(
            f"""
process watch{family} {{
    run /usr/bin/python3 -m exabgp healthcheck --no-syslog --no-ip-setup --withdraw-on-down
        --interval {interval} --fast-interval 1 --timeout {timeout} --fall {fall} --rise {fall}
        --ip {vip}/{bits} --next-hop {node} --cmd "{_ask(vip, timeout)}";
    encoder text;
}}
neighbor {router} {{
    router-id {lan(site, 2).v4};
    local-address {node};
    local-as {NODE_AS};
    peer-as {site.asn};
    hold-time 9;
    outgoing-ttl 255;
    md5-password "{files.PASSWORD}";
    family {{ ipv{family} unicast; }}
    api {{ processes [ watch{family} ]; }}
}}
""".replace("\n        --", " --")
        )
    return "".join(parts)
