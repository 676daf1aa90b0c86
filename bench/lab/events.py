"""What can happen to a lab: deaths, hangs, cuts, orders, and the way back from each.

    event = EVENTS["kill-master"]
    event.happen(lab)      and then lab.wait(event.expected), if that says something
    event.undo(lab)        and then lab.converge()

What happens, happens to New York, unless its title says otherwise.
"""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, NamedTuple

from bench.lab.topology import SECOND, SITES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.lab.cities import City
    from bench.lab.lab import Lab

    Action = Callable[[Lab], None]

VICTIM = "nyc"
ELSEWHERE = {VICTIM: SECOND[VICTIM]}
AT_HOME = {site.name: site.name for site in SITES}


def _nothing(lab: Lab) -> None:
    del lab


class Event(NamedTuple):
    """Something that happens: what it is, how much may be lost by it, and where queries go then.

    ``allowed`` is the number of queries of one client that may be lost (about milliseconds),
    None where there is no bound. ``expected`` says who answers whom as soon as the routes have
    followed, and still does after ``seconds``; it is empty where that is left open.
    """

    title: str
    allowed: int | None
    expected: dict[str, str]
    happen: Action
    undo: Action
    before: Action = _nothing
    seconds: float = 0.5


def kill(lab: Lab) -> None:
    """SIGKILL the master of dnsd."""
    lab[VICTIM].send("dnsd", signal.SIGKILL)
    lab[VICTIM].wait_gone("dnsd")


def kill_workers(lab: Lab) -> None:
    """SIGKILL all workers at once."""
    _each_worker(lab[VICTIM], signal.SIGKILL)


def hang_worker(lab: Lab) -> None:
    """SIGSTOP the first worker."""
    os.kill(workers(lab[VICTIM])[0], signal.SIGSTOP)


def hang_workers(lab: Lab) -> None:
    """SIGSTOP all workers at once."""
    _each_worker(lab[VICTIM], signal.SIGSTOP)


def stop(lab: Lab) -> None:
    """SIGTERM the server and wait for its end."""
    city = lab[VICTIM]
    city.send(city.server, signal.SIGTERM)
    city.wait_gone(city.server)


def start(lab: Lab) -> None:
    """Start the server again."""
    lab[VICTIM].start(lab[VICTIM].server)


def bring_back(lab: Lab) -> None:
    """Start the server again after it has died, and do not wait for a hold-down to end."""
    start(lab)
    announce(lab)


def announce(lab: Lab) -> None:
    """Take a withdrawal back, by order or after a failure."""
    lab[VICTIM].insist("announce")


def drain(lab: Lab) -> None:
    """Have the clients go elsewhere."""
    lab[VICTIM].dnsd("drain", "node")


def undrain(lab: Lab) -> None:
    """Undo a drain."""
    lab[VICTIM].dnsd("undrain", "node")


def kill_bird(lab: Lab) -> None:
    """SIGKILL the node's BIRD."""
    lab[VICTIM].send("bird", signal.SIGKILL)
    lab[VICTIM].wait_gone("bird")


def start_bird(lab: Lab) -> None:
    """Start the node's BIRD again."""
    lab[VICTIM].start("bird")


def restart_bird(lab: Lab) -> None:
    """Restart the node's BIRD, as an upgrade does."""
    restart(lab[VICTIM], "bird", signal.SIGTERM)


def restart_router(lab: Lab) -> None:
    """Restart the router's BIRD, as an upgrade does."""
    restart(lab[VICTIM], "router", signal.SIGTERM)


def crash_router(lab: Lab) -> None:
    """SIGKILL the router's BIRD and start it again."""
    restart(lab[VICTIM], "router", signal.SIGKILL)


def restart(city: City, program: str, how: signal.Signals) -> None:
    """End a program and start it again."""
    city.send(program, how)
    city.wait_gone(program)
    city.start(program)


def cut(lab: Lab) -> None:
    """Cut the way between router and node; both links stay up."""
    lab[VICTIM].cut()


def mend(lab: Lab) -> None:
    """Undo the cut."""
    lab[VICTIM].mend()


def withdraw(lab: Lab) -> None:
    """Withdraw the node by order."""
    lab[VICTIM].dnsd("withdraw")
    lab.wait(ELSEWHERE)


def meddle(lab: Lab) -> None:
    """Do what undoes a mere ``disable``: someone else's ``configure`` and ``enable``."""
    for words in (("configure",), ("enable", "vip")):
        lab[VICTIM].birdc("node", *words)


def drain_all(lab: Lab) -> None:
    """Drain all cities."""
    for city in lab.cities.values():
        city.dnsd("drain", "node", "--force")


def undrain_all(lab: Lab) -> None:
    """Take all drains back."""
    for city in lab.cities.values():
        city.dnsd("undrain", "node")


def workers(city: City) -> list[int]:
    """Return the process ids of dnsd's workers."""
    return [worker["pid"] for worker in json.loads(city.dnsd("status", "--json"))["workers"]]


def _each_worker(city: City, number: signal.Signals) -> None:
    for pid in workers(city):
        os.kill(pid, number)


def stopped(lab: Lab) -> None:
    """Have the server stopped and its clients elsewhere."""
    stop(lab)
    lab.wait(ELSEWHERE)


def drained(lab: Lab) -> None:
    """Have the node drained and its clients elsewhere."""
    drain(lab)
    lab.wait(ELSEWHERE)


def kill_server(lab: Lab) -> None:
    """SIGKILL all processes of the server."""
    city = lab[VICTIM]
    city.send_to_tree(city.server, signal.SIGKILL)
    city.wait_gone(city.server)


def hang_server(lab: Lab) -> None:
    """SIGSTOP all processes of the server."""
    lab[VICTIM].send_to_tree(lab[VICTIM].server, signal.SIGSTOP)


def replace_server(lab: Lab) -> None:
    """Make an end of what is left of the server, and start it again."""
    city = lab[VICTIM]
    if city.pid(city.server) is not None:
        kill_server(lab)
    city.start(city.server)


EVENTS = {
    "planned-stop": Event("planned stop (SIGTERM)", 0, ELSEWHERE, stop, start),
    "start": Event("start after it", 0, AT_HOME, start, _nothing, stopped),
    "drain": Event("drain", 0, ELSEWHERE, drain, undrain),
    "undrain": Event("undrain", 0, AT_HOME, undrain, _nothing, drained),
    "drain-all": Event("drain of all cities", 0, AT_HOME, drain_all, undrain_all, seconds=1.5),
    "kill-master": Event("SIGKILL of the master", 10, ELSEWHERE, kill, bring_back),
    "kill-workers": Event("SIGKILL of all workers", None, {}, kill_workers, announce, seconds=3),
    "hang-worker": Event("SIGSTOP of one worker", None, {}, hang_worker, announce, seconds=3),
    "hang-workers": Event("SIGSTOP of all workers", 350, ELSEWHERE, hang_workers, announce),
    "hang-all": Event(
        "SIGSTOP of all of dnsd, without a watchdog",
        None,
        {},
        hang_server,
        replace_server,
        seconds=5,
    ),
    "kill-bird": Event("SIGKILL of BIRD", 0, ELSEWHERE, kill_bird, start_bird),
    "restart-bird": Event("restart of BIRD", 0, {}, restart_bird, _nothing, seconds=3),
    "cut": Event("silent cut, BFD 100 ms × 3", 320, ELSEWHERE, cut, mend),
    "configure": Event(
        "`configure` by someone else while withdrawn", 0, ELSEWHERE, meddle, announce, withdraw, 3
    ),
    "router-restart": Event(
        "restart of the router's BIRD", None, {}, restart_router, _nothing, seconds=5
    ),
    "router-crash": Event(
        "SIGKILL and start of the router's BIRD", None, {}, crash_router, _nothing, seconds=5
    ),
}


COMMON = {
    "planned-stop": Event("planned stop (SIGTERM)", None, ELSEWHERE, stop, replace_server),
    "kill-server": Event("SIGKILL of the server", None, ELSEWHERE, kill_server, replace_server),
    "hang-server": Event("SIGSTOP of the server", None, ELSEWHERE, hang_server, replace_server),
}
