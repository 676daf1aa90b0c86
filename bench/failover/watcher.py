"""An operator's script: checks one service over HTTP, and runs a command when it is down or up.

    python -m bench.failover.watcher ADDRESS PORT INTERVAL TIMEOUT DOWN OK UP WHEN-DOWN WHEN-UP

The commands are for the shell. Counting is as in dnsd and gdnsd, so that only what is done
about it differs: failures need not come in a row, ``ok`` successes in a row clear them.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import time


class Counter:
    """Turns results into "down" and "up", and "" when nothing changes."""

    def __init__(self, down: int, ok: int, up: int) -> None:
        self._thresholds = (down, ok, up)
        self._up = True
        self._failures = self._successes = 0

    def result(self, well: bool) -> str:
        """Take note of a result and return what it changes."""
        down, ok, up = self._thresholds
        self._successes = self._successes + 1 if well else 0
        self._failures += not well
        if self._successes >= ok:
            self._failures = 0
        if self._up and self._failures >= down:
            self._up = False
            return "down"
        if not self._up and self._successes >= up:
            self._up, self._failures = True, 0
            return "up"
        return ""


def check(address: str, port: int, timeout: float) -> bool:
    """Return whether the service answers 200 within ``timeout`` seconds."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> None:
    """Check for ever."""
    address, port, interval, timeout, down, ok, up, when_down, when_up = sys.argv[1:]
    commands = {"down": when_down, "up": when_up}
    counter = Counter(int(down), int(ok), int(up))
    due = time.monotonic()
    while True:
        due = max(due + float(interval), time.monotonic())
        if change := counter.result(check(address, int(port), float(timeout))):
            done = subprocess.run(commands[change], shell=True, check=False)
            print(f"{time.monotonic():.3f} {change}: exit status {done.returncode}", flush=True)
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
