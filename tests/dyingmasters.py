"""Masters that die while a node is handed on: a program that imports this runs them.

The file that $DNSD_DYING names says who and where: "new lead" is the new master, when it is about
to call this method of NodeMaster; "old after retire" is the old one, when it has. "new start" does
not get so far.
"""

from __future__ import annotations

import os
import signal
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
)


def is_told(where: str) -> bool:
    return Path(os.environ["DNSD_DYING"]).read_text() == f"{ROLE} {where}"


def dying(name: str) -> Any:
    method = getattr(NodeMaster, name)

    def die_or_do(*arguments: Any) -> Any:
        if is_told(name):
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*arguments)
        if is_told(f"after {name}"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return die_or_do


for each in METHODS:
    setattr(NodeMaster, each, dying(each))
if is_told("start"):
    raise SystemExit("dnsd: error: this version does not start")
