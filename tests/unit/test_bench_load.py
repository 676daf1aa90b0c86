"""What dnsperf reports is read right, and its command line is bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import load
from bench.load import Load
from bench.run import LoadError

OUTPUT = """\
DNS Performance Testing Tool
Version 2.10.0

[Status] Testing complete (time limit)

Statistics:

  Queries sent:         701234
  Queries completed:    701200 (100.00%)
  Queries lost:         34 (0.00%)

  Response codes:       NOERROR 596020 (85.00%), NXDOMAIN 105180 (15.00%)
  Average packet size:  request 48, response 78
  Run time (s):         4.001234
  Queries per second:   175245.9

  Average Latency (s):  0.001020 (min 0.000040, max 0.012000)
  Latency StdDev (s):   0.000210
"""


def test_statistics_are_read() -> None:
    outcome = load.parse(OUTPUT)
    assert (outcome.sent, outcome.completed, outcome.lost) == (701234, 701200, 34)
    assert outcome.rcodes == {"NOERROR": 596020, "NXDOMAIN": 105180}
    assert outcome.latency == pytest.approx(0.00102)
    assert outcome.qps == pytest.approx(701200 / 4.001234)


def test_no_answers_at_all() -> None:
    lines = [line for line in OUTPUT.splitlines() if "Response codes" not in line]
    assert load.parse("\n".join(lines)).rcodes == {}


def test_unreadable_output_is_an_error_that_shows_it() -> None:
    with pytest.raises(LoadError, match="unable to bind"):
        load.parse("Error: unable to bind socket")


@pytest.mark.parametrize(
    ("wanted", "present", "absent"),
    [
        (Load(0.5), ["-l 0.5", "-e"], ["-Q"]),
        (Load(4, rate=50_000, edns=False), ["-l 4", "-Q 50000"], ["-e"]),
    ],
)
def test_command_line(wanted: Load, present: list[str], absent: list[str]) -> None:
    line = load.command(wanted, 5300, Path("queries"))
    text = " ".join(line)
    assert all(part in text for part in [*present, "-p 5300", "-d queries"])
    assert not any(part in line for part in absent)
