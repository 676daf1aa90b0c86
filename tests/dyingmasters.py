"""Masters that die while a node is handed on: a program that imports this runs them.

The file that $DNSD_DYING names says who and where: "new lead" is the new master, when it is about
to call this method of NodeMaster; "old after retire" is the old one, when it has. "new start" does
not get so far. With one word more, "old retire SIGTERM", that signal comes in its place, once;
"new lead ORPHAN" has it leave a process that does not notice, whose pid is in the file then, and
give up.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from dnsd.daemon import channel
from dnsd.daemon.nodemaster import NodeMaster

ROLE = "new" if channel.VARIABLE in os.environ else "old"
METHODS = (
    "estate",
    "lend",
    "give_lead",
    "retire",
    "retired",
    "is_prepared",
    "lead",
    "begin",
    "heirs",
    "_stop",
    "_pass_signals_on",
    "go_on_alone",
)


def is_told(where: str, which: str = "") -> bool:
    file = Path(os.environ["DNSD_DYING"])
    told = file.read_text() == f"{ROLE} {where}{which and f' {which}'}"
    if told and which:
        file.write_text("")
    return told


def listen_to(where: str) -> None:
    if is_told(where):
        os.kill(os.getpid(), signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if is_told(where, number.name):
            os.kill(os.getpid(), number)
    if is_told(where, "ORPHAN"):
        orphan = subprocess.Popen(["sleep", "600"], process_group=0)
        Path(os.environ["DNSD_DYING"]).write_text(str(orphan.pid))
        os.kill(os.getpid(), signal.SIGTERM)


def dying(name: str) -> Any:
    method = getattr(NodeMaster, name)

    def die_or_do(*arguments: Any) -> Any:
        listen_to(name)
        result = method(*arguments)
        listen_to(f"after {name}")
        return result

    return die_or_do


for each in METHODS:
    setattr(NodeMaster, each, dying(each))
if is_told("start"):
    raise SystemExit("dnsd: error: this version does not start")
