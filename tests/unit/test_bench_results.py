"""Medians, spreads and ratios; the JSON file; the tables."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench import report, results
from bench.results import Latency, Reload, Report, Sample, Start


def sample(server: str, round_: int, cpu_us: float, mix: str = "exact", **other: float) -> Sample:
    values = {"qps": 1000.0, "core_us": 1.0, "latency_us": 1.0, "loss": 0.0, "busy": 0.9}
    return Sample(
        server=server,
        round=round_,
        mix=mix,
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
        latencies=[latency("dnsd", 30.0), latency("nsd", 20.0)],
        reloads=[reload(p99_during=300.0, lost=1)],
    )


def latency(server: str, p50: float) -> Latency:
    return Latency(
        server=server, round=1, load="half", rate=1e4, p50=p50, p99=90.0, p999=95.0, loss=0.0
    )


def reload(p99_during: float, lost: int) -> Reload:
    return Reload(
        server="dnsd",
        round=1,
        load="full",
        seconds=0.5,
        p99_before=200.0,
        p99_during=p99_during,
        max_during=400.0,
        sent=1000,
        lost=lost,
    )


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.json"
    results.save(example(), path)
    assert results.load(path) == example()


def test_markdown_holds_figures_versions_and_what_is_missing() -> None:
    text = report.markdown(example())
    assert "| nsd | 6.00 ±50% (×1.50) |" in text
    assert "| nsd | 0.25 ±0% | 0.20 ±0% | 2.0 ±0% | 3.0 ±0% | 4.0 ±0% |" in text
    assert "| dnsd ÷ best peer | **0.67** (nsd) |" in text
    assert "`python -m bench peers`" in text
    assert "dnsd 0.1 (python): one worker" in text
    assert "knot was not measured: knotd is not installed" in text
    assert "not to be trusted" not in text


def test_wrong_answers_are_said() -> None:
    base = example()
    bad = msgspec.structs.replace(base.samples[0], wrong=3)
    changed = msgspec.structs.replace(base, samples=[bad])
    assert "3 answers had a wrong rcode" in report.markdown(changed)


def test_goals_are_judged_by_the_figures() -> None:
    text = report.markdown(example())
    assert "| CPU per query, µs: exact | < nsd | 6.00 | nsd 6.00 | 0.67 (0.67–1.00) | yes |" in text
    assert "µs: p50 | ≤ nsd | 30.00 | nsd 20.00 | 1.50 (1.50–1.50) | **no** |" in text
    assert "µs: p99 | ≤ nsd | 90.00 | nsd 90.00 | 1.00 (1.00–1.00) | yes |" in text
    assert "queries lost | 0 | 1 | the goal | 1.00 (1.00–1.00) | **no** |" in text
    assert "p99 during ÷ before | ≤ 2 | 1.50 | the goal | 0.75 (0.75–0.75) | yes |" in text
    assert "two workers against one" not in text


def test_two_workers_are_compared_by_their_cost() -> None:
    rows = [
        sample("dnsd", 1, 4.0, mix="workers-1"),
        sample("dnsd", 1, 5.0, mix="workers-2"),
    ]
    text = report.markdown(msgspec.structs.replace(example(), samples=rows))
    assert "| two workers against one, by CPU per query | ≥ 1.8 × | 1.60 × |" in text


def test_merged_runs_count_their_rounds_on() -> None:
    later = msgspec.structs.replace(
        example(), created="2024-01-02 00:00 UTC", command="python -m bench peers --part tcp"
    )
    merged = results.merge([example(), later, later])
    assert [s.round for s in merged.samples if s.server == "nsd"] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert [r.round for r in merged.reloads] == [1, 4, 7]
    assert merged.created == "2024-01-01 00:00 UTC; 2024-01-02 00:00 UTC"
    assert merged.command == "python -m bench peers && python -m bench peers --part tcp"
    assert merged.servers == example().servers
