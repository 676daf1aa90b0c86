"""The site: names that lead to the same machines, their policy, and what dnsd promises for them."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from bench.peers.dnsd import COMMAND, PATHS
from bench.study.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path

ZONE = "promise.test"

_POLICY = """\
[defaults]
type = "A"
check = "http"
port = {port}
{host}interval = "1s"
timeout = "1s"
fast_interval = "500ms"
down = 2
ok = 1
up = 1
ttl_min = 1
rto = "1h"
"""


class Site(NamedTuple):
    """``names`` on the machines ``addresses``; with ``shared`` all names ask the same there."""

    names: int
    shared: bool
    addresses: tuple[str, ...]
    dns_port: int
    port: int
    ttl: int = 5
    per_address: int | None = None

    def owners(self) -> list[str]:
        """Return the names."""
        return [f"n{number}.{ZONE}." for number in range(self.names)]

    def write(self, directory: Path) -> Path:
        """Write zone, policy and configuration; return the path of the last."""
        zones = directory / "zones"
        zones.mkdir()
        records = [
            f"{owner} {self.ttl} A {address}"
            for owner in self.owners()
            for address in self.addresses
        ]
        soa = (
            f"@ 60 SOA ns.{ZONE}. h.{ZONE}. 1 60 60 60 60\n@ 60 NS ns.{ZONE}.\nns 60 A 127.0.0.1\n"
        )
        (zones / f"{ZONE}.zone").write_text(soa + "\n".join(records) + "\n")
        host = 'host = "all.promise.test"\n' if self.shared else ""
        pools = "".join(f'[[pool]]\nname = "{owner}"\n' for owner in self.owners())
        policy = _POLICY.format(port=self.port, host=host) + pools
        (zones / f"{ZONE}.toml").write_text(policy)
        config = directory / "dnsd.toml"
        limit = f"max_checks_per_address = {self.per_address}\n" if self.per_address else ""
        config.write_text(
            f'[server]\nlisten = ["127.0.0.1:{self.dns_port}"]\nworkers = 1\n'
            f'state_directory = "{directory}/state"\n[zones]\ndirectory = "{zones}"\n'
            f"[failover]\n{limit}"
        )
        return config


def promised(config: Path) -> float:
    """Return the worst case of all names, as ``dnsd rto`` tells it."""
    line = [*COMMAND, "rto", "--json", "--qps", "1", "--config", str(config)]
    environment = os.environ | {"PYTHONPATH": PATHS}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(done.stderr.strip() or f"dnsd rto exited with {done.returncode}")
    return max(float(pool["worst"]) for pool in json.loads(done.stdout)["pools"])
