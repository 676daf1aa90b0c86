"""What a worker says is one line, and not too many of them."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from dnsd.serve.log import LINES_PER_SECOND, Limit, OneLine
from tests.serving import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

Said = tuple[logging.Logger, io.StringIO, Clock]


@pytest.fixture
def said() -> Iterator[Said]:
    clock, stream = Clock(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine("dnsd worker 3: %(message)s"))
    handler.addFilter(Limit(clock))
    logger = logging.getLogger("test_serve_log")
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, stream, clock
    logger.removeHandler(handler)


def test_log_says_who_speaks(said: Said) -> None:
    logger, stream, _ = said
    logger.warning("the buffer is %d octets", 7)
    assert stream.getvalue() == "dnsd worker 3: the buffer is 7 octets\n"


def test_log_exception_is_one_line_with_its_place(said: Said) -> None:
    logger, stream, _ = said
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("no answer")
    line = stream.getvalue()
    assert line.startswith("dnsd worker 3: no answer (ValueError: two lines, at ")
    assert "test_serve_log.py:" in line
    assert line.count("\n") == 1


def test_log_flood_is_cut_each_second(said: Said) -> None:
    logger, stream, clock = said
    for _ in range(1000):
        logger.error("again")
    assert stream.getvalue().count("\n") == LINES_PER_SECOND
    clock.now += 1
    logger.error("again")
    assert stream.getvalue().count("\n") == LINES_PER_SECOND + 1
