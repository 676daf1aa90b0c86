"""A real Prometheus for tests, inside a network namespace: it looks four times a second."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.support import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.netspace import Space

DEPLOY = Path(__file__).parents[2] / "deploy/prometheus"
ADDRESS = "127.0.0.1:9090"
CONFIG = """\
global: {{ scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms }}
rule_files: [rules.yml]
scrape_configs:
  - job_name: dnsd
    static_configs: [{{ targets: {targets} }}]
"""


class Prometheus:
    """The server's answers; ``space`` is where it runs."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def get(self, page: str, **arguments: str) -> Any:
        """Return what a page of its API says."""
        url = f"http://{ADDRESS}/api/v1/{page}?{urlencode(arguments)}"
        return json.loads(self._space(_read, url))["data"]

    def series(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that ``expression`` comes to now."""
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def lately(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that ``expression`` came to at some time of the last minute."""
        now = time.time()
        span = {"start": f"{now - 60}", "end": f"{now}", "step": "0.5"}
        found: list[dict[str, Any]] = self.get("query_range", query=expression, **span)["result"]
        return found

    def firing(self) -> set[tuple[str, str]]:
        """Return the alerts that fire: names, with what of theirs tells one from another."""
        return {
            (one["labels"]["alertname"], _what(one["labels"]))
            for one in self.get("alerts")["alerts"]
            if one["state"] == "firing"
        }


def _what(labels: dict[str, str]) -> str:
    return next((labels[key] for key in ("zone", "pool", "session") if key in labels), "")


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: bytes = answer.read()
    return found


@contextmanager
def prometheus(space: Space, directory: Path, targets: Sequence[str]) -> Iterator[Prometheus]:
    """Run Prometheus over ``targets``, with the alerts of deploy/ that wait for nothing."""
    rules = (DEPLOY / "dnsd-alerts.yml").read_text()
    (directory / "rules.yml").write_text(re.sub(r"for: \w+", "for: 0s", rules))
    config = directory / "prometheus.yml"
    config.write_text(CONFIG.format(targets=json.dumps(list(targets))))
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={ADDRESS}",
        "--log.level=warn",
    ]
    process = space(subprocess.Popen, command)
    try:
        found = Prometheus(space)
        until(lambda: _is_ready(found), "Prometheus is ready")
        yield found
    finally:
        process.kill()
        process.wait()


def _is_ready(server: Prometheus) -> bool:
    try:
        return bool(server.series("up"))
    except OSError:
        return False
