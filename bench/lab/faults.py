"""What goes wrong around a node and within it, beside deaths and orders (:mod:`bench.lab.events`).

The way to clients, the interface, the kernel's settings, a log that is not read, descriptors that
run out, orders at the wrong moment, and the same death again and again.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bench import procs
from bench.lab import events, namespaces
from bench.lab.errors import LabError
from bench.lab.events import AT_HOME, ELSEWHERE, VICTIM, Event
from bench.lab.topology import BY_NAME, VIPS, lan

if TYPE_CHECKING:
    from bench.lab.events import Action
    from bench.lab.lab import Lab

INTERFACE = "anycast0"
AGAIN = 5
"""How often what happens again and again does."""
REPLACED_S = 2.0
"""How long each time is watched: a service manager has started what has ended by then."""
FEW_DESCRIPTORS = 8
DESCRIPTORS = 1024


def on(role: str, *lines: str) -> Action:
    """Return what has ``ip`` do ``lines`` on a machine of the city, such as its node."""

    def act(lab: Lab) -> None:
        for line in lines:
            done = namespaces.run(lab[VICTIM].namespace(role), "ip", *line.split())
            if done.returncode:
                raise LabError(f"ip {line}: {done.stderr.strip()}")

    return act


def on_node(*lines: str) -> Action:
    """Return what has ``ip`` do ``lines`` on the node."""
    return on("node", *lines)


def recover(lab: Lab) -> None:
    """Have the node announced at once: an operator says that it is well."""
    lab[VICTIM].insist("announce")
    lab[VICTIM].insist("undrain", "node")


def undone(role: str, *lines: str) -> Action:
    """Return what has ``ip`` do ``lines`` on a machine of the city, and recovers its node."""

    def undo(lab: Lab) -> None:
        on(role, *lines)(lab)
        recover(lab)

    return undo


def fresh(lab: Lab) -> None:
    """Have the node forget what has happened to it before: it waits longer each time."""
    events.stop(lab)
    _forget(lab)
    events.start(lab)
    lab.converge()


def _forget(lab: Lab) -> None:
    (lab[VICTIM].directory / "state/anycast.past").unlink(missing_ok=True)


def start_again(lab: Lab) -> None:
    """Start the node, whatever is left of it."""
    events.replace_server(lab)
    recover(lab)


# -- a log that is not read ---------------------------------------------------------------------


def unread(lab: Lab) -> None:
    """Have the node's standard error be a pipe that is full and is not read."""
    events.stop(lab)
    lab[VICTIM].start_unread("dnsd")
    lab.converge()


# -- control -----------------------------------------------------------------------------------


def control(lab: Lab) -> int:
    """Return the process id of control; LabError while there is none."""
    for pid in procs.tree(lab[VICTIM].pid("dnsd") or 0):
        with suppress(OSError):
            if b"\0dnsd.control" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    raise LabError("control does not run in New York")


def kill_control(lab: Lab) -> None:
    """SIGKILL control, and wait for its successor to answer."""
    os.kill(control(lab), signal.SIGKILL)
    lab[VICTIM].insist("status")


def kill_control_again_and_again(lab: Lab) -> None:
    """SIGKILL control five times."""
    for _ in range(AGAIN):
        kill_control(lab)


def kill_again_and_again(lab: Lab) -> None:
    """SIGKILL the master five times; each time it is started again at once."""
    for _ in range(AGAIN):
        events.kill(lab)
        events.start(lab)
        time.sleep(REPLACED_S)


def order_at_once(lab: Lab) -> None:
    """Drain the node just after control has begun."""
    kill_control(lab)
    events.drain(lab)


def hang_control(lab: Lab) -> None:
    """SIGSTOP control."""
    os.kill(control(lab), signal.SIGSTOP)


def wake_control(lab: Lab) -> None:
    """Let control go on."""
    os.kill(control(lab), signal.SIGCONT)


def stop_with_hung_control(lab: Lab) -> None:
    """SIGTERM the node while control hangs."""
    hang_control(lab)
    events.stop(lab)


def take_descriptors(lab: Lab) -> None:
    """Leave control no descriptor."""
    _limit_descriptors(lab, FEW_DESCRIPTORS)


def give_descriptors(lab: Lab) -> None:
    """Undo it."""
    _limit_descriptors(lab, DESCRIPTORS)


def _limit_descriptors(lab: Lab, most: int) -> None:
    pid = control(lab)
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, hard))


# -- the network -------------------------------------------------------------------------------

GATEWAY = lan(BY_NAME[VICTIM], 1)
NO_ROUTES = ("route del default", "-6 route del ::/0")
ROUTES = (f"route add default via {GATEWAY.v4}", f"-6 route add ::/0 via {GATEWAY.v6}")


def rules(verb: str, action: str, where: str = "from all") -> tuple[str, ...]:
    """Return the lines that add or delete a filter of answers, as a firewall is."""
    text = f"rule {verb} pref 100 {where} ipproto udp sport 53 {action}"
    return text, f"-6 {text}"


DUPLICATES = tuple(f"{vip}/{128 if ':' in vip else 32}" for vip in VIPS)


def duplicates(verb: str) -> tuple[str, ...]:
    """Return the lines that have another machine on the node's link claim the VIPs, or not."""
    return tuple(f"address {verb} {vip} dev bridge0" for vip in DUPLICATES)


def ipv6(lab: Lab, off: int) -> None:
    """Switch IPv6 on the VIPs' interface off (1) or on (0)."""
    setting = f"net.ipv6.conf.{INTERFACE}.disable_ipv6={off}"
    namespaces.run(lab[VICTIM].namespace("node"), "sysctl", "-qw", setting)


def ipv6_again(lab: Lab) -> None:
    """Switch it on again."""
    ipv6(lab, 0)
    recover(lab)


FAULTS = {
    "full-pipe-workers": Event(
        "SIGKILL of all workers, log not read",
        None,
        {},
        events.kill_workers,
        start_again,
        unread,
        3,
    ),
    "full-pipe-withdraw": Event(
        "`dnsd withdraw`, log not read", 0, ELSEWHERE, events.withdraw, start_again, unread
    ),
    "full-pipe-stop": Event(
        "planned stop (SIGTERM), log not read", 0, ELSEWHERE, events.stop, start_again, unread
    ),
    "no-route": Event(
        "no route to clients", 6000, ELSEWHERE, on_node(*NO_ROUTES), undone("node", *ROUTES), fresh
    ),
    "no-route-6": Event(
        "no route to clients over IPv6",
        3000,
        ELSEWHERE,
        on_node(NO_ROUTES[1]),
        undone("node", ROUTES[1]),
        fresh,
    ),
    "firewall": Event(
        "a firewall of the node towards clients",
        6000,
        ELSEWHERE,
        on_node(*rules("add", "prohibit")),
        undone("node", *rules("del", "prohibit")),
        fresh,
    ),
    "filter-behind": Event(
        "answers are lost behind the node: only probes see it",
        10000,
        ELSEWHERE,
        on("router", *rules("add", "blackhole", "iif node")),
        undone("router", *rules("del", "blackhole", "iif node")),
        fresh,
    ),
    "delete-vip": Event(
        "one VIP is deleted",
        100,
        AT_HOME,
        on_node(f"address del {DUPLICATES[0]} dev {INTERFACE}"),
        recover,
        fresh,
        2,
    ),
    "link-down": Event(
        "the VIPs' interface is set down",
        100,
        AT_HOME,
        on_node(f"link set {INTERFACE} down"),
        recover,
        fresh,
        2,
    ),
    "delete-link": Event(
        "the VIPs' interface is deleted",
        100,
        AT_HOME,
        on_node(f"link del {INTERFACE}"),
        recover,
        fresh,
        2,
    ),
    "lo-down": Event(
        "`lo` is set down",
        0,
        ELSEWHERE,
        on_node("link set lo down"),
        undone("node", "link set lo up"),
        fresh,
    ),
    "ipv6-off": Event(
        "IPv6 is switched off on the VIPs' interface",
        100,
        ELSEWHERE,
        lambda lab: ipv6(lab, 1),
        ipv6_again,
        fresh,
    ),
    "foreign": Event(
        "a foreign address on it, and a duplicate VIP elsewhere",
        0,
        AT_HOME,
        on_node(f"address add 203.0.113.9/32 dev {INTERFACE}"),
        undone("switch", *duplicates("del")),
        on("switch", *duplicates("add")),
        3,
    ),
    "descriptors": Event(
        "control has no descriptors left",
        0,
        AT_HOME,
        take_descriptors,
        give_descriptors,
        seconds=8,
    ),
    "kill-control": Event(
        "SIGKILL of control, five times",
        0,
        AT_HOME,
        kill_control_again_and_again,
        recover,
        seconds=2,
    ),
    "hang-control": Event("SIGSTOP of control", 0, AT_HOME, hang_control, wake_control, seconds=3),
    "order-at-once": Event(
        "drain just after control has begun", 0, ELSEWHERE, order_at_once, events.undrain
    ),
    "hung-stop": Event(
        "planned stop (SIGTERM) while control hangs",
        0,
        ELSEWHERE,
        stop_with_hung_control,
        start_again,
    ),
    "kill-again": Event(
        "SIGKILL of the master, five times, each started again",
        60,
        {},
        kill_again_and_again,
        recover,
        fresh,
        2,
    ),
}
