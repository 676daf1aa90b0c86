"""Makes the picture of the README anew: ``python -m tests.browser``."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from tests.browser import sample
from tests.browser.served import chromium, served

PICTURE = Path(__file__).parents[2] / "deploy" / "page.png"


def main(where: Path, scheme: str = "light", pages: str = "node_pages", wide: str = "1100") -> None:
    """Take a picture of a whole page."""
    with served(getattr(sample, pages)()) as url, chromium() as browser:
        page = browser.new_page(color_scheme=scheme, viewport={"width": int(wide), "height": 700})
        page.goto(url)
        page.screenshot(path=where, full_page=True)
    with Image.open(where) as picture:  # few colours do for a page, and for a small file
        picture.convert("RGB").quantize(160, Image.Quantize.FASTOCTREE).save(where, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else PICTURE, *sys.argv[2:5])
