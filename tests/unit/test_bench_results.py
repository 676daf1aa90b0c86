"""Medians, spreads and ratios; the JSON file; the tables."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench import report, results
from bench.results import Report, Sample, Start, ratio, spread


def sample(server: str, round_: int, cpu_us: float, **other: float) -> Sample:
    values = {"qps": 1000.0, "core_us": 1.0, "latency_us": 1.0, "loss": 0.0, "busy": 0.9}
    return Sample(
        server=server,
        round=round_,
        mix="exact",
        cpu_us=cpu_us,
        wrong=0,
        foreign=0.01,
        **(values | other),
    )


def example() -> Report:
    cpu = {"dnsd": (4.0, 8.0, 6.0), "nsd": (6.0, 12.0, 6.0)}
    return Report(
        created="2024-01-01 00:00 UTC",
        machine={"cores": "2"},
        settings={"names": "500"},
        reference="dnsd",
        servers={"dnsd": "0.1 (python)", "nsd": "4.6"},
        notes={"dnsd": "one worker", "nsd": "one server"},
        skipped={"knot": "knotd is not installed"},
        samples=[
            sample(server, number, value)
            for server, values in cpu.items()
            for number, value in enumerate(values, 1)
        ],
        starts=[
            Start(
                server="nsd",
                round=1,
                seconds=0.25,
                cpu=0.2,
                pss_peak=3 << 20,
                pss=2 << 20,
                rss_peak=4 << 20,
            )
        ],
    )


def test_spread() -> None:
    assert spread([]) is None
    found = spread([4.0, 8.0, 6.0])
    assert found is not None
    assert (found.median, found.low, found.high) == (6.0, 4.0, 8.0)
    assert found.deviation == pytest.approx(1 / 3)


def test_ratio_pairs_the_rounds() -> None:
    # The machine was half as fast in round 2: the quotient of the medians would be 1.0.
    rows = example().samples
    assert ratio(rows, "nsd", "dnsd", lambda s: s.cpu_us) == pytest.approx(1.5)
    assert ratio(rows, "dnsd", "dnsd", lambda s: s.cpu_us) == 1.0
    assert ratio(rows, "nsd", "absent", lambda s: s.cpu_us) is None


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    results.save(example(), path)
    assert results.load(path) == example()


def test_markdown_holds_figures_versions_and_what_is_missing() -> None:
    text = report.markdown(example())
    assert "| nsd | 6.00 ±50% (×1.50) |" in text
    assert "| nsd | 0.25 | 0.20 | 2.0 | 3.0 | 4.0 |" in text
    assert "dnsd 0.1 (python): one worker" in text
    assert "knot was not measured: knotd is not installed" in text
    assert "not to be trusted" not in text


def test_wrong_answers_are_said() -> None:
    base = example()
    bad = msgspec.structs.replace(base.samples[0], wrong=3)
    changed = msgspec.structs.replace(base, samples=[bad])
    assert "3 answers had a wrong rcode" in report.markdown(changed)
