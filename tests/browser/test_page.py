"""The pages at ``/`` in a real browser: with and without JavaScript, light and dark, any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import sample
from tests.browser.served import chromium, served
from tests.serving import free_port
from tests.support import start_dnsd, until, zone

if TYPE_CHECKING:
    from collections.abc import Iterator


NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNREADABLE = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r / 255, g / 255, b / 255].map(
      one => one <= .03928 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const behind = node => {
    for (; node; node = node.parentElement) {
      const back = parts(getComputedStyle(node).backgroundColor);
      if (back.length < 4 || back[3] > .99) return back;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("main *")].filter(node =>
    [...node.childNodes].some(one => one.nodeType === 3 && one.data.trim())).map(node => {
      const [one, other] = [light(parts(getComputedStyle(node).color)), light(behind(node))];
      return [(Math.max(one, other) + .05) / (Math.min(one, other) + .05), node.textContent.trim()];
    }).filter(([contrast]) => contrast < 4.5);
}"""
"""Text whose contrast is below what WCAG asks for (AA)."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


class Look:
    """One page in a window of its own; ``faults`` are errors, and what was asked for elsewhere."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url, url))
        self.page.goto(url)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _asked(self, asked: str, url: str) -> None:
        if not asked.startswith((url, "data:")):
            self.faults.append(f"asks for {asked}")

    @property
    def text(self) -> str:
        text: str = self.page.inner_text("main")
        return " ".join(text.split())


@pytest.mark.parametrize("pages", [sample.node_pages, sample.lost_pages, sample.balance_pages])
def test_it_is_legible_in_any_light_and_at_any_width(browser: Any, pages: Any) -> None:
    with served(pages()) as url:
        for scheme in ("light", "dark"):
            for size in (NARROW, WIDE):
                look = Look(browser, url, color_scheme=scheme, viewport=size)
                assert look.page.evaluate(OVERFLOW) == 0, (scheme, size)
                assert look.page.evaluate(UNREADABLE) == [], (scheme, size)
                assert look.faults == []
                look.context.close()


def test_it_shows_all_of_a_node_without_a_script(browser: Any) -> None:
    with served(sample.node_pages()) as url:
        look = Look(browser, url, java_script_enabled=False, viewport=WIDE)
        text = look.text
        assert look.page.locator("noscript meta[http-equiv=refresh]").count() == 1
        assert look.faults == []
        look.context.close()
    for said in (
        "fra1",
        "announced the self-check is right",
        "4 of 4 workers answer",
        "192.0.2.53 announced yes yes up rtr4",
        "rtr6 2001:db8:1::1 yes Up",
        "www.example.com. A → 192.0.2.80, 192.0.2.81",
        "TTL 30 of 300",
        "192.0.2.82 no down 2 min 12 s 41 failed",
        "for 48 s",
        "203.0.113.0/24 nxdomain 18,342",
        "example.org. 2026111904 77 served signatures end in 6 d 4 h",
        "member-down failover: 192.0.2.82 suspect → down (timeout)",
    ):
        assert said in text, said


def test_it_renews_itself_and_says_when_the_node_is_gone(browser: Any) -> None:
    port = free_port()
    http = f'[http]\nlisten = ["127.0.0.1:{port}"]\n'
    with start_dnsd({"first.example": zone(1)}, tail=http) as node:
        look = Look(browser, f"http://127.0.0.1:{port}/", viewport=WIDE)
        assert "first.example. 1 " in look.text
        look.page.evaluate("window.same = true")
        node.replace("first.example", zone(4711))
        until(lambda: "first.example. 4711 " in look.text, "the page shows the new serial")
        assert look.page.evaluate("window.same") is True
        assert look.faults == []
        assert look.page.locator("body.lost").count() == 0
        node.stop()
        until(lambda: look.page.locator("body.lost").count(), "the page says so")
        look.context.close()
