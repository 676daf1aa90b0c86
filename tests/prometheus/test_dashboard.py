"""The dashboard for Grafana: whole by itself, and about metrics that are there."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

from tests.prometheus.server import DEPLOY

DASHBOARD = json.loads((DEPLOY.parent / "grafana/dnsd.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]


def expressions() -> list[tuple[str, str, str]]:
    """Each expression with the title of its panel and the legend, as Grafana would ask it."""
    return [
        (panel["title"], _filled(target["expr"]), target["legendFormat"])
        for panel in PANELS
        for target in panel.get("targets", ())
    ]


def _filled(expression: str) -> str:
    for name, value in (("instance", ".*"), ("__rate_interval", "30s"), ("__range", "30s")):
        expression = expression.replace(f"${name}", value)
    assert "$" not in expression, expression
    return expression


def test_panels_are_whole_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["targets"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in combinations(PANELS, 2):
        mine, theirs = one["gridPos"], other["gridPos"]
        apart = any(
            a[at] + a[size] <= b[at]
            for a, b in ((mine, theirs), (theirs, mine))
            for at, size in (("x", "w"), ("y", "h"))
        )
        assert apart, (one["title"], other["title"])


def test_it_asks_for_metrics_that_exist() -> None:
    known = set(re.findall(r"`(dnsd_\w+)`", (DEPLOY / "README.md").read_text()))
    used = {name for _, one, _ in expressions() for name in re.findall(r"dnsd_\w+", one)}
    assert len(used) > 40
    assert used <= known
