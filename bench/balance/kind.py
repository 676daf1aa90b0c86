"""``python -m bench lab balance``: what each event costs the flows behind a director."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from bench.balance import study
from bench.study import results
from bench.study.errors import StudyError
from bench.study.kind import Kind

if TYPE_CHECKING:
    from bench.study.parameters import Nothing
    from bench.study.work import Work

NEEDED = ("ip", "bird", "birdc", "nft")
SECONDS = 3.0
"""How long the loads run before anything happens."""
SETTINGS = {
    "kept connections": "200",
    "downloads": "20",
    "new connections, DNS over UDP, DNS over TCP": "100, 100 and 40 a second",
}


def measure(_parameters: Nothing, work: Work) -> study.Balance:
    """Have everything happen to directors and backends while HTTP and DNS run, and count.

    It takes two minutes. The exit status is 1 when a goal is missed.
    """
    _needed()
    from bench.balance.site import Client, Site
    from bench.balance.story import Play, ready

    began = time.monotonic()
    site = Site(work.directory)
    try:
        site.build()
        for director in site.directors:
            ready(director)
        client = Client(site)
        try:
            time.sleep(SECONDS)
            play = Play(site, client, work.steps.say)
            play.run()
        finally:
            client.end()
    except AssertionError as error:  # what the site was waited for
        raise StudyError(str(error)) from error
    finally:
        site.end()
    settings = SETTINGS | {"took": f"{time.monotonic() - began:.0f} s"}
    versions = {"bird": results.version("bird", "--version", after="version")}
    return study.Balance(kind=KIND.name, about=work.about(versions, settings), rows=play.rows)


def _needed() -> None:
    if os.geteuid():
        raise StudyError("network namespaces need root: run it with sudo")
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        raise StudyError(f"not installed: {', '.join(missing)}")
    try:
        import tests.director  # noqa: F401
    except ImportError as error:
        raise StudyError(
            f"the site is that of the tests, which cannot be loaded: {error}"
        ) from None


KIND = Kind(
    name="balance",
    type=study.Balance,
    title=study.TITLE,
    rows=lambda found: found.rows,
    parts=study.parts,
    measure=measure,
    figures=study.figures,
    faults=study.faults,
)
