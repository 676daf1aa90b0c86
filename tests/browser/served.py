"""Pages served from a thread, as control serves them, and a browser that looks at them."""

from __future__ import annotations

import asyncio
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dnsd.config import Endpoint
from dnsd.control.web.server import WebServer
from tests.conftest import CI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dnsd.control.web.server import Pages


@contextmanager
def served(pages: Pages) -> Iterator[str]:
    """Serve ``pages``; gives their URL."""
    ready, ended = threading.Event(), asyncio.Event()
    web = WebServer([Endpoint("127.0.0.1", 0)], pages)
    loop = asyncio.new_event_loop()

    async def run() -> None:
        task = asyncio.create_task(web.run())
        while not web.addresses:
            await asyncio.sleep(0.001)
        ready.set()
        await ended.wait()
        task.cancel()
        await asyncio.wait([task])

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert ready.wait(60)
    host, port = web.addresses[0]
    try:
        yield f"http://{host}:{port}/"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Chromium without a window; skips where it or its driver is missing, but not in CI."""
    program = shutil.which("chromium") or ""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = ""
    if not program:
        sentence = "chromium or playwright is not installed"
        pytest.fail(sentence) if CI else pytest.skip(sentence)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()
