"""Which responses pass a check over HTTP: dnsd's verdicts, and those of curl and HAProxy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from dnsd.checks.http import HttpCheck
from tests.conftest import needs
from tests.interop.httpresponses import RESPONSES, VERDICTS
from tests.interop.httpservers import HOST, PATIENCE_S, by_curl, by_haproxy, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with served(RESPONSES) as found:
        yield found


def test_every_response_has_its_verdicts() -> None:
    assert list(VERDICTS) == list(RESPONSES)


def test_where_verdicts_differ_there_is_a_reason() -> None:
    for name, (curl, haproxy, dnsd, body, why) in VERDICTS.items():
        assert (len({curl, haproxy, dnsd, body}) > 1) == bool(why), name


def test_what_both_accept_dnsd_accepts() -> None:
    assert [
        name for name, one in VERDICTS.items() if one.curl and one.haproxy and not one.dnsd
    ] == []


@pytest.mark.parametrize("body", [None, "^ok$"])
def test_dnsd(ports: dict[str, int], body: str | None) -> None:
    async def run() -> dict[str, bool]:
        checks = {
            name: HttpCheck(port, "/", "x", timeout=PATIENCE_S, body=body)
            for name, port in ports.items()
        }
        return {name: (await check.run(HOST)).ok for name, check in checks.items()}

    wanted = {name: one.dnsd_body if body else one.dnsd for name, one in VERDICTS.items()}
    assert asyncio.run(run()) == wanted


@needs("curl")
def test_curl(ports: dict[str, int]) -> None:
    assert by_curl(ports) == {name: one.curl for name, one in VERDICTS.items()}


@needs("haproxy")
def test_haproxy(ports: dict[str, int], tmp_path: Path) -> None:
    assert by_haproxy(ports, tmp_path) == {name: one.haproxy for name, one in VERDICTS.items()}
